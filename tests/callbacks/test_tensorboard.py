"""TensorBoard: the event files are read back, record by record, and say what training did."""

import os
import re
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest

import axon
from axon.callbacks import BackupAndRestore, Callback, Callbacks, TensorBoard
from axon.callbacks.events import picture, png
from axon.layers import BatchNormalization, Conv2D, Dense, Dropout, Flatten
from axon.models import Model, Sequential
from axon.optimizers import SGD, Adam
from axon.optimizers.schedules import ExponentialDecay

pytest.importorskip("tensorboardX")
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.proto.graph_pb2 import GraphDef

X = np.linspace(-1, 1, 48, dtype=np.float32).reshape(24, 2)
Y = X.sum(axis=1, keepdims=True)


def crc32c(data):
    """CRC-32C, bit by bit (Castagnoli's polynomial, reversed)."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(data):
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def records(path):
    """The events of a file, whose check sums are right."""
    data, at, found = path.read_bytes(), 0, []
    while at < len(data):
        (length,), head = struct.unpack("<Q", data[at : at + 8]), data[at : at + 8]
        body = data[at + 12 : at + 12 + length]
        assert struct.unpack("<I", data[at + 8 : at + 12]) == (masked(head),)
        assert struct.unpack("<I", data[at + 12 + length : at + 16 + length]) == (masked(body),)
        found.append(Event.FromString(body))
        at += 16 + length
    assert at == len(data)
    return found


def events(folder):
    """Of all files of a run, in the order of their names."""
    files = sorted(folder.iterdir(), key=lambda path: int(path.name.rpartition(".")[2]))
    assert all(path.name.startswith("events.out.tfevents.") for path in files)
    return [event for path in files for event in records(path)]


def values(folder, kind, twice=False):
    """tag -> step -> value, of one kind: simple_value, histo, image; if twice, then the same."""
    found = {}
    for event in events(folder):
        for value in event.summary.value:
            if value.HasField(kind):
                steps, told = found.setdefault(value.tag, {}), getattr(value, kind)
                assert event.step not in steps or (twice and steps[event.step] == told)
                steps[event.step] = told
    return found


def scalars(folder, twice=False):
    return values(folder, "simple_value", twice)


def graph(folder):
    (definition,) = [e.graph_def for e in events(folder) if e.HasField("graph_def")]
    return GraphDef.FromString(definition)


def compiled(*layers, optimizer="sgd", **options):
    model = Sequential(layers or [Dense(3, "tanh"), Dense(1)])
    model.compile("mse", optimizer, **options)
    return model


def train(model, tensorboard, epochs=3, x=X, y=Y, **options):
    return model.fit(x, y, 8, epochs=epochs, verbose=0, callbacks=[tensorboard], **options)


def f32(numbers):
    return [float(np.float32(v)) for v in numbers]


# ------------------------------------------------------------------------------------ scalars


def test_losses_and_metrics_of_each_epoch_in_two_runs(tmp_path):
    model = compiled(metrics=["mae"])
    history = train(model, TensorBoard(tmp_path), validation_data=(X, Y), validation_freq=2)
    found = {name: scalars(tmp_path / name) for name in ("train", "validation")}
    for tag, name in (("epoch_loss", "loss"), ("epoch_mae", "mae")):
        assert list(found["train"][tag]) == [0, 1, 2]
        assert list(found["train"][tag].values()) == f32(history.history[name])
        assert found["validation"][tag] == {1: f32(history.history[f"val_{name}"])[0]}
        evaluation = {
            f"evaluation_{name}_vs_iterations": {6: f32(history.history[f"val_{name}"])[0]}
        }
        assert evaluation.items() <= found["validation"].items()
    assert set(found["train"]) == {"epoch_loss", "epoch_mae", "epoch_learning_rate"}
    assert len(found["validation"]) == 4
    assert sorted(os.listdir(tmp_path)) == ["train", "validation"]
    assert [len(os.listdir(tmp_path / name)) for name in found] == [1, 1]
    first, *_ = events(tmp_path / "train")
    assert first.file_version == "brain.Event:2"


def test_without_validation_there_is_no_such_run(tmp_path):
    train(compiled(), TensorBoard(str(tmp_path / "a" / "b")))
    assert os.listdir(tmp_path / "a" / "b") == ["train"]


def test_the_learning_rate_is_what_the_schedule_says(tmp_path):
    rate = ExponentialDecay(0.1, 3, 0.5)
    train(compiled(optimizer=SGD(rate)), TensorBoard(tmp_path))
    found = scalars(tmp_path / "train")["epoch_learning_rate"]
    assert found == dict(enumerate(f32([rate(3), rate(6), rate(9)])))


@pytest.mark.parametrize(
    ("freq", "steps"), [("batch", [*range(1, 7)]), (4, [4]), (1, [*range(1, 7)])]
)
def test_numbers_of_batches(tmp_path, freq, steps):
    seen = {}

    class Watch(Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen[len(seen) + 1] = logs["loss"]

    model = compiled()
    both = [Watch(), TensorBoard(tmp_path, update_freq=freq)]
    model.fit(X, Y, 8, epochs=2, verbose=0, callbacks=both)
    found = scalars(tmp_path / "train")["batch_loss"]
    assert list(found) == steps
    assert list(found.values()) == f32(seen[step] for step in steps)
    assert len(seen) == 6


def test_batches_are_counted_where_several_make_an_update(tmp_path):
    model = compiled(optimizer=SGD(0.1, gradient_accumulation_steps=2))
    train(model, TensorBoard(tmp_path, update_freq="batch"), epochs=3)
    assert list(scalars(tmp_path / "train")["batch_loss"]) == [*range(1, 10)]


def test_a_run_goes_on_where_it_was(tmp_path):
    model = compiled()
    train(model, TensorBoard(tmp_path, update_freq="batch"), epochs=2)
    train(model, TensorBoard(tmp_path, update_freq="batch"), epochs=4, initial_epoch=2)
    found = scalars(tmp_path / "train")
    assert list(found["epoch_loss"]) == [0, 1, 2, 3]
    assert list(found["batch_loss"]) == [*range(1, 13)]
    assert len(os.listdir(tmp_path / "train")) == 2, "of the same second, but of different names"


def test_a_run_that_broke_off_goes_on_from_its_backup(tmp_path):
    class Failing(Callback):
        def on_train_batch_end(self, batch, logs=None):
            if int(self.model.optimizer.iterations.data) == 8:
                raise ZeroDivisionError

    def go_on(*failing):
        watch = TensorBoard(tmp_path / "logs", 1, update_freq="batch")
        with_backup = [watch, BackupAndRestore(tmp_path / "backup", save_freq=2), *failing]
        compiled().fit(X, Y, 8, epochs=4, verbose=0, callbacks=with_backup)

    with pytest.raises(ZeroDivisionError):
        go_on(Failing())
    go_on()
    whole = scalars(tmp_path / "logs" / "train", twice=True)
    assert sorted(whole["batch_loss"]) == [*range(1, 13)]
    assert sorted(whole["epoch_loss"]) == [0, 1, 2, 3]


def test_the_same_callback_twice(tmp_path):
    model, tensorboard = compiled(), TensorBoard(tmp_path)
    for first in (0, 2):
        train(model, tensorboard, epochs=first + 2, initial_epoch=first)
    assert list(scalars(tmp_path / "train")["epoch_loss"]) == [0, 1, 2, 3]


def test_evaluate_alone(tmp_path):
    model = compiled()
    train(model, TensorBoard(tmp_path))
    tensorboard = TensorBoard(tmp_path / "test")
    loss = model.evaluate(X, Y, callbacks=[tensorboard])
    assert scalars(tmp_path / "test" / "validation") == {
        "evaluation_loss_vs_iterations": {9: f32([loss])[0]}
    }
    assert not tensorboard._events, "closed"


def test_a_loss_that_is_not_a_number(tmp_path):
    lost = pytest.warns(RuntimeWarning, match="the loss became")
    with lost, np.errstate(over="ignore", invalid="ignore"):
        train(compiled(optimizer=SGD(1e30)), TensorBoard(tmp_path, 1, write_images=True))
    assert not np.isfinite(scalars(tmp_path / "train")["epoch_loss"][2])


# ------------------------------------------------------------------------------------ weights


def images_model():
    layers = [Conv2D(4, 3), BatchNormalization(), Flatten(), Dropout(0.5), Dense(2, name="head")]
    return compiled(*layers, optimizer=Adam(0.01))


IMAGES = np.random.default_rng(0).random((24, 6, 6, 1)).astype("f4")
PAIRS = X


def test_histograms_of_weights_and_running_means(tmp_path):
    model, kept = images_model(), {}

    class Keep(Callback):
        def on_epoch_end(self, epoch, logs=None):
            tensors = {**model.named_parameters(), **model.named_buffers()}
            kept[epoch] = {name: t.data.copy() for name, t in tensors.items()}

    both = [TensorBoard(tmp_path, histogram_freq=2), Keep()]
    model.fit(IMAGES, PAIRS, 8, epochs=3, verbose=0, callbacks=both)
    found = values(tmp_path / "train", "histo")
    assert set(found) == {
        *("conv2d/weights/histogram", "conv2d/bias/histogram", "head/weights/histogram"),
        *("head/bias/histogram", "batch_normalization/gamma/histogram"),
        *("batch_normalization/beta/histogram", "batch_normalization/moving_mean/histogram"),
        "batch_normalization/moving_variance/histogram",
    }, "but no random keys"
    for tag, steps in found.items():
        assert list(steps) == [0, 2]
        for step, histo in steps.items():
            w = kept[step][tag.removesuffix("/histogram")].astype(np.float64).ravel()
            assert (histo.num, histo.min, histo.max) == (w.size, w.min(), w.max())
            assert histo.sum == pytest.approx(w.sum())
            assert histo.sum_squares == pytest.approx(np.square(w).sum())
            assert len(histo.bucket) == (30 if np.ptp(w) else 1)
            edges = [-np.inf, *histo.bucket_limit]
            edges[-1] = np.inf
            counted, _ = np.histogram(w, edges)
            # numbers on an edge may count on either side of it
            assert np.abs(np.cumsum(counted) - np.cumsum(histo.bucket)).max() <= 1
            assert sum(histo.bucket) == w.size
            assert histo.bucket_limit == sorted(histo.bucket_limit)
    assert "image" not in str(list(values(tmp_path / "train", "image")))


@pytest.mark.parametrize(
    ("weights", "kept"),
    [
        (np.zeros(5), [0.0] * 5),
        (np.full(4, 1e30), [1e30] * 4),
        (np.array([1.0, np.nextafter(1.0, 2.0)]), [1.0, np.nextafter(1.0, 2.0)]),
        (np.array([np.nan, 1.0, np.inf, 2.0]), [1.0, 2.0]),
        (np.array([-3e38, 3e38], np.float32), np.float32([-3e38, 3e38]).tolist()),
    ],
)
def test_odd_distributions(tmp_path, weights, kept):
    from axon.callbacks.events import Events

    file = Events(str(tmp_path))
    file.histogram("w", 7, weights)
    file.histogram("nothing", 7, np.array([np.nan]))
    file.close()
    ((tag, steps),) = values(tmp_path, "histo").items()
    assert (tag, list(steps)) == ("w", [7])
    assert (steps[7].num, steps[7].min, steps[7].max) == (len(kept), min(kept), max(kept))
    assert sum(steps[7].bucket) == len(kept)
    assert len(steps[7].bucket) == len(steps[7].bucket_limit)


def decoded(data):
    """The pixels of a PNG whose rows are not filtered."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, chunks = 8, {}
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        assert struct.unpack(">I", data[at + 8 + length : at + 12 + length]) == (
            zlib.crc32(kind + body),
        )
        chunks[kind] = body
        at += 12 + length
    width, height, depth, colour = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
    assert depth == 8
    assert chunks[b"IHDR"][10:] == bytes(3)
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, -1)
    assert not rows[:, 0].any()
    return rows[:, 1:].reshape((height, width, 3) if colour == 2 else (height, width))


