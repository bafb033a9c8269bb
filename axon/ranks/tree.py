"""The sum over all shards, by a tree that depends on nothing but how many shards there are.

    8 shards:  ((0 + 1) + (2 + 3)) + ((4 + 5) + (6 + 7))

Rounding makes sums depend on their order. Here it is the same whoever computes the summands: the
shards of a rank are a branch of the tree. The upper part of it is shared: each rank is given all
others' sums of its chunk of the numbers, adds them up, and hands out the result.
"""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from axon.backend import Array, Shape
from axon.core import primitive
from axon.ranks.world import World, world

BLOCK = 2**15  # bytes of a row that are added up in one go: they stay in the core's cache
SMALL = 2**12  # bytes that are sent to all at once: it is the number of messages that counts

Specs = list[tuple[tuple[int, ...], np.dtype]]


def levels(count: int) -> int:
    """How many sums wait at a time, while so many summands are added up.

    >>> [levels(n) for n in (1, 2, 3, 4, 5, 8, 16)]
    [0, 0, 0, 1, 1, 2, 3]
    """
    return max(count.bit_length() - 2, 0)


def _workspace(total: Array, rows: Array, shards: int) -> Specs:
    ranks, size, dtype = world().size, total.size, total.dtype
    waiting = max(levels(len(rows)), levels(ranks))
    block = min(size, BLOCK // dtype.itemsize)
    alone: Specs = [((waiting, block), dtype)]
    if ranks == 1:
        return alone
    return [*alone, ((size,), dtype), ((ranks, _chunk(size, dtype, ranks)), dtype)]


def _read(total: Shape, rows: Shape, out: Shape, *, shards: int) -> int:
    """All ranks' summands count, so that kernels are chosen alike whatever the number of ranks."""
    return shards * prod(total)


def _chunk(size: int, dtype: np.dtype, ranks: int) -> int:
    """How many numbers a rank adds up at most: all if they are few."""
    return size if size * dtype.itemsize <= SMALL else -(-size // ranks)


@primitive(kind="writes", writes=1, workspace=_workspace, overwrites=True, reads=_read)
def all_reduce(total: Array, rows: Array, *, shards: int, workspace: list[Array], xp: Any) -> None:
    """Sum over the shards of all ranks: total = rows[0] + rows[1] + ... by a fixed binary tree.

    Args:
        total: of any shape; becomes the sum, the same bits on every rank and for any number of
            them.
        rows: (shards of this rank, *shape of total): this rank's summands, in the order of their
            numbers.
        shards: how many summands all ranks have together.
        workspace: memory for sums that wait, for this rank's sums, and for those of others.
        xp: the library of arrays.

    Raises:
        ValueError: this rank has other shards, or numbers of another shape.
        RankError: a rank stopped, or did not answer in time.

    >>> all_reduce(np.zeros(2), np.array([[1.0, 2.0], [3.0, 4.0]]), shards=2)
    array([4., 6.])
    """
    ranks = world()
    if rows.shape != (len(ranks.own(shards)), *total.shape):
        raise ValueError(
            f"all_reduce: expected the {len(ranks.own(shards))} shards of this rank, each of shape "
            f"{total.shape}, in one array; got {rows.shape}."
        )
    flat, summands = total.reshape(-1), rows.reshape(len(rows), -1)
    if ranks.size == 1:
        add_up(list(summands), flat, workspace[0], xp)
    elif flat.nbytes <= SMALL:
        _at_once(ranks, flat, summands, workspace, xp)
    else:
        _in_chunks(ranks, flat, summands, workspace, xp)
    if not total.flags.c_contiguous:
        total[...] = flat.reshape(total.shape)


def add_up(rows: "Sequence[Array]", out: Array, waiting: Array, xp: Any) -> None:
    """Write the sum of some rows into ``out``, block by block where sums have to wait."""
    step = max(waiting.shape[1] if len(rows) > 2 else out.size, 1)
    for start in range(0, out.size, step):
        block = slice(start, min(start + step, out.size))
        spare = list(waiting[:, : block.stop - start])
        _branch([row[block] for row in rows], out[block], spare, xp)


def _branch(rows: "list[Array]", out: Array, waiting: "list[Array]", xp: Any) -> None:
    """A branch of the tree: cut at the largest power of two, so that all blocks are alike."""
    half = 1 << (len(rows) - 1).bit_length() >> 1
    if half < 1:
        xp.copyto(out, rows[0])
        return
    right = rows[half]
    if half > 1:
        _branch(rows[:half], out, waiting, xp)
        if len(rows) - half > 1:
            right = waiting[0]
            _branch(rows[half:], right, waiting[1:], xp)
        xp.add(out, right, out=out)
    else:
        xp.add(rows[0], right, out=out)


def _at_once(ranks: World, out: Array, rows: Array, workspace: "list[Array]", xp: Any) -> None:
    """Few numbers: everybody sends theirs to everybody, and adds up all."""
    waiting, mine, received = workspace
    asked = ranks.receive({r: received[r] for r in ranks.others}, True)
    add_up(list(rows), mine, waiting, xp)
    ranks.wait(asked + ranks.send(dict.fromkeys(ranks.others, mine), True), WHAT, True)
    add_up([mine if r == ranks.rank else received[r] for r in range(ranks.size)], out, waiting, xp)


def _in_chunks(ranks: World, out: Array, rows: Array, workspace: "list[Array]", xp: Any) -> None:
    """Many numbers: each rank adds up a chunk of them, and sends the sums to all."""
    waiting, mine, received = workspace
    size, own = out.size, ranks.rank
    cuts = [slice(size * r // ranks.size, size * (r + 1) // ranks.size) for r in range(ranks.size)]
    length = cuts[own].stop - cuts[own].start
    asked = ranks.receive({r: received[r][:length] for r in ranks.others}, True)
    for r in [*ranks.others, own]:
        part = mine[cuts[r]]
        if len(rows) == 1:
            part = rows[0][cuts[r]]
        else:
            add_up([row[cuts[r]] for row in rows], part, waiting, xp)
        if r != own:
            asked += ranks.send({r: part}, True)
    ranks.wait(asked, WHAT, True)
    chunks = [part if r == own else received[r][:length] for r in range(ranks.size)]
    add_up(chunks, out[cuts[own]], waiting, xp)
    asked = ranks.receive({r: out[cuts[r]] for r in ranks.others}, True)
    sent = ranks.send(dict.fromkeys(ranks.others, out[cuts[own]]), True)
    ranks.wait(asked + sent, WHAT, True)


WHAT = "the sum over all shards"
