"""Random programs of primitives, as nobody would write them: any operation after any other.

Each is recorded in a Step and replayed on other numbers. There are two kinds: graphs that grow
operation by operation, and rows of the samples that every primitive is tested with, joined.
"""

from random import Random
from typing import Any

import numpy as np

from axon import ops
from axon.core import PRIMITIVES, Tensor, grad
from axon.program import Step
from tests.fuzz import data
from tests.fuzz.networks import Wrong, apart, bits_equal, demand, using
from tests.samples.primitives import SAMPLES
from tests.samples.primitives.case import Sample

Spec = dict[str, Any]
Operation = tuple[str, list[int], dict[str, Any]]  # primitive, numbers of its inputs, metadata
MOST = 4000  # numbers in a result
CLOSE = 3e-5
JUMP = 1e-3  # what changes by so much although its inputs change by 1e-6, cannot be compared

UNARY = (
    "negative exp sqrt tanh sigmoid relu relu6 absolute sign square softsign selu softplus silu "
    "mish erf hard_sigmoid gelu leaky_relu elu softmax log_softmax log_cosh copy"
).split()
BINARY = "add subtract multiply divide maximum minimum sigmoid_cross_entropy".split()
COMPARE = "equal not_equal less less_equal greater greater_equal".split()
REDUCE = "sum max argmax".split()
SHAPED = "reshape transpose slice pad broadcast_to concatenate stack take matmul cast where".split()
FAMILIES = [UNARY, UNARY, BINARY, BINARY, BINARY, COMPARE, REDUCE, SHAPED, SHAPED, SHAPED]
NEVER = {  # draw numbers of their own
    *("keep_mask", "dropout_mask", "uniform", "normal", "random_boxes"),
}
SPARSE = {"piecewise_matmul", "piecewise_matmul_gradient"}  # compiled, 0 times NaN is left out
ROUGH = {
    **dict.fromkeys(("muon_update", "changing_muon_update", "log_cosh"), 1e-3),
    **dict.fromkeys(("rmsprop_momentum_update", "changing_rmsprop_update"), 3e-3),
}


def drawn(seed: int) -> Spec:
    """The program of a seed."""
    draw = Random(f"steps {seed}")
    kind = draw.choice(["graph", "graph", "samples"])
    return {
        "seed": seed,
        "kind": kind,
        "most": draw.randint(1, 24) if kind == "graph" else draw.randint(1, 5),
        "special": draw.choice([*data.SPECIAL]) if draw.random() < 0.3 else "",
        "cut": draw.random() < 0.6,
        "gradient": draw.random() < 0.5,
    }


# ------------------------------------------------------------------------------------ graphs


