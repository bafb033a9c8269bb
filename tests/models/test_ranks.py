"""``fit(shards=8)`` in several processes: the same bits, the same decisions, one that writes."""

import re
from pathlib import Path

import pytest

from tests.ranks.launch import Job, mpich, needs_mpich, run

JOB = str(Path(__file__).with_name("job.py"))
pytestmark = needs_mpich


def of(job: Job, rank: int) -> list[str]:
    """What one rank said, in order."""
    lines = (line.partition(": ") for line in job.out.split("\n"))
    return [text for who, _, text in lines if who == str(rank)]


def agreed(job: Job, ranks: int) -> list[str]:
    """What all ranks said alike."""
    said = [of(job, rank) for rank in range(ranks)]
    assert all(lines == said[0] for lines in said), said
    return said[0]


def test_any_number_of_ranks_has_the_same_bits(tmp_path: Path) -> None:
    found = []
    for ranks in (1, 2, 8):
        job = run(mpich(), ranks, JOB, "alike", str(tmp_path / str(ranks)))
        assert job.code == 0, job.err
        *digests, files = of(job, 0)
        assert files == "files ['run']"
        assert all(of(job, rank) == digests for rank in range(1, ranks))
        found.append(digests)
    assert len(found[0]) == 4
    assert all(digests == found[0] for digests in found)


def test_compiled_kernels_have_the_same_bits() -> None:
    """Bits of their own: which steps they do must not depend on the number of ranks."""
    pytest.importorskip("numba")
    jobs = [(run(mpich(), n, JOB, "one", AXON_KERNELS="fast"), n) for n in (1, 2)]
    one, two = (agreed(*job) for job in jobs)
    plain = agreed(run(mpich(), 1, JOB, "one"), 1)
    assert one == two
    assert not set(one) & set(plain)
    assert one[0].endswith("[6, 48, 9]")  # updates; shards of all ranks; batches of validation


def test_a_run_goes_on_with_another_number_of_ranks(tmp_path: Path) -> None:
    """Broken off in the middle of an epoch, in 4 processes, then in 1; ended by 2."""
    whole = agreed(run(mpich(), 1, JOB, "broken_off", str(tmp_path / "whole"), "99"), 1)
    folder = str(tmp_path / "parts")
    first = run(mpich(), 4, JOB, "broken_off", folder, "1")
    assert of(first, 0) == ["broken off KeyboardInterrupt"]
    assert of(first, 3) == ["broken off RankError"]
    assert agreed(run(mpich(), 2, JOB, "broken_off", folder, "99"), 2) == whole
    assert whole[0].startswith("done ")


def test_what_differs_is_told_by_all_and_nobody_waits() -> None:
    job = run(mpich(), 2, JOB, "unlike")
    assert job.code == 0, job.err
    said = {line.partition(" ")[0]: line.partition(" ")[2] for line in of(job, 0)}
    alone = {line.partition(" ")[0]: line.partition(" ")[2] for line in of(job, 1)}
    for name, expected in {
        "seed": "random numbers: seed 0, at .* on rank 0; seed 1, at .* on rank 1 |   weights: .*"
        "Call axon.set_random_seed.7.",
        "data": "data, checksum: .*Each rank is given all of the data",
        "batch": "data, batch_size: 32 on rank 0; 40 on rank 1 .* with the same arguments",
        "epochs": "epochs: 0 to 3 on rank 0; 0 to 4 on rank 1 .* with the same arguments",
        "sizes": "drifted apart in epoch 1: .*samples: .* whatever yields batches",
        "rate": "learning rate: 0.1 on rank 0; 1.1 on rank 1",
        "listens": "callbacks on batches: on_train_batch_end on rank 0; none on rank 1",
        "stream": "data, checksum: .*Each rank is given all of the data",
        "later": "drifted apart in epoch 1: .*samples: .* whatever yields batches",
        "drift": "drifted apart in epoch 1: .*weights: .*Callbacks, ",
    }.items():
        assert re.search(f"^ValueError fit: the ranks .*{expected}", said[name]), said[name]
        assert said[name] == alone[name]
    assert said["reading"].startswith("RankError rank 1 (")
    assert alone["reading"].startswith("ValueError layer 'batch_normalization'")
    assert said["error"].startswith("RankError rank 1 (")
    assert alone["error"].startswith("ValueError invalid literal for int()")
    assert said["stop"] == alone["stop"]
    assert said["updates"] == alone["updates"] == "1"
    assert said["fine"] == alone["fine"]
    assert said["fine"].startswith("no error ")


def test_only_the_first_rank_writes_and_prints(tmp_path: Path) -> None:
    job = run(mpich(), 2, JOB, "written", str(tmp_path))
    assert job.code == 0, job.err
    names = "history.csv log.csv model.axon model.safetensors models/1.axon models/2.axon"
    names += " models/3.axon run/run.backup run/run.lock"
    assert of(job, 0) == [f"files {names.split()}"]
    assert of(job, 1) == ["files []"]
    assert job.out.count("Epoch 3/3 - ") == 1
    assert job.out.count("Epoch 2: saved models/2.axon") == 1
    assert job.out.count("Epoch 2: learning rate 0.01.") == 1
