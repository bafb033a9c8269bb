"""Losses and metrics of the user's own: what they return, and a shape that is no accident.

Targets (n,) beside predictions (n, 1) make (n, n), each prediction beside every target.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from axon.core import Primitive, Tensor
from axon.modes import Mode

TARGETS, PREDICTIONS = {"targets"}, {"predictions"}


class Named(Protocol):
    """A loss or a metric."""

    @property
    def name(self) -> str:
        """What errors call it."""


def computed(
    owner: str,
    function: Callable[[Tensor, Tensor], Tensor],
    y_true: Tensor,
    y_pred: Tensor,
    returns: str,
) -> Tensor:
    """Call a function of the user's own, which returns one number, or more, for each sample.

    Args:
        owner: what errors call it, such as "loss 'mine'".
        function: of targets and predictions.
        y_true: targets.
        y_pred: predictions.
        returns: what it has to return for each sample, such as "the score of each sample".

    Raises:
        ValueError: it returned something else.
    """
    with BroadcastCheck(owner, y_true, y_pred):
        found: object = function(y_true, y_pred)
    if not isinstance(found, Tensor) or found.shape[:1] != y_pred.shape[:1]:
        got = f"shape {found.shape}" if isinstance(found, Tensor) else type(found).__name__
        raise ValueError(
            f"{owner}: expected a Tensor with {returns}, shape ({len(y_pred)}, ...), got {got}. "
            "Leave the mean over the samples to AXON."
        )
    return found


def watched(part: Named, y_true: Tensor, y_pred: Tensor) -> AbstractContextManager[None]:
    """A block that computes a loss or metric: one of the user's own classes is looked at."""
    if type(part).__module__.startswith("axon."):
        return nullcontext()
    return BroadcastCheck(part.name, y_true, y_pred)


class BroadcastCheck(Mode):
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
        self, primitive: Primitive, inputs: tuple[Tensor, ...], out: Tensor, meta: dict[str, object]
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