class Graph:
    """Operations on inputs that share their first axis, and on tensors outside the step."""

    def __init__(self, spec: Spec) -> None:
        self.draw, self.rng = Random(spec["seed"]), np.random.default_rng(spec["seed"])
        draw = self.draw
        self.n = draw.choice([1, 2, 3, 7, 16, 33])
        shapes = [(self.n, *draw.choice([(), (1,), (5,), (4, 3), (2, 3, 4), (8,)])) for _ in "xyz"]
        if draw.random() < 0.1:  # inputs that do not agree
            shapes[0] = (self.n + 1, 4)
        kinds = ["f4"] * 9 + ["f8", "i8", "?", "u1", "i4", "f2", draw.choice(data.WHOLE)]
        count = draw.randint(1, 3)
        self.specs = [(s, np.dtype(draw.choice(kinds))) for s in shapes[:count]]
        outer = [draw.choice([(3,), (5, 4), (4, 3), (8, 8), (1,), (), (3, 5)]) for _ in "abc"]
        self.outer = [
            Tensor(data.values(self.rng, s, draw.choice(["f4", "f4", "f4", "f8", "i8"])))
            for s in outer
        ]
        self.operations: list[Operation] = []
        self.special = spec["special"]
        self._grow(spec)

    def fill(self, slots: list[np.ndarray]) -> None:
        """Other numbers for the next run."""
        for slot in slots:
            slot[...] = data.values(self.rng, slot.shape, slot.dtype.str)
            data.sprinkled(self.rng, slot, self.special)

    def _grow(self, spec: Spec) -> None:
        inputs = [Tensor(np.empty(s, d)) for s, d in self.specs]
        self.fill([t.data for t in inputs])
        pool = [*inputs, *self.outer]
        for _ in range(spec["most"] * 4):
            if len(self.operations) >= spec["most"]:
                return
            operation = self._operation(pool)
            if operation is None:
                continue
            name, numbers, meta = operation
            try:
                out = apply(name, [pool[k] for k in numbers], meta)
            except (ValueError, TypeError, IndexError):
                continue
            if out.size <= MOST and out.ndim < 6:
                self.operations.append(operation)
                pool.append(out)

    def _operation(self, pool: list[Tensor]) -> Operation | None:
        draw = self.draw
        name = draw.choice(draw.choice(FAMILIES))
        pick = draw.randrange(len(pool)) if draw.random() < 0.5 else len(pool) - 1
        x = pool[pick]
        if name in UNARY:
            whole = name in ("negative", "absolute", "sign", "square", "copy")
            return (name, [pick], {}) if x.dtype.kind == "f" or whole else None
        if name in BINARY or name in COMPARE:
            return name, [pick, draw.randrange(len(pool))], {}
        make = getattr(self, f"_{name}")
        found: Operation | None = make(pool, pick, x)
        return found

    def _sum(self, pool: Any, k: int, x: Tensor) -> Operation | None:
        axes = [axis for axis in range(x.ndim) if self.draw.random() < 0.5]
        meta = {"axis": tuple(axes), "keepdims": self.draw.random() < 0.5}
        return "sum", [k], meta

    def _max(self, pool: Any, k: int, x: Tensor) -> Operation | None:
        if not x.ndim or not x.size:
            return None
        axis = self.draw.randrange(x.ndim)
        return "max", [k], {"axis": axis, "keepdims": self.draw.random() < 0.5}

    def _argmax(self, pool: Any, k: int, x: Tensor) -> Operation | None:
        return ("argmax", [k], {"axis": self.draw.randrange(x.ndim)}) if x.ndim else None

    def _reshape(self, pool: Any, k: int, x: Tensor) -> Operation | None:
        if not x.ndim:
            return "reshape", [k], {"shape": (1, 1)}
        rest = x.size // x.shape[0] if x.shape[0] else 1
        shapes: list[tuple[int, ...]] = [(x.size,), (x.shape[0], rest), (x.shape[0], 1, rest)]
        shapes += [(rest, x.shape[0])] if self.draw.random() < 0.3 else []
        return "reshape", [k], {"shape": self.draw.choice(shapes)}

    def _transpose(self, pool: Any, k: int, x: Tensor) -> Operation | None:
        axes = list(range(x.ndim))
        self.draw.shuffle(axes)
        if self.draw.random() < 0.6 and axes:
            axes = [0, *[a for a in axes if a]]
        return "transpose", [k], {"axes": tuple(axes)}

    def _slice(self, pool: Any, k: int, x: Tensor) -> Operation | None:
        if not x.ndim:
            return None
        axis = self.draw.randrange(x.ndim)
        part = self.draw.choice(
            [slice(None, None, -1), slice(1, None), slice(None, -1), slice(None, None, 2), 0]
        )
        return "slice", [k], {"index": (*(slice(None),) * axis, part)}

    def _pad(self, pool: Any, k: int, x: Tensor) -> Operation | None:
        return "pad", [k], {"padding": tuple((self.draw.randint(0, 2), 1) for _ in range(x.ndim))}

    def _broadcast_to(self, pool: Any, k: int, x: Tensor) -> Operation | None:
        return "broadcast_to", [k], {"shape": (self.draw.choice([2, self.n]), *x.shape)}

    def _concatenate(self, pool: Any, k: int, x: Tensor) -> Operation | None:
        if not x.ndim:
            return None
        axis = self.draw.randrange(x.ndim)
        fits = [
            i for i, t in enumerate(pool)
            if t.ndim == x.ndim and t.dtype == x.dtype
            and t.shape[:axis] + t.shape[axis + 1 :] == x.shape[:axis] + x.shape[axis + 1 :]
        ]  # fmt: skip
        return "concatenate", [k, *self.draw.choices(fits, k=2)], {"axis": axis}

    def _stack(self, pool: Any, k: int, x: Tensor) -> Operation | None:
        fits = [i for i, t in enumerate(pool) if t.shape == x.shape and t.dtype == x.dtype]
        return "stack", [k, self.draw.choice(fits)], {"axis": self.draw.randint(0, x.ndim)}

    def _take(self, pool: Any, k: int, x: Tensor) -> Operation | None:
        whole = [i for i, t in enumerate(pool) if t.dtype.kind in "iu" and i != k]
        if not whole or not x.ndim or x.shape[0] < 6:
            return None
        return "take", [k, self.draw.choice(whole)], {"axis": 0}

    def _matmul(self, pool: Any, k: int, x: Tensor) -> Operation | None:
        fits = [
            i for i, t in enumerate(pool)
            if t.ndim >= 2 and x.ndim >= 2 and t.shape[-2] == x.shape[-1] and t.dtype == x.dtype
            and x.dtype.kind == "f"
        ]  # fmt: skip
        return ("matmul", [k, self.draw.choice(fits)], {}) if fits else None

    def _cast(self, pool: Any, k: int, x: Tensor) -> Operation | None:
        kinds = ["f4", "f8"] if x.dtype.kind == "f" else ["f4", "f8", "i8", "i4"]
        return "cast", [k], {"dtype": np.dtype(self.draw.choice(kinds))}

    def _where(self, pool: Any, k: int, x: Tensor) -> Operation | None:
        truths = [i for i, t in enumerate(pool) if t.dtype == np.bool_]
        if not truths or x.dtype.kind != "f":
            return None
        others = [i for i, t in enumerate(pool) if t.dtype == x.dtype]
        return "where", [self.draw.choice(truths), k, self.draw.choice(others)], {}

    def __call__(self, *inputs: Tensor) -> list[Tensor]:
        """Do it: the last few results, and the gradients of their sum."""
        for t in (*inputs, *self.outer):
            t.requires_grad = t.dtype.kind == "f"
        pool = [*inputs, *self.outer]
        for name, numbers, meta in self.operations:
            pool.append(apply(name, [pool[k] for k in numbers], meta))
        made = pool[len(inputs) + len(self.outer) :]
        return [t.detach() for t in made[-4:]] or [inputs[0] * 1]


