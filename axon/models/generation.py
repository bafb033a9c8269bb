"""Generation: a model that tells the next token writes on, one token at a time.

What layers keep of the tokens before (axon/layers/past.py) lies in arrays for all tokens there will
be, so each token takes the same time, and the step is recorded once.
"""

from functools import partial
from typing import NamedTuple

import numpy as np

from axon.backend import Array, ArrayLike
from axon.checks import demand, finite, integer
from axon.core import Tensor
from axon.layers.past import Past
from axon.locks import hold
from axon.models.network import Network, kept_by
from axon.modes import Mode, TrainingMode, no_grad
from axon.parameter import Parameter
from axon.program import Step
from axon.random import stream
from axon.settings import versions


class TokenChoice(NamedTuple):
    """How the next token is chosen.

    Attributes:
        temperature: scores are divided by it; 0 takes the likeliest.
        top_k: among so many of the likeliest; None: among all.
        top_p: among the likeliest that together have this probability; None: among all.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None

    def checked(self) -> "TokenChoice":
        """These numbers, if they can be meant.

        Raises:
            ValueError: they can not.
        """
        heat = finite("generate", "temperature", self.temperature, least=0)
        k = None if self.top_k is None else integer("generate", "top_k", self.top_k)
        if self.top_p is not None:
            p = finite("generate", "top_p", self.top_p)
            demand(0 < p <= 1, "generate", "top_p", "greater than 0 and at most 1", p)
        return TokenChoice(heat, k, self.top_p)

    def probabilities(self, scores: Array) -> Array:
        """What each token may be chosen with, (n, tokens), of logits or log-probabilities.

        >>> TokenChoice(top_k=2).probabilities(np.log([[0.1, 0.6, 0.3]])).round(2)
        array([[0.  , 0.67, 0.33]])
        """
        scores = np.asarray(scores, np.float64)
        if self.temperature == 0:
            return np.eye(scores.shape[1])[scores.argmax(axis=1)]
        order = np.argsort(-scores, axis=1, kind="stable")
        sorted_scores = np.take_along_axis(scores, order, axis=1) / self.temperature
        p = np.exp(sorted_scores - sorted_scores[:, :1])
        if self.top_k is not None:
            p[:, self.top_k :] = 0
        p /= p.sum(axis=1, keepdims=True)
        if self.top_p is not None:
            before = p.cumsum(axis=1) - p  # what the likelier ones have together
            p[before >= self.top_p] = 0
            p /= p.sum(axis=1, keepdims=True)
        found = np.empty_like(p)
        np.put_along_axis(found, order, p, axis=1)
        return found

    def draw(self, scores: Array, random: np.random.Generator) -> Array:
        """A token for each row of scores, (n,)."""
        ends = self.probabilities(scores).cumsum(axis=1)
        drawn = random.random((len(ends), 1)) * ends[:, -1:]
        return (ends <= drawn).sum(axis=1)


def generate(
    model: Network,
    tokens: ArrayLike,
    length: int,
    choice: TokenChoice,
    seed: int | None = None,
    stop: int | None = None,
    cached: bool = True,
) -> Array:
    """Write on; see ``Model.generate``."""
    given = np.asarray(tokens)
    rows = given[None] if given.ndim == 1 else given
    fits = rows.ndim == 2 and rows.shape[1] > 0 and len(rows) > 0 and rows.dtype.kind in "iu"
    expected = "whole numbers (time,) or (n, time), at least one step"
    demand(fits, "generate", "tokens", expected, f"{rows.dtype} {given.shape}")
    length = integer("generate", "length", length)
    choice = choice.checked()
    random = stream("generate") if seed is None else np.random.default_rng(seed)
    written = hold(
        model._all_locks(),
        _written,
        model,
        rows.astype(np.int64),
        length,
        choice,
        random,
        stop,
        cached,
    )
    return written[0] if given.ndim == 1 else written


def _written(
    model: Network,
    rows: Array,
    length: int,
    choice: TokenChoice,
    random: np.random.Generator,
    stop: int | None,
    cached: bool,
) -> Array:
    begun = rows.shape[1]
    reader = Stepwise(model, begun + length) if cached else Anew(model)
    written, ended = rows, np.zeros(len(rows), bool)
    for _ in range(length):
        scores = reader.scores(written)
        if len(written[0]) == begun + 1 and cached:
            demand_alike(model, scores, Anew(model).scores(written))
        new = choice.draw(scores, random)
        if stop is not None:
            new = np.where(ended, stop, new)
            ended |= new == stop
        written = np.concatenate([written, new[:, None]], axis=1)
        if ended.all():
            break
    return written


class Anew:
    """Reads all tokens for each new one."""

    def __init__(self, model: Network) -> None:
        self.model = model

    def scores(self, tokens: Array) -> Array:
        """Scores of the next token, (n, tokens)."""
        return as_scores(self.model, read(self.model, Past(tokens.shape[1]), Tensor(tokens)).data)


class Stepwise:
    """Reads the first tokens in one go, then one at a time: the step is recorded.

    Args:
        model: who reads.
        length: how many tokens there will be at most.
    """

    def __init__(self, model: Network, length: int) -> None:
        self.model, self.past, self.done = model, Past(length), 0
        common = (False, False, self._state, partial(versions, [model]), model._all_locks)
        self.step = Step("generate", self._next, ["tokens"], model.labels, *common)
        self.step.expect(length)

    def _state(self) -> list[Tensor]:
        """What a step changes."""
        others = [t for t in kept_by(self.model.modules()) if not isinstance(t, Parameter)]
        return [*others, *self.past.tensors()]

    def _next(self, tokens: Tensor) -> list[Tensor]:
        return [read(self.model, self.past, tokens)]

    def scores(self, tokens: Array) -> Array:
        """Scores of the next token, (n, tokens), given all before, of which the last is new."""
        new = tokens[:, self.done :]
        if not self.done:
            found = read(self.model, self.past, Tensor(new)).data
        else:
            (slot,) = self.step.inputs((new.shape, new.dtype))
            slot[...] = new
            found = self.step.run([slot])[0]
        self.past.advance(new.shape[1])
        self.done = tokens.shape[1]
        return as_scores(self.model, found)


def read(model: Network, past: Past, tokens: Tensor) -> Tensor:
    """What a model says behind the last of some tokens (n, time) that go on from the past.

    Raises:
        ValueError: it does not say something for each token.
    """
    past.begin()
    with Mode("past", past), no_grad(), TrainingMode(False):
        y: Tensor = model.forward(tokens)
    if y.ndim != 3 or y.shape[:2] != tokens.shape:
        raise ValueError(
            f"{model.name}.generate: the model must tell the next token after each one, (n, time, "
            f"tokens), but of {tokens.shape} it makes {y.shape}. Leave out what joins steps: "
            "return_sequences=True, no pooling over time."
        )
    last: Tensor = y[:, -1]
    return last


def as_scores(model: Network, found: Array) -> Array:
    """Logits as they are; of probabilities, whose rows add up to 1, the logarithms.

    Raises:
        FloatingPointError: they are not finite.
    """
    if not np.isfinite(found).all():
        raise FloatingPointError(f"{model.name}.generate: the model's output is not finite.")
    shares = (found >= 0).all() and np.allclose(found.sum(axis=1), 1, atol=1e-3)
    with np.errstate(divide="ignore"):
        return np.log(found) if shares else found.copy()


def demand_alike(model: Network, stepwise: Array, anew: Array) -> None:
    """Demand that reading step by step gives what reading all at once does.

    Raises:
        ValueError: it does not.
    """
    a, b = (np.exp(s - s.max(axis=1, keepdims=True)) for s in (stepwise, anew))
    if np.allclose(a, b, rtol=1e-2, atol=1e-3):
        return
    raise ValueError(
        f"{model.name}.generate: read one token at a time, the model says something else than for "
        "all at once: a layer joins steps, or looks ahead, and keeps nothing of those before "
        "(Conv1D, pooling, attention that is not causal). Generate with cached=False."
    )