@pytest.mark.parametrize("shape", [(3, 5), (4, 2, 3)])
def test_png(shape):
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    assert np.array_equal(decoded(png(pixels)), pixels)


def test_pictures_of_weights(tmp_path):
    model = images_model()
    train(model, TensorBoard(tmp_path, write_images=True), epochs=2, x=IMAGES, y=PAIRS)
    found = values(tmp_path / "train", "image")
    assert {tag.rpartition("/")[2] for tag in found} == {"image"}
    assert list(found["head/weights/image"]) == [0, 1]
    for path, tensor in model.named_parameters().items():
        image = found[f"{path}/image"][1]
        pixels = decoded(image.encoded_image_string)
        assert np.array_equal(pixels, picture(tensor.data))
        assert (image.height, image.width) == pixels.shape[:2]
        assert image.colorspace == 1
    assert not values(tmp_path / "train", "histo")


def test_pictures_in_colour(tmp_path):
    model = compiled(Conv2D(2, 3), Flatten(), Dense(2))
    train(model, TensorBoard(tmp_path, 0, False, True), 1, np.repeat(IMAGES, 3, axis=3), PAIRS)
    image = values(tmp_path / "train", "image")["conv2d/weights/image"][0]
    w, pixels = model.layers[0].weights.data, decoded(image.encoded_image_string)
    assert (image.colorspace, image.height, image.width) == (3, 64, 128)
    seen = pixels[::16, ::16][:3, 4:7]
    assert np.array_equal(seen, np.rint(127.5 + 127.5 * w[..., 1].astype(float) / np.abs(w).max()))


