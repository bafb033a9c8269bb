"""What the rooms between layers and models ask of a model, and how they listen to it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol

from axon.backend import Array, DType
from axon.layers.module import Module
from axon.parameter import Buffer, Parameter


class ModelLike(Protocol):
    """A model: layers, and what they compute together."""

    name: str

    @property
    def layers(self) -> Sequence[Module]:
        """What it is made of."""

    @property
    def input_shape(self) -> Any:
        """The shape of a sample, or of several inputs; None before the model is built."""

    @property
    def input_names(self) -> list[str]:
        """What ``forward`` calls its inputs."""

    @property
    def input_dtype(self) -> DType:
        """What the data are converted to before they enter."""

    @property
    def width(self) -> int:
        """The number of inputs."""

    def forward(self, *inputs: Any) -> Any:
        """What it computes, of Tensors or arrays."""

    def modules(self) -> Iterator[Module]:
        """Itself, and all modules inside it."""

    def children(self) -> Iterator[tuple[str, Module]]:
        """The modules right inside, by name."""

    def named_parameters(self) -> dict[str, Parameter]:
        """What is learned, by path."""

    def named_buffers(self) -> dict[str, Buffer]:
        """What else belongs to the layers, by path."""


class CompiledModel(ModelLike, Protocol):
    """A model that can be asked what it makes of data."""

    def predict(self, x: Any) -> Array:
        """Outputs (n, ...)."""

    def compute_mask(self, x: Any) -> Array | None:
        """Which steps of the outputs are real."""


@contextmanager
def calls_go_to(call: Callable[..., Any], modules: Iterable[Module]) -> Iterator[None]:
    """Let ``call(module, forward, *inputs, **options)`` answer where ``module.forward`` is called.

    As an attribute it hides the method.
    """
    chosen = list({id(module): module for module in modules}.values())
    for module in chosen:
        vars(module)["forward"] = partial(call, module, module.forward)
    try:
        yield
    finally:
        for module in chosen:
            del vars(module)["forward"]
