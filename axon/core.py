"""The engine. Primitive, Tensor, apply and backward share a file: each needs the others.

Everything AXON computes goes through one door, ``apply``. It runs a primitive's kernel, remembers
for ``backward`` where the result came from, and tells the recorder, if one listens, what was done.

    eager  = allocate the result, then run the kernel       (here)
    replay = run the kernel into memory planned beforehand   (program/)
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, overload

import numpy as np

from axon.backend import (
    Array,
    ArrayLike,
    DType,
    DTypeLike,
    Shape,
    as_arrays,
    elementwise,
    float_type,
    floating,
    joining,
    tensor_data,
    xp,
)
from axon.facts import Kernel, Meta, behind, declared, demand_names_of_today, named, no_rules
from axon.modes import GradMode, Mode, modes, no_grad
from axon.operators import PRIMITIVES, VALUES, Operators

Rule = Callable[..., "Tensor"]  # for a gradient: of g, y, the inputs and the metadata

# ------------------------------------------------------------------------------------ primitives


class Primitive:
    """One operation: a kernel, a rule for the result's shape and type, and one gradient per input.

    Kinds: **fills** writes every element of a fresh ``out``; **views** does no work, it is another
    shape over the same memory; **writes** changes its first ``writes`` inputs in place.

    Called with arrays it is a NumPy function; called with a Tensor it takes part in autograd.
    """

    __name__: str

    def __init__(
        self,
        kernel: Kernel,
        kind: str = "fills",
        result: Callable[..., tuple[Shape, DType]] = elementwise,
        workspace: Callable[..., Sequence[tuple[Shape, DType]]] | None = None,
        writes: int = 0,
        floats: bool = False,
        over: tuple[int, ...] = (),  # inputs that, if they die, the result may overwrite
        rows: Callable[..., object] | None = None,
        eagerly: "Callable[[Primitive, Sequence[Array], Meta], bool] | None" = None,
        **facts: Any,
    ) -> None:
        demand_names_of_today(kernel, facts)
        self.name = self.__name__ = kernel.__name__.rstrip("_")
        self.__doc__, self.__module__ = kernel.__doc__, kernel.__module__
        self.__wrapped__ = self.kernel = kernel  # __wrapped__: doctest and inspect look through it
        self.kind, self.workspace, self.writes, self.over = kind, workspace, writes, over
        self.takes, self.rows, self.eagerly = behind(kernel, kind), rows, eagerly  # see pieces.py
        self.floats = floats or result is floating  # the kernel never sees integers
        self.result = elementwise if result is floating else result
        self.facts = declared(kind, self.result is elementwise, facts)
        self.gradients: tuple[Rule | None, ...] | None = no_rules(kind, kernel)
        self.each: Rule | None = None
        PRIMITIVES[self.name] = self

    def gradient(self, *rules: Rule | None, each: Rule | None = None) -> None:
        """Give one rule per input, ``rule(g, y, *inputs, **meta)``; None where none exists.

        A primitive of any number of inputs gives ``each``, called with the input's number first.
        """
        self.gradients, self.each = rules, each

    def rules(self, count: int) -> tuple[Rule | None, ...]:
        """The rules for ``count`` inputs."""
        if self.each is not None:
            return tuple(partial(self.each, number) for number in range(count))
        if self.gradients is None:
            raise NotImplementedError(
                f"primitive {self.name!r} has no gradient. Declare one rule per input with "
                f"{self.name}.gradient(...), None where an input has no gradient."
            )
        return self.gradients

    def run(self, arrays: Sequence[Array], meta: Meta) -> Array:
        """Eager: allocate, then run the kernel."""
        if self.kind == "views":
            return self.kernel(*arrays, xp=xp, **meta)
        if self.kind == "fills":
            arrays = [modes.empty(*self._outcome(arrays, meta)), *arrays]
        if self.eagerly is not None and self.eagerly(self, arrays, meta):
            return arrays[0]
        if self.workspace:
            specs = self.workspace(*arrays[self.kind == "fills" :], **meta)
            meta = {**meta, "workspace": [modes.empty(*spec) for spec in specs]}
        self.kernel(*arrays, xp=xp, **meta)
        return arrays[0]

    def _outcome(self, arrays: Sequence[Array], meta: Meta) -> tuple[Shape, DType]:
        """Shape and type of the result, or an error that names the primitive and the shapes."""
        try:
            return self.result(*arrays, **meta)
        except ValueError as error:
            shapes = ", ".join(str(a.shape) for a in arrays)
            raise ValueError(f"{self.name}: shapes {shapes} do not fit. {error}") from None

    @overload
    def __call__(self, x: "Tensor", /, *rest: "TensorLike", **meta: object) -> "Tensor": ...
    @overload
    def __call__(
        self, x: "TensorLike", y: "Tensor", /, *z: "TensorLike", **m: object
    ) -> "Tensor": ...
    @overload
    def __call__(self, /, *inputs: ArrayLike, **meta: object) -> Array: ...
    def __call__(self, /, *inputs: "TensorLike", **meta: object) -> "Tensor | Array":
        """Compute: NumPy in, NumPy out; Tensor in, Tensor out."""
        if len(inputs) > self.takes[0]:
            inputs, meta = named(self.name, self.takes, inputs, meta)
        for given in inputs:
            if isinstance(given, VALUES):
                if given.defers:
                    return given.defer(self, inputs, meta)
                return apply(self, *self._tensors(inputs), **meta)
        out = self.run(as_arrays(inputs, self.floats), meta)
        return out if out.ndim else out[()]

    def _tensors(self, inputs: "Sequence[TensorLike]") -> "list[Tensor]":
        """Numbers and arrays join the precision of the tensors that they meet."""
        if self.writes and not all(isinstance(x, Tensor) for x in inputs[: self.writes]):
            raise TypeError(f"{self.name} changes its first {self.writes} inputs: pass Tensors.")
        tensors = [x for x in inputs if isinstance(x, Tensor)]
        like = float_type(tensors, otherwise=tensors[0].dtype)
        joined = [x if isinstance(x, Tensor) else Tensor(joining(x, like)) for x in inputs]
        if self.floats:
            return [t if t.dtype.kind == "f" else t.astype(float_type(joined)) for t in joined]
        return joined

    def __reduce__(self) -> str:
        return self.__wrapped__.__name__  # a copy or a pickle is the primitive of that name itself

    def __repr__(self) -> str:
        return f"<axon primitive {self.name}>"


@overload
def primitive(kernel: Kernel) -> Primitive: ...
@overload
def primitive(**facts: Any) -> Callable[[Kernel], Primitive]: ...
def primitive(kernel: Kernel | None = None, **facts: Any) -> object:
    """Declare a primitive: ``@primitive``, or ``@primitive(kind=..., result=..., ...)``."""
    return Primitive(kernel) if kernel else lambda kernel: Primitive(kernel, **facts)


# ------------------------------------------------------------------------------------ the one door


class Creator(NamedTuple):
    """Where a tensor came from."""

    primitive: Primitive
    inputs: "tuple[Tensor, ...]"
    meta: Meta
    scope: str  # the layer in which this was computed


def apply(primitive: Primitive, *inputs: "Tensor", **meta: object) -> "Tensor":
    """Run a primitive on tensors: the door that forward, backward and updates all go through."""
    data = primitive.run([t.data for t in inputs], meta)
    if primitive.kind == "writes":
        out = inputs[0]
    else:
        out = Tensor(data)
        if modes.grad and data.dtype.kind == "f" and _differentiable(primitive, inputs):
            out.requires_grad, out.creator = True, Creator(primitive, inputs, meta, modes.scope)
    if modes.recorder is not None:
        modes.recorder.record(primitive, inputs, out, meta)
    if modes.masks:
        modes.masks(primitive, inputs, out, meta)
    return out


def _differentiable(primitive: Primitive, inputs: "tuple[Tensor, ...]") -> bool:
    rules = primitive.gradients
    if rules is None or primitive.each is not None:
        return any(t.requires_grad for t in inputs)  # backward says so if the rules are missing
    return any(t.requires_grad and rule is not None for t, rule in zip(inputs, rules, strict=True))


# ------------------------------------------------------------------------------------ tensors


class Tensor(Operators):
    """An array that remembers how it was computed, so that gradients can flow back through it.

    Args:
        data: numbers, a list, a NumPy array (shared, not copied) or a Tensor. Python floats become
            float32; arrays keep their type.
        dtype: convert to this type.
        requires_grad: gradients with respect to this tensor are wanted.

    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    Tensor([2., 4.], dtype=float32)
    """

    __slots__ = ("__weakref__", "creator", "data", "grad", "mask", "requires_grad")

    def __init__(self, data: object, dtype: DTypeLike = None, requires_grad: bool = False) -> None:
        self.data: Array = tensor_data(data.data if isinstance(data, Tensor) else data, dtype)
        if requires_grad and self.data.dtype.kind != "f":
            raise TypeError(
                f"only floating-point tensors can require gradients, got dtype {self.data.dtype}. "
                "Pass dtype='float32'."
            )
        self.grad: Tensor | None = None
        self.requires_grad = requires_grad
        self.creator: Creator | None = None
        self.mask: Tensor | None = None  # which of its steps are real, if some may be padding

    def __repr__(self) -> str:
        body = np.array2string(self.data, separator=", ", prefix="Tensor(")
        flag = ", requires_grad=True" if self.requires_grad else ""
        return f"Tensor({body}, dtype={self.dtype}{flag})"

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else repr(self)

    def __getstate__(self) -> tuple[None, dict[str, object]]:
        """Copy or pickle the values; what they were computed from stays behind."""
        leaf = self.requires_grad and self.creator is None
        nothing = {"creator": None, "mask": None}
        return None, {"data": self.data, "grad": self.grad, "requires_grad": leaf, **nothing}

    def detach(self) -> "Tensor":
        """Return a tensor over the same memory that gradients do not flow through."""
        with no_grad():
            return PRIMITIVES["slice"](self, index=...)

    def assign(self, value: Any) -> None:
        """Copy new values into this tensor's memory; the memory itself stays where it is."""
        shape = value.shape if isinstance(value, Tensor) else np.shape(value)
        if shape != self.shape and shape != ():
            raise ValueError(f"cannot assign values of shape {shape} to a tensor of {self.shape}.")
        PRIMITIVES["assign"](self, value)

    # -------------------------------------------------------------------- gradients

    def backward(self, gradient: object = None, create_graph: bool = False) -> None:
        """Add d(self)/d(leaf) to the ``.grad`` of every leaf that requires gradients.

        Args:
            gradient: the gradient arriving at this tensor, of its shape; 1 for a single number.
            create_graph: let the gradients be differentiated again.

        Raises:
            ValueError: not a single number and no ``gradient``, or nothing requires gradients.
        """
        order = _inputs_first(self)
        grads = _pull(self, _seed(self, gradient), order, {id(t) for t in order}, create_graph)
        with GradMode(create_graph):
            for leaf in order:
                if leaf.creator is None and id(leaf) in grads:
                    leaf.accumulate(grads[id(leaf)])

    def accumulate(self, gradient: "Tensor") -> None:
        """Add to ``.grad``, which shares its memory with nothing else."""
        self.grad = PRIMITIVES["copy"](gradient) if self.grad is None else self.grad + gradient


