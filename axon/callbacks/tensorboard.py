"""TensorBoard: a run in files that TensorBoard shows, without TensorFlow."""

import os
from collections.abc import Sequence
from typing import Any, ClassVar

from axon.callbacks.base import Callback, Logs
from axon.callbacks.events import Events, picture
from axon.callbacks.output import prepare
from axon.checks import integer
from axon.names import need

TRAIN, VALIDATION = "train", "validation"


class TensorBoard(Callback):
    """Write losses, metrics, the learning rate, weights and the graph for TensorBoard.

    Look at them with ``tensorboard --logdir logs``. Tags and folders are Keras's: ``epoch_loss``
    in the runs ``train`` and ``validation``, ``epoch_learning_rate``, ``batch_loss``,
    ``evaluation_loss_vs_iterations``, ``dense/weights/histogram``. Epochs are counted from 0,
    batches by what the optimizer counts, so that a resumed run goes on where it was.

    Args:
        log_dir: a folder, which is created; one for each run that shall be compared.
        histogram_freq: write histograms of the weights every so many epochs; 0 for none.
        write_graph: write the graph of the model: what one sample passes through.
        write_images: write the weights as pictures, too, in each epoch with histograms (in each
            epoch, if there are none).
        update_freq: "epoch", or "batch", or after how many batches the losses and metrics of the
            epoch so far are written.

    Raises:
        ImportError: tensorboardX is missing.
        OSError: the folder cannot be written, before training begins.
        ValueError: histogram_freq or update_freq is something else.
    """

    writes: ClassVar[bool] = True

    def __init__(
        self,
        log_dir: "str | os.PathLike[str]" = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        *,
        update_freq: int | str = "epoch",
    ) -> None:
        need("tensorboardX", "TensorBoard needs", "tensorboard")
        self.log_dir = os.fspath(log_dir)
        self.histogram_freq = integer("TensorBoard", "histogram_freq", histogram_freq, least=0)
        self.write_graph, self.write_images = write_graph, write_images
        self.update_freq = update_freq
        if update_freq != "epoch":  # who does not override a hook costs nothing
            self._every = 1 if update_freq == "batch" else _every(update_freq)
            vars(self)["on_train_batch_end"] = self._after_batch
        self._events: dict[str, Events] = {}
        self._training = False

    def demand_possible(self, measured: Sequence[str] | None) -> None:
        """Make sure that the folder can be written."""
        self._demand_place()

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Make sure that the folder can be written, and write the graph."""
        self._demand_place()
        self._training = True
        if self.write_graph and self.model.input_shape is not None:
            from axon.callbacks.graph import graph_of  # few write one

            self._run(TRAIN).graph(graph_of(self.model))
            self._run(TRAIN).flush()

    def _demand_place(self) -> None:
        for run in (TRAIN, VALIDATION):
            if run == TRAIN or os.path.exists(os.path.join(self.log_dir, run)):
                prepare("TensorBoard", os.path.join(self.log_dir, run, "events"))

    def _run(self, name: str) -> Events:
        """The event file of a run, which is begun when there is something to write."""
        if name not in self._events:
            folder = os.path.join(self.log_dir, name)
            os.makedirs(folder, exist_ok=True)
            self._events[name] = Events(folder)
        return self._events[name]

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Write what was measured, and the weights if it is time."""
        for name, value in (logs or {}).items():
            run = VALIDATION if name.startswith("val_") else TRAIN
            self._run(run).scalar(f"epoch_{name.removeprefix('val_')}", epoch, value)
        rate = float(self.model.optimizer.learning_rate)
        self._run(TRAIN).scalar("epoch_learning_rate", epoch, rate)
        if epoch % (self.histogram_freq or 1) == 0:
            self._weights(epoch)
        for events in self._events.values():
            events.flush()

    def _weights(self, epoch: int) -> None:
        tensors = {**self.model.named_parameters(), **self.model.named_buffers()}
        for path, tensor in tensors.items():
            if tensor.dtype.kind != "f" or not tensor.size:
                continue
            if self.histogram_freq:
                self._run(TRAIN).histogram(f"{path}/histogram", epoch, tensor.data)
            if self.write_images:
                self._run(TRAIN).image(f"{path}/image", epoch, picture(tensor.data))

    def _after_batch(self, batch: int, logs: Logs | None = None) -> None:
        del batch
        step = batches_done(self.model.optimizer)
        if step % self._every == 0:
            for name, value in (logs or {}).items():
                self._run(TRAIN).scalar(f"batch_{name}", step, value)

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Write the results of a validation, or of ``evaluate``, over the batches so far."""
        step = batches_done(self.model.optimizer)
        for name, value in (logs or {}).items():
            self._run(VALIDATION).scalar(f"evaluation_{name}_vs_iterations", step, value)
        if not self._training:
            self._close()

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Write the rest and close the files, whatever ended the run."""
        self._training = False
        self._close()

    def _close(self) -> None:
        from contextlib import ExitStack

        with ExitStack() as calls:  # closes each, even if one of them cannot be written
            while self._events:
                calls.callback(self._events.popitem()[1].close)


def _every(update_freq: object) -> int:
    if isinstance(update_freq, str):
        raise ValueError(
            "TensorBoard: update_freq must be 'epoch', 'batch' or a number of batches, got "
            f"{update_freq!r}."
        )
    return integer("TensorBoard", "update_freq", update_freq)


def batches_done(optimizer: Any) -> int:
    """How many batches an optimizer has learned from, those that still wait for others included."""
    per_update = optimizer.gradient_accumulation_steps or 1
    waiting = optimizer.numbers.get("waiting")
    return int(optimizer.iterations.data) * per_update + (
        0 if waiting is None else int(waiting.data)
    )
