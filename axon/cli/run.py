"""A training run: its settings, and what becomes of them; ``train`` and ``resume`` share it."""

import math
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

import axon
from axon import optimizers
from axon.backend import Array
from axon.callbacks import BackupAndRestore, Callback, History
from axon.cli import config, learning, network, verdict
from axon.cli.data import TABLES, Task, Wanted, fingerprint, load
from axon.cli.output import note, print_pairs
from axon.cli.ranks import SHARDS
from axon.files.atomic import atomic, check_writable
from axon.metrics.scores import errors
from axon.models import Model
from axon.models.saving import other_format
from axon.modes import modes
from axon.names import readable
from axon.program.lowerings import in_full, options, setting
from axon.ranks import world

FEW = 10_000  # below so many training samples, batches are smaller and epochs more
SETTINGS = "run.toml"  # the settings of a run, in the folder of its backup


Settings = Mapping[str, Any]  # the value of each option, by the name of its parameter


class TrainingRun:
    """One training run.

    Args:
        command: ``train``, whose options the settings are.
        settings: value of each option, by the name of its parameter.
        fall_back: take the built-in digits where MNIST cannot be had.
    """

    def __init__(self, command: click.Command, settings: Settings, fall_back: bool = True) -> None:
        self.command, self.settings = command, dict(settings)
        self.fall_back = fall_back
        self.backup = _backup(settings["backup"], settings["backup_every"])
        self.task: Task
        self.written: list[Path] = []
        self.best: int | None = None  # epoch
        self.baseline: verdict.Baseline
        optimizers.get(settings["optimizer"])  # is there one of this name?

    # -------------------------------------------------------------------- before training

    def check(self) -> None:
        """Find out before training what cannot be written, and what makes no sense."""
        table = Path(self.settings["data"]).suffix.lower() in TABLES
        if self.settings["target"] and not table:
            raise click.UsageError("--target is for a CSV file: it names the column to predict.")
        if self.settings["classes"] and not table:
            raise click.UsageError("--classes is for a CSV file: it names the labels in it.")
        save = self.settings["save"]
        if save and other_format(save):
            raise click.UsageError(
                f"--save writes AXON's own format, and {save} would be another one by its name. "
                "Call it *.axon; then: axon export."
            )
        for name in ("save", "report"):
            if self.settings[name]:
                check_writable(self.settings[name])
        if self.settings["plot"]:
            from axon.plot import need_matplotlib

            need_matplotlib()
            check_writable(self.pictures / "picture.png")

    @property
    def pictures(self) -> Path:
        """Where pictures go: beside the model."""
        save = self.settings["save"]
        return Path(save).parent if save else Path()

    def drawings(self) -> list[Path]:
        """The pictures that `--plot` makes: curves, and for classes the mistakes."""
        plots = ["curves", "mistakes"][: 2 if self.task.class_names else 1]
        wanted = plots if self.settings["plot"] else []
        return [self.pictures / f"{self.task.name}-{plot}.png" for plot in wanted]

    def load(self) -> None:
        """Read the data, and settle what depends on them, so that a file can repeat the run."""
        s = self.settings
        read = s["target"], s["task"], s["image_size"], s["seed"]
        wanted = Wanted(*read, self.fall_back, s["classes"], s["test"])
        self.task = load(s["data"], wanted)
        few = len(self.task.train[0]) < FEW
        self._settle_stopping()
        goal = "classification" if self.task.class_names else "regression"
        if (s["task"], goal) == ("auto", "regression"):
            note(
                f"{self.task.target!r} holds numbers: these are predicted. --task classification "
                "takes them for classes."
            )
        if self.task.of_folder:
            s["image_size"] = self.task.train[0].shape[1:3]
        s |= {"data": self.task.data, "target": self.task.target or None, "task": goal}
        s["batch_size"] = s["batch_size"] or (32 if few else 128)
        s["epochs"] = s["epochs"] or (30 if few else 5)
        if s["learning_rate"] is None:
            s["learning_rate"] = float(optimizers.get(s["optimizer"]).learning_rate)
        s["shards"] = s["shards"] or self._shards()
        s["kernels"] = setting()
        if setting() == "jax":
            s["device"], s["precision"] = options().device or None, options().precision

    def _settle_stopping(self) -> None:
        """Choose the rows that stop the run, and take them from those to learn from."""
        s = self.settings
        if s["validation"] is None:
            s["validation"] = learning.share_to_stop_by(self.task)
        self.task = learning.parted(self.task, s["validation"], s["seed"])
        s["kind"] = s["kind"] or network.usual(self.task)

    def _shards(self) -> int | None:
        """What several processes share out, where nobody chose it."""
        if world().size == 1:
            return None
        note(f"{world().size} processes learn together: each batch in {SHARDS} shards (--shards).")
        return SHARDS

    def compare(self, before: Mapping[str, object], strict: bool = False) -> None:
        """Say what is not as it was when the settings were written; ``strict``: or stop."""
        tell_changes(self.task.data, before, strict)

    def text(self, folder: str = "", result: Mapping[str, float] | None = None) -> str:
        """The settings as TOML."""
        plain = {k: str(v) if isinstance(v, Path) else v for k, v in self.settings.items()}
        if plain["image_size"]:
            plain["image_size"] = "x".join(map(str, plain["image_size"]))
        about = made_with(self.task.data) | ({"folder": folder} if folder else {})
        tables = {"made_with": about, **({"result": result} if result else {})}
        return config.text(self.command, plain, tables)

    # -------------------------------------------------------------------- training

    def train(self) -> None:
        """Train, write what was asked for, and report."""
        model, history = self.learn()
        self._demand_finite(history)
        model.metadata = self.metadata()
        results = self.results(model)
        self.write(model, history, results)
        self.report(model, history, results)

    def learn(
        self, watching: Sequence[Callback] = (), verbose: int | str = "auto"
    ) -> tuple[Model, History]:
        """Make the network and train it; it speaks in the data's own unit then.

        Args:
            watching: callbacks besides those of the run.
            verbose: as ``fit`` takes it.
        """
        s, task, target = self.settings, self.task, network.TaskTarget(self.task)
        axon.set_random_seed(s["seed"])
        model = network.make(task, s["kind"], s["hidden"], s["dropout"], s["augment"] or ())
        weights = learning.class_weights(s["class_weight"], task)
        model.compile(target.loss, self.optimizer(), metrics=target.metrics)
        stopping = learning.stopping(task, s["patience"])
        with np.errstate(over="ignore", invalid="ignore"):  # a loss that is lost says so itself
            history = model.fit(
                *target.of(task.train),
                batch_size=s["batch_size"],
                epochs=s["epochs"],
                verbose=verbose,
                validation_data=self._to_stop_by(target, weights),
                callbacks=[*self.backup, *stopping, *watching, _Lost()],
                class_weight=weights,
                shards=s["shards"],
            )
        self.best = stopping[0].best_epoch if stopping else None
        target.put_back(model)
        return model, history

    def optimizer(self) -> optimizers.Optimizer:
        """What updates the weights, with a rate for each of the steps."""
        s = self.settings
        steps = s["epochs"] * -(-len(self.task.train[0]) // s["batch_size"])
        return learning.made_optimizer(s, steps)

    def _to_stop_by(
        self, target: network.TaskTarget, weights: Mapping[int, float] | None
    ) -> tuple[Array, ...] | None:
        """The rows that say which epoch is best."""
        task = self.task
        if task.validation is None:
            return None
        return learning.weighed(target.of(task.validation), weights)

    def _demand_finite(self, history: History) -> None:
        loss = history.history["loss"][-1]
        if not math.isfinite(loss):
            raise click.ClickException(
                f"the loss became {loss}: training diverged. Try a smaller --learning-rate than "
                f"{self.settings['learning_rate']:g}."
            )

    def results(self, model: Model) -> dict[str, float]:
        """How well the network does on the test set, in the data's own unit."""
        x, y = self.task.test
        outputs = model.predict(x)
        self.baseline = verdict.always_the_same(self.task.train[1], y)
        if not self.task.class_names:
            error, _, r2 = errors(y, outputs)
            return {"test_mean_absolute_error": error, "test_r2": r2}
        guess = outputs.argmax(axis=1)
        found = {"test_accuracy": float(np.mean(guess == y))}
        if self.baseline.score >= verdict.UNEVEN:
            found["test_balanced_accuracy"] = verdict.recall(y, guess)
        return found

    def metadata(self) -> dict[str, object]:
        """What travels with the model, so that ``predict`` and ``evaluate`` know what to do."""
        s, task = self.settings, self.task
        about: dict[str, object] = {
            "data": task.title,
            "task": s["task"],
            "class_names": list(task.class_names),
            "feature_names": list(task.feature_names),
            "target": task.target,
            "seed": s["seed"],
            "sha256": fingerprint(task.data),
            **({"test": str(s["test"])} if s["test"] else {}),
        }
        return {**about, **(_looks(task) if task.are_images else {})}

    # -------------------------------------------------------------------- afterwards

    def write(self, model: Model, history: History, results: Mapping[str, float]) -> None:
        """Write what was asked for; of several processes, the first one does."""
        if not modes.leads:
            return
        s, task, (x, y) = self.settings, self.task, self.task.test
        if s["save"]:
            model.metadata |= results
            model.save(s["save"])
            self.written.append(Path(s["save"]))
        if s["plot"]:
            self._draw(model, history)
        if s["report"]:
            names = task.class_names or None
            shown = {k: v for k, v in s.items() if v is not None}
            history.report(
                s["report"], x=x, y=y, class_names=names, settings=shown, title=task.title
            )
            self.written.append(Path(s["report"]))
        if s["backup"]:
            self.keep(results)

    def keep(self, result: Mapping[str, float] | None = None) -> None:
        """Write the settings beside the backup, so that ``resume`` needs nothing else."""
        with atomic(Path(self.settings["backup"]) / SETTINGS) as stream:
            stream.write(self.text(os.getcwd(), result).encode())

    def _draw(self, model: Model, history: History) -> None:
        from axon import plot

        x, y = self.task.test
        figures = [plot.curves(history)]
        if self.task.class_names:
            figures.append(plot.mistakes(x, y, model.predict(x), self.task.class_names))
        for path, figure in zip(self.drawings(), figures, strict=True):
            self.written.append(path)
            plot.save(figure, path)

    def report(self, model: Model, history: History, results: Mapping[str, float]) -> None:
        """The closing report: how well, on what, how fast, how large, where the files are."""
        task, seconds = self.task, max(sum(history.seconds), 1e-9)
        seen = len(task.train[0]) * len(history.epoch)
        things = "images" if task.are_images else "samples"
        rows = [
            *self._headlines(results),
            ("Data", f"{task.title}: {self._sizes()}"),
            *self._best_epoch(len(history.epoch)),
            ("Time", f"{seconds:.1f} s, {seen / seconds:,.0f} {things}/s"),
            ("Parameters", f"{model.count_params():,}"),
            *(("Written", str(path)) for path in self.written),
        ]
        print_pairs(rows, ["bold green"])
        if not self._beats_baseline(results):
            note(
                "That is no better than an answer that looks at nothing. More epochs, another "
                "--learning-rate, or --class-weight balanced may help; or the data do not tell."
            )

    def _headlines(self, results: Mapping[str, float]) -> list[tuple[str, str]]:
        """How well, beside an answer that looks at nothing."""
        score, names = self.baseline.score, self.task.class_names
        if not names:
            error, r2 = results["test_mean_absolute_error"], results["test_r2"]
            return [
                ("Test error", f"{readable(error)} on average (R² {r2:.3f})"),
                ("Baseline", f"{readable(score)}: always {readable(self.baseline.answer)}"),
            ]
        rows = [("Test accuracy", f"{results['test_accuracy']:.2%}")]
        if "test_balanced_accuracy" in results:
            balanced = f"{results['test_balanced_accuracy']:.2%}, the mean over classes"
            rows.append(("Balanced", balanced))
        always = names[int(self.baseline.answer)]
        return [*rows, ("Baseline", f"{score:.2%} is what always {always!r} scores")]

    def _beats_baseline(self, results: Mapping[str, float]) -> bool:
        if self.task.class_names:
            return results["test_accuracy"] > self.baseline.score or (
                "test_balanced_accuracy" in results
                and results["test_balanced_accuracy"] > 1 / len(self.task.class_names)
            )
        return results["test_mean_absolute_error"] < self.baseline.score

    def _sizes(self) -> str:
        task = self.task
        stop = f", {len(task.validation[0]):,} to stop by" if task.validation else ""
        return f"{len(task.train[0]):,} to train{stop}, {len(task.test[0]):,} to test"

    def _best_epoch(self, done: int) -> list[tuple[str, str]]:
        if self.best is None:
            return []
        early = ", stopped early" if done < self.settings["epochs"] else ""
        return [("Best epoch", f"{self.best + 1} of {done}{early}")]


def made_with(data: str) -> dict[str, str]:
    """What the bits of a run on these data depend on besides its settings."""
    about = {
        "axon": axon.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "kernels": in_full(),  # "auto" is "numpy" where Numba is missing
    }
    sha256 = fingerprint(data)
    return {**about, "sha256": sha256} if sha256 else about


def tell_changes(data: str, before: Mapping[str, object], strict: bool = False) -> None:
    """Say what is not as it was when the settings of a run were written; ``strict``: or stop."""
    now = made_with(data)
    for key in ("axon", "numpy", "machine", "kernels"):
        if key in before and before[key] != now[key]:
            note(f"{key} was {before[key]} and is {now[key]}: the bits may differ.")
    if "sha256" in before and before["sha256"] != now.get("sha256"):
        changed = f"{data} has changed since the run began"
        if strict:
            raise ValueError(f"{changed}: with other data it cannot go on.")
        note(f"{changed.replace('began', 'whose settings these are')}: this one will differ.")


def _looks(task: Task) -> dict[str, object]:
    """What images look like to the network: their darkest and brightest value, their margin."""
    x = task.train[0]
    low, high = (0.0, max(float(x.max()), 1.0)) if x.dtype.kind in "iu" else (x.min(), x.max())
    margin = np.concatenate([x[:, 0].ravel(), x[:, -1].ravel(), x[:, :, 0].ravel()])
    background = (float(margin.mean()) - low) / max(high - low, 1e-9)
    return {"input_range": [float(low), float(high)], "background": round(float(background), 3)}


def _backup(folder: Path | None, every: str) -> list[BackupAndRestore]:
    """Who keeps a backup, if one is wanted."""
    freq = int(every) if every.isdecimal() else every
    made = BackupAndRestore(folder or "backup", freq, delete_checkpoint=False)  # checks ``every``
    if folder is None and every != "epoch":
        raise click.UsageError("--backup-every needs a folder to keep the backup in: --backup DIR.")
    return [made] if folder else []


class _Lost(Callback):
    """Ends training after an epoch whose loss is NaN or infinite."""

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        if not math.isfinite((logs or {}).get("loss", 0.0)):
            self.model.stop_training = True