TensorLike = Tensor | ArrayLike  # what functions take; of a Tensor comes a Tensor, else an array

# ------------------------------------------------------------------------------------ backward


def grad(
    output: Any, inputs: Any = None, gradient: object = None, create_graph: bool = False
) -> Any:
    """Differentiate: ``grad(y, [x, w])`` of tensors, or ``grad(f)`` of a function.

    Args:
        output: a Tensor; or a function, and then the answer is the function that returns the
            derivative of its result with respect to its first argument.
        inputs: a Tensor, or a sequence of them, that ``output`` was computed from.
        gradient: the gradient arriving at ``output``; 1 for a single number.
        create_graph: let the result be differentiated again.

    Returns:
        One gradient for one input, a tuple for a sequence; zeros where ``output`` does not depend.

    >>> cube = lambda x: x * x * x
    >>> float(grad(cube)(2.0)), float(grad(grad(cube))(2.0))
    (12.0, 12.0)
    """
    if callable(output):
        return _derivative(output)
    wanted = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    if not all(t.requires_grad for t in wanted):
        raise ValueError("grad: inputs must be made with Tensor(..., requires_grad=True).")
    order = _inputs_first(output)
    needed = _leading_to(wanted, order)
    grads = _pull(output, _seed(output, gradient), order, needed, create_graph)
    result = tuple(
        grads[id(t)] if id(t) in grads else Tensor(xp.zeros_like(t.data)) for t in wanted
    )
    return result[0] if isinstance(inputs, Tensor) else result


