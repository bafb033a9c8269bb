"""``axon play`` tells its address, serves one's own table, and ends with Ctrl-C."""

import os
import signal
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

click = pytest.importorskip("click")
pytest.importorskip("rich")
pytest.importorskip("sklearn")

ROWS = "size,age,sort\n1,5,p\n2,4,q\n3,3,p\n,2,q\n5,x,p\n"


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "own.csv"
    path.write_text(ROWS, encoding="utf-8")
    return str(path)


def _look(at: str) -> None:
    """Fetch the page."""
    address = urlsplit(at)
    assert address.hostname == "127.0.0.1"
    connection = HTTPConnection("127.0.0.1", address.port or 80, timeout=20)
    connection.request("GET", f"/?{address.query}")
    page = connection.getresponse()
    assert page.status == 200
    assert b"AXON play" in page.read()
    connection.close()


@pytest.mark.skipif(os.name == "nt", reason="signals are sent otherwise there")
def test_it_serves_and_stops(file: str) -> None:
    from tests.cli.commands import started

    given = ("play", file, "--y", "age", "--no-browser")
    with started(*given, cwd=Path(file).parent) as process:
        try:
            _look(process.stdout.readline().split()[-1])
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=20)
        finally:
            process.kill()
    assert process.returncode == 0
    assert errors == "Stopped.\n"


def test_wrong_arguments_are_answered_in_words(file: str) -> None:
    from click.testing import CliRunner

    from axon.cli import cli
    from axon.play import PlayServer

    taken = PlayServer()
    for given, words in [
        ([file, "--x", "sizes"], "no column 'sizes'. Did you mean 'size'?"),
        ([file, "--x", "size", "--y", "size"], "both are 'size'"),
        ([file, "--target", "age"], "two columns of numbers beside the target"),
        (["--x", "size"], "columns of a FILE, and there is none"),
        (
            [file, "--y", "age", "--port", str(taken.port)],
            "in use. Leave it out to take a free one.",
        ),
        ([file, "--port", "-1"], "-1 is not in the range"),
        (["none.csv"], "does not exist"),
    ]:
        found = CliRunner().invoke(cli, ["play", *given, "--no-browser"])
        assert found.exit_code in (1, 2)
        assert words in " ".join(found.output.split())
    taken.stop()
