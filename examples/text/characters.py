"""A language model of characters: a GRU reads a text and learns to say which comes next.

    python examples/text/characters.py [file.txt ...]

Without files it reads AXON's own documentation. After training it writes on its own.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import axon
from axon.layers import GRU, Dense, Embedding
from axon.models import Sequential
from axon.optimizers import Adam

ROOT = Path(__file__).parents[2]
LENGTH = 64  # characters that the model sees at once while it learns


def read(files: Sequence[str]) -> str:
    documents = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/**/*.md"))]
    found = [Path(f) for f in files] or documents
    return "\n".join(path.read_text(encoding="utf-8") for path in found)


def windows(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Stretches of the text, and the same one character later."""
    starts = np.arange(0, len(codes) - LENGTH - 1, LENGTH // 2)
    x = codes[starts[:, None] + np.arange(LENGTH)]
    y = codes[starts[:, None] + np.arange(1, LENGTH + 1)]
    return x, y


def sample(model: Sequential, alphabet: str, begin: str, count: int, temperature: float) -> str:
    """Write on from ``begin``, drawing each character from what the model expects."""
    rng, text = np.random.default_rng(0), begin
    for _ in range(count):
        seen = [alphabet.index(c) for c in text[-LENGTH:]]
        p = model.predict(np.array([seen]))[0, -1].astype(np.float64) ** (1 / temperature)
        text += alphabet[rng.choice(len(alphabet), p=p / p.sum())]
    return text


def main(*files: str, epochs: int = 20, units: int = 192, count: int = 400) -> float:
    axon.set_random_seed(0)
    text = read(files)
    alphabet = "".join(sorted(set(text)))
    codes = np.array([alphabet.index(c) for c in text])
    x, y = windows(codes)
    model = Sequential(
        [
            Embedding(len(alphabet), 32),
            GRU(units, return_sequences=True),
            Dense(len(alphabet), activation="softmax"),
        ]
    )
    model.compile("categorical_cross_entropy", Adam(0.005, clipnorm=1.0), metrics=["accuracy"])
    print(f"{len(text):,} characters, {len(alphabet)} different ones")
    options = {"validation_split": 0.1, "verbose": 2}
    history = model.fit(x, y, batch_size=32, epochs=epochs, **options)
    print(sample(model, alphabet, begin=text[:LENGTH], count=count, temperature=0.6))
    return history.history["val_loss"][-1]


if __name__ == "__main__":
    main(*sys.argv[1:])
