"""LiveChart: in a notebook, curves that grow while a model learns."""

from collections.abc import Sequence
from typing import Any, ClassVar

from axon import clock
from axon.callbacks.base import Callback, Logs
from axon.callbacks.history import History, values_table
from axon.callbacks.output import NotebookOutput
from axon.html.parts import details, framed
from axon.names import duration, readable
from axon.plot.inline import curve_charts
from axon.plot.runs import RunSeries, Series, read

CHARTS = 6  # without being asked for more
SPARE = 20.0  # how much longer to wait than a drawing took
POINTS = 60  # of the epoch that is under way


class LiveChart(Callback):
    """In a notebook: a bar and curves that grow while a model learns, in one place of the output.

    ``fit(verbose="notebook")`` uses it, and so does "auto" in a notebook. The last state stays in
    the saved notebook. Outside of a notebook nothing is shown.

    Args:
        metrics: which to draw, without ``val_``; by default the first six, the loss among them.
        every: seconds between two drawings, at least.

    Raises:
        ValueError: ``every`` is below 0.

    >>> LiveChart(["loss"]).metrics
    ['loss']
    """

    writes: ClassVar[bool] = True
    together: ClassVar[bool] = True

    def __init__(self, metrics: Sequence[str] | None = None, every: float = 0.5) -> None:
        if not every >= 0:
            raise ValueError(f"LiveChart: every must be 0 or more seconds, got {every!r}.")
        self.metrics = None if metrics is None else list(metrics)
        self.every = every
        self.history = History()

    def set_model(self, model: Any) -> None:
        """Take note of the model, whose history is drawn."""
        super().set_model(model)
        if model.history is not None:
            self.history = model.history

    # -------------------------------------------------------------------- training

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Show the place where curves will be."""
        self._output, self._ended, self._began = NotebookOutput(), "", clock.seconds()
        self._epoch = self._batch = self._seen = 0
        self._next = 0.0
        self._current: dict[str, list[tuple[float, float]]] = {}
        self._draw()

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Start the clock."""
        self._epoch, self._batch, self._seen, self._start = epoch, 0, 0, clock.seconds()
        self._current.clear()

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Draw the means so far, if it is time to."""
        self._batch, now = batch + 1, clock.seconds()
        self._seen += 1
        if now >= self._next:
            self._note(logs or {})
            self._draw()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Draw the curves, if it is time to."""
        self._epoch, self._batch = epoch + 1, 0
        if clock.seconds() >= self._next:
            self._draw()

    def on_exception(self, exception: BaseException) -> None:
        """Say what ended training."""
        self._ended = f"stopped: {type(exception).__name__}"

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Draw the last state, which stays."""
        self._ended = self._ended or "done"
        self._draw()

    # -------------------------------------------------------------------- drawing

    def _note(self, logs: Logs) -> None:
        """Remember the means so far, at a place between two epochs."""
        steps = self.params.get("steps") or 0
        at = self._epoch + min(self._batch / steps, 1.0) if steps else float(self._epoch)
        for name, value in logs.items():
            kept = self._current.setdefault(name, [])
            kept.append((at, value))
            if len(kept) > POINTS:
                del kept[1::2]

    def _draw(self) -> None:
        began = clock.seconds()
        head, note = self._said(began)
        charts = "".join(self._charts())
        table = self._table() if self._ended else ""
        shown = framed(head, self._bar(), f'<div class="charts">{charts}</div>', table, note=note)
        self._output.show(shown, f"{head} - {note}")
        now = clock.seconds()
        self._next = now + max(self.every, SPARE * (now - began))

    def _said(self, now: float) -> tuple[str, str]:
        """What stands above the curves."""
        epochs, done = self.params["epochs"], self._epoch
        values = [f"{name} {readable(value)}" for name, value in self._latest().items()]
        if self._ended:
            spent = f"{self._ended} in {duration(now - self._began)}"
            return f"{done} of {epochs} epochs", " · ".join([spent, *values])
        steps = self.params.get("steps")
        parts = []
        if self._batch and self._seen:
            pace = (now - self._start) / self._seen
            of = f"/{steps}" if steps else ""
            parts.append(f"step {self._batch}{of}, {duration(pace)}/step")
        if steps and self._seen and (left := self._left(now, steps, epochs)) > 1:
            parts.append(f"{duration(left)} left")
        return f"Epoch {min(done + 1, epochs)} of {epochs}", " · ".join([*parts, *values])

    def _left(self, now: float, steps: int, epochs: int) -> float:
        """Seconds until the last epoch ends, if all go on as this one."""
        pace = (now - self._start) / self._seen
        return pace * (steps * (epochs - self._epoch) - self._batch)

    def _latest(self) -> Logs:
        """What was measured last."""
        current = {name: values[-1][1] for name, values in self._current.items()}
        return {k: v[-1] for k, v in self.history.history.items() if v} | current

    def _bar(self) -> str:
        epochs, steps = self.params["epochs"], self.params.get("steps") or 0
        share = self._epoch / epochs
        if steps and self._epoch < epochs:
            share += min(self._batch, steps) / steps / epochs
        style = {"": "", "done": "done"}.get(self._ended, "stopped")
        wide = 100.0 if self._ended == "done" else 100 * min(share, 1.0)
        return f'<div class="progress"><div class="{style}" style="width: {wide:.1f}%"></div></div>'

    def _charts(self) -> list[str]:
        run = read(self.history)
        shown = self._with_current(run)
        known = list(dict.fromkeys(name.removeprefix("val_") for name in shown)) or ["loss"]
        chosen = [n for n in known if n in self.metrics] if self.metrics else known[:CHARTS]
        kept = {k: s for k, s in shown.items() if k.removeprefix("val_") in chosen}
        return curve_charts(
            kept or {"loss": Series([], [])}, self._range(shown), best=bool(self._ended)
        )

    def _with_current(self, run: RunSeries) -> RunSeries:
        """The curves; of a first epoch, and of an only one, what it showed on the way."""
        if run and self.params["epochs"] > 1:
            return run
        found = dict(run)
        for name, values in self._current.items():
            places: list[Any] = [at - 1 for at, _ in values]  # between two epochs
            later = run.get(name, Series([], []))
            heights = [value for _, value in values]
            found[name] = Series(places + later.epochs, heights + later.values)
        return found

    def _range(self, run: RunSeries) -> tuple[float, float] | None:
        """The first and the last epoch on paper: an end that moves seldom."""
        done = max((s.epochs[-1] + 1 for s in run.values() if s.epochs), default=1)
        first = min((s.epochs[0] + 1 for s in run.values() if s.epochs), default=1)
        if self._ended:
            return (first, done) if done > first else None
        end = 10
        while end < done + 1:
            end *= 2
        return min(first, 1), max(min(end, self.params["epochs"]), 1.01)

    def _table(self) -> str:
        return details("All values", values_table(self.history)) if self.history.epoch else ""
