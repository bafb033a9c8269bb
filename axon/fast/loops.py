"""The two loops that run a compiled program: the one who leads, and those who help.

A program is four tables of words. An *argument* is (value, by row, by piece, by step, local); an
*entry* (kernel, arguments from start to stop); a *task* (entries from start to stop, rows from
start to stop, rows at a time, piece); a *level* (tasks from start to stop, whether one thread does
them all). The tasks of a level know nothing of each other: whoever is free takes the next one. When
all are done, the next level begins.

    ticket = number of the level so far << 32 | next task

is claimed by compare-and-swap, so that nobody can take a task of a level that has ended: before
the last task of the next level is told, the ticket says ``CLOSED``, and no swap succeeds.
"""

from collections.abc import Callable
from typing import Any

from numba import njit

from axon.fast.kernels.cache import kept
from axon.fast.kernels.declare import of_this_edition
from axon.fast.kernels.intrinsics import (
    call,
    cycles,
    give_way,
    increase,
    load,
    pause,
    replace,
    store,
    words,
)

# words of a program's head
LEVELS, TASKS, ENTRIES, ARGUMENTS, WORKSPACE, WORKSPACE_BYTES, CLOCK, FAULT = range(8)
# words of the shared state, each on a cache line of its own
TICKET, DONE, HEAD, STEP, YIELD, STOP, BEGUN, AWAKE = 0, 8, 16, 24, 32, 40, 48, 56
CLOSED = 0xFFFFFFFF  # no level has so many tasks
MAX_WORDS = 64  # of one call; they lie at the beginning of each thread's workspace
SPINS = 20_000  # looks for work, some 100 microseconds, before a helper goes to sleep
PATIENCE = 2_000  # looks for the end of a level before the core is given away


def compiled(signature: str) -> Any:
    """Compile a loop that needs no Python; kept for later processes, if there is a place."""

    def compile(function: Callable[..., None]) -> Any:
        named = of_this_edition(function)

        def compiled(cache: Any) -> Any:
            loop = njit(nogil=True)(named)
            loop._cache = cache
            loop.compile(signature)
            loop.disable_compile()
            return loop

        return kept(named, compiled)

    return compile


@compiled("void(intp, intp, intp, intp)")
def run_task(head: int, task: int, step: int, thread: int) -> None:
    """Do one task: so many rows at a time, each entry one call of a kernel."""
    h = words(head, 8)
    t = words(h[TASKS] + task * 48, 6)
    start_entry, stop_entry, start, stop, at_once, piece = t[0], t[1], t[2], t[3], t[4], t[5]
    workspace = h[WORKSPACE] + thread * h[WORKSPACE_BYTES]
    given = words(workspace, MAX_WORDS)
    local = workspace + MAX_WORDS * 8
    for row in range(start, stop, at_once):
        given[0], given[1] = min(at_once, stop - row), row == start
        for entry in range(start_entry, stop_entry):
            e = words(h[ENTRIES] + entry * 24, 3)
            kernel, argument, count = e[0], e[1], e[2] - e[1]
            a = words(h[ARGUMENTS] + argument * 40, count * 5)
            for k in range(count):
                i = k * 5
                value = a[i] + a[i + 1] * row + a[i + 2] * piece + a[i + 3] * step
                given[k + 2] = value + a[i + 4] * local
            if h[CLOCK]:
                began = cycles()
                call(kernel, workspace)
                words(h[CLOCK] + entry * 8, 1)[0] += cycles() - began
            else:
                call(kernel, workspace)


@compiled("void(intp, intp, intp, intp, intp, intp, boolean)")
def lead(
    state: int, head: int, start: int, stop: int, first_step: int, steps: int, alone: bool
) -> None:
    """Run levels of a program, some steps long, with whoever helps; no more after a fault."""
    s = words(state, 128)
    h = words(head, 8)
    if not alone:
        store(state + HEAD * 8, head)
    for step in range(first_step, first_step + steps):
        if not alone:
            store(state + STEP * 8, step)
        for level in range(start, stop):
            if h[FAULT] and words(h[FAULT], 1)[0]:
                return
            bounds = words(h[LEVELS] + level * 24, 3)
            first, end = bounds[0], bounds[1]
            if alone or bounds[2]:
                for task in range(first, end):
                    run_task(head, task, step, 0)
                continue
            store(state + DONE * 8, 0)
            number = ((s[TICKET] >> 32) + 1) << 32
            store(state + TICKET * 8, number | CLOSED)
            store(state + STOP * 8, end)
            store(state + TICKET * 8, number | first)
            while True:
                ticket = load(state + TICKET * 8)
                task = ticket & CLOSED
                if task >= end:
                    break
                if replace(state + TICKET * 8, ticket, ticket + 1):
                    run_task(head, task, step, 0)
                    increase(state + DONE * 8, 1)
            looks = 0
            while load(state + DONE * 8) < end - first:
                pause()
                looks += 1
                if looks > PATIENCE and s[YIELD]:
                    give_way(s[YIELD])


@compiled("void(intp, intp)")
def assist(state: int, thread: int) -> None:
    """Take tasks until there have been none for a while, and nobody has begun meanwhile.

    Whoever begins looks at who is awake: a helper that has just made up its mind to sleep must look
    once more, or it would be missed for all that follows.
    """
    idle, begun = 0, load(state + BEGUN * 8)
    while True:
        ticket = load(state + TICKET * 8)
        task = ticket & CLOSED
        if task < load(state + STOP * 8):
            if replace(state + TICKET * 8, ticket, ticket + 1):
                run_task(load(state + HEAD * 8), task, load(state + STEP * 8), thread)
                increase(state + DONE * 8, 1)
            idle = 0
        else:
            idle += 1
            pause()
        if idle >= SPINS:
            replace(state + (AWAKE + thread) * 8, 1, 0)
            if load(state + BEGUN * 8) == begun or not replace(state + (AWAKE + thread) * 8, 0, 1):
                return  # nobody has begun, or whoever did has woken it
            idle, begun = 0, load(state + BEGUN * 8)


@compiled("intp()")
def now() -> int:
    """The core's count of cycles."""
    return cycles()
