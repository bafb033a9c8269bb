"""``fit(shards=8)`` gives one digest of all weights, whatever shares the shards out."""

import re
from pathlib import Path

import pytest

from tests.ranks.launch import (
    EACH,
    TRAIN,
    Found,
    alone,
    mpich,
    needs_mpich,
    needs_other,
    of,
    other,
    run,
)

NETS = ("mlp", "cnn", "lstm")
MANY = [
    *(pytest.param(mpich, n, id=f"mpich-{n}", marks=needs_mpich) for n in (2, 4)),
    pytest.param(mpich, 8, id="mpich-8", marks=[needs_mpich, pytest.mark.slow]),
    *(pytest.param(other, n, id=f"openmpi-{n}", marks=needs_other) for n in (2,)),
]


@pytest.fixture(scope="module")
def one_process() -> dict[str, list[str]]:
    """The digests, by kernels."""
    return {}


@pytest.mark.parametrize("kernels", ["numpy", pytest.param("fast", marks=pytest.mark.slow)])
@pytest.mark.parametrize(("mpi", "ranks"), MANY)
def test_the_same_bits_by_any_number_of_ranks(
    mpi: Found, ranks: int, kernels: str, one_process: dict[str, list[str]], whole: bool
) -> None:
    if kernels == "fast":
        pytest.importorskip("numba")
        if (mpi, ranks) != (mpich, 4) and not whole:
            pytest.skip("one number of ranks for compiled kernels; all with --slow")
    if kernels not in one_process:
        one_process[kernels] = alone(TRAIN, "plain", *NETS, AXON_KERNELS=kernels)
    wanted = one_process[kernels]
    assert [line.split()[0] for line in wanted] == [*NETS]
    job = run(mpi(), ranks, TRAIN, "plain", *NETS, AXON_KERNELS=kernels)
    assert job.code == 0, job.err
    for rank in range(ranks):
        assert of(job, rank) == wanted


@needs_mpich
def test_a_killed_rank_ends_the_job_and_others_resume_to_the_same_bits(tmp_path: Path) -> None:
    (wanted,) = alone(TRAIN, "resumes", str(tmp_path / "one"))
    job = run(mpich(), 4, TRAIN, "resumes", str(tmp_path / "many"), "2")
    assert job.code == 9
    assert "cnn" not in job.out
    again = run(mpich(), 2, TRAIN, "resumes", str(tmp_path / "many"))
    assert again.code == 0, again.err
    assert [*of(again, 0), *of(again, 1)] == [wanted, wanted]


WAYS = ("data", "seed", "version", "callback", "interrupt", "data", "nothing")


@pytest.mark.parametrize("mpi", EACH)
def test_one_rank_has_something_else_or_fails(mpi: Found) -> None:
    job = run(mpi(), 2, TRAIN, "several", *WAYS)
    assert job.code == 0, job.err
    for rank in (0, 1):
        said = dict(line.split(" ", 1) for line in of(job, rank))
        for what in ("data", "seed", "version"):
            assert said[what].startswith("ValueError: fit: the ranks are not alike:")
            assert re.search(r"on rank 0; .* on rank 1", said[what])
        assert "Each rank is given all of the data" in said["data"]
        assert "Call axon.set_random_seed" in said["seed"]
        assert "0.0.1 on rank 1" in said["version"]
        told = r"RankError: rank 1 \(.*\) stopped: " if rank == 0 else ""
        assert re.match(rf"{told}ValueError: invalid literal for int", said["callback"])
        assert re.match(rf"{told}KeyboardInterrupt", said["interrupt"])
        assert said["nothing"] == "no error"


@needs_mpich
def test_a_rank_without_the_file() -> None:
    job = run(mpich(), 4, TRAIN, "several", "file")
    assert job.code == 1
    assert "there is no such.npy" in job.err
    for rank in (0, 2, 3):
        (said,) = of(job, rank)
        assert re.match(r"file RankError: rank 1 \(.*\) has ended, and others wait", said)
        assert "FileNotFoundError" in said


@needs_mpich
def test_shards_that_the_ranks_do_not_divide() -> None:
    job = run(mpich(), 3, TRAIN, "plain", "mlp")
    assert job.code == 1
    assert "8 shards cannot be shared out among 3 ranks. Start 1 or 2 or 4 or 8 ranks" in job.err
