"""Two hosts with a cable between them: network namespaces, each with a name and an address."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ranks.launch import (
    JOB,
    TRAIN,
    Job,
    alone,
    end,
    environment,
    mpich,
    needs_mpich,
    of,
)

NAMES = ("one", "two")
# What MPICH takes for ssh: [-x] HOST COMMAND...
REMOTE = """#!/bin/sh
[ "$1" = -x ] && shift
case $1 in *.1) name=one;; *) name=two;; esac
shift
exec ip netns exec {prefix}-$name unshare --uts sh -c "hostname $name; exec $*"
"""


def ip(*words: str) -> bool:
    return subprocess.run(["ip", *words], capture_output=True).returncode == 0


class Hosts:
    """Host one starts the jobs; ``cut`` takes the cable out of host two."""

    def __init__(self, folder: Path) -> None:
        self.prefix = f"axon{os.getpid() % 100_000}"
        self.net = f"10.211.{os.getpid() % 200}"
        self.remote = folder / "remote"
        self.remote.write_text(REMOTE.format(prefix=self.prefix))
        self.remote.chmod(0o755)

    def set_up(self) -> bool:
        """Whether this machine lets us."""
        ends = [f"{self.prefix}{letter}" for letter in "ab"]
        if not all(ip("netns", "add", f"{self.prefix}-{name}") for name in NAMES):
            return False
        done = [ip("link", "add", ends[0], "type", "veth", "peer", "name", ends[1])]
        for number, (name, plug) in enumerate(zip(NAMES, ends, strict=True), 1):
            host = f"{self.prefix}-{name}"
            done += [
                ip("link", "set", plug, "netns", host, "name", "net0"),
                ip("-n", host, "addr", "add", f"{self.net}.{number}/24", "dev", "net0"),
                ip("-n", host, "link", "set", "net0", "up"),
                ip("-n", host, "link", "set", "lo", "up"),
            ]
        return all(done)

    def tear_down(self) -> None:
        for name in NAMES:
            ip("netns", "del", f"{self.prefix}-{name}")

    def cut(self) -> None:
        assert ip("-n", f"{self.prefix}-two", "link", "set", "net0", "down")

    def start(self, ranks: int, *command: str, **changes: str) -> "subprocess.Popen[str]":
        found = mpich()
        assert found is not None
        launch = [
            *(str(found.mpiexec), "-launcher", "ssh", "-launcher-exec", str(self.remote)),
            *("-localhost", f"{self.net}.1", "-hosts", f"{self.net}.1,{self.net}.2"),
            *("-n", str(ranks), sys.executable, *command),
        ]
        inside = ["unshare", "--uts", "sh", "-c", 'hostname one; exec "$@"', "-", *launch]
        return subprocess.Popen(
            ["ip", "netns", "exec", f"{self.prefix}-one", *inside],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
            env=environment(UCX_TLS="tcp,self", UCX_NET_DEVICES="net0", **changes),
            start_new_session=True,
        )

    def run(self, ranks: int, *command: str, **changes: str) -> Job:
        return end(self.start(ranks, *command, **changes))


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    if "getuid" not in dir(os) or os.getuid() != 0:
        pytest.skip("hosts are network namespaces, which root alone can make")
    if not (shutil.which("ip") and shutil.which("unshare")):
        pytest.skip("hosts are network namespaces: needs ip and unshare")
    made = Hosts(tmp_path_factory.mktemp("hosts"))
    try:
        if not made.set_up():
            pytest.skip("this machine makes no network namespaces")
        yield made
    finally:
        made.tear_down()


@needs_mpich
def test_two_hosts_learn_the_same_bits(hosts: Hosts) -> None:
    wanted = alone(TRAIN, "plain", "cnn")
    job = hosts.run(4, TRAIN, "plain", "cnn")
    assert job.code == 0, job.err
    assert [of(job, rank) for rank in range(4)] == [wanted] * 4


@needs_mpich
def test_messages_name_the_host(hosts: Hosts) -> None:
    job = hosts.run(2, JOB, "ends", "interrupt")
    assert job.code != 0
    assert of(job, 0) == ["rank 1 (two) stopped: KeyboardInterrupt"]


@needs_mpich
def test_a_cut_cable_ends_both_sides(hosts: Hosts, tmp_path: Path) -> None:
    """Each says so itself; mpiexec, cut off from the other host, may wait for TCP to give up."""
    process = hosts.start(2, JOB, "works", str(tmp_path), AXON_RANKS_TIMEOUT="2")
    try:
        started = wait_for(tmp_path, "ready-{}", 30)
        hosts.cut()
        ended = wait_for(tmp_path, "ended-{}", 30)
        for rank, other in ((0, "rank 1 (two)"), (1, "rank 0 (one)")):
            said = ended[rank]
            assert f"{other} did not answer within 2 seconds, in: the sum" in said
            pid = int(started[rank])
            until = time.monotonic() + 15
            while alive(pid) and time.monotonic() < until:
                time.sleep(0.1)
            assert not alive(pid), f"rank {rank} is still there"
    finally:
        os.killpg(process.pid, 9)
        process.communicate()


def wait_for(folder: Path, name: str, seconds: float) -> list[str]:
    """What both ranks have written."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        paths = [folder / name.format(rank) for rank in (0, 1)]
        if all(path.exists() and path.read_text() for path in paths):
            return [path.read_text() for path in paths]
        time.sleep(0.05)
    raise AssertionError(f"nobody wrote {name}: {[p.name for p in folder.iterdir()]}")


def alive(pid: int) -> bool:
    try:
        state = re.findall(r"State:\s+(\w)", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return False
    return state != ["Z"]
