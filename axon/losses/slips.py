"""A slip in losses and metrics of one's own: targets (n,) beside predictions (n, 1) make (n, n)."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from axon.core import Primitive, Tensor
from axon.modes import Mode

TARGETS, PREDICTIONS = {"targets"}, {"predictions"}


def watched(part: Any, y_true: Tensor, y_pred: Tensor) -> AbstractContextManager[None]:
    """A block that computes a loss or metric: one of the user's own classes is looked at."""
    if type(part).__module__.startswith("axon."):
        return nullcontext()
    return Slips(part.name, y_true, y_pred)


class Slips(Mode):
    """Look, inside a ``with`` block, at each operation on targets and predictions.

    Whoever compares all pairs on purpose writes (n, 1) beside (1, n), or takes both sides from the
    same column: that is left alone.

    Args:
        owner: whose function runs, for the error.
        y_true, y_pred: what it was given.
    """

    def __init__(self, owner: str, y_true: Tensor, y_pred: Tensor) -> None:
        super().__init__("masks", self._look)
        self.owner = owner
        self.known = {id(y_true): (y_true, TARGETS), id(y_pred): (y_pred, PREDICTIONS)}

    def _look(
        self, primitive: Primitive, inputs: tuple[Tensor, ...], out: Tensor, meta: dict[str, Any]
    ) -> None:
        sides = [self.known[id(t)][1] if id(t) in self.known else set() for t in inputs]
        if len(inputs) == 2 and sides[0] and sides[1] and not sides[0] & sides[1]:
            self._demand_aligned(*inputs, sides[0] == TARGETS, out)
        self.known[id(out)] = (out, set().union(*sides))
        if self.before[-1]:
            self.before[-1](primitive, inputs, out, meta)

    def _demand_aligned(self, a: Tensor, b: Tensor, targets_first: bool, out: Tensor) -> None:
        n = len(out) if out.ndim == 2 else 0
        if n < 2 or out.shape != (n, n) or {a.shape, b.shape} != {(n,), (n, 1)}:
            return
        y, p = (a, b) if targets_first else (b, a)
        raise ValueError(
            f"{self.owner}: targets of shape {y.shape} beside predictions of shape {p.shape} make "
            f"{out.shape}: each prediction would be compared with every target. Give both the same "
            "shape, such as y.reshape(-1, 1) or p.reshape(-1)."
        )
