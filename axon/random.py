"""Random numbers, in named streams.

Each use has a stream of its own (``init``, ``shuffle``, ``dropout``, ``augment``), so that drawing
more numbers for one never changes another: looking at the data does not change the training.
"""

import sys
from collections.abc import Callable
from typing import Any
from zlib import crc32

import numpy as np

from axon.checks import is_integer
from axon.locks import fork_with

_streams: "dict[str, np.random.Generator]" = {}  # text: numpy.random is loaded when first used
_seed: int | None = None


def set_random_seed(seed: int) -> None:
    """Start every stream of random numbers anew from this seed: same seed, same bits.

    Raises:
        ValueError: the seed is negative, or not a whole number.

    >>> set_random_seed(7); first = stream("init").random()
    >>> set_random_seed(7); first == stream("init").random()
    True
    """
    global _seed
    if not is_integer(seed) or seed < 0:
        raise ValueError(f"seed: expected a whole number of at least 0, got {seed!r}.")
    _seed = int(seed)
    _streams.clear()


def stream(name: str) -> "np.random.Generator":
    """Return the generator of this name; unseeded ones begin somewhere else in every process."""
    found = _streams.get(name)
    if found is None:
        entropy = None if _seed is None else [_seed, crc32(name.encode())]
        made = np.random.default_rng(np.random.SeedSequence(entropy))
        found = _streams.setdefault(name, made)  # another thread may have been faster
    return found


def place(*names: str) -> Callable[[], None]:
    """Note where some streams stand; what is returned goes back there, when called.

    >>> set_random_seed(7)
    >>> back = place("init")
    >>> first = stream("init").random()
    >>> back(); stream("init").random() == first
    True
    """
    begun = {name: _streams[name].bit_generator.state for name in names if name in _streams}

    def back() -> None:
        for name in names:
            if name in begun:
                stream(name).bit_generator.state = begun[name]
            else:
                _streams.pop(name, None)  # seeded, it begins with the same numbers once more

    return back


State = dict[str, Any]  # numbers and texts, which a file can hold


def get_state(others: bool = False) -> State:
    """Where every stream stands: numbers and texts, for ``set_state``; unseeded streams, too.

    Args:
        others: also where NumPy's and Python's own generators stand, ``np.random`` and ``random``.

    >>> before = get_state()
    >>> first = stream("init").random(3)
    >>> set_state(before)
    >>> (stream("init").random(3) == first).all()
    np.True_
    """
    from copy import deepcopy  # imported where used: most runs are never resumed

    drawn = {name: generator.bit_generator.state for name, generator in _streams.copy().items()}
    state: State = {"seed": _seed, "streams": deepcopy(drawn)}
    if others:
        import random

        of_numpy = np.random.get_state(legacy=False)  # noqa: NPY002
        state |= {"numpy": of_numpy, "python": random.getstate()}
    return state


def set_state(state: State) -> None:
    """Let every stream go on from where ``get_state`` found it, whatever was drawn since.

    Raises:
        ValueError: it is not such a state; no stream has been changed then.
    """
    global _seed
    try:
        made = {name: _generator(drawn) for name, drawn in state["streams"].items()}
        seed = None if state["seed"] is None else int(state["seed"])
        _set_others(state)
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(
            f"set_state: expected what axon.random.get_state() returned, got {state!r:.99}."
        ) from error
    for name in set(_streams) - set(made):  # not begun yet, then
        _streams.pop(name, None)
    for name, generator in made.items():  # in place: somebody may hold the generator
        stream(name).bit_generator.state = generator.bit_generator.state
    _seed = seed


def _generator(drawn: Any) -> "np.random.Generator":
    made = np.random.default_rng(0)
    made.bit_generator.state = drawn
    return made


def _set_others(state: State) -> None:
    """NumPy's and Python's own generators, if the state knows of them."""
    if "numpy" in state:
        np.random.set_state(state["numpy"])  # noqa: NPY002
    if "python" in state:
        import random

        version, words, last = state["python"]  # lists, if they come from a file
        random.setstate((version, tuple(words), last))


def _locks() -> list[object]:
    """What a thread has while it draws: a fork waits until the numbers are drawn."""
    made = [generator.bit_generator for generator in _streams.copy().values()]
    if "numpy.random" in sys.modules:
        made.append(vars(np.random)["get_bit_generator"]())  # of np.random itself
    return [generator.lock for generator in made]


fork_with(_locks)