def test_what_pictures_show():
    w = np.array([[0.0, 1.0, -1.0], [0.5, -0.5, 0.0]])
    seen = picture(w)
    assert seen.shape == (86, 129)
    expected = [[128, 255, 0], [191, 64, 128]]
    assert np.array_equal(seen, np.array(expected, np.uint8).repeat(43, 0).repeat(43, 1))
    assert np.array_equal(picture(w.T), seen), "matrices lie down"
    assert picture(np.zeros(4)).tolist() == np.full((32, 128), 128).tolist()
    kernels = np.random.default_rng(0).random((3, 3, 2, 5))
    tiles = picture(kernels)[::7, ::7]
    most = kernels.max()
    second = np.rint(127.5 + 127.5 * kernels[:, :, 1, 2] / most)
    assert tiles.shape == (8, 20)
    assert np.array_equal(tiles[4:7, 8:11], second)
    assert picture(np.zeros((3, 3, 3, 4))).shape[2] == 3
    assert max(picture(np.zeros((5000, 20))).shape) <= 1024
    assert picture(np.array([[np.nan, 1.0, -np.inf]])).max() == 255
    assert picture(np.zeros((4, 5, 6))).ndim == 2


# ------------------------------------------------------------------------------------ the graph


def test_the_graph_has_the_layers_and_what_flows(tmp_path):
    model = images_model()
    train(model, TensorBoard(tmp_path), x=IMAGES, y=PAIRS)
    nodes = {node.name: node for node in graph(tmp_path / "train").node}
    assert {name.split("/")[0] for name in nodes} == {
        *("x", "conv2d", "batch_normalization", "flatten", "head", "output")
    }
    assert nodes["x"].op == "Placeholder"
    assert nodes["head/weights"].op == "VariableV2"
    assert nodes["batch_normalization/moving_mean"].op == "VariableV2"
    assert nodes["head/matmul"].input[1] == "head/weights"
    assert nodes["output"].input == ["head/add"]

    def shape(name):
        return [dim.size for dim in nodes[name].attr["_output_shapes"].list.shape[0].dim]

    assert (shape("x"), shape("head/weights"), shape("output")) == ([1, 6, 6, 1], [64, 2], [1, 2])
    assert nodes["x"].attr["T"].type == 1
    assert nodes["conv2d/conv2d"].attr["strides"].s == b"(1, 1)"
    assert all(source in nodes for node in nodes.values() for source in node.input)
    reached, todo = set(), ["output"]
    while todo:
        name = todo.pop()
        reached.add(name)
        todo += [source for source in nodes[name].input if source not in reached]
    assert {"x", "conv2d/weights", "conv2d/bias", "head/bias"} <= reached
    assert len(reached) == len(nodes), "nothing hangs in the air"