class WithGradients:
    """A graph, and the gradient of what it ends with."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def __call__(self, *inputs: Tensor) -> list[Tensor]:
        """Results and gradients."""
        graph = self.graph
        sources = [t for t in (*inputs, *graph.outer) if t.dtype.kind == "f"]
        for t in sources:
            t.requires_grad = True
        pool = [*inputs, *graph.outer]
        for name, numbers, meta in graph.operations:
            pool.append(apply(name, [pool[k] for k in numbers], meta))
        known = {id(t) for t in sources}
        ends = [t for t in pool[-3:] if t.requires_grad and id(t) not in known]
        results = [t.detach() for t in pool[-2:]]
        for end in ends:
            results += [g for g in grad(end.sum(), sources) if isinstance(g, Tensor)]
        return [t.detach() for t in results]


def apply(name: str, inputs: list[Tensor], meta: dict[str, Any]) -> Tensor:
    """A primitive by its name."""
    out: Tensor = (
        ops.stack(inputs, **meta) if name == "stack" else PRIMITIVES[name](*inputs, **meta)
    )
    return out


# ------------------------------------------------------------------------------------ samples


class Row:
    """Samples of primitives, one after another: each reads a little of what was made before."""

    def __init__(self, spec: Spec) -> None:
        draw = Random(spec["seed"])
        rng = np.random.default_rng(spec["seed"])
        known = sorted(SAMPLES.keys() - NEVER)
        self.names = [draw.choice(known) for _ in range(spec["most"])]
        self.samples = [self._sample(draw, name) for name in self.names]
        self.joined = draw.random() < 0.7
        self.arrays = [a for arrays, _ in self.samples for a in arrays]
        if spec["special"]:
            self.arrays = [
                data.sprinkled(rng, a.copy(), spec["special"]) if a.ndim else a
                for a in self.arrays  # single numbers are settings, such as the count of steps
            ]
        self.outer: list[Tensor] = []
        self.specs = [(a.shape, a.dtype) for a in self.arrays]
        self.limit = max([CLOSE, *(ROUGH.get(name, 0) for name in self.names)])

    def _sample(self, draw: Random, name: str) -> Sample:
        arrays, meta = draw.choice(SAMPLES[name].samples)
        single = draw.random() < 0.85
        short = {np.dtype(float): np.dtype("f4")} if single else {}
        arrays = tuple(np.array(a, short.get(np.asarray(a).dtype)) for a in arrays)
        return arrays, {
            k: short.get(v, v) if isinstance(v, np.dtype) else v for k, v in meta.items()
        }

    def fill(self, slots: list[np.ndarray]) -> None:
        """The samples."""
        for slot, array in zip(slots, self.arrays, strict=True):
            slot[...] = array

    def __call__(self, *inputs: Tensor) -> list[Tensor]:
        """What each gives."""
        results: list[Tensor] = []
        before: Tensor | None = None
        place = 0
        for name, (arrays, meta) in zip(self.names, self.samples, strict=True):
            given = list(inputs[place : place + len(arrays)])
            place += len(arrays)
            writes = PRIMITIVES[name].writes
            given = [
                *(t * 1 if t.dtype.kind == "f" else t for t in given[:writes]),
                *given[writes:],
            ]
            if self.joined and before is not None:
                given = [self._joined(t, before) if k >= writes else t for k, t in enumerate(given)]
            out = PRIMITIVES[name](*given, **meta)
            results += [out] if not writes else given[:writes]
            before = results[-1]
        return results

    def _joined(self, t: Tensor, before: Tensor) -> Tensor:
        """A float that changes a little with what was made before."""
        if t.dtype != np.float32 or before.dtype != t.dtype or not before.size or not t.size:
            return t
        return t + PRIMITIVES["tanh"](before.sum()) * 0.01


# ------------------------------------------------------------------------------------ promises


def check(spec: Spec) -> dict[str, int]:
    """Run a program in every way and compare."""
    plain = outcomes(spec, "numpy", 1)
    for name, other in (
        ("eager = replay", outcomes(spec, "numpy", 1, eager=True)),
        ("NumPy, 3 threads = 1", outcomes(spec, "numpy", 3)),
    ):
        equal(name, other[0], plain[0])
    fast, compiled = outcomes(spec, "fast", 1)
    equal("compiled, 3 threads = 1", outcomes(spec, "fast", 3)[0], fast)
    chaotic = False
    try:
        if spec["special"] in ("", "tiny"):
            near(spec, fast, plain[0])
        if spec["special"] == "nan" and not SPARSE & set(_names(spec)):
            nan_places(fast, plain[0])
    except Wrong:
        chaotic = any(
            unlike(outcomes({**spec, "nudge": k}, "numpy", 1)[0], plain[0]) for k in "123"
        )
        if not chaotic:
            raise
    return {"run": 1, "compiled": int(compiled), "chaotic": int(chaotic)}


def unlike(nudged: Any, plain: Any) -> bool:
    """Whether the smallest changes of the inputs make others of the results, as jumps do."""
    pairs = [(x, y) for a, b in zip(nudged, plain, strict=True) for x, y in zip(a, b, strict=True)]
    return any(apart(x, y, 0.01) > JUMP for x, y in pairs)


def outcomes(
    spec: Spec, kernels: str, threads: int, eager: bool = False
) -> tuple[list[list[np.ndarray]], bool]:
    """What three runs give; and whether compiled kernels did it."""
    function = Graph(spec) if spec["kind"] == "graph" else Row(spec)
    call = WithGradients(function) if spec["gradient"] and isinstance(function, Graph) else function
    step = Step("fuzz", call, [f"x{k}" for k in range(len(function.specs))], eager=eager)
    found = []
    nudged([t.data for t in function.outer], spec.get("nudge", ""))
    with using(kernels, threads, spec["cut"]), np.errstate(all="ignore"):
        slots = step.inputs(*function.specs)
        for _ in range(3):
            function.fill(slots)
            nudged(slots, spec.get("nudge", ""))
            found.append([np.array(a) for a in step.run(slots)])
    return found, step.compiled


def nudged(arrays: list[np.ndarray], seed: str) -> None:
    """Change floats by as much as rounding does."""
    if not seed:
        return
    rng = np.random.default_rng(int(seed))
    for a in arrays:
        if a.dtype.kind == "f":
            a[...] = a * (1 + 1e-6 * rng.normal(size=a.shape))


def equal(promise: str, a: Any, b: Any) -> None:
    """All runs gave the same bits."""
    for run, (one, other) in enumerate(zip(a, b, strict=True)):
        for k, (x, y) in enumerate(zip(one, other, strict=True)):
            bits_equal(f"{promise}, run {run}, result {k} {x.shape}", x, y)


def near(spec: Spec, fast: Any, plain: Any) -> None:
    """Compiled kernels give what NumPy's do, to rounding."""
    limit = max([CLOSE, *(ROUGH.get(n, 0.0) for n in _names(spec))])
    for run, (one, other) in enumerate(zip(fast, plain, strict=True)):
        for k, (x, y) in enumerate(zip(one, other, strict=True)):
            demand("compiled = NumPy, types", x.dtype == y.dtype and x.shape == y.shape)
            distance = apart(x, y, 0.01)
            promise = f"compiled = NumPy, run {run}, result {k} {x.shape}"
            demand(promise, distance <= limit, f"apart {distance:.3g}")


