"""Words and numbers that are looked up in a vocabulary, which is given or found in data."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import log
from pathlib import Path
from typing import Any, Generic, TypeVar, Unpack

import numpy as np

from axon.backend import Array, ArrayLike
from axon.checks import demand, integer
from axon.layers.options import LayerOptions
from axon.layers.preparation import IDS, Preparation, cells, check_mode, encoded, hashed, rows_in

Token = TypeVar("Token", str, int)
Vocabulary = Sequence[Token] | Array | str | Path | None


class Lookup(Preparation, Generic[Token]):
    """What StringLookup and IntegerLookup, and texts, share: ids of tokens.

    Ids are: 0 for the mask token, if there is one and ids come out; then those of what the
    vocabulary does not know; then those of the vocabulary, in its order.
    """

    mask_token: Token | None
    oov_token: Token
    num_oov_indices: int = 1
    max_tokens: int | None = None
    pad_to_max_tokens = False
    invert = False
    vocabulary: list[Token] | None = None
    idf_weights: list[float] | None = None
    _ids: Mapping[Token, int] | None = None

    def _start(self, vocabulary: Vocabulary[Token], idf_weights: ArrayLike | None) -> None:
        if self.max_tokens is not None:
            least = len(self._special()) + 1
            integer(type(self).__name__, "max_tokens", self.max_tokens, least)
        demand(
            not self.pad_to_max_tokens or self.max_tokens,
            type(self).__name__,
            "max_tokens",
            "given with pad_to_max_tokens",
            None,
        )
        if vocabulary is not None:
            self.set_vocabulary(vocabulary, idf_weights)

    # -------------------------------------------------------------------- the vocabulary

    def _special(self) -> list[Token]:
        tokens: list[Token] = [self.oov_token] * self.num_oov_indices
        if self.output_mode == "int" and self.mask_token is not None:
            tokens.insert(0, self.mask_token)
        return tokens

    def set_vocabulary(
        self, vocabulary: Vocabulary[Token], idf_weights: ArrayLike | None = None
    ) -> None:
        """Say the vocabulary.

        Args:
            vocabulary: tokens, the most frequent one first, each once, with or without the special
                ones in front; or the path of a text file with one on each line.
            idf_weights: one for each of these tokens, for ``output_mode="tf_idf"``.

        Raises:
            ValueError: a token stands there twice, or is special; too many; other numbers of
                weights. Nothing has been changed then.
        """
        tokens = self._read(vocabulary)
        special: list[Token] = self._special()
        if special and tokens[: len(special)] == special:
            tokens = tokens[len(special) :]
        self._demand_tokens(tokens)
        weights = None if idf_weights is None else np.asarray(idf_weights, float).tolist()
        if self.output_mode == "tf_idf":
            got = "none" if weights is None else len(weights)
            demand(
                weights is not None and len(weights) == len(tokens),
                type(self).__name__,
                "idf_weights",
                f"{len(tokens)} numbers, one for each token",
                got,
            )
        self._set(tokens, weights)

    def _read(self, vocabulary: Vocabulary[Token]) -> list[Token]:
        if isinstance(vocabulary, str | Path):
            return self._typed(Path(vocabulary).read_text(encoding="utf-8").splitlines())
        return self._typed(np.asarray(vocabulary, object).ravel().tolist())

    def _typed(self, tokens: Iterable[Any]) -> list[Token]:
        raise NotImplementedError

    def _demand_tokens(self, tokens: list[Token]) -> None:
        owner = f"layer {self.name!r}"
        if self.max_tokens is not None and len(tokens) + len(self._special()) > self.max_tokens:
            raise ValueError(
                f"{owner}: max_tokens={self.max_tokens}, but the vocabulary has {len(tokens)} "
                f"tokens, beside {len(self._special())} special ones."
            )
        twice = [token for token, count in Counter(tokens).items() if count > 1]
        if twice:
            raise ValueError(f"{owner}: {twice[0]!r} stands more than once in the vocabulary.")
        wrong = {self.oov_token, self.mask_token} & set(tokens)
        if wrong:
            raise ValueError(
                f"{owner}: {wrong.pop()!r} is a special token, and may stand in the vocabulary "
                f"only in front: {self._special()}. Choose another oov_token or mask_token if it "
                "is a word of yours."
            )

    def _set(self, tokens: list[Token], weights: list[float] | None) -> None:
        first = len(self._special())
        self.vocabulary, self.idf_weights = tokens, weights
        self._ids = {token: first + i for i, token in enumerate(tokens)}

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[Token]:
        """The tokens in the order of their ids."""
        tokens: list[Token] = list(self._known())
        return self._special() + tokens if include_special_tokens else tokens

    def vocabulary_size(self) -> int:
        """The number of ids, special ones included."""
        return len(self._special()) + len(self.vocabulary or ())

    @property
    def raw(self) -> object:
        """A value that can be prepared: a token that is known."""
        return next(iter(self.vocabulary or ()), "")

    def _known(self) -> list[Token]:
        if self.vocabulary is None:
            raise RuntimeError(
                f"layer {self.name!r} has no vocabulary yet: call adapt(data), or pass vocabulary=."
            )
        return self.vocabulary

    # -------------------------------------------------------------------- found in data

    def adapt(self, data: object) -> None:
        """Find the vocabulary in data: the most frequent tokens; equally frequent ones by name.

        Args:
            data: an array, a list, a column of a table; or an iterator over such batches. Whatever
                was known before is forgotten.

        Raises:
            ValueError: there is no token in it. What was known before is kept.
        """
        counts: Counter[Token] = Counter()
        rows_with: Counter[Token] = Counter()
        rows = 0
        for part in rows_in(data):
            for tokens in self._documents(part):
                counts.update(tokens)
                rows_with.update(set(tokens))
                rows += 1
        for special in {self.oov_token, self.mask_token}:
            counts.pop(special, None)  # type: ignore[arg-type]
        if not counts:
            raise ValueError(
                f"layer {self.name!r}: adapt found no token in {rows} rows of data. Pass texts or "
                "values, some of which are not empty."
            )
        few = None if self.max_tokens is None else self.max_tokens - len(self._special())
        best = sorted(counts, key=lambda t: (counts[t], t), reverse=True)[:few]
        weights = [log(1 + rows / (1 + rows_with[t])) for t in best]
        self._set(best, weights if self.output_mode == "tf_idf" else None)

    def _documents(self, data: object) -> Iterable[list[Token]]:
        """The tokens of each row."""
        values = self._values(data)
        return (values[:, None] if values.ndim == 1 else values.reshape(len(values), -1)).tolist()

    # -------------------------------------------------------------------- looked up

    def _values(self, x: object) -> Array:
        raise NotImplementedError

    def prepare(self, x: object) -> Array:
        """Look tokens up; ids, if the layer inverts."""
        self._known()
        return self._inverted(x) if self.invert else self._encoded(self._looked_up(self._values(x)))

    def _looked_up(self, values: Array) -> Array:
        ids = self._finder()
        found = np.fromiter((ids(v) for v in values.ravel().tolist()), IDS, values.size)
        return found.reshape(values.shape)

    def _finder(self) -> Callable[[Token], int]:
        """A function from a token to its id."""
        known, mask = dict(self._ids or {}), self.mask_token
        first = len(self._special()) - self.num_oov_indices
        if mask is not None:
            known[mask] = 0 if first else -1  # where no ids come out it counts for nothing
        if self.num_oov_indices == 1:
            return lambda token: known.get(token, first)

        def find(token: Token) -> int:
            place = known.get(token)
            return first + self._unknown(token) if place is None else place

        return find

    def _unknown(self, token: Token) -> int:
        """Which of the ids of unknown tokens this one takes."""
        if not self.num_oov_indices:
            raise ValueError(
                f"layer {self.name!r}: {token!r} is not in the vocabulary, and num_oov_indices=0 "
                "leaves no id for what is unknown."
            )
        return hashed(token, self.num_oov_indices, "")

    def _encoded(self, ids: Array) -> Array:
        depth = self.max_tokens if self.pad_to_max_tokens else self.vocabulary_size()
        return encoded(ids, self.output_mode, depth or 0, self.dtype, self._weights(depth or 0))

    def _weights(self, depth: int) -> Array | None:
        """Weights of all ids: unknown tokens take the mean."""
        if self.idf_weights is None:
            return None
        weights = np.zeros(depth)
        first = len(self._special())
        weights[:first] = np.mean(self.idf_weights)
        weights[first : first + len(self.idf_weights)] = self.idf_weights
        return weights

    def _inverted(self, x: object) -> Array:
        ids, tokens = np.asarray(x), self.get_vocabulary()
        outside = ids.size and (ids.min() < 0 or ids.max() >= len(tokens))
        if ids.dtype.kind not in "iu" or outside:
            raise ValueError(
                f"layer {self.name!r}: with invert=True expected ids, whole numbers from 0 to "
                f"{len(tokens) - 1}, got {ids.dtype} from {ids.min()} to {ids.max()}."
            )
        return np.array(tokens, object if isinstance(tokens[0], str) else None)[ids]

    def __repr__(self) -> str:
        known = "" if self.vocabulary is None else f"{self.vocabulary_size()} tokens, "
        return f"{type(self).__name__}({known}output_mode={self.output_mode!r})"


class StringLookup(Lookup[str]):
    """Turn words, or other text, into ids: (n, ...) text -> the same shape, int64.

    Args:
        max_tokens: the most ids, special ones included; None: as many as there are words.
        num_oov_indices: ids for words that the vocabulary does not know (out of vocabulary): with
            several, a hash of the word chooses one; with 0 such words are an error.
        mask_token: the word that stands for padding, with id 0: "" usually. None: there is none.
        oov_token: what stands in the vocabulary for unknown words.
        vocabulary: words, or the path of a text file with one on each line; None: call ``adapt``.
        idf_weights: weights of these words, for "tf_idf".
        invert: turn ids into words instead.
        output_mode: "int"; "one_hot": a vector for each word; "multi_hot", "count", "tf_idf": one
            for each row (n, k) of words, which says what is in it, how often, and how often times
            log(1 + rows / (1 + rows with the word)).
        pad_to_max_tokens: vectors are max_tokens long, however many words there are.
        options: name, dtype (of vectors).

    At the beginning of a Sequential the data are looked up once, as they come in. ``adapt`` takes
    the most frequent words, and of equally frequent ones the last by name, as Keras does; which of
    several unknown ids a word takes differs from Keras's.

    >>> layer = StringLookup(vocabulary=["red", "green"])
    >>> layer([["green", "blue"]])
    array([[2, 0]])
    >>> StringLookup(vocabulary=["red", "green"], output_mode="multi_hot")([["green", "blue"]])
    array([[1., 0., 1.]], dtype=float32)
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: str | None = None,
        oov_token: str = "[UNK]",
        vocabulary: Vocabulary[str] = None,
        idf_weights: ArrayLike | None = None,
        invert: bool = False,
        output_mode: str = "int",
        pad_to_max_tokens: bool = False,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**options)
        self.max_tokens, self.pad_to_max_tokens = max_tokens, bool(pad_to_max_tokens)
        self.num_oov_indices = integer("StringLookup", "num_oov_indices", num_oov_indices, 0)
        self.mask_token, self.oov_token, self.invert = mask_token, oov_token, bool(invert)
        self.output_mode = check_mode("StringLookup", output_mode)
        self._start(vocabulary, idf_weights)

    def _typed(self, tokens: Iterable[Any]) -> list[str]:
        return [str(t) for t in cells("StringLookup", list(tokens)).tolist()]

    def _values(self, x: object) -> Array:
        values = cells("StringLookup", x)
        if values.dtype.kind == "O":
            return values
        raise TypeError(
            f"layer {self.name!r}: expected text, got {values.dtype}. IntegerLookup looks whole "
            "numbers up."
        )


