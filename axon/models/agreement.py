"""What ranks have to agree on to learn together, compared in words, and at the end of each epoch.

Each rank computes with its own weights, data and random numbers. That these are the same is what
makes the sums over shards right, so it is looked at: when training begins, all that decides about
bits; after each epoch, what came of it.
"""

import sys
from collections.abc import Mapping, Sequence
from platform import machine
from zlib import crc32

import numpy as np

from axon.backend import Array
from axon.callbacks import Callbacks
from axon.models.feeds import AnyFeed, StreamFeed
from axon.models.training import Trainer
from axon.program.lowerings import in_full
from axon.random import get_state, stream
from axon.ranks import World
from axon.version import __version__

SHOWN = 6  # differences, before the rest is only counted
DRAWN = "shuffle", "augment", "dropout"  # the streams that training draws from
SEED = "Call axon.set_random_seed(7), the same on all ranks, before the model is built."
DATA = "Each rank is given all of the data, the same, and takes its own rows of each batch."
INSTALL = "Install the same versions on all hosts."
FIXES = {
    **{"weights": SEED, "random numbers": SEED},
    **{"axon": INSTALL, "numpy": INSTALL, "python": INSTALL},
    "kernels": "Choose the same ones: axon.set_kernels or AXON_KERNELS; is Numba everywhere?",
    "machine": "Bits of different processors differ: start all ranks on hosts of one type.",
    "callbacks on batches": "Who listens to batches has to do so on all ranks.",
}
DRIFT = (
    "Callbacks, and whatever yields batches, have to do the same on all ranks: what depends on a "
    "clock, on a file or on the rank leads them apart."
)
OTHER = "Build the model, and call fit, with the same arguments on all ranks."
Words = Mapping[str, str]


def demand_alike(world: World, words: Words, since: str = "") -> None:
    """Compare what each rank says of itself.

    Args:
        world: the ranks.
        words: name -> what this rank has.
        since: what all have done alike until now; nothing when training begins.

    Raises:
        ValueError: on all ranks: which of them differ in what, and how to mend it.
    """
    found = world.gather(dict(words), since or "what ranks begin with")
    names = dict.fromkeys(name for of_rank in found for name in of_rank)
    differ = [n for n in names if len({of_rank.get(n, "none") for of_rank in found}) > 1]
    if differ:
        lines = [f"  {n}: {_by_rank([of.get(n, 'none') for of in found])}" for n in differ[:SHOWN]]
        more = [f"  and {len(differ) - SHOWN} more"] if len(differ) > SHOWN else []
        fixes = [DRIFT] if since else dict.fromkeys(_fix(name) for name in differ)
        head = f"the ranks have drifted apart in {since}" if since else "the ranks are not alike"
        raise ValueError("\n".join([f"fit: {head}:", *lines, *more, *fixes]))


def _fix(name: str) -> str:
    return FIXES.get(name, DATA if name.endswith((", arrays", ", checksum")) else OTHER)


def _by_rank(values: list[str]) -> str:
    """Each value with the ranks that have it, the value of most of them first.

    >>> _by_rank(["a", "b", "a", "a"])
    'a on ranks 0, 2, 3; b on rank 1'
    """
    ranks: dict[str, list[int]] = {}
    for rank, value in enumerate(values):
        ranks.setdefault(value, []).append(rank)
    ordered = sorted(ranks.items(), key=lambda item: -len(item[1]))
    return "; ".join(f"{value} on {_numbers(of)}" for value, of in ordered)


def _numbers(ranks: list[int]) -> str:
    return f"rank{'s' * (len(ranks) > 1)} {', '.join(map(str, ranks))}"


# ------------------------------------------------------------------------------------ in words


def words_of(
    trainer: Trainer, feeds: Mapping[str, AnyFeed | None], callbacks: Callbacks, identity: Words
) -> dict[str, str]:
    """All that decides about bits, besides the data that are not looked at."""
    listens = [f"on_{p}_batch_{w}" for p in ("train", "test") for w in ("begin", "end")]
    return {
        **{"axon": __version__, "numpy": np.__version__, "python": sys.version.split()[0]},
        **{"kernels": in_full(), "machine": machine()},
        **identity,
        "callbacks on batches": ", ".join(h for h in listens if callbacks.listens(h)) or "none",
        "random numbers": _random_words(),
        **weights_in_words(trainer),
        **{f"{n}, checksum": text for n, feed in feeds.items() for text in _first_batch(feed)},
    }


def weights_in_words(trainer: Trainer) -> dict[str, str]:
    """Checksums of weights, with what else a forward pass leaves, and of the optimizer's memory."""
    model, optimizer = trainer.model, trainer.optimizer
    inside = [*model.parameters(), *model.named_buffers().values()]
    remembered = [t.data for g in optimizer.groups for t in g.state.values()]
    counted = [t.data for t in (optimizer.iterations, *optimizer.numbers.values())]
    return {
        "weights": checksum([t.data for t in inside]),
        "optimizer's memory": checksum([*remembered, *counted]),
        "learning rate": repr(optimizer.learning_rate),
        "rates in layers": repr([changing.value for changing in trainer.changing]),
    }


def checksum(arrays: Sequence[Array]) -> str:
    """Eight hexadecimal digits of the bytes of some arrays.

    >>> checksum([np.zeros(2, "u1")]) == checksum([np.zeros(1, "u1"), np.zeros(1, "u1")])
    True
    """
    found = 0
    for array in arrays:
        found = crc32(np.ascontiguousarray(array).data.cast("B") if array.size else b"", found)
    return f"{found:08x}"


def _random_words() -> str:
    """The seed, and where the streams stand that training draws from; they begin now."""
    for name in DRAWN:
        stream(name)  # without a seed, each process begins it elsewhere
    state = get_state()
    places = repr([state["streams"][name] for name in DRAWN]).encode()
    seed = "no seed" if state["seed"] is None else f"seed {state['seed']}"
    return f"{seed}, at {crc32(places):08x}"


def _first_batch(feed: AnyFeed | None) -> list[str]:
    """A checksum of the first batch of an iterable; arrays have theirs already."""
    if not isinstance(feed, StreamFeed):
        return []
    return [checksum(batch.columns) for batch in feed.waiting]


def sample_in_words(columns: Sequence[Array], row: int, size: int, found: int) -> int:
    """A checksum of one sample of a batch, and the batch's size, added to that of others."""
    found = crc32(str(size).encode(), found)
    for column in columns:
        found = crc32(np.ascontiguousarray(column[row]).tobytes(), found)
    return found
