"""Classify the texts in a CSV file: a column of strings goes into the model as it is.

    python examples/text/classification.py reviews.csv text label

Without a file it writes one of made-up reviews and learns that.
"""

import csv
import random
import sys
import tempfile
from pathlib import Path

import numpy as np

import axon
from axon import Sequential
from axon.layers import (
    Dense,
    Dropout,
    Embedding,
    GlobalAveragePooling1D,
    StringLookup,
    TextVectorization,
)

PRAISE = "good great fine lovely moving brilliant funny warm honest".split()
BLAME = "bad dull poor boring awful flat silly cold false".split()
FRAMES = [
    "The {} was {}, and the {} {} too.",
    "A {1} {0}; I found the {2} {3}.",
    "What a {1} {0}! And the {2}: {3}.",
    "I had hoped for a better {}, but it was {}. The {} was {}.",
]
THINGS = "plot acting music ending camera script dialogue pace".split()


def made_up(path: Path, count: int) -> None:
    """Write a CSV file of reviews; one word in ten says the opposite of what is meant."""
    chance = random.Random(0)
    with path.open("w", newline="", encoding="utf-8") as stream:
        out = csv.writer(stream)
        out.writerow(["text", "label"])
        for i in range(count):
            label = ("blame", "praise")[i % 2]
            meant, other = (BLAME, PRAISE) if i % 2 == 0 else (PRAISE, BLAME)
            words = [chance.choice(other if chance.random() < 0.1 else meant) for _ in range(2)]
            things = chance.sample(THINGS, 2)
            frame = chance.choice(FRAMES)
            text = frame.format(things[0], words[0], things[1], words[1])
            out.writerow([text, label])


def read(path: Path, text: str, label: str) -> tuple[list[str], list[str]]:
    """The two columns of a CSV file."""
    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    return [row[text] for row in rows], [row[label] for row in rows]


def main(
    path: str | None = None, text: str = "text", label: str = "label", epochs: int = 10
) -> float:
    """Learn, and return the share of held-out texts whose class is found."""
    axon.set_random_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(path) if path else Path(folder) / "reviews.csv"
        if path is None:
            made_up(file, 1200)
            print(f"no file was given: {1200} made-up reviews")
        texts, labels = read(file, text, label)

    order = np.random.default_rng(0).permutation(len(texts))
    texts, labels = [texts[i] for i in order], [labels[i] for i in order]
    held = len(texts) // 5

    classes = StringLookup(num_oov_indices=0)  # names of classes <-> 0, 1, ...
    classes.adapt(labels)
    words = TextVectorization(max_tokens=20_000)
    words.adapt(texts[held:])
    model = Sequential(
        [
            words,
            Embedding(words.vocabulary_size(), 32, mask_zero=True),
            GlobalAveragePooling1D(),
            Dropout(0.2),
            Dense(classes.vocabulary_size(), "softmax"),
        ]
    )
    model.compile("categorical_crossentropy", "adam", ["accuracy"])
    y = classes(labels)
    model.fit(texts[held:], y[held:], epochs=epochs, verbose=0)
    loss, accuracy = model.evaluate(texts[:held], y[:held], verbose=0)
    print(f"held-out texts: loss {loss:.3f}, accuracy {accuracy:.1%}")

    names = StringLookup(num_oov_indices=0, vocabulary=classes.get_vocabulary(), invert=True)
    for sample, guess in zip(
        texts[:3], names(model.predict(texts[:3]).argmax(axis=1)), strict=True
    ):
        print(f"{guess:8} {sample}")
    return float(accuracy)


if __name__ == "__main__":
    main(*sys.argv[1:4])