def _derivative(function: Kernel) -> Kernel:
    def derivative(x: Any, *rest: Any) -> Any:
        given = isinstance(x, Tensor)
        with GradMode(True):
            leaf = x[...] if given and x.requires_grad else Tensor(x, requires_grad=True)
            y = function(leaf, *rest)
        depends = isinstance(y, Tensor) and y.requires_grad
        slope = grad(y, leaf, create_graph=given) if depends else Tensor(xp.zeros_like(leaf.data))
        return slope if given else slope.numpy()[()]

    return derivative


def _seed(output: Tensor, gradient: object) -> Tensor:
    if not output.requires_grad:
        raise ValueError(
            f"backward: this tensor of shape {output.shape} does not depend on anything that "
            "requires gradients. Create leaves with Tensor(..., requires_grad=True), and do not "
            "compute inside no_grad()."
        )
    if gradient is None and output.size != 1:
        raise ValueError(
            f"backward: expected a single number, got a tensor of shape {output.shape}. "
            "Reduce it first (.sum() or .mean()), or pass gradient=."
        )
    if gradient is None:
        return Tensor(xp.ones_like(output.data))
    seed = gradient if isinstance(gradient, Tensor) else Tensor(joining(gradient, output.dtype))
    if seed.shape != output.shape:
        raise ValueError(f"backward: gradient has shape {seed.shape}, expected {output.shape}.")
    return seed


