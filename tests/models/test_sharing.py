"""Compiled models that share layers: trained in turn, each goes on as if it were alone."""

import gc
from types import SimpleNamespace

import numpy as np
import pytest

import axon
from axon.layers import BatchNormalization, Dense
from axon.models import Sequential
from axon.optimizers import SGD, Adam
from axon.program import cache, step

X = np.random.default_rng(0).normal(size=(24, 3)).astype("float32")
Y = X[:, :1] - X[:, 1:2]
NOISE = np.random.default_rng(1).normal(size=(24, 2)).astype("float32")
MAKERS = {"sgd": lambda: SGD(0.05), "adam": lambda: Adam(0.01), "muon": lambda: "muon"}
OPTIONS = {"momentum and clipping": lambda: SGD(0.05, momentum=0.9, global_clipnorm=0.5)}
OPTIONS["gathering"] = lambda: Adam(0.01, gradient_accumulation_steps=2, use_ema=True)


@pytest.fixture
def recorded(monkeypatch):
    """How often a step was run eagerly, to be recorded or compared."""
    calls = []
    monkeypatch.setattr(
        step, "trace", lambda *given, trace=step.trace: calls.append(1) or trace(*given)
    )
    return calls


def heads(make, eager, count=2):
    """An encoder with several heads, each a compiled model."""
    axon.set_random_seed(3)
    encoder = Sequential([Dense(3, 5, "tanh"), BatchNormalization(), Dense(4)])
    models = []
    for _ in range(count):
        model = Sequential([encoder, Dense(1)])
        model.compile("mse", make(), eager=eager)
        models.append(model)
    return models


def gan(make, eager):
    """A generator, and what tells its results from real ones; trained through each other."""
    axon.set_random_seed(3)
    critic = Sequential([Dense(3, 8, "tanh"), Dense(1)])
    generator = Sequential([Dense(2, 6, "tanh"), Dense(3)])
    both = Sequential([generator, critic])
    critic.compile("mse", make(), eager=eager)
    both.compile("mse", make(), eager=eager)
    return critic, generator, both


def in_turn(models, turns=6):
    for turn in range(turns):
        for number, model in enumerate(models):
            model.train_on_batch(X, Y * (number + 1))
            model.evaluate(X, Y)
            if turn % 2:
                model.predict(X)


def battle(critic, generator, both, turns=6):
    for _ in range(turns):
        made = generator.predict(NOISE)
        critic.trainable = True
        critic.train_on_batch(np.concatenate([X, made]), np.repeat([[1.0], [0.0]], 24, axis=0))
        critic.trainable = False
        both.train_on_batch(NOISE, np.ones((24, 1)))


def everything(models):
    found = []
    for model in models:
        found += model.get_weights()
        if model.compiled:
            tree = model.optimizer.state_dict()
            found += [part for parts in tree["state"].values() for part in parts]
            found += list(map(np.asarray, tree["numbers"].values()))
            found.append(np.asarray(tree["iterations"]))
    return found


@pytest.mark.parametrize("make", [*MAKERS.values(), *OPTIONS.values()], ids=[*MAKERS, *OPTIONS])
@pytest.mark.parametrize("count", [2, 3])
def test_models_with_a_shared_encoder(make, count, recorded):
    found = []
    for eager in (True, False):
        models = heads(make, eager, count)
        in_turn(models)
        found.append(everything(models))
    phases = 2 if models[0].optimizer.phase else 1
    assert len(recorded) == count * 2 * (phases + 2), "twice for each step: never anew"
    assert_alike(*found)


def assert_alike(these, those):
    """The same bits with NumPy's kernels, the same numbers with compiled ones."""
    assert len(these) == len(those)
    for a, b in zip(these, those, strict=True):
        if axon.get_kernels() == "numpy":
            assert np.array_equal(a, b)
        assert np.allclose(a, b, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_a_generator_inside_a_combined_model(make, recorded):
    found = []
    for eager in (True, False):
        critic, generator, both = gan(make, eager)
        battle(critic, generator, both)
        found.append(everything((critic, generator, both)))
    assert len(recorded) == 2 + 2 * 3, "the generator, in both cases, is not compiled"
    assert_alike(*found)


def test_a_shared_encoder_stays_where_it_is():
    first, second = heads(MAKERS["adam"], eager=False)
    places = [p.data for p in first.parameters()]
    in_turn((first, second), turns=1)
    assert all(p.data is place for p, place in zip(first.parameters(), places, strict=True))
    assert len(first.optimizer.groups) == 1
    assert len(second.optimizer.groups) == 2
    assert set(second.optimizer.state()) == {"m/0", "m/1", "v/0", "v/1"}


def test_a_part_with_gaps():
    """A model of the first and the third layer of another."""
    layers = [Dense(3, 3), Dense(3, 3), Dense(3, 3)]
    whole, part = Sequential(layers), Sequential([layers[2], Dense(3, 3), layers[0]])
    for model in (whole, part):
        model.compile("mse", Adam(0.01))
    for _ in range(4):
        whole.train_on_batch(X, X)
        part.train_on_batch(X, X)
    assert len(part.optimizer.groups) == 3
    assert np.array_equal(layers[0].weights.data, part.get_weights()[4])


def test_a_model_that_is_compiled_again_lies_in_one_piece():
    model = Sequential([Dense(3, 4)])
    model.compile("mse", "adam")
    model.fit(X, np.ones((24, 4)), verbose=0)
    model.add(Dense(1))
    model.compile("mse", "adam")
    model.fit(X, Y, verbose=0)
    assert len(model.optimizer.groups) == 1


def test_the_same_optimizer_keeps_its_state_when_the_model_is_compiled_again():
    optimizer, model = Adam(0.01), Sequential([Dense(3, 1)])
    model.compile("mse", optimizer)
    model.fit(X, Y, verbose=0)
    model.compile("mae", optimizer)
    model.fit(X, Y, verbose=0)
    assert optimizer.iterations.item() == 2


def test_memory_is_taken_back_from_models_that_are_gone():
    encoder = Sequential([Dense(3, 4)])
    other = Sequential([encoder, Dense(4, 1)])
    other.compile("mse", "sgd")
    other.train_on_batch(X, Y)
    (group,) = other.optimizer.groups
    assert group.memory.values.size == 21
    del other, group
    gc.collect()
    last = Sequential([encoder, Dense(4, 1)])
    last.compile("mse", "sgd")
    last.train_on_batch(X, Y)
    assert len(last.optimizer.groups) == 1
    assert last.layers[0].parameters()[0].memory is last.layers[1].parameters()[0].memory


def test_no_program_is_kept_without_its_inputs():
    """Whatever an interrupt breaks off: the next step would get other arrays to fill."""

    class Interrupted(dict):
        def setdefault(self, *given):
            raise KeyboardInterrupt

    kept = cache.Cache()
    kept.slots = Interrupted()
    program = SimpleNamespace(used=0, bytes=1, stale=False)
    with pytest.raises(KeyboardInterrupt):
        kept.put(((), "variant"), program, [])
    assert not kept.programs
