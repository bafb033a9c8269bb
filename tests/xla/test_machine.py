"""Programs by XLA: the same bits however steps are grouped, and no stale number anywhere."""

import copy
import multiprocessing
import os
import pickle
import signal
import threading

import numpy as np
import pytest

import axon
from axon import Tensor, ops
from axon.callbacks import Callback
from axon.core import primitive
from axon.layers import BatchNormalization, Dense, Dropout, Embedding, Flatten
from axon.models import Sequential
from axon.optimizers import SGD, Adam, Nadam
from axon.program import Step
from axon.program.lowerings import Kernels

pytest.importorskip("jax", reason="extra jax is not installed")

random = np.random.default_rng(0)
X = random.normal(size=(44, 5)).astype("float32")
Y = random.integers(0, 3, 44)


@pytest.fixture(autouse=True)
def by_xla():
    with Kernels("jax"):
        yield


def small(optimizer="adam", watched=("accuracy",)):
    axon.set_random_seed(3)
    model = Sequential([Dense(6, "tanh"), Dropout(0.3), BatchNormalization(), Dense(3, "softmax")])
    model.build((5,))
    model.compile("categorical_crossentropy", optimizer, list(watched))
    return model


def state(model):
    """All that training changes, as bytes."""
    trainer = model.trainer
    return [t.data.tobytes() for t in (*model.parameters(), *trainer.state())]


class Each(Callback):
    """Calls a function with the model after each batch."""

    def __init__(self, function):
        self.function = function

    def on_train_batch_end(self, batch, logs=None):
        self.function(self.model)


class Epochs(Callback):
    """Calls a function with the model after each epoch."""

    def __init__(self, function):
        self.function = function

    def on_epoch_end(self, epoch, logs=None):
        self.function(self.model)


def fit(model, epochs=3, seed=4, **options):
    if seed:
        axon.set_random_seed(seed)
    return model.fit(X, Y, 4, epochs=epochs, verbose=0, **options).history


# ------------------------------------------------------------------------------------ bits


def test_bits_do_not_depend_on_how_steps_are_grouped():
    together, one_by_one = small(), small()
    machine = []
    first = fit(together, callbacks=[Epochs(lambda m: machine.append(m.trainer.train.latest))])
    second = fit(one_by_one, callbacks=[Each(lambda m: None)])
    assert machine[0].machine.ahead > 11
    assert first == second
    assert state(together) == state(one_by_one)


def test_a_batch_at_a_time_by_hand_has_the_same_bits():
    model, other = small(), small()
    fit(model, 1, shuffle=False)
    for start in range(0, 44, 4):
        other.train_on_batch(X[start : start + 4], Y[start : start + 4])
    assert all(map(np.array_equal, model.get_weights(), other.get_weights()))


@pytest.mark.parametrize(
    "after", [pytest.param(3, marks=pytest.mark.slow), 11, pytest.param(16, marks=pytest.mark.slow)]
)
def test_a_run_that_was_ended_goes_on_to_the_same_bits(tmp_path, after):
    model, broken = small(), small()
    wanted = fit(model)
    left = [after]

    def stop(_):
        left[0] -= 1
        if not left[0]:
            raise RuntimeError("the lights went out")

    backup = axon.callbacks.BackupAndRestore(tmp_path, save_freq=2)
    with pytest.raises(RuntimeError, match="lights"):
        fit(broken, callbacks=[Each(stop), backup])
    resumed = small()
    found = fit(resumed, seed=8, callbacks=[axon.callbacks.BackupAndRestore(tmp_path, save_freq=2)])
    assert {k: v[-1:] for k, v in found.items()} == {k: v[-1:] for k, v in wanted.items()}
    assert state(resumed) == state(model)


def test_numbers_in_float64_have_the_bits_that_numpy_gives_them():
    found = []
    for kernels in ("jax", "numpy"):
        with Kernels(kernels):
            model = small(Nadam(0.01))
            fit(model)
            optimizer = model.optimizer
            (accuracy,) = model.trainer.metrics
            numbers = [optimizer.iterations, *optimizer.numbers.values(), accuracy._count]
            found.append([t.data.tobytes() for t in numbers])
    assert found[0] == found[1]


def test_saved_and_loaded_a_model_goes_on_alike(tmp_path):
    model = small()
    fit(model)
    model.save(tmp_path / "model.axon")
    loaded = axon.load_model(tmp_path / "model.axon")
    assert np.array_equal(loaded.predict(X), model.predict(X))
    for m in (model, loaded):
        fit(m, 1)
    assert all(map(np.array_equal, model.get_weights(), loaded.get_weights()))