def nan_places(fast: Any, plain: Any) -> None:
    """NaN are where NumPy has them."""
    for one, other in zip(fast, plain, strict=True):
        for k, (x, y) in enumerate(zip(one, other, strict=True)):
            if x.dtype.kind == "f":
                wrong = int((np.isnan(x) != np.isnan(y)).sum())
                demand("NaN in the same places", not wrong, f"{wrong} of {x.size}, result {k}")


def _names(spec: Spec) -> list[str]:
    return Row(spec).names if spec["kind"] == "samples" else []


def smaller(spec: Spec) -> Any:
    """Simpler programs."""
    for key, value in (("special", ""), ("cut", False), ("gradient", False)):
        if spec[key] != value:
            yield {**spec, key: value}
    for most in (1, spec["most"] // 2, spec["most"] - 1):
        if 0 < most < spec["most"]:
            yield {**spec, "most": most}


def words(spec: Spec) -> list[str]:
    """What the program does, a line for each operation."""
    if spec["kind"] == "samples":
        row = Row(spec)
        pairs = zip(row.names, row.samples, strict=True)
        return [f"{name} {[a.shape for a in s[0]]} {s[1]}" for name, s in pairs]
    graph = Graph(spec)
    outer = [(t.shape, t.dtype.str) for t in graph.outer]
    return [f"inputs {graph.specs}, outer {outer}", *map(str, graph.operations)]


__all__ = ["Wrong", "check", "drawn", "smaller", "words"]
