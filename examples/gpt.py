"""A small GPT: it reads a text, learns which character, or word, comes next, and writes on.

    python examples/gpt.py [file.txt ...] [--words] [--rotary]

Without files it reads AXON's own documentation. Attention looks back only (``causal=True``), so all
places of a stretch are learned from at once; while it writes, keys and values of what was read are
kept, so that each new token takes the same time.
"""

import re
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import axon
from axon.layers import Dense, Embedding, LayerNormalization, PositionalEmbedding, TransformerBlock
from axon.models import Sequential
from axon.optimizers import AdamW

ROOT = Path(__file__).parents[1]
UNKNOWN = "?"


def read(files: Sequence[str]) -> str:
    documents = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/**/*.md"))]
    found = [Path(f) for f in files] or documents
    return "\n".join(path.read_text(encoding="utf-8") for path in found)


def tokens_of(text: str, words: bool) -> list[str]:
    """Characters; or words, spaces and signs, so that joined they are the text again."""
    return re.findall(r"\w+|\s+|[^\w\s]", text) if words else list(text)


class Vocabulary:
    """The most frequent tokens, and their ids; id 0 stands for all others."""

    def __init__(self, tokens: Sequence[str], most: int) -> None:
        self.known = [UNKNOWN, *(t for t, _ in Counter(tokens).most_common(most))]
        self.ids = {token: i for i, token in enumerate(self.known)}

    def encode(self, tokens: Sequence[str]) -> np.ndarray:
        return np.array([self.ids.get(token, 0) for token in tokens])

    def decode(self, ids: np.ndarray) -> str:
        return "".join(self.known[i] for i in ids)


def windows(codes: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Stretches of the text, and the same one token later."""
    starts = np.arange(0, len(codes) - length - 1, length // 2)
    at = starts[:, None] + np.arange(length)
    return codes[at], codes[at + 1]


def gpt(vocabulary: int, length: int, width: int, blocks: int, rotary: bool) -> Sequential:
    """Embeddings, blocks of attention, and a score for each token that may come next."""
    near = "random_uniform"  # as small as those of tokens, which they would drown at first
    places = [] if rotary else [PositionalEmbedding(length, embeddings_initializer=near)]
    block = {"dropout": 0.1, "activation": "gelu", "causal": True, "rotary": rotary}
    return Sequential(
        [
            Embedding(vocabulary, width),
            *places,
            *(TransformerBlock(4, 4 * width, **block) for _ in range(blocks)),
            LayerNormalization(),
            Dense(vocabulary, activation="softmax"),
        ]
    )


def main(
    *files: str,
    words: bool = False,
    rotary: bool = False,
    epochs: int = 5,
    length: int = 64,
    width: int = 96,
    blocks: int = 2,
    most: int = 2000,
    share: float = 1.0,
) -> tuple[float, str]:
    """Train, say how well the last tenth is told, and write on.

    Returns:
        What a token of the last tenth costs, in nats, and what was written.
    """
    axon.set_random_seed(0)
    tokens = tokens_of(read(files), words)
    tokens = tokens[: int(len(tokens) * share)]
    vocabulary = Vocabulary(tokens, most)
    codes = vocabulary.encode(tokens)
    length = min(length, len(codes) // 20)
    x, y = windows(codes, length)
    model = gpt(len(vocabulary.known), length, width, blocks, rotary)
    model.compile("categorical_cross_entropy", AdamW(0.002), metrics=["accuracy"])
    history = model.fit(x, y, batch_size=32, epochs=epochs, validation_split=0.1)
    cost = history.history["val_loss"][-1]
    guess = np.log(len(vocabulary.known))
    print(f"{len(codes)} tokens, {len(vocabulary.known)} different ones; one of the last tenth "
          f"costs {cost:.2f} nats, guessing {guess:.2f}.")  # fmt: skip
    begin = codes[: length // 4]
    written = model.generate(begin, length - len(begin), temperature=0.8, top_k=40, seed=1)
    text = vocabulary.decode(written)
    print(text)
    return cost, text


if __name__ == "__main__":
    options = {o[2:]: True for o in sys.argv[1:] if o in ("--words", "--rotary")}
    main(*(f for f in sys.argv[1:] if not f.startswith("--")), **options)