@pytest.mark.parametrize("how", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_a_copy_learns_for_itself(how):
    model = small()
    fit(model)
    before = state(model)
    twin = how(model)
    assert np.array_equal(twin.predict(X), model.predict(X))
    fit(twin, 1, shuffle=False)
    assert state(model) == before
    fit(model, 1, shuffle=False)
    assert all(map(np.array_equal, model.get_weights(), twin.get_weights()))


# ------------------------------------------------------------------------------------ residence


def as_numpy_does(run):
    """What a function returns is the same by both, to rounding."""
    found = run()
    with Kernels("numpy"):
        wanted = run()
    for a, b in zip(found, wanted, strict=True):
        assert np.allclose(a, b, 1e-4, 1e-5)


def test_what_is_changed_from_outside_counts():
    def run():
        model = small(SGD(0.1))

        def change(model):
            first, last = model.layers[0], model.layers[-1]
            first.weights.data[...] *= 0.5
            last.bias.assign([1.0, 2.0, 3.0])
            model.layers[2].moving_mean.data[...] = 0.25
            model.optimizer.learning_rate = model.optimizer.learning_rate / 2

        history = fit(model, callbacks=[Each(change)])
        seen = model.predict(X)
        model.layers[-1].bias.data[0] += 1
        return [*history.values(), *model.get_weights(), seen, model.predict(X)]

    as_numpy_does(run)


def test_listeners_see_the_weights_of_their_batch():
    seen = []
    model = small()
    fit(model, callbacks=[Each(lambda m: seen.append(m.layers[0].weights.data.copy()))])
    assert len({w.tobytes() for w in seen}) == 33
    assert np.array_equal(seen[-1], model.layers[0].weights.data)


def test_evaluations_and_predictions_in_an_epoch_see_the_weights_of_the_moment():
    def run():
        model, seen = small(), []

        def look(model):
            seen.extend((model.predict(X), [model.evaluate(X, Y, verbose=0)]))

        history = fit(model, callbacks=[Each(look)], validation_data=(X, Y))
        return [*history.values(), *seen]

    as_numpy_does(run)


def test_frozen_layers_stay():
    def run():
        model = small()
        fit(model, 1)
        model.layers[0].trainable = False
        frozen = model.layers[0].get_weights()
        fit(model, 1)
        assert all(map(np.array_equal, frozen, model.layers[0].get_weights()))
        model.layers[0].trainable = True
        fit(model, 1)
        assert not any(map(np.array_equal, frozen, model.layers[0].get_weights()))
        return model.get_weights()

    as_numpy_does(run)


def test_kernels_may_change_in_the_midst():
    def run():
        model = small()
        fit(model, 1)
        with Kernels("numpy"):
            fit(model, 1)
        fit(model, 1)
        return [*model.get_weights(), model.predict(X)]

    as_numpy_does(run)


def test_parameters_are_in_pieces():
    """One flat buffer for all would be made anew by every change of a part of it."""
    model = small()
    fit(model, 1)
    machine = model.trainer.train.latest.machine
    sizes = [machine._arrays[n].size for n in machine._loop.roles.carried]
    assert sizes.count(30) == 4  # the first weights, their gradients, m and v
    assert max(sizes) == 30
    assert sum(p.size for p in model.parameters()) == 69


# ------------------------------------------------------------------------------------ interrupts


def test_it_is_said_once_that_xla_compiles_for_long(monkeypatch, capsys):
    from axon.xla import announced

    monkeypatch.setattr(announced, "_Waited", type("_Waited", (), {"spent": 0.0, "told": False}))
    monkeypatch.setattr(announced, "SLOW", 1e9)
    fit(small(), epochs=1)
    assert announced.ANNOUNCED not in capsys.readouterr().err
    monkeypatch.setattr(announced, "SLOW", 0.0)
    for _ in range(2):
        fit(small(), epochs=1)
    assert capsys.readouterr().err.count(announced.ANNOUNCED) == 1


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # in a callback
@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_an_interrupt_leaves_a_state_from_between_two_steps():
    """Whenever it comes: weights, counters and the optimizer's memory belong together."""
    epochs, seen, first = 30, [], []
    model = small()
    model.optimizer.build(model.parameters())
    allowed = [numbers_of(model)]
    fit(model, epochs, callbacks=[Each(lambda m: allowed.append(numbers_of(m)))])
    with Kernels("numpy"):  # who does a step that is being recorded, until XLA does it once more
        fit(small(), 1, callbacks=[Each(lambda m: first.append(numbers_of(m)))])
    allowed.append(first[0])
    fresh = small()
    fit(fresh, 1)  # compiled
    old = signal.signal(signal.SIGALRM, _interrupt)
    try:
        for delay in np.linspace(0.001, 0.06, 15):
            _back_to(fresh, small())
            signal.setitimer(signal.ITIMER_REAL, delay)
            try:
                fit(fresh, epochs)
            except KeyboardInterrupt:
                seen.append(allowed.index(numbers_of(fresh)))
            signal.setitimer(signal.ITIMER_REAL, 0)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
    assert len(set(seen)) > 3


def numbers_of(model):
    """Weights, running means, the optimizer's memory and its counter."""
    optimizer = model.optimizer
    state = [t for group in optimizer.groups for t in group.state.values()]
    kept = [*model.parameters(), *model.named_buffers().values(), optimizer.iterations, *state]
    return b"".join(t.data.tobytes() for t in kept)


def _back_to(model, fresh):
    fresh.optimizer.build(fresh.parameters())
    model.set_weights(fresh.get_weights())
    model.optimizer.load_state_dict(fresh.optimizer.state_dict())
    for a, b in zip(model.named_buffers().values(), fresh.named_buffers().values(), strict=True):
        a.data[...] = b.data


def _interrupt(*_):
    raise KeyboardInterrupt


def test_an_interrupt_while_values_come_back_breaks_nothing(monkeypatch):
    from axon.xla import residence

    model, other = small(), small()
    copied, failing = residence._copy, [True]

    def interrupted(values):
        values = list(values)
        if failing.pop() if failing else False:
            copied(values[:3])
            raise KeyboardInterrupt
        copied(values)

    fit(model, 1)
    monkeypatch.setattr(residence, "_copy", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fit(model, 1)
    monkeypatch.undo()
    fit(other, 1)
    fit(other, 1)
    assert all(map(np.array_equal, model.get_weights(), other.get_weights()))


def test_a_step_that_fails_on_the_device_changes_nothing(monkeypatch):
    model = small()
    fit(model, 1)
    before = state(model)
    machine = model.trainer.train.latest.machine

    def failing(*_):
        raise RuntimeError("the card fell out")

    monkeypatch.setattr(machine, "_compiled", failing)
    with pytest.raises(RuntimeError, match="fell out"):
        model.train_on_batch(X[:4], Y[:4])
    assert [a == b for a, b in zip(state(model), before, strict=True)].count(False) <= 4
    assert model.optimizer.iterations.data == 11


def test_too_little_memory_is_said_in_words(monkeypatch):
    import jax

    model = small()
    fit(model, 1)
    machine = model.trainer.train.latest.machine

    def full(*_):
        raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 99 bytes.")

    monkeypatch.setattr(machine, "_compiled", full)
    with pytest.raises(MemoryError, match=r"has too little memory.*smaller batch_size"):
        fit(model, 1)


# ------------------------------------------------------------------------------------ bad input


def words():
    model = Sequential([Embedding(7, 4), Flatten(), Dense(2)])
    model.compile("mse", SGD(0.1))
    return model


def test_an_id_outside_the_vocabulary_is_an_error_and_changes_nothing():
    ids, y = random.integers(0, 7, (12, 3)), random.normal(size=(12, 2)).astype("float32")
    model = words()
    model.fit(ids, y, 4, verbose=0)
    before = model.get_weights()
    ids[9, 1] = 7
    with pytest.raises(IndexError, match="id 7 is outside the vocabulary, whose 7 ids are 0 to 6"):
        model.fit(ids, y, 4, verbose=0, shuffle=False)
    assert all(np.isfinite(w).all() for w in model.get_weights())
    changed = [np.abs(a - b).max() for a, b in zip(before, model.get_weights(), strict=True)]
    assert max(changed) < 1
    with pytest.raises(IndexError, match="id 7"):
        model.predict(ids)
    ids[9, 1] = 0
    model.fit(ids, y, 4, verbose=0)


def in_child(model, pipe, rows):
    try:
        model.predict(X[:rows])
        pipe.send("nothing")
    except RuntimeError as error:
        pipe.send(str(error))


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork:RuntimeWarning", "ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("rows", [len(X), 7])  # what is compiled, and what is new
def test_a_forked_process_is_told_that_it_cannot(rows):
    model = small()
    model.predict(X)
    ours, theirs = multiprocessing.Pipe()
    child = multiprocessing.get_context("fork").Process(target=in_child, args=(model, theirs, rows))
    child.start()
    try:
        assert ours.poll(30)
    except BaseException:
        child.kill()
        raise
    assert "a forked process cannot go on with XLA" in ours.recv()
    child.join()


def test_models_in_threads_do_as_they_would_alone():
    def training(number, found):
        model = Sequential([Dense(4, "tanh"), Dense(2)])
        model.build((5,))
        for i, p in enumerate(model.parameters()):
            p.assign(np.random.default_rng([number, i]).normal(size=p.shape) * 0.3)
        model.compile("mse", "adam")
        model.fit(X, X[:, :2], 4, epochs=3, verbose=0, shuffle=False)
        found[number] = [*model.get_weights(), model.predict(X)]

    alone, together = {}, {}
    for number in range(3):
        training(number, alone)
    threads = [threading.Thread(target=_in_jax, args=(training, n, together)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(3):
        assert all(map(np.array_equal, alone[number], together[number]))


def _in_jax(training, number, found):
    training(number, found)


# ------------------------------------------------------------------------------------ memory


def both_ways(function, w, x, steps=4):
    """A function that changes w in place: replayed by NumPy and by XLA."""
    found = []
    for kernels in ("numpy", "jax"):
        with Kernels(kernels):
            tensor = Tensor(w.copy())
            step = Step(
                "change", lambda x, t=tensor: function(t, x), ["x"], state=lambda t=tensor: [t]
            )
            (given,) = step.inputs((x.shape, x.dtype))
            outputs = []
            for number in range(steps):
                given[...] = x + number
                outputs.append([a.copy() for a in step.run([given])])
            assert step.compiled == (kernels == "jax")
            found.append((tensor.data, outputs))
    assert np.allclose(found[0][0], found[1][0], 1e-5)
    for a, b in zip(found[0][1], found[1][1], strict=True):
        assert all(map(np.allclose, a, b))


W = random.normal(size=(4, 6)).astype("float32")
V = random.normal(size=6).astype("float32")


@pytest.mark.parametrize(
    "change",
    [
        lambda w, x: w[1].assign(x),
        lambda w, x: w[:, 2].assign(x[:4]),
        lambda w, x: w.transpose(1, 0)[1:3, ::2].assign(w[:2, :2] * x[:2]),
        lambda w, x: w[1:3, 1:4].transpose(1, 0).assign(w[:3, :2] + x[:2]),
        lambda w, x: ops.add_in_place(w.reshape(24)[3:9], x),
        lambda w, x: ops.add_in_place(w.reshape(2, 12)[:, 5:7], x[:2]),
    ],
    ids=["row", "column", "transposed", "block", "stretch", "across"],
)
def test_what_is_written_to_a_view_is_found_where_it_belongs(change):
    def function(w, x):
        before = w * 1.0
        change(w, x)
        return [before, w + 0.0, w[1] * 2.0]

    both_ways(function, W, V)


def test_a_result_may_be_changed_too():
    def function(w, x):
        y = w * x
        ops.add_in_place(y, x)
        y[2].assign(x)
        ops.add_in_place(w, y)
        return [y, y.sum()]

    both_ways(function, np.round(3 * W), np.round(2 * V))  # whole: sums are the same in any order


def test_what_an_instruction_cannot_do_is_named():
    model = small()
    bad = axon.activations.tanh
    from axon.xla.rules import RULES

    def failing(x):
        raise ValueError("no such thing")

    RULES["tanh"] = failing
    try:
        with pytest.raises(ValueError, match="no such thing") as caught:
            model.predict(X)
    finally:
        del RULES["tanh"]
    assert bad.name == "tanh"
    assert "while compiling instruction %2, tanh(float32[44, 6])" in caught.value.__notes__


def test_the_program_says_who_does_it():
    model = small(Adam(0.01))
    fit(model, 1)
    text = str(model.trainer.train.latest)
    assert "replayed by XLA on cpu instead" in text
    assert model.profile(X[:4], Y[:4], repeats=2).phases


# ------------------------------------------------------------------------------------ data


@pytest.fixture
def elsewhere(monkeypatch):
    """Devices do not read NumPy's memory, as on a graphics card."""
    from axon.xla import batches

    monkeypatch.setattr(batches, "SHARES", ())


def learned(change=None, x=X, rows=4):
    data = x.copy()
    model = small()
    listeners = [] if change is None else [Epochs(lambda m: change(data))]
    fit_options = {"epochs": 3, "verbose": 0, "callbacks": listeners}
    axon.set_random_seed(4)
    history = model.fit(data, Y, rows, **fit_options).history
    return [*history.values(), *model.get_weights(), model.predict(data), *model.evaluate(data, Y)]


def alter(data):
    data[[3, 7]] = data[[7, 3]]  # the sums stay
    data[5] *= 2


@pytest.mark.parametrize("change", [pytest.param(None, marks=pytest.mark.slow), alter])
@pytest.mark.parametrize(
    "x",
    [pytest.param(X, marks=pytest.mark.slow), (X * 9).astype("uint8")],
    ids=["floats", "bytes"],
)
def test_data_that_lie_on_the_device_give_the_same_bits(change, x, request):
    wanted = learned(change, x)
    request.getfixturevalue("elsewhere")
    assert all(map(np.array_equal, learned(change, x), wanted))


@pytest.mark.slow
def test_data_changed_between_epochs_that_begin_with_a_single_step_are_found(request):
    wanted = learned(alter, rows=8)  # the last batch is smaller: what comes next is done alone
    request.getfixturevalue("elsewhere")
    assert all(map(np.array_equal, learned(alter, rows=8), wanted))


def test_data_go_to_the_device_once(elsewhere, monkeypatch):
    from axon.xla.sharding import Sharding

    put, sizes = Sharding.put, []

    def watched(self, array, where):
        sizes.append(array.size)
        return put(self, array, where)

    monkeypatch.setattr(Sharding, "put", watched)
    model = small()
    fit(model, 5)
    assert sizes.count(X.size) == 1


def test_data_that_do_not_fit_are_picked_by_numpy(elsewhere, monkeypatch):
    wanted = learned()
    from axon.xla import columns

    monkeypatch.setattr(columns, "UNKNOWN", 100)
    assert all(map(np.array_equal, learned(), wanted))


def test_a_bar_does_not_slow_steps_down(monkeypatch):
    """It is told of several batches at once, with the numbers of each."""
    from axon.callbacks.progress import ProgressBar

    told, went = [], []
    monkeypatch.setattr(
        ProgressBar, "on_train_batch_end", lambda self, n, logs=None: told.append(n)
    )
    model = small()
    fit(model, 1)
    machine = model.trainer.train.latest.machine
    monkeypatch.setattr(machine, "_most", 100)
    go = machine._go
    monkeypatch.setattr(machine, "_go", lambda steps, *_: (went.append(steps), go(steps)))
    fit(model, 1, callbacks=[ProgressBar()])
    assert told == list(range(11))
    assert went == [11]


def test_the_next_batches_are_picked_while_the_device_works(monkeypatch):
    model, other = small(), small()
    for one in (model, other):
        fit(one, 1)
    machine, events = model.trainer.train.latest.machine, []

    def spy(owner, name):
        function = getattr(owner, name)
        monkeypatch.setattr(owner, name, lambda *given: (events.append(name), function(*given))[1])

    spy(machine, "_compiled")
    spy(machine.batches, "pick")
    spy(machine.numbers, "run_after")
    monkeypatch.setattr(machine, "_most", 3)
    monkeypatch.setattr(machine, "_afterwards", lambda *_: 3)
    monkeypatch.setattr("axon.xla.machine.IN_TURN", 100.0)
    fit(model, 1)
    monkeypatch.undo()
    work = ["_compiled", "pick", "run_after"]
    assert events == ["pick", *work * 3, "_compiled", "run_after"]  # 3, 3, 3 and 2 steps
    fit(other, 1)
    assert all(map(np.array_equal, model.get_weights(), other.get_weights()))


def test_products_of_batches_whose_left_is_turned_are_done_the_other_way_round(monkeypatch):
    """XLA's own loops for those take three times as long on a CPU."""
    from axon.xla import body

    found, turned = [], body._turned_product

    def watched(instruction, a, b):
        found.append((turned(instruction, a, b), a @ b))
        return found[-1][0]

    monkeypatch.setattr(body, "_turned_product", watched)
    a, b = (Tensor(random.normal(size=(2, 3, 4, 5)).astype("float32")) for _ in "ab")
    step = Step(
        "gram", lambda x, y: [x.transpose(0, 1, 3, 2) @ y, x @ y.transpose(0, 1, 3, 2)], "xy"
    )
    inputs = step.inputs(*[((2, 3, 4, 5), np.dtype("float32"))] * 2)
    for array, tensor in zip(inputs, (a, b), strict=True):
        array[...] = tensor.data
    for _ in range(2):
        product, other = step.run(inputs)
        x, y = a.data, b.data
        assert np.allclose(product, x.swapaxes(2, 3) @ y, atol=1e-5)
        assert np.allclose(other, x @ y.swapaxes(2, 3), atol=1e-5)
    assert found
    assert all(one.shape == (2, 3, 5, 5) == way.shape for one, way in found)


# ------------------------------------------------------------------------------------ shards


@pytest.mark.parametrize("limit", [{"clipnorm": 0.5}, {"global_clipnorm": 0.5}, {"clipvalue": 0.1}])
def test_shards_with_limited_gradients_learn_as_with_numpy(limit):
    weights = []
    for kernels in ("numpy", "jax"):
        with Kernels(kernels):
            model = small(Adam(0.1, epsilon=1.0, **limit))  # which makes nothing of rounding
            fit(model, shards=2)
            weights.append(np.concatenate([w.reshape(-1) for w in model.get_weights()]))
    assert np.allclose(*weights, atol=1e-4)


def test_sums_over_ranks_are_numpys_and_nobody_is_told_that_they_are_slow(recwarn):
    model = small()
    fit(model, shards=2)
    sharded = model.trainer.sharded
    assert sharded.shard.compiled
    assert not sharded.update.compiled
    assert not recwarn.list


# ------------------------------------------------------------------------------------ names


def test_a_primitive_of_ones_own_may_be_called_as_one_of_axons():
    def named(name):
        def kernel(out, x, *, xp):
            xp.add(x, 1, out=out)

        kernel.__name__ = name
        return primitive(floats=True)(kernel)

    take, all_reduce = named("take"), named("all_reduce")
    step = Step("own", lambda x: [take(all_reduce(x))], ["x"])
    (x,) = step.inputs(((2,), np.dtype("f4")))
    for value in (1, 5):
        x[:] = value
        assert step.run([x])[0].tolist() == [value + 2, value + 2]
    assert step.compiled


# ------------------------------------------------------------------------------------ float64


def test_a_model_in_float64_learns_as_with_numpy():
    found = []
    for kernels in ("numpy", "jax"):
        with Kernels(kernels):
            axon.set_random_seed(3)
            model = Sequential([Dense(6, "tanh", dtype="float64"), Dense(3, dtype="float64")])
            model.build((5,))
            model.compile("mse", Adam(0.1, epsilon=1.0))  # which makes nothing of rounding
            losses = model.fit(X, X[:, :3], 8, epochs=2, verbose=0).history["loss"]
            found.append(np.concatenate([losses, *(w.ravel() for w in model.get_weights())]))
            assert model.trainer.train.compiled == (kernels == "jax")
    assert np.allclose(*found, rtol=1e-12, atol=1e-13)


def test_results_in_float64_are_those_of_their_step():
    total = Tensor(np.zeros((), "float64"))

    def add(x):
        seen = (x * x).sum()
        new = total + seen.astype("float64")
        total.assign(new)
        return [new, total, new * 2]

    step = Step("sum", add, ["x"], state=lambda: [total])
    (x,) = step.inputs(((3,), np.dtype("f4")))
    for value, wanted in (1, 3), (2, 15), (3, 42), (1, 45):
        x[:] = value
        assert [float(v) for v in step.run([x])] == [wanted, wanted, 2 * wanted]
    assert step.compiled
    assert total.item() == 45


@pytest.mark.filterwarnings("ignore:primitive 'picky' runs on the host:RuntimeWarning")
def test_errors_on_the_host_are_raised_where_they_belong():
    @primitive(floats=True)
    def picky(out, x, *, xp):
        if not (abs(x) < 100).all():
            raise ValueError("too large")
        xp.tanh(x, out=out)

    def repeat(rows, value, found):
        step = Step("picky", lambda x: [picky(x)], ["x"])
        (x,) = step.inputs(((rows,), np.dtype("f4")))
        for k in range(100):
            x[:] = value if k > 3 else 1
            try:
                step.run([x])
            except ValueError:
                found.append(rows)

    found = []
    both = [threading.Thread(target=repeat, args=(*given, found)) for given in ((2, 1), (3, 999))]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert found == [3] * 96
