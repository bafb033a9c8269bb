"""What a layer of one's own expects of its inputs, said once: shapes, axes and their sizes."""

from collections.abc import Mapping, Sequence

from axon.backend import Shape
from axon.checks import demand, integer


class InputSpec:
    """What inputs must be like; a layer that has one as ``input_spec`` refuses others.

    Args:
        dtype: of the numbers; kept as a note, since layers convert what comes in.
        shape: of an input, samples included; None stands for any size.
        ndim: how many axes there are.
        max_ndim: how many there are at most.
        min_ndim: how many there are at least.
        axes: sizes of some axes, such as {-1: 3}.
        allow_last_axis_squeeze: whether a last axis of size 1 may be missing, or be there, too.
        name: by which errors call the input.
        optional: whether the input may be left out; kept as a note.

    >>> from axon.layers import Layer
    >>> class Doubled(Layer):
    ...     input_spec = InputSpec(ndim=2, axes={-1: 3})
    ...
    ...     def call(self, x):
    ...         return x * 2.0
    >>> Doubled()([[1.0, 2.0, 3.0]])
    array([[2., 4., 6.]], dtype=float32)
    >>> Doubled()([[1.0, 2.0]])
    Traceback (most recent call last):
        ...
    ValueError: layer 'doubled' (Doubled()): expected inputs with 3 along axis -1, got shape (1, 2).
    """

    def __init__(
        self,
        dtype: object = None,
        shape: Sequence[int | None] | None = None,
        ndim: int | None = None,
        max_ndim: int | None = None,
        min_ndim: int | None = None,
        axes: Mapping[int, int | None] | None = None,
        allow_last_axis_squeeze: bool = False,
        name: str | None = None,
        optional: bool = False,
    ) -> None:
        self.dtype, self.name, self.optional = dtype, name, bool(optional)
        self.shape = None if shape is None else tuple(shape)
        for what, number in (("ndim", ndim), ("max_ndim", max_ndim), ("min_ndim", min_ndim)):
            if number is not None:
                integer("InputSpec", what, number, 0)
        self.ndim = len(self.shape) if self.shape is not None else ndim
        self.max_ndim, self.min_ndim = max_ndim, min_ndim
        self.axes = {int(axis): size for axis, size in (axes or {}).items()}
        self.allow_last_axis_squeeze = bool(allow_last_axis_squeeze)
        most = self.ndim if self.ndim is not None else max_ndim
        fits = most is None or all(-most <= axis < most for axis in self.axes)
        demand(fits, "InputSpec", "axes", f"numbers of {most} axes", axes)

    def misfit(self, shape: Shape) -> str | None:
        """What is expected instead of inputs of this shape, samples included; None if they fit."""
        given = self._squeezed(shape)
        axes = len(given)
        if self.ndim is not None and axes != self.ndim:
            return f"of {self.ndim} axes"
        if self.max_ndim is not None and axes > self.max_ndim:
            return f"of at most {self.max_ndim} axes"
        if self.min_ndim is not None and axes < self.min_ndim:
            return f"of at least {self.min_ndim} axes"
        for axis, size in self.axes.items():
            if size is not None and not (-axes <= axis < axes and given[axis] in (size, -1)):
                return f"with {size} along axis {axis}"
        pairs = zip(self.shape or (), given, strict=False)
        if any(size is not None and n not in (size, -1) for size, n in pairs):
            return f"of shape {self.shape}"
        return None

    def _squeezed(self, shape: Shape) -> Shape:
        """The shape with a last axis of size 1 put or left out, where that may be."""
        if not self.allow_last_axis_squeeze or self.shape is None:
            return shape
        if len(shape) == len(self.shape) + 1 and shape[-1] == 1:
            return shape[:-1]
        if len(shape) == len(self.shape) - 1 and self.shape[-1] == 1:
            return (*shape, 1)
        return shape

    def __repr__(self) -> str:
        told = {"shape": self.shape, "ndim": self.ndim, "axes": self.axes or None}
        told |= {"max_ndim": self.max_ndim, "min_ndim": self.min_ndim}
        return f"InputSpec({', '.join(f'{k}={v}' for k, v in told.items() if v is not None)})"
