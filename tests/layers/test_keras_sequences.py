"""Layers for sequences against Keras: outputs and every gradient, over a grid of arguments."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import pytest

from axon import Tensor, layers
from axon.core import grad
from axon.layers.base import one_by_one

rng = np.random.default_rng(7)


def normal(*shape):
    return rng.normal(size=shape).astype("f4")


class Case(NamedTuple):
    """A layer, as {"class": ..., "with": ...}, what it is called with, and how often."""

    layer: dict
    inputs: list
    options: dict = MappingProxyType({})
    times: int = 1
    as_list: bool = False


def of(name, /, **given):
    return {"class": name, "with": given}


def made(spec):
    if isinstance(spec, list):
        return [made(one) for one in spec]
    if not isinstance(spec, dict):
        return spec
    given = {name: made(value) for name, value in spec["with"].items()}
    if spec["class"] == "Dense":
        given["num_neurons"] = given.pop("units")
    return getattr(layers, spec["class"])(**given)


MASK = np.array([[1, 1, 1, 0], [1, 0, 1, 1], [1, 1, 0, 0]], bool)
INNER = np.array([[1, 0, 1, 1], [1, 1, 0, 1], [1, 0, 0, 1]], bool)
KINDS = {"SimpleRNN": 1, "LSTM": 2, "GRU": 1}


def recurrent():
    grid = product(KINDS, (False, True), (False, True), (False, True), (False, True))
    for i, (name, sequences, state, back, started) in enumerate(grid):
        given = {"return_sequences": sequences, "return_state": state, "go_backwards": back}
        more = [{}, {"use_bias": False}, {"activation": "relu"}, {"unroll": i % 3 != 1}][i % 4]
        if name == "GRU" and i % 3 == 0:
            more = {"reset_after": False}
        states = [normal(3, 5) for _ in range(KINDS[name])]
        options = {"initial_state": states if len(states) > 1 else states[0]} if started else {}
        if i % 3 == 1:  # at the start Keras's padding is 0, and ours the state that is given
            options["mask"] = INNER if started else MASK
        label = f"{name} {' '.join(k for k, v in given.items() if v)} {more} {sorted(options)}"
        yield label, Case(of(name, units=5, **given, **more), [normal(3, 4, 2)], options)
    for name in KINDS:
        stays = of(name, units=3, stateful=True, return_sequences=True)
        yield f"{name} stateful", Case(stays, [normal(3, 4, 2)], times=3)


def cells():
    for name, count in KINDS.items():
        for started, bias in product((False, True), (True, False)):
            states = [[normal(3, 5) for _ in range(count)]] if started else []
            if not started:
                states = [[np.zeros((3, 5), "f4") for _ in range(count)]]
            cell = of(f"{name}Cell", units=5, use_bias=bias)
            yield f"{name}Cell {started} {bias}", Case(cell, [normal(3, 2), *states])
    stack = [of("LSTMCell", units=3), of("GRUCell", units=4), of("SimpleRNNCell", units=2)]
    for i, (cell, sequences, back) in enumerate(
        product(
            [stack, of("StackedRNNCells", cells=stack[:2]), stack[0]], (False, True), (True, False)
        )
    ):
        layer = of(
            "RNN", cell=cell, return_sequences=sequences, return_state=True, go_backwards=back
        )
        options = {"mask": MASK} if i % 2 else {}
        if i % 4 == 3:
            layer["with"]["zero_output_for_mask"] = True
        yield f"RNN {i} {sequences} {back}", Case(layer, [normal(3, 4, 2)], options)


def both_ways():
    for i, (name, sequences, state) in enumerate(product(KINDS, (False, True), (False, True))):
        merge = ["concat", "sum", "mul", "ave", None][i % 5]
        inner = of(name, units=3, return_sequences=sequences, return_state=state)
        layer = of("Bidirectional", layer=inner, merge_mode=merge)
        options = {"mask": INNER} if i % 2 and not sequences else {}  # Keras: padding becomes 0
        if state:
            options["initial_state"] = [normal(3, 3) for _ in range(2 * KINDS[name])]
        yield (
            f"Bidirectional {name} {sequences} {state} {merge}",
            Case(layer, [normal(3, 4, 2)], options),
        )


def attention():
    real = {"key_mask": MASK, "value_mask": INNER}
    for i, (heads, causal, window, bias) in enumerate(
        product((None, 1, 2), (False, True), (None, 2), (True, False))
    ):
        given = {"use_bias": bias, "sliding_window": window}
        layer = of("MultiHeadAttention", num_heads=2, key_dim=4, value_dim=3, **given)
        if heads is not None:
            sizes = {"num_query_heads": 4, "num_key_value_heads": heads}
            layer = of("GroupQueryAttention", head_dim=3, **sizes, **given)
        options = {"return_attention_scores": True, "use_causal_mask": causal}
        if i % 3 == 1 and not causal and window is None:
            options |= real
        if i % 4 == 3:
            options["attention_mask"] = rng.random((3, 4, 4)) < 0.5
            options["attention_mask"][:, range(4), range(4)] = True
        inputs = [normal(3, 4, 5), normal(3, 4, 6), normal(3, 4, 2)]
        yield f"attention {i} {heads} {causal} {window}", Case(layer, inputs, options)
    modes = [("dot", False), ("dot", True), ("concat", False), ("concat", True)]
    for i, ((mode, scaled), causal, masked) in enumerate(product(modes, (False, True), (0, 1))):
        inputs = [normal(3, 5, 4), normal(3, 4, 3), normal(3, 4, 4)]
        if i % 2:
            inputs = inputs[:1] + inputs[2:]
        options = {"return_attention_scores": True, "use_causal_mask": causal}
        if masked:
            options["mask"] = [
                rng.random((3, 5)) < 0.7,
                np.tile([[True, True, True, False]], (3, 1)),
            ]
        layer = of("Attention", use_scale=scaled, score_mode=mode)
        yield f"Attention {i}", Case(layer, inputs, options, as_list=True)
        layer = of("AdditiveAttention", use_scale=scaled)
        yield f"AdditiveAttention {i}", Case(layer, inputs, options, as_list=True)


def steps():
    inner = of("Dense", **{"units": 3, "activation": "tanh"})
    yield "TimeDistributed", Case(of("TimeDistributed", layer=inner), [normal(3, 4, 2)])
    lines = of("TimeDistributed", layer=of("LSTM", units=3))
    yield "TimeDistributed LSTM", Case(lines, [normal(3, 4, 5, 2)])
    yield "RepeatVector", Case(of("RepeatVector", n=3), [normal(3, 4)])
    for dims in ((2, 1), (3, 1, 2), (1, 2)):
        yield (
            f"Permute {dims}",
            Case(of("Permute", dims=dims), [normal(3, *(4, 5, 2)[: len(dims)])]),
        )


CASES = {**dict(recurrent()), **dict(cells()), **dict(both_ways())}
CASES |= {**dict(attention()), **dict(steps())}


def nested(value):
    if isinstance(value, np.ndarray):
        return {"array": value.tolist()}
    return [nested(v) for v in value] if isinstance(value, list) else value


def flat_inputs(case):
    return one_by_one(case.inputs)


def built(case):
    """Our layer with weights that are told apart."""
    layer = made(case.layer)
    with np.errstate(all="ignore"):
        layer.forward(*given(case.inputs, case), **ours(case))
    for p in layer.parameters():
        p.assign(normal(*p.shape) * 0.6)
    return layer


def given(inputs, case):
    """As Keras is given them: one by one, or in a list."""
    return [inputs] if case.as_list else inputs


def ours(case):
    return dict(case.options)


@pytest.fixture(scope="module")
def keras(tmp_path_factory):
    """Our layers, and what Keras says of the same."""
    if not (find_spec("keras") and find_spec("torch")):
        pytest.skip("keras with torch is not installed")
    folder = tmp_path_factory.mktemp("sequences")
    found = {name: built(case) for name, case in CASES.items()}
    asked = {
        name: {
            **{"layer": case.layer, "times": case.times, "as_list": case.as_list},
            **{"inputs": nested(case.inputs)},
            **{"options": {k: nested(v) for k, v in case.options.items()}},
            **{"weights": [p.numpy().tolist() for p in found[name].parameters()]},
            **{"stateful": bool(case.layer["with"].get("stateful"))},
        }
        for name, case in CASES.items()
    }
    (folder / "cases.json").write_text(json.dumps(asked))
    script = Path(__file__).with_name("keras_sequences.py")
    env = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "KERAS_HOME": str(folder)}
    command = [sys.executable, "-W", "ignore", str(script), str(folder)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
    return found, json.loads((folder / "facts.json").read_text())


def slope_for(shape):
    return np.sin(np.arange(np.prod(shape, dtype=int), dtype="f4") + 1).reshape(shape)


def leaves_of(tree, leaves):
    if isinstance(tree, list):
        return [leaves_of(t, leaves) for t in tree]
    if isinstance(tree, np.ndarray) and tree.dtype.kind == "f":
        leaves.append(Tensor(tree, requires_grad=True))
        return leaves[-1]
    return tree


def test_numbers_and_gradients_are_those_of_keras(keras):
    found, facts = keras
    for name, case in CASES.items():
        layer, told = found[name], facts[name]
        if case.layer["with"].get("stateful"):
            layer.reset_states()
        leaves = []
        inputs = [leaves_of(x, leaves) for x in case.inputs]
        options = {k: leaves_of(v, leaves) for k, v in ours(case).items()}
        outputs = []
        for _ in range(case.times):
            outputs += one_by_one([layer(*given(inputs, case), **options)])
        assert [list(y.shape) for y in outputs] == [list(np.shape(y)) for y in told["outputs"]], (
            name
        )
        for y, wanted in zip(outputs, told["outputs"], strict=True):
            np.testing.assert_allclose(y.data, wanted, rtol=1e-4, atol=2e-6, err_msg=name)
        if case.layer["with"].get("stateful"):
            continue  # Keras changes what its own gradients need
        total = sum(((y * slope_for(y.shape)).sum() for y in outputs), start=Tensor(0.0))
        slopes = grad(total, [*leaves, *layer.parameters()])
        for slope, wanted in zip(slopes, told["slopes"], strict=True):
            wanted = np.zeros(slope.shape) if wanted is None else np.reshape(wanted, slope.shape)
            np.testing.assert_allclose(
                slope.data,
                wanted,
                rtol=1e-3,
                atol=2e-5 * max(1, np.abs(wanted).max()),
                err_msg=name,
            )
