"""Model, which joins layers with a loss and an optimizer; trains, tests and predicts."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, overload

from axon import losses, metrics, optimizers
from axon.backend import Array
from axon.callbacks import (
    Callback,
    Callbacks,
    History,
    LossPrinter,
    check,
    fitted,
    measured,
    printer,
    say,
    with_backup,
)
from axon.checks import integer
from axon.inspect import diagram, nan_search, summary
from axon.locks import change, hold
from axon.models import forms, inputs, on_batch, profiling, saving, weights
from axon.models.heads import Losses
from axon.models.loop import Fit, demand_untrained, evaluate
from axon.models.network import Network
from axon.models.prediction import FEW, Outputs, Predictor, mask_behind, rows_at_a_time
from axon.models.training import Shards, Trainer, shaped
from axon.program import Program, Step
from axon.report import write as write_report

LossOf = str | losses.Loss | Callable[..., Any] | None  # an output
LossArgument = LossOf | Sequence[LossOf] | Mapping[str, LossOf]
MetricOf = str | metrics.Metric | Callable[..., Any]
MetricsOf = MetricOf | Sequence[MetricOf] | None
MetricsArgument = MetricsOf | Sequence[MetricsOf] | Mapping[str, MetricsOf]


class Model(Network):
    """A network that can be trained. Sequential is one; write ``forward(self, x)`` for your own.

    Assign layers as attributes and call them in ``forward``, in any order, as often as you like. A
    network with several inputs writes ``forward(self, a, b)`` and is given ``x=(a, b)``; those that
    may be left out are None then, ``forward(self, a, b=None)``: give it ``x=(a, b)`` or ``x=a``.

    Or write it in the functional style: ``Model(inputs, outputs)``, where inputs are made by
    ``Input`` and outputs by layers that were called with them (axon/models/functional.py).

    ``compile`` joins it with a loss and an optimizer. From then on the first batch of each shape is
    recorded, forward, backward and update, and every further one replays the recording.
    """

    refused: ClassVar[dict[str, str]] = {
        "call": "a model writes forward(self, x); call is for layers.",
        "train_step": "it would not be called: write a loop of your own with backward and step.",
    }

    functional: "ClassVar[type[Model]]"  # Functional, which is one, and puts itself here

    if TYPE_CHECKING:

        @overload
        def __init__(self, name: str | None = None) -> None: ...
        @overload
        def __init__(self, inputs: Any, outputs: Any, name: str | None = None) -> None: ...
        def __init__(self, *_: Any, **__: Any) -> None: ...

    def __new__(cls, *graph: Any, **options: Any) -> "Model":
        """Make a model; of symbolic inputs and outputs, a Functional."""
        if cls is Model and (graph or options):
            return cls.functional.__new__(cls.functional, *graph, **options)
        made: Model = super().__new__(cls, *graph, **options)
        return made

    def __init__(self, name: str | None = None) -> None:  # type: ignore[no-redef]
        super().__init__(name)
        self.metadata: dict[str, Any] = {}  # whatever should travel with the saved model
        self.history: History | None = None
        self._trainer: Trainer | None = None
        self._predictor = Predictor(self, eager=False)

    def changed(self) -> None:
        """Layers were added or replaced: shapes are found, and programs recorded, anew."""
        super().changed()
        self._shapes, self._narrower, self._at_sizes = None, {}, {}
        for step in self._steps():
            if step.programs:
                hold(self._all_locks(), step.forget)
        if self._trainer is not None:
            self._trainer.looked.clear()

    def _steps(self) -> list[Step]:
        trained = self._trainer.steps if self._trainer else []
        return [*trained, self._predictor.step]

    # -------------------------------------------------------------------- compile

    def compile(
        self,
        loss: "LossArgument",
        optimizer: "str | optimizers.Optimizer" = "adam",
        metrics: "MetricsArgument" = None,
        eager: bool = False,
        loss_weights: "float | Sequence[float] | Mapping[str, float] | None" = None,
    ) -> None:
        """Join the model with a loss and an optimizer, ready for ``fit``.

        Args:
            loss: a Loss or its name, such as "categorical_cross_entropy" or "mse"; or a function
                (y_true, y_pred) -> what each sample costs.
            optimizer: an Optimizer or its name, such as "adam" or "sgd".
            metrics: names, Metrics or such functions to watch, such as ["accuracy"]. They are
                weighted as the loss is.
            eager: compute every step anew instead of recording and replaying it; the results are
                the same, bit for bit.
            loss_weights: what the loss of each output counts, 1 by default.

        A model of several outputs takes losses, their weights and metrics in a dict by name of the
        output, or in a list by place; one loss alone is that of all. An output with the loss None,
        or without one in a dict, is not learned from. The loss is the weighted sum; the history
        has ``loss``, and of each output ``<name>_loss`` and ``<name>_<metric>``.

        Raises:
            ValueError: no output of such a name, or other numbers of losses than outputs.
            RuntimeError: a ``fit`` of the model is under way: it would not heed the change.
        """
        trainer = Trainer.of(self, loss, optimizer, metrics, eager, loss_weights)
        demand_untrained("compile", self, trainer.optimizer)
        change(trainer.locks(), self._compile, trainer, eager)

    def _compile(self, trainer: Trainer, eager: bool) -> None:
        before, self._trainer = self._trainer, trainer
        if before is not None and before.optimizer is not self._trainer.optimizer:
            before.optimizer.release()
        self._predictor = Predictor(self, eager)
        if self.parameters():
            self._trainer.optimizer.build(self.parameters(), self.named_parameters())

    @property
    def compiled(self) -> bool:
        """Whether ``compile`` was called."""
        return self._trainer is not None

    @property
    def trainer(self) -> Trainer:
        """The loss, the optimizer and the steps that ``compile`` made."""
        if self._trainer is None:
            raise RuntimeError(
                f"model {self.name!r} is not compiled. Call "
                "model.compile(loss='categorical_cross_entropy', optimizer='adam') first."
            )
        return self._trainer

    @property
    def optimizer(self) -> "optimizers.Optimizer":
        """The optimizer that ``compile`` was given."""
        return self.trainer.optimizer

    @property
    def loss(self) -> "losses.Loss | Losses":
        """The loss that ``compile`` was given; of several outputs, all of them."""
        return self.trainer.loss

    # -------------------------------------------------------------------- train

    def fit(
        self,
        x: Any,
        y: Any = None,
        batch_size: int = 32,
        epochs: int = 1,
        verbose: int | str = "auto",
        callbacks: Sequence[Callback] = (),
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: inputs.ClassWeight = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int = 1,
        debug: str | None = None,
        resume: Any = None,
        shards: int | None = None,
    ) -> History:
        """Train on arrays, or on an iterable of batches.

        Args:
            x: samples (n, ...), any numeric type, not modified: an array, a DataFrame, a memmap
                larger than memory; a tuple (or a dict by name) of them for several inputs; or,
                without y, an iterable of batches (x, y) or (x, y, sample_weight).
            y: targets, as the loss wants them; of several outputs a dict by name, or a tuple.
            batch_size: samples per step; the last batch may be shorter.
            epochs: passes over the data.
            verbose: 0 silent, 2 a line per epoch, 1 and "auto" a bar on a terminal, else lines; in
                a notebook "auto" and "notebook" draw curves that grow.
            callbacks: told what happens.
            validation_split: share of the samples, taken from the end, that is kept for validation.
            validation_data: (x, y), (x, y, sample_weight) or an iterable of batches, not both.
            shuffle: draw a new order for each epoch.
            class_weight: class -> weight of its samples, or of the steps or pixels that bear it; of
                several outputs, a dict of such dicts by name.
            sample_weight: (n,) weights of the samples; or of steps or pixels, (n, time) or
                (n, height, width). Of several outputs, weights for all, or in a dict by name.
            initial_epoch: where to start counting, to go on with an earlier run.
            steps_per_epoch: batches in an epoch, if not all.
            validation_steps: batches to validate on, if not all.
            validation_batch_size: samples at a time in validation; as many as are fast by default.
            validation_freq: validate every so many epochs.
            debug: "nan" stops at the first operation whose result is NaN or infinite and names it.
            resume: a folder: go on from the backup there, if there is one, and keep it up to date;
                it is the same as ``callbacks=[BackupAndRestore(folder, delete_checkpoint=False)]``.
            shards: cut each batch into so many parts, 2, 4, 8 ..., whose gradients are added up by
                a fixed tree: the same bits in one process and in any number of MPI ranks that
                divides it, ``mpiexec -n 4 python -m mpi4py train.py`` (the guide to several
                processes). Random layers and batch normalization work shard by shard; without these
                it is what plain ``fit`` learns, to rounding. From then on only the first rank
                writes and prints.

        Returns:
            The History, with loss and metrics of each epoch.

        Raises:
            ValueError, TypeError: something does not fit; nothing has been changed then.
            RuntimeError: the model is not compiled, or is being trained already, by another thread
                or around this callback.
            FloatingPointError: with ``debug="nan"``: what is not finite, and where.
        """
        trainer = self.trainer
        demand_untrained("fit", self, trainer.optimizer)
        epochs = integer("fit", "epochs", epochs)
        initial_epoch = integer("fit", "initial_epoch", initial_epoch, least=0)
        validation_freq = integer("fit", "validation_freq", validation_freq)
        batch_size = integer("fit", "batch_size", batch_size)
        with _cut(trainer, shards) as sharded:
            progress = [*nan_search.searches(debug), *printer(verbose), *check(callbacks)]
            progress = with_backup(progress, resume, verbose)
            of_epoch = (batch_size, steps_per_epoch, shuffle, class_weight, shards or 1)
            reader = inputs.Reader("fit", trainer, *of_epoch)
            held_out = (validation_data, validation_batch_size, validation_steps)
            feed, validation = reader.for_fit((x, y, sample_weight), validation_split, held_out)
            history = self.history = History()
            params = {"epochs": epochs, "steps": len(feed) or None, "batch_size": batch_size}
            params["validation_freq"] = validation_freq
            everyone = Callbacks([history, *progress], self, params)
            of_run = (feed, validation, range(initial_epoch, epochs), everyone, validation_freq)
            Fit(trainer, self._predictor.step, *of_run, sharded).run()
            return history

    def train(
        self,
        x: Any,
        y: Any,
        epochs: int = 10,
        batch_size: int = 32,
        verbose: bool = True,
        **options: Any,
    ) -> History:
        """Train and print ``Epoch 1/50 - Loss: 2.3026`` lines; all options of ``fit`` are taken."""
        lines = [LossPrinter()] if verbose else []
        callbacks = [*lines, *check(options.pop("callbacks", ()))]
        return self.fit(x, y, batch_size, epochs, verbose=0, callbacks=callbacks, **options)

    train_on_batch = on_batch.train_on_batch
    test_on_batch = on_batch.test_on_batch
    compute_mask = mask_behind

    # -------------------------------------------------------------------- test and predict

    def evaluate(
        self,
        x: Any,
        y: Any = None,
        batch_size: int | None = None,
        verbose: int | str = 0,
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Sequence[Callback] = (),
        return_dict: bool = False,
    ) -> Any:
        """Loss and metrics on data that nothing is learned from.

        Args:
            x: samples (n, ...); or, without y, an iterable of batches, as ``fit`` takes them.
            y: targets, as the loss wants them.
            batch_size: samples at a time; as many as are fast by default.
            verbose: print a line with the results, unless 0.
            sample_weight: weights, as for ``fit``.
            steps: batches to look at, if not all.
            callbacks: told what happens.
            return_dict: return the results by name.

        Returns:
            The loss, or [loss, *metrics] if metrics are watched; by name with ``return_dict``.
        """
        reader = inputs.Reader("evaluate", self.trainer, batch_size, steps)
        feed = reader.for_test(x, y, sample_weight)
        told = Callbacks(check(callbacks), self, {"steps": len(feed)})
        results = evaluate(self.trainer, feed, told)
        if printer(verbose):
            first, *others = measured(results)
            say(fitted(first, others))
        return shaped(results, return_dict)

    def generate(
        self,
        tokens: Any,
        length: int,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int | None = None,
        stop: int | None = None,
        cached: bool = True,
    ) -> Array:
        """Write on: choose the next token by what the model says, then the one after it, and so on.

        Args:
            tokens: ids to begin with, (time,) or (n, time).
            length: how many tokens to write.
            temperature: below 1 likelier tokens are preferred, above 1 unlikely ones; 0 always
                takes the likeliest.
            top_k: choose among so many of the likeliest.
            top_p: choose among the likeliest that together have this probability.
            seed: a whole number, for the same text each time; ``axon.set_random_seed`` does, too.
            stop: the id that ends a text; a row that has ended is filled up with it.
            cached: read one token at a time, and keep what attention and recurrent layers need of
                those before: each takes the same time. The model's attention must be causal. False
                reads all anew for each token.

        Returns:
            The ids that were given and those that were written: (time + length,), or with n in
            front; fewer if all rows have ended.

        Raises:
            ValueError: the model does not tell the next token after each, (n, time, tokens) logits
                or probabilities; or it cannot read one at a time.
        """
        from axon.models.generation import TokenChoice, generate

        choice = TokenChoice(temperature, top_k, top_p)
        return generate(self, tokens, length, choice, seed, stop, cached)

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: int | str = 0,
        steps: int | None = None,
        callbacks: Sequence[Callback] = (),
    ) -> Outputs:
        """Outputs for samples (n, ...), as a NumPy array (n, ...) of your own.

        Of several outputs, a tuple, list or dict of arrays, as ``forward`` returns them.

        Args:
            x: samples (n, ...); a tuple of them for several inputs; or batches of them, as
                ``fit`` takes them, with or without their targets: an iterator, a list of tuples, a
                data loader ...
            batch_size: samples at a time; as many as are fast by default.
            verbose: taken because Keras's users give it; nothing is printed.
            steps: batches to predict, if not all.
            callbacks: told what happens.
        """
        del verbose
        if batch_size is not None:
            batch_size = integer("predict", "batch_size", batch_size)
        if (found := forms.batches_in(self, x)) is not None:
            return self._predictor.stream(inputs.input_stream(self, found, steps), callbacks)
        wanted = self.input_dtype
        data = inputs.checked_inputs(self, x, wanted)
        few = len(data[0]) <= (self.only_batch or FEW)
        if few and not callbacks and batch_size is steps is None:
            return hold(self._all_locks(), on_batch.predict_few, self._predictor, data, wanted)
        hold(self._all_locks(), inputs.demand_fitting, self, data)
        feed = inputs.array_feed(self, data, batch_size or rows_at_a_time(self, data), steps=steps)
        everyone = Callbacks(check(callbacks), self, {"steps": len(feed)})
        return self._predictor.run(feed, everyone)

    def predict_on_batch(self, x: Any) -> Outputs:
        """Outputs for one batch of samples (n, ...), computed all at once."""
        return self.predict(x, batch_size=len(inputs.checked_inputs(self, x)[0]))

    # -------------------------------------------------------------------- looking at it

    @property
    def program(self) -> Program:
        """The program that ran last, of training if there was any: ``print(model.program)``."""
        for step in self._steps():
            if step.latest is not None:
                return step.latest
        why = ": fit or predict first."
        if self._predictor.step.eager:
            why = ", and gets none: it was compiled with eager=True, which records nothing."
        raise RuntimeError(f"model {self.name!r} has no program yet{why}")

    @property
    def programs(self) -> list[Program]:
        """All programs recorded so far, in a list of your own."""
        return [program for step in self._steps() for program in step.programs.values()]

    save, demand_savable = saving.save, saving.demand_savable
    save_weights = weights.save_weights
    load_weights = weights.load_weights
    report = write_report

    def summary(self, print_fn: Callable[[str], Any] | None = None, **options: Any) -> None:
        """Print the layers as a table; also show_trainable, expand_nested, flops, line_length."""
        summary.show(self, print_fn, **options)

    def _repr_html_(self) -> str:
        """What a notebook shows: the layers as a table, and the totals."""
        return summary.model_html(self)

    profile = profiling.profile

    def plot(self, path: Any = None, show_shapes: bool = True, expand_nested: bool = False) -> Any:
        """Draw layers and what flows between them: a matplotlib Figure, written to ``path``."""
        return diagram.plot(self, path, show_shapes, expand_nested)


@contextmanager
def _cut(trainer: Trainer, shards: int | None) -> Iterator[Shards | None]:
    """The steps on batches that are cut, if they are to be: all ranks are in here together."""
    if shards is None:
        trainer.sharded = None  # its memory, and the programs that model.program would show
        yield None
        return
    from axon.models.shards import together  # few runs need it

    with together(trainer, shards) as sharded:
        yield sharded
