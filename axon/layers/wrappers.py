"""Layers around another one: its weights scaled before they are used; and several in a row."""

from collections.abc import Sequence
from typing import Any, Unpack

import numpy as np

from axon.backend import DType, Shape
from axon.checks import demand, integer
from axon.core import Tensor
from axon.initializers import TruncatedNormal
from axon.layers.base import Layer, LayerResult
from axon.layers.options import LayerOptions
from axon.ops.compare import where
from axon.ops.elementwise import maximum, sqrt
from axon.ops.memory import assign
from axon.parameter import Buffer, Parameter

KERNELS = ("weights", "embeddings", "kernel")  # what layers call what is scaled
NO_LENGTH = 1e-12  # what is shorter is not made longer
WARM_UP = 15  # turns before the first step, as PyTorch takes


class Wrapper(Layer):
    """A layer around another one, ``self.layer``: a subclass writes ``call``, and uses it there.

    Args:
        layer: the layer inside; the type it computes in is that of the wrapper, too.
        options: name, dtype, trainable.

    Inputs are what the layer inside takes; a mask goes where it does.

    >>> from axon.layers import Dense
    >>> class Twice(Wrapper):
    ...     def call(self, x):
    ...         return self.layer.forward(x) * 2.0
    >>> Twice(Dense(1, kernel_initializer="ones"))([[1.0, 2.0]])
    array([[6.]], dtype=float32)
    """

    def __init__(self, layer: Layer, **options: Unpack[LayerOptions]) -> None:
        if not isinstance(layer, Layer):
            owner = type(self).__name__
            raise TypeError(f"{owner}: expected a layer such as Dense(3), got {layer!r}.")
        options.setdefault("dtype", layer.dtype)
        super().__init__(**options)
        self.layer = layer
        if not self._trainable:
            self.trainable = False  # of the layer inside, too

    @property
    def input_dtype(self) -> DType:
        """What the layer inside takes."""
        return self.layer.input_dtype

    def accept(self, shape: Shape, *more: Shape) -> None:
        """What the layer inside accepts."""
        self.layer.accept(shape, *more)

    def create(self, *input_shapes: Shape) -> None:
        """Create the parameters of the layer inside."""
        self.layer.build(*input_shapes)


class _Reweighted(Wrapper):
    """A layer that computes with other weights than it keeps: those that ``scaled`` makes of them.

    The layer inside stays as it is: what computes is a copy that shares all but the weights.
    """

    def __init__(self, layer: Layer, **options: Unpack[LayerOptions]) -> None:
        from axon.layers.reader import SequenceReader  # few need it

        super().__init__(layer, **options)
        owner, hint = type(self).__name__, " Put it around Dense, a convolution or Embedding."
        fits = not isinstance(layer, SequenceReader)
        demand(fits, owner, "layer", "one with weights for one step", layer, hint)

    def create(self, *input_shapes: Shape) -> None:
        """Create the parameters of the layer inside."""
        super().create(*input_shapes)
        hint = " Put it around Dense, a convolution or Embedding."
        found = [name for name in KERNELS if isinstance(vars(self.layer).get(name), Parameter)]
        owner, wanted = type(self).__name__, f"one with {' or '.join(KERNELS)}"
        demand(bool(found), owner, "layer", wanted, self.layer, hint)

    @property
    def _kernel(self) -> tuple[str, Parameter]:
        """What the weights are called, and they."""
        of_layer = vars(self.layer)
        return next((n, of_layer[n]) for n in KERNELS if isinstance(of_layer.get(n), Parameter))

    def call(self, x: Tensor) -> LayerResult:
        """Compute the layer inside with weights that are scaled."""
        name, kernel = self._kernel
        other = object.__new__(type(self.layer))  # so that threads do not see each other's
        vars(other).update({**vars(self.layer), name: self.scaled(kernel)})
        made: LayerResult = other.forward(x)
        return made

    def scaled(self, kernel: Tensor) -> Tensor:
        """The weights that are used instead."""
        raise NotImplementedError(f"{type(self).__name__}: write scaled.")


def _unit(row: Tensor) -> Tensor:
    """A row of length 1 in its direction."""
    return row / maximum(sqrt((row * row).sum()), NO_LENGTH)