def test_the_graph_of_branches_and_of_a_model_inside(tmp_path):
    class Two(Model):
        def __init__(self):
            super().__init__()
            self.left, self.right = Sequential([Dense(3), Dense(4)]), Dense(4, "relu")
            self.scale = axon.parameter.Parameter(np.ones(4, np.float32))

        def forward(self, a, b):
            return (self.left(a) + self.right(b) * self.scale + 0.5).sum(axis=1, keepdims=True)

    model = Two()
    model.compile("mse", "sgd")
    train(model, TensorBoard(tmp_path), x=(X, X[:, :1]))
    nodes = {node.name: node for node in graph(tmp_path / "train").node}
    assert [nodes[name].op for name in ("a", "b")] == ["Placeholder"] * 2
    assert "left/dense/matmul" in nodes
    assert nodes["left/dense_1/matmul"].input == ["left/dense/add", "left/dense_1/weights"]
    assert nodes["multiply"].input == ["right/relu", "scale"]
    assert nodes["add"].input == ["left/dense_1/add", "multiply"]
    assert nodes["add_1"].input[0] == "add"


def test_a_layer_called_twice_reads_the_same_weights(tmp_path):
    class Tied(Model):
        def __init__(self):
            super().__init__()
            self.dense = Dense(2)

        def forward(self, x):
            return self.dense(self.dense(x))[:, :1]

    model = Tied()
    model.compile("mse", "sgd")
    train(model, TensorBoard(tmp_path))
    nodes = {node.name: node for node in graph(tmp_path / "train").node}
    assert nodes["dense/matmul_1"].input == ["dense/add", "dense/weights"]
    assert "dense/weights_1" not in nodes