def _inputs_first(output: Tensor) -> list[Tensor]:
    """Every tensor that gradients flow through, inputs before results; a loop, so any depth."""
    order: list[Tensor] = []
    seen: set[int] = set()
    stack = [(output, False)]
    while stack:
        tensor, inputs_done = stack.pop()
        if inputs_done:
            order.append(tensor)
        elif id(tensor) not in seen:
            seen.add(id(tensor))
            stack.append((tensor, True))
            if tensor.creator is not None:
                stack.extend((x, False) for x in tensor.creator.inputs if x.requires_grad)
    return order


def _leading_to(wanted: list[Tensor], order: list[Tensor]) -> set[int]:
    """The ids of those tensors through which a wanted one is reached."""
    needed = {id(t) for t in wanted}
    for tensor in order:
        if tensor.creator and any(id(x) in needed for x in tensor.creator.inputs):
            needed.add(id(tensor))
    return needed


def _pull(
    output: Tensor, seed: Tensor, order: list[Tensor], needed: set[int], create_graph: bool
) -> dict[int, Tensor]:
    """Reverse mode: walk from results to inputs, each rule giving one input its gradient."""
    grads = {id(output): seed}
    with GradMode(create_graph), Mode("scope", modes.scope), Mode("masks", False):
        for tensor in reversed(order):
            creator, g = tensor.creator, grads.get(id(tensor))
            if creator is None or g is None:
                continue
            modes.scope = creator.scope
            rules = creator.primitive.rules(len(creator.inputs))
            for x, rule in zip(creator.inputs, rules, strict=True):
                if rule is not None and x.requires_grad and id(x) in needed:
                    gx = _unbroadcast(rule(g, tensor, *creator.inputs, **creator.meta), x)
                    before = grads.get(id(x))
                    grads[id(x)] = gx if before is None else before + gx
    return grads


def _unbroadcast(g: Tensor, x: Tensor) -> Tensor:
    """Sum a gradient over the axes along which ``x`` was repeated, in the type of x: only here."""
    g = g if g.shape == x.shape else PRIMITIVES["sum_to"](g, shape=x.shape)
    return g if g.dtype == x.dtype else g.astype(x.dtype)
