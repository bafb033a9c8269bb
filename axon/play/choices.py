"""Choices: what may be chosen on the page, and between which bounds. The page reads it here."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import NamedTuple

from axon.names import resolve, suggestion

Json = object  # what JSON holds

DATA = {
    "circles": "Circles",
    "moons": "Moons",
    "xor": "XOR",
    "spirals": "Spirals",
    "blobs": "Three blobs",
    "slope": "Slope",
    "waves": "Waves",
    "hills": "Hills",
    "digits": "Draw digits",
    "table": "Your table",
}
ACTIVATIONS = ("tanh", "relu", "sigmoid", "gelu", "silu", "elu", "leaky_relu", "softsign", "linear")
OPTIMIZERS = {  # name -> class
    **{"adam": "Adam", "sgd": "SGD", "rmsprop": "RMSprop", "adagrad": "Adagrad"},
    **{"adamw": "AdamW", "nadam": "Nadam", "lion": "Lion"},
}
LAYERS, NEURONS = 6, 12  # at most; of what reads images, more neurons
NEURONS_OF_IMAGES = 32


class Allowed(NamedTuple):
    """Allowed which numbers a setting lies, and whether it is a whole number."""

    low: float
    high: float
    integer: bool = False


SPANS = {
    "samples": Allowed(20, 2000, True),
    "noise": Allowed(0, 0.5),
    "share": Allowed(0.1, 0.9),
    "seed": Allowed(0, 9999, True),
    "learning_rate": Allowed(1e-6, 10),
    "batch_size": Allowed(1, 256, True),
    "l1": Allowed(0, 1),
    "l2": Allowed(0, 1),
    "dropout": Allowed(0, 0.9),
}


@dataclass(frozen=True)
class Chosen:
    """All that decides what is learned, and how.

    Args:
        data: one of DATA.
        samples: how many there are, of training and test together.
        noise: how far they lie from where they belong, as a share of the plane's half width.
        share: of the samples, those that are trained on.
        seed: of data, weights and batches.
        layers: neurons of each hidden layer.
        activation: of the hidden layers.
        optimizer: its name.
        learning_rate: of the optimizer.
        batch_size: samples in a step.
        l1, l2: regularization of the weights.
        dropout: share of the neurons that are left out in each step, of every hidden layer.

    >>> Chosen.of({"data": "moons", "layers": [3, 2]}).layers
    (3, 2)
    >>> Chosen.of({"data": "moon"})
    Traceback (most recent call last):
    ValueError: unknown data 'moon'. Did you mean 'moons'? Known: blobs, circles, digits, ...
    """

    data: str = "circles"
    samples: int = 300
    noise: float = 0.1
    share: float = 0.7
    seed: int = 0
    layers: tuple[int, ...] = (6, 4)
    activation: str = "tanh"
    optimizer: str = "adam"
    learning_rate: float = 0.01
    batch_size: int = 16
    l1: float = 0.0
    l2: float = 0.0
    dropout: float = 0.0

    @classmethod
    def of(cls, given: Json, table: bool = False) -> "Chosen":
        """Chosen of what a page sent, which may be anything; what is left out is as usual.

        Args:
            given: a JSON object.
            table: whether there is a table to learn from.

        Raises:
            ValueError: something of it cannot be; the message says what.
        """
        if not isinstance(given, Mapping):
            raise ValueError(f"settings: expected an object, got {_shown(given)}.")
        _demand_known(given, [f.name for f in fields(cls)])
        data = _name("data", given.get("data", cls.data), DATA)
        if data == "table" and not table:
            raise ValueError(
                "data: there is no table. Start with one: axon play FILE.csv --x A --y B."
            )
        usual = cls().to_json()
        most = NEURONS_OF_IMAGES if data == "digits" else NEURONS
        return cls(
            data=data,
            layers=_layers(given.get("layers", list(cls.layers)), most),
            activation=_name("activation", given.get("activation", cls.activation), ACTIVATIONS),
            optimizer=_name("optimizer", given.get("optimizer", cls.optimizer), OPTIMIZERS),
            **{n: _number(n, given.get(n, usual[n])) for n in SPANS},  # type: ignore[arg-type]
        )

    def to_json(self) -> dict[str, Json]:
        """As the page has them."""
        return {**asdict(self), "layers": list(self.layers)}


def choices(table: str | None = None) -> dict[str, Json]:
    """All that can be chosen, for the page.

    Args:
        table: what the user's own table is called, if there is one.
    """
    data = {**DATA, "table": table} if table else {k: v for k, v in DATA.items() if k != "table"}
    return {
        "data": data,
        "activation": ACTIVATIONS,
        "optimizer": tuple(OPTIMIZERS),
        "spans": {name: span._asdict() for name, span in SPANS.items()},
        "layers": LAYERS,
        "neurons": {"plane": NEURONS, "image": NEURONS_OF_IMAGES},
        "usual": (Chosen("table", noise=0.0) if table else Chosen()).to_json(),
    }


def _demand_known(given: Mapping[str, Json], known: list[str]) -> None:
    for name in given:
        if name not in known:
            hint = suggestion(str(name), known)
            raise ValueError(f"unknown setting {_shown(name)}.{hint} Known: {', '.join(known)}.")


def _name(what: str, given: Json, known: Iterable[str]) -> str:
    if not isinstance(given, str):
        raise ValueError(f"{what}: expected a name, got {_shown(given)}.")
    return resolve(what, given[:100], {name: name for name in known})


def _number(name: str, given: Json) -> int | float:
    span = SPANS[name]
    number = isinstance(given, int | float) and not isinstance(given, bool)
    if not number or not span.low <= given <= span.high:  # type: ignore[operator]
        thing = "a whole number" if span.integer else "a number"
        raise ValueError(
            f"{name}: expected {thing} from {span.low:g} to {span.high:g}, got {_shown(given)}."
        )
    if span.integer and given != int(given):  # type: ignore[call-overload]
        raise ValueError(f"{name}: expected a whole number, got {_shown(given)}.")
    return int(given) if span.integer else float(given)  # type: ignore[call-overload, arg-type]


def _layers(given: Json, most: int) -> tuple[int, ...]:
    fits = isinstance(given, list | tuple) and len(given) <= LAYERS
    if not fits or not all(type(n) is int and 1 <= n <= most for n in given):  # type: ignore[attr-defined]
        raise ValueError(
            f"layers: expected a list of up to {LAYERS} whole numbers from 1 to {most}, got "
            f"{_shown(given)}."
        )
    return tuple(given)  # type: ignore[arg-type]


def _shown(value: Json) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