def test_names_that_tensorboard_would_refuse(tmp_path):
    model = compiled(Dense(1, name="über mich: 1"))
    train(model, TensorBoard(tmp_path))
    names = [node.name for node in graph(tmp_path / "train").node]
    assert all(re.fullmatch(r"[A-Za-z0-9.][A-Za-z0-9_./-]*", name) for name in names)


def test_without_the_graph(tmp_path):
    train(compiled(), TensorBoard(tmp_path, write_graph=False))
    assert not any(event.HasField("graph_def") for event in events(tmp_path / "train"))


# ------------------------------------------------------------------------------------ endings


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
def test_files_are_whole_and_closed_whatever_ends_the_run(tmp_path, error):
    class Failing(Callback):
        def on_train_batch_begin(self, batch, logs=None):
            if int(self.model.optimizer.iterations.data) == 5:
                raise error

    tensorboard = TensorBoard(tmp_path, update_freq="batch")
    with pytest.raises(error):
        compiled().fit(X, Y, 8, epochs=9, verbose=0, callbacks=[tensorboard, Failing()])
    found = scalars(tmp_path / "train")
    assert (list(found["epoch_loss"]), list(found["batch_loss"])) == ([0], [1, 2, 3, 4, 5])
    assert not tensorboard._events


def test_a_full_disk_is_told_and_the_files_are_closed(tmp_path, monkeypatch):
    model, tensorboard = compiled(), TensorBoard(tmp_path, write_graph=False)
    opened = []

    class Full(Callback):
        def on_epoch_end(self, epoch, logs=None):
            opened.extend(tensorboard._events.values())
            monkeypatch.setattr(os, "fsync", full)

    def full(handle):
        raise OSError(28, "No space left on device")

    options = {"epochs": 3, "verbose": 0, "validation_data": (X, Y)}
    with pytest.raises(OSError, match="No space left"):
        model.fit(X, Y, 8, callbacks=[tensorboard, Full()], **options)
    assert len(opened) == 2
    assert all(e._writer._py_recordio_writer._writer.closed for e in opened)