class IntegerLookup(Lookup[int]):
    """Turn whole numbers, such as the keys of a database, into ids: (n, ...) -> the same, int64.

    Args:
        max_tokens: the most ids, special ones included; None: as many as there are numbers.
        num_oov_indices: ids for numbers that the vocabulary does not know: with several, the
            remainder of the division by their number chooses one; with 0 they are an error.
        mask_token: the number that stands for padding, with id 0. None: there is none.
        oov_token: what stands in the vocabulary for unknown numbers.
        vocabulary: numbers, or the path of a text file with one on each line; None: call ``adapt``.
        idf_weights: weights of these numbers, for "tf_idf".
        invert: turn ids into numbers instead.
        output_mode: as in StringLookup.
        pad_to_max_tokens: vectors are max_tokens long, however many numbers there are.
        options: name, dtype (of vectors).

    >>> layer = IntegerLookup(vocabulary=[1010, 2020])
    >>> layer([2020, 7, 1010])
    array([2, 0, 1])
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: int | None = None,
        oov_token: int = -1,
        vocabulary: Vocabulary[int] = None,
        *,
        idf_weights: ArrayLike | None = None,
        invert: bool = False,
        output_mode: str = "int",
        pad_to_max_tokens: bool = False,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**options)
        self.max_tokens, self.pad_to_max_tokens = max_tokens, bool(pad_to_max_tokens)
        self.num_oov_indices = integer("IntegerLookup", "num_oov_indices", num_oov_indices, 0)
        self.mask_token, self.oov_token, self.invert = mask_token, oov_token, bool(invert)
        self.output_mode = check_mode("IntegerLookup", output_mode)
        self._start(vocabulary, idf_weights)

    def _typed(self, tokens: Iterable[Any]) -> list[int]:
        return [int(t) for t in tokens]

    def _unknown(self, token: int) -> int:
        return token % self.num_oov_indices if self.num_oov_indices else super()._unknown(token)

    def _values(self, x: object) -> Array:
        values = cells("IntegerLookup", x)
        if values.dtype.kind in "iub":
            return values
        raise TypeError(f"layer {self.name!r}: expected whole numbers. StringLookup takes text.")
