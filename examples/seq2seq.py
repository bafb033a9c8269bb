"""Dates, as people write them, into numbers: an LSTM reads, another one writes, and looks back.

    "the 3rd of april, 1987" -> "1987-04-03"

The encoder's last states are what the decoder begins with; attention (Luong and others, 2015) lets
each character that is written look at all that were read. Padding, id 0, is masked all the way.
While it learns, the decoder is given what it should have written so far; afterwards, what it wrote.
"""

from datetime import date, timedelta

import numpy as np

import axon
from axon import ops
from axon.core import Tensor
from axon.datasets import pad_sequences
from axon.layers import LSTM, Attention, Dense, Embedding
from axon.models import Model
from axon.optimizers import Adam

MONTHS = "january february march april may june july august september october november december"
READ = " " + "abcdefghijklmnopqrstuvwxyz0123456789,./"  # the space is id 1, padding 0
WRITTEN = "<0123456789-"  # "<" begins
LENGTH = 10  # of what is written


def as_people_write(day: date, random: np.random.Generator) -> str:
    month = MONTHS.split()[day.month - 1]
    month = month if random.random() < 0.5 else month[:3]
    ending = {1: "st", 2: "nd", 3: "rd"}.get(day.day % 10 if day.day // 10 != 1 else 0, "th")
    ways = (
        f"the {day.day}{ending} of {month}, {day.year}",
        f"{month} {day.day}, {day.year}",
        f"{day.day} {month} {day.year}",
        f"{day.month}/{day.day}/{day.year}",
        f"{day.day}.{day.month}.{day.year}",
    )
    return ways[random.integers(len(ways))]


def pairs(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Ids of what is read, (count, time), and of what is to be written, (count, 11)."""
    random = np.random.default_rng(seed)
    days = [date(1950, 1, 1) + timedelta(int(d)) for d in random.integers(0, 36_500, count)]
    texts = [[READ.index(c) + 1 for c in as_people_write(day, random)] for day in days]
    targets = [[WRITTEN.index(c) for c in "<" + day.isoformat()] for day in days]
    return pad_sequences(texts, 28, padding="post"), np.array(targets)


class Translator(Model):
    """Reads x (n, time), and says what comes behind each character of y (n, steps)."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.letters = Embedding(len(READ) + 1, 24, mask_zero=True)
        self.encoder = LSTM(units, return_sequences=True, return_state=True)
        self.digits = Embedding(len(WRITTEN), 16)
        self.decoder = LSTM(units, return_sequences=True)
        self.attention = Attention()
        self.mix = Dense(units, activation="tanh")
        self.head = Dense(len(WRITTEN), activation="softmax")

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        read, h, c = self.encoder(self.letters(x))
        said = self.decoder(self.digits(y), initial_state=[h, c])
        seen = self.attention([said, read])
        return self.head(self.mix(ops.concatenate([said, seen])))


def write(model: Model, x: np.ndarray) -> np.ndarray:
    """What the model writes on its own: each time the likeliest character."""
    y = np.full((len(x), LENGTH), WRITTEN.index("<"))
    for step in range(LENGTH):
        best = model.predict((x, y))[:, step].argmax(axis=-1)
        if step + 1 < LENGTH:
            y[:, step + 1] = best
    return np.concatenate([y[:, 1:], best[:, None]], axis=1)


def main(count: int = 12_000, units: int = 64, epochs: int = 10) -> float:
    """Train, and return the share of new dates that come out right in every character."""
    axon.set_random_seed(0)
    x, y = pairs(count, seed=0)
    model = Translator(units)
    model.compile("categorical_cross_entropy", Adam(0.005, clipnorm=1.0), metrics=["accuracy"])
    model.fit((x, y[:, :-1]), y[:, 1:], batch_size=64, epochs=epochs)
    new, wanted = pairs(500, seed=1)
    written = write(model, new)
    right = float((written == wanted[:, 1:]).all(axis=1).mean())
    for text, ids in zip(new[:5], written, strict=False):
        letters = "".join(READ[i - 1] for i in text if i)
        print(f"{letters:32} -> {''.join(WRITTEN[i] for i in ids)}")
    print(f"{right:.1%} of 500 new dates are right.")
    return right


if __name__ == "__main__":
    main()