def test_numbers_can_be_read_while_training_goes_on(tmp_path):
    class Reading(Callback):
        def on_epoch_end(self, epoch, logs=None):
            assert list(scalars(tmp_path / "train")["epoch_loss"]) == [*range(epoch + 1)]

    compiled().fit(X, Y, 8, epochs=2, verbose=0, callbacks=[TensorBoard(tmp_path), Reading()])


@pytest.mark.parametrize("place", ["logs", "logs/train", "logs/validation"])
def test_a_folder_that_cannot_be_written_is_found_before_training(tmp_path, place):
    path = tmp_path / place
    path.parent.mkdir(exist_ok=True)
    path.write_text("a file")
    model = compiled()
    model.build((2,))
    before = model.get_weights()
    with pytest.raises(OSError, match=r"TensorBoard: cannot write .*Choose a folder that you may"):
        train(model, TensorBoard(tmp_path / "logs"))
    assert all(map(np.array_equal, model.get_weights(), before))
    assert path.read_text() == "a file"


def test_watching_changes_nothing(tmp_path):
    def weights(*callbacks):
        axon.set_random_seed(3)
        model = images_model()
        model.fit(IMAGES, PAIRS, 8, epochs=2, verbose=0, callbacks=callbacks)
        return model.get_weights()

    batches = {"histogram_freq": 1, "write_graph": True, "write_images": True}
    watched = weights(TensorBoard(tmp_path, **batches, update_freq="batch"))
    assert all(map(np.array_equal, weights(), watched))
    assert len(weights()) == len(watched) > 6


def test_who_does_not_ask_for_batches_costs_nothing(tmp_path):
    for freq, listening in (("epoch", False), ("batch", True), (100, True)):
        told = Callbacks([TensorBoard(tmp_path, update_freq=freq)], None, {})
        assert told.listens("on_train_batch_end") == listening
        assert not told.listens("on_train_batch_begin")


# ------------------------------------------------------------------------------------ settings


def test_wrong_settings():
    words = r"update_freq must be 'epoch', 'batch' or a number of batches, got 'step'"
    with pytest.raises(ValueError, match=words):
        TensorBoard(update_freq="step")
    with pytest.raises(ValueError, match="update_freq must be a whole number of at least 1, got 0"):
        TensorBoard(update_freq=0)
    with pytest.raises(ValueError, match="histogram_freq must be a whole number of at least 0"):
        TensorBoard(histogram_freq=-1)


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ImportError, match=r"pip install tensorboardX \(the extra"):
        TensorBoard()


def test_tensorflow_is_not_needed(tmp_path):
    code = (
        "import sys, numpy as np, axon\n"
        "from axon.callbacks import TensorBoard\n"
        "assert 'tensorboardX' not in sys.modules\n"
        "model = axon.Sequential([axon.layers.Dense(1)])\n"
        "model.compile('mse')\n"
        "x = np.ones((4, 2))\n"
        f"watch = TensorBoard({str(tmp_path)!r}, 1, True, True)\n"
        "model.fit(x, x[:, :1], verbose=0, callbacks=[watch])\n"
        "assert not {'tensorflow', 'tensorboard', 'matplotlib'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert scalars(tmp_path / "train")["epoch_loss"]


def test_tensorboards_own_reader_agrees(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    model = images_model()
    history = train(model, TensorBoard(tmp_path, 1, True, True, 2), x=IMAGES, y=PAIRS)
    read = EventAccumulator(str(tmp_path / "train")).Reload()
    told = read.Tags()
    assert len(told["scalars"]) == 3
    assert len(told["histograms"]) == len(told["images"]) == 8
    assert [s.value for s in read.Scalars("epoch_loss")] == f32(history.history["loss"])
    assert len(read.Graph().node) == len(graph(tmp_path / "train").node)