class SpectralNormalization(_Reweighted):
    """Divide the weights W of a layer by their largest singular value (Miyato et al., 2018).

    y = layer(x; W / sigma), sigma = v W u, where u and v are turned towards the singular vectors
    by ``power_iterations`` steps in each forward of training, v <- W u / |W u|, u <- v W / |v W|.
    So the layer stretches no difference of its inputs. W are all axes but the last as one.

    Args:
        layer: Dense, a convolution, Embedding, or one of your own with ``kernel``.
        power_iterations: how many steps.
        options: name, dtype, trainable.

    Parameters are those of the layer, W as it was before the division: sigma takes part in the
    gradient, as in PyTorch. Buffers: ``vector_u`` (1, columns), ``vector_v`` (1, rows).

    >>> from axon.layers import Dense
    >>> layer = SpectralNormalization(Dense(2, kernel_initializer="identity", use_bias=False))
    >>> layer.build((2,))
    (2,)
    >>> layer.layer.weights = [[4.0, 0.0], [0.0, 1.0]]
    >>> for _ in range(20):
    ...     y = layer([[1.0, 1.0]], training=True)
    >>> y
    array([[1.  , 0.25]], dtype=float32)
    """

    vector_u: Buffer
    vector_v: Buffer

    def __init__(
        self, layer: Layer, power_iterations: int = 1, **options: Unpack[LayerOptions]
    ) -> None:
        super().__init__(layer, **options)
        self.power_iterations = integer(
            "SpectralNormalization", "power_iterations", power_iterations
        )

    def create(self, *input_shapes: Shape) -> None:
        """Create the parameters of the layer, and the two vectors."""
        super().create(*input_shapes)
        kernel = self._kernel[1]
        drawn = self.parameter("vector_u", TruncatedNormal(stddev=0.02), (1, kernel.shape[-1]))
        zeros = np.zeros((1, kernel.size // kernel.shape[-1]), self.dtype)
        self.vector_u, self.vector_v = Buffer(drawn.data), Buffer(zeros)
        u, v = self._turned(Tensor(drawn.data), Tensor(zeros), Tensor(kernel.data), WARM_UP)
        self.vector_u.assign(u)
        self.vector_v.assign(v)

    def _turned(self, u: Tensor, v: Tensor, w: Tensor, times: int) -> tuple[Tensor, Tensor]:
        """Both vectors, after some steps; those of W = 0 stay."""
        rows = w.reshape(v.shape[-1], u.shape[-1]).detach()
        some = (rows * rows).sum() > 0.0
        old = u, v
        for _ in range(times):
            v = _unit(u @ rows.transpose(1, 0))
            u = _unit(v @ rows)
        return where(some, u, old[0]), where(some, v, old[1])

    def scaled(self, kernel: Tensor) -> Tensor:
        """W / sigma."""
        u: Tensor = self.vector_u[...]
        v: Tensor = self.vector_v[...]
        if self.training:
            u, v = self._turned(u, v, kernel, self.power_iterations)
            assign(self.vector_u, u.detach())
            assign(self.vector_v, v.detach())
        rows = kernel.reshape(v.shape[-1], u.shape[-1])
        sigma = (v.detach() @ rows @ u.detach().transpose(1, 0)).reshape(())
        return kernel / where(sigma == 0.0, 1.0, sigma)


class WeightNormalization(_Reweighted):
    """Learn length and direction of the weights apart: W = g V / |V| (Salimans and Kingma, 2016).

    Args:
        layer: Dense, a convolution, Embedding, or one of your own with ``kernel``.
        axis: the axis of which each place has a length, the last one, of units or filters, unless
            told otherwise; None: one length for all.
        options: name, dtype, trainable.

    Parameters are those of the layer, whose weights are V, and ``g``, one number for each place
    of ``axis``. The layer begins as it would without.

    >>> from axon.layers import Dense
    >>> layer = WeightNormalization(Dense(1, use_bias=False, kernel_initializer="ones"))
    >>> layer.build((4,))
    (1,)
    >>> layer.g = [3.0]
    >>> layer([[1.0, 1.0, 1.0, 1.0]])
    array([[6.]], dtype=float32)
    """

    g: Parameter

    def __init__(
        self, layer: Layer, axis: int | None = -1, **options: Unpack[LayerOptions]
    ) -> None:
        super().__init__(layer, **options)
        if axis is not None:
            integer("WeightNormalization", "axis", axis, least=-1)
        self.axis = axis

    def create(self, *input_shapes: Shape) -> None:
        """Create the parameters of the layer, and the lengths."""
        super().create(*input_shapes)
        kernel = self._kernel[1]
        fits = self.axis is None or self.axis < kernel.ndim
        demand(fits, "WeightNormalization", "axis", f"less than {kernel.ndim}", self.axis)
        lengths = np.sqrt(np.square(kernel.data).sum(self._others(kernel.ndim)))
        self.g = self.parameter("g", lambda *_: lengths.reshape(-1), (lengths.size,))

    def _others(self, ndim: int) -> tuple[int, ...]:
        """The axes over which a length is taken."""
        own = None if self.axis is None else self.axis % ndim
        return tuple(i for i in range(ndim) if i != own)

    def scaled(self, kernel: Tensor) -> Tensor:
        """g V / |V|."""
        length = sqrt((kernel * kernel).sum(self._others(kernel.ndim), keepdims=True))
        return kernel * (self.g.reshape(length.shape) / length)


class Pipeline(Layer):
    """Layers one behind another as one layer, such as several changes of images.

    Args:
        layers: in order.
        options: name, dtype, trainable.

    Sequential is the same as a model, with ``fit`` and ``predict``.

    >>> from axon.layers import Rescaling
    >>> Pipeline([Rescaling(2.0), Rescaling(1.0, 3.0)])([[1.0]])
    array([[5.]], dtype=float32)
    """

    def __init__(self, layers: Sequence[Layer], **options: Unpack[LayerOptions]) -> None:
        fits = isinstance(layers, list | tuple) and all(isinstance(one, Layer) for one in layers)
        demand(fits and bool(layers), "Pipeline", "layers", "a list of layers", layers)
        options.setdefault("dtype", layers[-1].dtype)
        super().__init__(**options)
        self.layers = list(layers)
        if not self._trainable:
            self.trainable = False  # of the layers inside, too

    @property
    def input_dtype(self) -> DType:
        """What the first layer takes."""
        return self.layers[0].input_dtype

    def accept(self, shape: Shape, *more: Shape) -> None:
        """What the first layer accepts."""
        self.layers[0].accept(shape, *more)

    def create(self, *input_shapes: Shape) -> None:
        """Create the parameters of all, each for what the one before gives."""
        shape: Any = input_shapes[0]
        for layer in self.layers:
            shape = layer.build(shape)

    def call(self, x: Tensor) -> LayerResult:
        """Compute one after another; a mask goes along as each says."""
        made: LayerResult = x
        for layer in self.layers:
            made = layer.forward(made)
        return made
