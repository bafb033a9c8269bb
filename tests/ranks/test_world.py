"""What ranks tell each other: sums, values, and above all that something went wrong."""

import os
import re
import signal
import time

import pytest

from axon.threads import cores
from tests.ranks.launch import (
    EACH,
    JOB,
    Found,
    end,
    mpich,
    needs_mpich,
    needs_other,
    of,
    other,
    run,
    start,
)

each_mpi = pytest.mark.parametrize("mpi", EACH)


@each_mpi
def test_ranks_talk_and_stay_in_step_after_errors(mpi: Found) -> None:
    job = run(mpi(), 4, JOB, "talk", AXON_NUM_THREADS="auto")
    assert job.code == 0, job.err
    assert "WARN" not in job.err
    for rank in range(4):
        said = of(job, rank)
        assert said[0] == "size 4 4 True"
        sizes = [([0, r, 2 * r], 100_000 * r) for r in range(4)]
        assert said[1] == f"gather {sizes}"
        assert said[2] == "share {'rank': 0, 'numbers': array([0, 1])}"
        assert said[3] == f"threads {max(1, cores() // 4)}"
        assert "3 shards cannot be shared out among 4 ranks. Start 1 or 3 ranks" in said[4]
        named = [re.sub(r"\(.*?\)", "(host)", line) for line in said[5:]]
        # where all fail, one that comes late may have been told
        named = [re.sub("^all RankError: rank . .host. stopped: ", "all ", n) for n in named]
        told = "RankError: rank {} (host) stopped: "
        expected = [
            f"error {'' if rank == 1 else told.format(1)}ValueError: no such column",
            f"interrupt {'' if rank == 3 else told.format(3)}KeyboardInterrupt"
            + (": " if rank == 3 else ""),
            "all ValueError: all alike",
        ]
        again = ["still [0, 0, 0, 0] True", "still [1, 1, 1, 1] True"]
        last = ["late message 0.0", f"leads {rank == 0}"]
        assert named == [*expected, again[0], *expected, again[1], *last]


@pytest.mark.parametrize(
    ("mpi", "ranks"),
    [
        pytest.param(mpich, 2, marks=needs_mpich),
        pytest.param(mpich, 8, marks=needs_mpich),
        pytest.param(other, 4, marks=needs_other),
    ],
)
def test_sums_have_the_bits_of_the_tree(mpi: Found, ranks: int) -> None:
    job = run(mpi(), ranks, JOB, "tree")
    assert job.code == 0, job.err
    each = 8 // ranks
    for rank in range(ranks):
        (shape, ok) = of(job, rank)
        assert ok == "ok"
        assert f"expected the {each} shards of this rank, each of shape (3,)" in shape


@each_mpi
def test_ranks_that_do_not_do_the_same_are_named(mpi: Found) -> None:
    job = run(mpi(), 4, JOB, "apart")
    assert job.code == 0, job.err
    lines = [re.sub(r" \(.*?\)", "", line) for rank in range(4) for line in of(job, rank)]
    told = "{} (RankError: rank . stopped: )?RuntimeError: ranks are out of step: .* All ranks have"
    for way in ("sum", "words"):
        assert len([line for line in lines if re.match(told.format(way), line)]) == 8, lines
    both = r"rank . is in: values of kind .; rank . is in: values of kind .\."
    assert [line for line in lines if re.search(both, line)]
    assert lines.count("still [0, 1, 2, 3]") == 4
    outside = [line for line in lines if line.startswith("outside ") and "no error" not in line]
    assert len(outside) == 4


@each_mpi
def test_what_a_rank_starts_is_no_rank(mpi: Found) -> None:
    job = run(mpi(), 2, JOB, "no_ranks")
    assert job.code == 0, job.err
    for rank in range(2):
        (thread, fork, *rest) = of(job, rank)
        assert re.match(r"thread RuntimeError: a fit: another thread of rank . \(", thread)
        assert re.match(r"fork RuntimeError: ranks: this process was forked from rank . \(", fork)
        assert rest == ["exit 7", "program 0 1", "still no error"]


@each_mpi
def test_who_does_not_come_is_named_and_the_job_ends(mpi: Found) -> None:
    begun = time.monotonic()
    job = run(mpi(), 4, JOB, "late")
    assert job.code not in (0, None)
    assert time.monotonic() - begun < 30
    assert re.search(r"rank 1 \(.*\) did not answer within 1.5 seconds, in: the sum", job.err)
    assert "AXON_RANKS_TIMEOUT gives it more time" in job.err


@each_mpi
@pytest.mark.parametrize("way", ["error", "exit", "interrupt"])
def test_a_rank_that_fails_tells_the_others(mpi: Found, way: str) -> None:
    job = run(mpi(), 4, JOB, "ends", way)
    why = {"error": "ValueError: invalid literal", "exit": "SystemExit: 3"}
    assert job.code != 0
    for rank in (0, 2, 3):
        (said,) = of(job, rank)
        assert re.match(rf"rank 1 \(.*\) stopped: {why.get(way, 'KeyboardInterrupt')}", said)


@each_mpi
def test_a_rank_that_fails_while_they_find_each_other_ends_the_job(mpi: Found) -> None:
    begun = time.monotonic()
    job = run(mpi(), 3, JOB, "begins")
    assert job.code not in (0, None)
    assert time.monotonic() - begun < 30
    assert "ValueError: invalid literal" in job.err
    assert "begun" not in job.out


@each_mpi
def test_a_killed_rank_ends_the_job(mpi: Found) -> None:
    job = run(mpi(), 4, JOB, "ends", "kill")
    assert job.code in (9, 137)


@each_mpi
@pytest.mark.parametrize("way", ["error", "exit", "end"])
def test_nobody_waits_for_a_rank_that_has_ended(mpi: Found, way: str) -> None:
    job = run(mpi(), 3, JOB, "leaves", way)
    assert job.code != 0
    for rank in (0, 2):
        (said,) = of(job, rank)
        assert re.match(r"waiting RankError: rank 1 \(.*\) has ended, and others wait", said)
        assert ("invalid literal" in said) == (way == "error")


@each_mpi
def test_the_same_with_mpi4pys_own_way_to_start(mpi: Found) -> None:
    job = run(mpi(), 4, "-m", "mpi4py", JOB, "ends", "error")
    assert job.code != 0
    assert "ValueError: invalid literal" in job.err


@each_mpi
def test_ctrl_c_in_the_terminal_ends_all(mpi: Found) -> None:
    found = mpi()
    assert found is not None
    process = start(found, 2, JOB, "waits")
    assert process.stdout is not None
    assert process.stdout.readline()
    os.killpg(process.pid, signal.SIGINT)
    assert end(process, 30).code != 0
