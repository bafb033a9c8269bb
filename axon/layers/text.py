"""Text, as a network can read it."""

from collections.abc import Callable, Iterable, Sequence
from string import punctuation
from typing import Any, Unpack

import numpy as np

from axon.backend import Array, ArrayLike
from axon.checks import integer, one_of
from axon.layers.lookup import Lookup, Vocabulary
from axon.layers.options import LayerOptions
from axon.layers.preparation import IDS, cells, check_mode

_GONE = str.maketrans("", "", punctuation)
STANDARDS: dict[str | None, Callable[[str], str]] = {
    "lower_and_strip_punctuation": lambda text: text.lower().translate(_GONE),
    "lower": str.lower,
    "strip_punctuation": lambda text: text.translate(_GONE),
    None: str,
}
SPLITS: dict[str | None, Callable[[str], list[str]]] = {
    "whitespace": str.split,
    "character": list,
    None: lambda text: [text],
}


class TextVectorization(Lookup[str]):
    """Turn texts into ids of words, or into vectors that say which words are in them.

    Args:
        max_tokens: the most ids, special ones included; None: as many as there are words.
        standardize: "lower_and_strip_punctuation", "lower", "strip_punctuation", None, or a
            function from text to text.
        split: "whitespace", "character", None (the text is one word), or a function from text to a
            list of words.
        ngrams: 2 adds each pair of neighbours, 3 also each three; (1, 3) takes just these lengths.
        output_mode: "int": ids (n, words), padded with 0; "multi_hot", "count", "tf_idf": vectors
            (n, tokens), as in StringLookup.
        output_sequence_length: ids of each text: longer ones are cut off, shorter ones padded;
            None: as many as the longest text of those that are given has.
        pad_to_max_tokens: vectors are max_tokens long, however many words there are.
        vocabulary: words, or the path of a text file with one on each line; None: call ``adapt``.
        idf_weights: weights of these words, for "tf_idf".
        options: name, dtype (of vectors).

    Shapes: texts (n,) or (n, 1). Id 0 is padding, which ``Embedding(mask_zero=True)`` skips, and 1
    is any word that is not in the vocabulary; vectors have no place for padding. At the beginning
    of a Sequential texts are prepared once, as they come in; the vocabulary is saved with it.

    >>> layer = TextVectorization()
    >>> layer.adapt(["A cat sat.", "A dog!"])
    >>> layer.get_vocabulary()
    ['', '[UNK]', 'a', 'sat', 'dog', 'cat']
    >>> layer(["The dog sat", "A cat"])
    array([[1, 4, 3],
           [2, 5, 0]])
    """

    mask_token, oov_token = "", "[UNK]"

    def __init__(
        self,
        max_tokens: int | None = None,
        standardize: str | Callable[[str], str] | None = "lower_and_strip_punctuation",
        split: str | Callable[[str], list[str]] | None = "whitespace",
        ngrams: int | Sequence[int] | None = None,
        output_mode: str = "int",
        output_sequence_length: int | None = None,
        pad_to_max_tokens: bool = False,
        vocabulary: Vocabulary[str] = None,
        idf_weights: ArrayLike | None = None,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**options)
        owner = "TextVectorization"
        if not callable(standardize):
            one_of(owner, "standardize", standardize, list(STANDARDS))
        if not callable(split):
            one_of(owner, "split", split, list(SPLITS))
        self.standardize, self.split, self.ngrams = standardize, split, ngrams
        self._lengths = _lengths(ngrams)
        self.output_mode = check_mode(owner, output_mode, ("int", "multi_hot", "count", "tf_idf"))
        if output_sequence_length is not None:
            integer(owner, "output_sequence_length", output_sequence_length)
        self.output_sequence_length = output_sequence_length
        self.max_tokens, self.pad_to_max_tokens = max_tokens, bool(pad_to_max_tokens)
        self._start(vocabulary, idf_weights)

    def _typed(self, tokens: Iterable[Any]) -> list[str]:
        return [str(t) for t in cells("TextVectorization", list(tokens)).tolist()]

    def _documents(self, data: object) -> Iterable[list[str]]:
        return map(self._tokens(), self._texts(data))

    def _texts(self, x: object) -> list[str]:
        """The texts, one a row."""
        values = cells("TextVectorization", [x] if isinstance(x, str) else x)
        single = values.ndim == 1 or (values.ndim == 2 and values.shape[1] == 1)
        if values.dtype.kind != "O" or not single:
            raise TypeError(
                f"layer {self.name!r}: expected texts (n,) or (n, 1), got {values.dtype} of shape "
                f"{values.shape}."
            )
        return [str(t) for t in values.ravel().tolist()]

    @property
    def raw(self) -> object:
        """A value that can be prepared."""
        return ""

    def _tokens(self) -> Callable[[str], list[str]]:
        """A function from a text to its tokens."""
        standardize = (
            self.standardize if callable(self.standardize) else STANDARDS[self.standardize]
        )
        split = self.split if callable(self.split) else SPLITS[self.split]
        if self._lengths == (1,):
            return lambda text: split(standardize(text))
        return lambda text: _ngrams(split(standardize(text)), self._lengths)

    def prepare(self, x: object) -> Array:
        """Ids of the words of texts, or vectors of what is in them."""
        self._known()
        tokens, find = self._tokens(), self._finder()
        rows = [[find(t) for t in tokens(text)] for text in self._texts(x)]
        if self.output_mode == "int":
            return _padded(rows, self.output_sequence_length or max(map(len, rows), default=0), 0)
        return self._encoded(_padded(rows, max(map(len, rows), default=0), -1))


def _lengths(ngrams: int | Sequence[int] | None) -> tuple[int, ...]:
    """How many neighbours make a token."""
    if ngrams is None:
        return (1,)
    if isinstance(ngrams, Sequence) and not isinstance(ngrams, str):
        return tuple(integer("TextVectorization", "ngrams", n) for n in ngrams)
    return tuple(range(1, integer("TextVectorization", "ngrams", ngrams) + 1))


def _ngrams(words: list[str], lengths: tuple[int, ...]) -> list[str]:
    """All runs of neighbours of these lengths, one length after another."""
    return [" ".join(words[i : i + n]) for n in lengths for i in range(len(words) - n + 1)]


def _padded(rows: list[list[int]], length: int, padding: int) -> Array:
    """Rows of one length."""
    made = np.full((len(rows), length), padding, IDS)
    for row, ids in zip(made, rows, strict=True):
        row[: len(ids)] = ids[:length]
    return made
