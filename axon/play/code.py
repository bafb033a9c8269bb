"""The Python that does what the page shows, to be copied."""

from axon.play.choices import OPTIMIZERS, Chosen
from axon.play.learner import ENDS, LOSSES
from axon.play.lesson import Lesson

EPOCHS = 100


def python(settings: Chosen, lesson: Lesson, file: str = "FILE.csv", epochs: int = EPOCHS) -> str:
    """A program that makes the same data and network, trains it, and tells how good it is.

    Args:
        settings: what was chosen.
        lesson: what is learned.
        file: where the user's own table lies.
        epochs: how long it trains.

    >>> from axon.play.lesson import make
    >>> settings = Chosen("moons", layers=(3,))
    >>> print(python(settings, make(settings)))
    import axon
    from axon import optimizers
    from axon.layers import Dense
    from axon.play import Chosen, make
    <BLANKLINE>
    data = make(Chosen('moons', samples=300, noise=0.1, share=0.7, seed=0))
    <BLANKLINE>
    axon.set_random_seed(0)
    model = axon.Sequential([
        Dense(3, 'tanh'),
        Dense(1, 'sigmoid'),
    ])
    model.compile('binary_cross_entropy', optimizers.Adam(0.01))
    model.fit(data.x_train, data.y_train, batch_size=16, epochs=100,
              validation_data=(data.x_test, data.y_test))
    <BLANKLINE>
    """
    parts = [_imports(settings), _data(settings, lesson, file), _model(settings, lesson)]
    return "\n\n".join("\n".join(lines) for lines in parts) + _training(settings, lesson, epochs)


def _imports(settings: Chosen) -> list[str]:
    own = settings.data == "table"
    return [
        "import axon",
        "from axon import optimizers",
        f"from axon.layers import {'Dense, Dropout' if settings.dropout else 'Dense'}",
        f"from axon.play import Chosen, make{', of_table' if own else ''}",
        *(["from axon.regularizers import L1L2"] if settings.l1 or settings.l2 else []),
        *(["from axon.tabular import read"] if own else []),
    ]


def _data(settings: Chosen, lesson: Lesson, file: str) -> list[str]:
    values = settings.to_json()
    chosen = ", ".join(f"{name}={values[name]!r}" for name in ("samples", "noise", "share", "seed"))
    made = f"Chosen({settings.data!r}, {chosen})"
    if settings.data != "table":
        return [f"data = make({made})"]
    task = "regression" if lesson.task == "regression" else "classification"
    names = ", ".join(map(repr, (*lesson.names, lesson.target, task)))
    return [f"points = of_table(read({file!r}), {names})", f"data = make({made}, points)"]


def _model(settings: Chosen, lesson: Lesson) -> list[str]:
    penalty = ""
    if settings.l1 or settings.l2:
        penalty = f", kernel_regularizer=L1L2({settings.l1!r}, {settings.l2!r})"
    layers: list[str] = []
    for neurons in settings.layers:
        layers.append(f"    Dense({neurons}, {settings.activation!r}{penalty}),")
        layers += [f"    Dropout({settings.dropout!r}),"] if settings.dropout else []
    head = [f"axon.set_random_seed({settings.seed})", "model = axon.Sequential(["]
    return [*head, *layers, f"    Dense({lesson.outputs}, {ENDS[lesson.task]!r}),", "])"]


def _training(settings: Chosen, lesson: Lesson, epochs: int) -> str:
    optimizer = f"optimizers.{OPTIMIZERS[settings.optimizer]}({settings.learning_rate!r})"
    size = min(settings.batch_size, len(lesson.x_train))
    return (
        f"\nmodel.compile({LOSSES[lesson.task]!r}, {optimizer})\n"
        f"model.fit(data.x_train, data.y_train, batch_size={size}, epochs={epochs},\n"
        "          validation_data=(data.x_test, data.y_test))\n"
    )
