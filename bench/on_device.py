"""The sections of ``bench.device``: each is a generator of (what, number), printed as it comes.

A key that begins with "?" answers a question of the whole report. Libraries are imported by the
section that needs them: what is missing or fails is said by that section alone.
"""

import argparse
import hashlib
import json
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from bench.peers import with_axon
from bench.work import SEED, WORKLOADS, Workload, orders

Found = Iterator[tuple[str, Any]]
CLOSE = 1e-4  # of losses, relative: more than sums in another order explain is another computation
NUMBERS = 2e-4  # of a primitive's numbers, relative to the largest


class Setting:
    """What the sections are run for.

    Attributes:
        device: as ``axon.set_kernels`` takes it; None: what JAX has first.
        small: whether sizes are tiny.
        folder: where processes leave notes for each other.
        seconds: that a speed is measured for, at least.
    """

    def __init__(self, device: str, small: bool, folder: Path) -> None:
        self.device, self.small, self.folder = device or None, small, folder
        self.seconds = 0.05 if small else 0.5

    def pick(self, small: Any, large: Any) -> Any:
        return small if self.small else large


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.on_device", description=__doc__)
    parser.add_argument("sections", nargs="+", choices=list(SECTIONS))
    parser.add_argument("--folder", type=Path, default=Path())
    parser.add_argument("--device", default="")
    parser.add_argument("--small", action="store_true")
    chosen = parser.parse_args()
    setting = Setting(chosen.device, chosen.small, chosen.folder)
    for name in chosen.sections:
        tell("begun", time.strftime("%H:%M:%S"))
        try:
            for key, value in SECTIONS[name](setting):
                tell(key, value)
        except Exception as error:
            where = traceback.format_exc().strip().splitlines()[-3:]
            tell("error", f"{type(error).__name__}: {error}"[:2000])
            tell("where", where)
        tell("done", time.strftime("%H:%M:%S"))


def tell(key: str, value: Any) -> None:
    """One line that the parent reads."""
    print("@" + json.dumps({key: value}, default=str), flush=True)


def significant(number: float) -> float:
    """Three digits of it."""
    return float(f"{number:.3g}")


