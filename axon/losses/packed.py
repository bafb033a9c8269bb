"""The loss of several networks in one program, each of which learns as if it were alone."""

from collections.abc import Callable
from typing import Any, ClassVar

from axon.backend import Array, ArrayLike, Shape
from axon.core import Tensor
from axon.losses.base import Loss
from axon.modes import Mode
from axon.ops.reduce import broadcast_to

APART = 2  # axes of samples: the members' and the batch's


class PackedLoss(Loss):
    """Another loss for predictions (n, members, ...) and targets that all members share.

    The loss is the mean over members; the gradient of each member is that of its own loss alone,
    not divided by their number: with packed layers (``axon.models.pack``) each learns what it would
    learn as a model of its own, except for ``global_clipnorm``, which sees all members together.

    Args:
        loss: what each member costs; a name, a Loss or a function.

    ``y_true`` is (n, ...) as the loss wants it for one member. ``sample_weight`` is (n,), or
    (n, members), in which 0 hides a sample from a member: so each learns from rows of its own.

    >>> loss = PackedLoss("mse")
    >>> loss.loss([[1.0]], [[[1.0], [3.0]]])  # one sample, two members: (0 + 4) / 2
    2.0
    >>> loss.gradient([[1.0]], [[[1.0], [3.0]]])
    array([[[0.],
            [4.]]])
    """

    by_name: ClassVar[Callable[..., Loss]]  # ``axon.losses.get``, which has this class in its reach

    def __init__(self, loss: "str | Loss | Callable[..., Tensor]") -> None:
        self.loss_of_each = PackedLoss.by_name(loss)
        if not self.loss_of_each.additive:
            raise ValueError(
                f"PackedLoss: {self.loss_of_each!r} is no mean over samples that cost something "
                "each for itself. Choose another loss or reduction."
            )
        if self.loss_of_each.ignored is not None:
            raise ValueError(
                f"PackedLoss: {self.loss_of_each!r} ignores a label. Leave ignore_index out, and "
                "give such samples a sample_weight of 0."
            )

    @property
    def name(self) -> str:  # type: ignore[override]
        """That of each member's loss."""
        return self.loss_of_each.name

    @property
    def expects(self) -> str:  # type: ignore[override]
        """What predictions have to be."""
        return self.loss_of_each.expects

    def config(self) -> dict[str, Any]:
        """The argument that makes this loss again."""
        return {"loss": self._plain("loss", self.loss_of_each)}

    def targets(self, y_true: ArrayLike, output_shape: Shape) -> Array:
        """What one member's loss wants, for outputs without the members' axis."""
        if len(output_shape) < APART + 1:
            raise ValueError(
                f"{self.name}: packed predictions have shape (n, members, ...), got "
                f"{output_shape}. Make the model with axon.models.pack(model, members=8)."
            )
        return self.loss_of_each.targets(y_true, (output_shape[0], *output_shape[2:]))

    def demand(self, y_true: Tensor, y_pred: Tensor) -> None:
        """Raise ValueError unless predictions are what the loss of each member expects."""
        with Mode("recorder", None):  # only the first batch is looked at
            first = members_first(y_pred)
            self.loss_of_each.demand(_for_each(y_true, len(first)), first)

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The loss (n, members) of each sample and member, with gradients as said above."""
        first = members_first(y_pred)
        with Mode("apart", APART):
            losses = self.loss_of_each.per_sample(_for_each(y_true, len(first)), first)
        more = (losses - losses.detach()) * (len(first) - 1.0)  # 0, but with a gradient
        each: Tensor = (losses + more).T
        return each


def members_first(y_pred: Tensor) -> Tensor:
    """(n, members, ...) -> (members, n, ...): what a packed layer has transposed, if it did.

    So the loss sees the activation that made it, and computes from logits.
    """
    creator, swapped = y_pred.creator, (1, 0, *range(APART, y_pred.ndim))
    if creator is not None and creator.primitive.name == "transpose":
        if tuple(creator.meta["axes"]) == swapped:
            return creator.inputs[0]
    turned: Tensor = y_pred.transpose(swapped)
    return turned


def _for_each(y_true: Tensor, members: int) -> Tensor:
    """(n, ...) -> (members, n, ...)."""
    repeated: Tensor = broadcast_to(y_true[None], shape=(members, *y_true.shape))
    return repeated