def once(function: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def repeated(function: Callable[[], object], seconds: float) -> float:
    """Seconds that a call takes, the median of many; it must have been made before."""
    taken = [once(function)]
    while sum(taken) < seconds or len(taken) < 3:
        taken.append(once(function))
    return float(np.median(taken))


# -------------------------------------------------------------------- what there is


def start(s: Setting) -> Found:
    """What JAX has here, how long it takes to say so, and what AXON would use."""
    began = time.perf_counter()
    import jax

    yield "seconds to import jax", significant(time.perf_counter() - began)
    began = time.perf_counter()
    yield "devices", [f"{d.platform}:{d.id} {d.device_kind}" for d in jax.devices()]
    yield "seconds to start the devices", significant(time.perf_counter() - began)
    yield "memory", jax.devices()[0].memory_stats()
    import axon
    from axon.program import lowerings

    axon.set_kernels("jax", s.device)
    yield "axon", {"version": axon.__version__, "kernels": lowerings.in_full()}
    yield "?device", lowerings.in_full()


# -------------------------------------------------------------------- correctness


def networks() -> dict[str, tuple[Callable[[], Any], tuple[int, ...]]]:
    """Small networks of all kinds of layers: how to make each, and the shape of a sample."""
    from axon import layers as l
    from axon.models import Sequential

    def images(*middle: Any) -> Callable[[], Any]:
        return lambda: Sequential([*(make() for make in middle), l.Dense(5, "softmax")])

    block = [lambda: l.Dense(16), lambda: l.TransformerBlock(2, 24, activation="gelu")]
    return {
        "mlp": (images(lambda: l.Dense(32, "relu"), lambda: l.Dense(16, "tanh")), (12,)),
        "cnn": (
            images(lambda: l.Conv2D(8, 3, activation="relu"), lambda: l.MaxPooling2D(2), l.Flatten),
            (10, 10, 2),
        ),
        "cnn with batch normalization, dropout": (
            images(
                lambda: l.Conv2D(8, 3, use_bias=False, padding="same"),
                *(l.BatchNormalization, lambda: l.Activation("relu")),
                *(lambda: l.AveragePooling2D(2), l.Flatten, lambda: l.Dropout(0.2)),
            ),
            (8, 8, 2),
        ),
        "lstm": (images(lambda: l.LSTM(12)), (7, 6)),
        "gru with layer normalization": (
            images(lambda: l.GRU(12), l.LayerNormalization),
            (7, 6),
        ),
        "attention": (images(*block, l.GlobalAveragePooling1D), (9, 8)),
    }


def trained(make: Callable[[], Any], shape: tuple[int, ...], optimizer: str) -> tuple[list, str]:
    """Losses of some epochs by the chosen kernels, and a digest of all weights afterwards."""
    import axon

    axon.set_random_seed(SEED)
    model = make()
    random = np.random.default_rng(SEED)
    x = random.standard_normal((96, *shape)).astype(np.float32)
    y = random.integers(0, 5, 96)
    model.compile("categorical_cross_entropy", optimizer)
    losses = model.fit(x, y, 32, 3, verbose=0).history["loss"]
    demand_xla(model)
    digest = hashlib.sha256()
    for parameter in model.parameters():
        digest.update(parameter.data.tobytes())
    return losses, digest.hexdigest()[:16]


def demand_xla(model: Any) -> None:
    """Numbers that NumPy made would say nothing about a device."""
    import axon

    if axon.get_kernels() == "jax" and not model._trainer.train.compiled:
        raise RuntimeError("NumPy did it: XLA's lowering would not take the program.")


def losses(s: Setting) -> Found:
    """Each small network by each optimizer: losses beside NumPy's, bits of two runs."""
    import axon
    from axon.program.lowerings import Kernels

    pairs = [(n, "adam") for n in networks()]
    pairs += [("mlp", o) for o in ("sgd", "rmsprop", "adamw", "lion")] + [("cnn", "sgd")]
    equal, same, digests = [], [], {}
    for network, optimizer in s.pick(pairs[:2], pairs):
        what = f"{network}, {optimizer}"
        make, shape = networks()[network]
        try:
            with Kernels("numpy"):
                plain, _ = trained(make, shape, optimizer)
            axon.set_kernels("jax", s.device)
            seconds = time.perf_counter()
            ours, digest = trained(make, shape, optimizer)
            seconds = time.perf_counter() - seconds
            again = trained(make, shape, optimizer)[1]
        except Exception as error:
            equal.append(False)
            yield what, f"failed: {type(error).__name__}: {error}"[:500]
            continue
        off = max(abs(a - b) / max(abs(a), 1e-6) for a, b in zip(plain, ours, strict=True))
        equal.append(bool(off < CLOSE))
        same.append(digest == again)
        digests[what] = digest
        yield (
            what,
            {
                "losses by NumPy": plain,
                "losses": ours,
                "off, relative": significant(off),
                "same bits twice": digest == again,
                "seconds, compiled": significant(seconds),
            },
        )
        yield "?losses equal to NumPy's", f"{sum(equal)} of {len(equal)} within {CLOSE}"
        yield "?same bits twice in one process", f"{sum(same)} of {len(same)}"
    (s.folder / "digests.json").write_text(json.dumps(digests))


def bits(s: Setting) -> Found:
    """Two of them once more, in this other process."""
    import axon

    axon.set_kernels("jax", s.device)
    before = json.loads((s.folder / "digests.json").read_text())
    same = []
    for network in s.pick(["mlp"], ["mlp", "cnn", "cnn with batch normalization, dropout"]):
        what = f"{network}, adam"
        digest = trained(*networks()[network], "adam")[1]
        same.append(digest == before.get(what))
        yield what, {"before": before.get(what), "now": digest}
        yield "?same bits in another process", f"{sum(same)} of {len(same)}"


def primitives(s: Setting) -> Found:
    """Every primitive on every sample, in float32, beside NumPy's kernel; first samples first."""
    import os
    import warnings
    from concurrent.futures import ThreadPoolExecutor

    from axon.xla import primitives as by_xla
    from axon.xla.devices import chosen
    from tests.samples.primitives import SAMPLES

    names = s.pick(["relu", "matmul", "adam_update"], list(SAMPLES))
    device = chosen(axon_device(s))[0]
    most = max(len(SAMPLES[name].samples) for name in names)
    pairs = [(n, k) for k in range(most) for n in names if k < len(SAMPLES[n].samples)]
    seen, wrong = set(), {}
    warnings.simplefilter("ignore")  # what runs on the host is listed below
    with ThreadPoolExecutor(os.cpu_count()) as threads:  # most of it is compiling
        found = threads.map(
            lambda pair: difference(device, *SAMPLES[pair[0]].samples[pair[1]], pair[0]), pairs
        )
        for done, ((name, number), off) in enumerate(zip(pairs, found, strict=True), 1):
            seen.add(name)
            if not (isinstance(off, float) and off < NUMBERS):
                wrong[f"{name}, sample {number}"] = off
            if done % 20 == 0 or done == len(pairs):
                yield "samples", f"{done} of {len(pairs)}"
                yield "by the host", sorted(by_xla._told)
                yield "off, or failed", wrong
                right = len(seen) - len({w.split(",")[0] for w in wrong})
                answer = f"{right} of {len(seen)}, on {done} of {len(pairs)} samples"
                yield "?primitives within rounding", answer


def axon_device(s: Setting) -> str:
    """The device as AXON spells it."""
    import axon
    from axon.program import lowerings

    axon.set_kernels("jax", s.device)
    return lowerings.options().device


def difference(device: Any, inputs: Any, meta: Any, name: str) -> float | str:
    """How far the results of one sample are off, relative to the largest; or what fails."""
    import jax

    import axon.models
    import axon.ranks  # noqa: F401  # each registers primitives
    from axon.core import PRIMITIVES
    from axon.xla.primitives import perform

    try:
        p, arrays = PRIMITIVES[name], [single(np.asarray(a)) for a in inputs]
        with (
            jax.enable_x64(True),
            jax.default_matmul_precision("float32"),
            jax.default_device(device),
            np.errstate(all="ignore"),
        ):
            found = jax.jit(lambda *v: perform(p, v, meta))(*map(jax.numpy.asarray, arrays))
            copies = [a.copy() for a in arrays]
            out = p.run(copies, meta)
            wanted = copies[: p.writes] if p.writes else [np.asarray(out)]
            return max(apart(np.asarray(a), b) for a, b in zip(found, wanted, strict=True))
    except Exception as error:
        return f"{type(error).__name__}: {error}".splitlines()[0][:300]


def single(array: np.ndarray) -> np.ndarray:
    """The array in float32, if it is float64, with memory of its own."""
    return np.array(array, np.float32 if array.dtype == np.float64 else array.dtype)


def apart(a: np.ndarray, b: np.ndarray) -> float:
    """The largest difference, relative to the largest number; of truths and whole numbers too."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return float("inf")
    if not a.size:
        return 0.0
    x, y = a.astype(np.float64), b.astype(np.float64)
    if not np.array_equal(np.isfinite(x), np.isfinite(y)):
        return float("inf")
    fine = np.isfinite(x)
    largest = np.abs(y[fine]).max(initial=1e-6)
    return float(np.abs(x[fine] - y[fine]).max(initial=0.0) / largest)


# -------------------------------------------------------------------- speed


def sizes(s: Setting) -> dict[str, Workload]:
    """What is trained: a round is one epoch."""
    if s.small:
        return {"mlp-16": WORKLOADS["mlp-128"]._replace(batch_size=16, steps=4, epochs=1)}
    found = {
        "mlp-128": WORKLOADS["mlp-128"],
        "cnn": WORKLOADS["cnn"]._replace(steps=128),
        "lstm": WORKLOADS["lstm"]._replace(steps=64),
        "attention": WORKLOADS["attention"]._replace(steps=64),
        "mlp-1024": WORKLOADS["mlp-1024"],
        "cnn-1024": WORKLOADS["cnn"]._replace(batch_size=1024, steps=16, title="CNN, batch 1024"),
    }
    return {name: work._replace(epochs=1) for name, work in found.items()}


def images(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Noise of the shape of MNIST: speed does not depend on what is in it."""
    random = np.random.default_rng(SEED)
    x = random.random((rows, 28, 28, 1), np.float32)
    return x, random.integers(0, 10, rows)


def contestants() -> dict[str, tuple[str, Callable[[Workload], Any]]]:
    """Who trains: by name the precision that is asked for, and what makes it."""
    from bench.peers.with_jax import Jitted, Scanned

    class StepByStep(with_axon.Axon):
        """Somebody listens to batches, so that each step is a call."""

        def train(self, orders: np.ndarray) -> float:
            from axon.callbacks import LambdaCallback

            listen = LambdaCallback(on_train_batch_end=lambda *_: None)
            epochs, size = len(orders), self.work.batch_size
            history = self.model.fit(self.x, self.y, size, epochs, verbose=0, callbacks=[listen])
            return history.history["loss"][-1]

    return {
        "AXON, steps in one go": ("float32", with_axon.Axon),
        "JAX, lax.scan": ("float32", Scanned),
        "AXON, a call a step": ("float32", StepByStep),
        "JAX, a call a step": ("float32", Jitted),
        "AXON, steps in one go, tf32": ("tf32", with_axon.Axon),
        "JAX, lax.scan, tf32": ("tf32", Scanned),
        "AXON, steps in one go, bfloat16": ("bfloat16", with_axon.Axon),
    }


def workloads(s: Setting) -> Found:
    """Samples a second, of AXON and of JAX as one writes it by hand; the first loss of each."""
    import warnings

    import jax

    import axon
    from axon.xla.devices import chosen

    exact = {"float32": "float32", "tf32": "tensorfloat32", "bfloat16": "bfloat16"}
    device = chosen(axon_device(s))[0]
    for key, work in sizes(s).items():
        speeds: dict[str, Any] = {}
        x, y = images(work.rows)
        for name, (precision, make) in contestants().items():
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # TF32 on a CPU
                    axon.set_kernels("jax", s.device, precision)
                with jax.default_device(device), jax.default_matmul_precision(exact[precision]):
                    speeds[name] = speed(make, x, y, work, s.seconds)
            except Exception as error:
                speeds[name] = f"failed: {type(error).__name__}: {error}"[:500]
            yield key, dict(speeds)
        ours, theirs = speeds["AXON, steps in one go"], speeds["JAX, lax.scan"]
        if isinstance(ours, dict) and isinstance(theirs, dict):
            ratio = ours["samples a second"] / theirs["samples a second"]
            yield f"?{key}: AXON's speed by native JAX's", significant(ratio)


def speed(make: Any, x: np.ndarray, y: np.ndarray, work: Workload, seconds: float) -> Any:
    """Samples a second of warm epochs; the loss of the first, and what the first took."""
    rows = orders(work.rows, 1)  # as AXON draws it by itself, which seeds anew
    peer = make(work)
    peer.load(x, y)
    began = time.perf_counter()
    loss = float(peer.train(rows))
    if isinstance(peer, with_axon.Axon):
        demand_xla(peer.model)
    first = time.perf_counter() - began
    peer.train(rows)
    taken = repeated(lambda: peer.train(rows), seconds)
    return {
        "samples a second": significant(work.rows / taken),
        "microseconds a step": significant(1e6 * taken / work.steps),
        "first loss": loss,
        "first epoch, seconds": significant(first),
    }


def torch(s: Setting) -> Found:
    """The same by PyTorch on CUDA: eager, and the step as a CUDA graph."""
    import torch as t

    yield "version", {"torch": t.__version__, "cuda": t.version.cuda}
    if not t.cuda.is_available() and not s.small:
        yield "skipped", "this PyTorch has no CUDA device"
        return
    from bench.peers import with_torch_cuda as cuda

    yield "device", t.cuda.get_device_name() if t.cuda.is_available() else "cpu"
    for tf32 in s.pick((False,), (False, True)):
        t.backends.cuda.matmul.allow_tf32 = t.backends.cudnn.allow_tf32 = tf32
        for key, work in sizes(s).items():
            speeds: dict[str, Any] = {}
            x, y = images(work.rows)
            for name, make in {"eager": cuda.Eager, "CUDA graph": cuda.Graphed}.items():
                try:
                    speeds[name] = speed(make, x, y, work, s.seconds)
                except Exception as error:
                    speeds[name] = f"failed: {type(error).__name__}: {error}"[:500]
            yield f"{key}{', tf32' * tf32}", speeds


def rates(s: Setting) -> Found:
    """TFLOP/s of products and of 3 x 3 convolutions, one depending on the other."""
    import jax
    from jax import lax
    from jax import numpy as jnp

    from axon.xla.devices import chosen

    device = chosen(axon_device(s))[0]
    with jax.default_device(device):
        for name, make, flops in kernels_to_measure(s, jax, lax, jnp):
            for precision in ("float32", "tensorfloat32", "bfloat16"):
                try:
                    found = rate(jax, lax, make, precision, flops, s)
                except Exception as error:
                    found = f"failed: {type(error).__name__}: {error}"[:300]
                yield f"{name}, {precision}", found


def kernels_to_measure(s: Setting, jax: Any, lax: Any, jnp: Any) -> Iterator[tuple]:
    """Name, what makes (function, first operand, second), operations of one call."""

    def product(n: int) -> Callable:
        def make(dtype: Any) -> tuple:
            a = jax.random.normal(jax.random.key(0), (n, n), dtype) / n**0.5
            return lambda x, w: (x @ w).astype(dtype), a, a

        return make

    def convolution(n: int, side: int, size: int) -> Callable:
        def make(dtype: Any) -> tuple:
            x = jax.random.normal(jax.random.key(0), (n, side, side, size), dtype)
            w = jax.random.normal(jax.random.key(1), (3, 3, size, size), dtype) / (9 * size) ** 0.5
            layout = ("NHWC", "HWIO", "NHWC")
            return (
                lambda x, w: lax.conv_general_dilated(
                    x, w, (1, 1), "SAME", dimension_numbers=layout
                ),
                *(x, w),
            )

        return make

    for n in s.pick((64,), (512, 1024, 2048, 4096, 8192)):
        yield f"product of {n} x {n}", product(n), 2 * n**3
    for n, side, size in s.pick(((1, 4, 2),), ((128, 56, 64), (128, 28, 128), (128, 14, 256))):
        name = f"convolution 3 x 3 of {n} x {side} x {side} x {size}"
        yield name, convolution(n, side, size), 2 * 9 * n * side**2 * size**2


def rate(jax: Any, lax: Any, make: Callable, precision: str, flops: int, s: Setting) -> float:
    """TFLOP/s of one function by itself, each time on what it gave."""
    dtype = np.float32 if precision != "bfloat16" else jax.numpy.bfloat16
    function, x, w = make(dtype)
    times = max(2, min(200, int(s.pick(1e6, 2e13) / flops)))
    with jax.default_matmul_precision(precision if precision != "bfloat16" else "default"):
        loop = jax.jit(lambda x, w: lax.fori_loop(0, times, lambda _, x: function(x, w), x))
        loop(x, w).block_until_ready()
        seconds = repeated(lambda: loop(x, w).block_until_ready(), s.seconds / 5)
    return significant(flops * times / seconds / 1e12)


def dispatch(s: Setting) -> Found:
    """Microseconds for what is nearly nothing: what a step costs at least."""
    import jax
    from jax import lax
    from jax import numpy as jnp

    from axon.xla.devices import chosen

    device = chosen(axon_device(s))[0]
    times = s.pick(20, 1000)
    with jax.default_device(device):
        x = jnp.zeros(64)
        one = jax.jit(lambda x: x + 1)

        def calls() -> None:
            y = x
            for _ in range(times):
                y = one(y)
            y.block_until_ready()

        def waits() -> None:
            for _ in range(times):
                one(x).block_until_ready()

        loop = jax.jit(lambda x: lax.fori_loop(0, times, lambda _, x: jnp.sin(x) + 1, x))
        for name, run in (
            ("a call, in a row", calls),
            ("a call, waited for", waits),
            ("a round of a loop on the device", lambda: loop(x).block_until_ready()),
        ):
            run()
            yield f"{name}, microseconds", significant(1e6 * repeated(run, s.seconds) / times)
        block = np.zeros(s.pick(1, 64) * 2**20, np.uint8)
        there = jax.device_put(block, device).block_until_ready()
        for name, move in (
            ("to the device", lambda: jax.device_put(block, device).block_until_ready()),
            ("from the device", lambda: np.array(there + np.uint8(0))),
        ):
            move()
            yield f"{name}, GB/s", significant(block.nbytes / repeated(move, s.seconds) / 1e9)


def mnist(s: Setting) -> Found:
    """Seconds of training until 99 % of the test images are right, compiling counted apart."""
    import axon
    from axon.clock import seconds as clock
    from axon.layers import Conv2D, Dense, Dropout, Flatten, MaxPooling2D
    from axon.models import Sequential

    try:
        (x, y), (x_test, y_test) = axon.datasets.mnist.load_data()
    except Exception as error:
        yield "skipped", f"no MNIST ({error}). Set AXON_DATA_DIR to a folder that holds it."
        return
    rows, goal, most = s.pick((512, 0.2, 2), (60_000, 0.99, 20))
    x, x_test = ((a[:rows, ..., None] / np.float32(255)).astype(np.float32) for a in (x, x_test))
    y, y_test = y[:rows], y_test[:rows]
    axon.set_kernels("jax", s.device)
    axon.set_random_seed(SEED)
    layers = [Conv2D(32, 3, activation="relu"), MaxPooling2D(2)]
    layers += [Conv2D(64, 3, activation="relu"), MaxPooling2D(2), Flatten(), Dropout(0.25)]
    model = Sequential([*layers, Dense(128, "relu"), Dense(10, "softmax")])
    model.compile("categorical_cross_entropy", "adam", metrics=["accuracy"])
    began, warm, spent = time.perf_counter(), clock(), 0.0
    for epoch in range(1, most + 1):
        started = time.perf_counter()
        model.fit(x, y, 128, 1, verbose=0)
        spent += time.perf_counter() - started
        accuracy = model.evaluate(x_test, y_test, verbose=0, return_dict=True)["accuracy"]
        yield (
            f"epoch {epoch}",
            {
                "accuracy": round(float(accuracy), 4),
                "seconds of training": significant(spent),
                "seconds of all": significant(time.perf_counter() - began),
                "without compiling": significant(clock() - warm),
            },
        )
        if accuracy >= goal:
            yield "?seconds to 99 % of MNIST", significant(time.perf_counter() - began)
            return
    yield "?seconds to 99 % of MNIST", f"not reached in {most} epochs"


def memory(s: Setting) -> Found:
    """An epoch of one step: what it takes to bring the state to NumPy and back."""
    import jax

    import axon
    from axon.layers import Dense
    from axon.models import Sequential
    from axon.xla.devices import chosen

    device = chosen(axon_device(s))[0]
    for size in s.pick((30,), (1000, 3162, 10_000)):
        model = Sequential([Dense(size, use_bias=False)])
        model.compile("mse", "sgd")
        x = np.ones((8, size), np.float32)
        model.fit(x, x, 8, 1, verbose=0)
        seconds = repeated(lambda: model.fit(x, x, 8, 1, verbose=0), s.seconds)  # noqa: B023
        yield (
            f"{size**2:,} parameters",
            {
                "milliseconds for an epoch of one step": significant(1e3 * seconds),
                "taken on the device": (device.memory_stats() or {}).get("bytes_in_use"),
            },
        )
    yield "jax", jax.__version__
    yield "kernels", axon.get_kernels()


SECTIONS: dict[str, Callable[[Setting], Found]] = {
    function.__name__: function
    for function in (
        *(start, losses, bits, primitives, workloads, torch, rates, dispatch, mnist, memory),
    )
}


if __name__ == "__main__":
    sys.exit(main())
