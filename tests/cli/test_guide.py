"""The commands in the documentation are run, in order, and print what stands there."""

import doctest
import os
import re
import shlex
import subprocess
import sys
from contextlib import chdir
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from axon.cli import cli
from tests.cli.commands import image_files, settings

DOCS = Path(__file__).parents[2] / "docs"
DOCUMENTS = sorted(path for path in DOCS.glob("**/*.md") if "```console" in path.read_text("utf-8"))
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
CONSOLE = re.compile("```console\n(.*?)```", re.DOTALL)


def commands_in(text):
    """Each command with what should follow it."""
    for block in CONSOLE.findall(text):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, wanted = part.partition("\n")
            if re.search(r"\baxon\b|\bcmp\b", command):
                yield command, wanted


def prepared(folder):
    """A folder with a table, images, and ``axon`` as a command."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(300, 3))
    prices = 50_000 + 1000 * (2 * rows[:, 0] + rows[:, 1])
    lines = [",".join(map(str, [*row, p])) for row, p in zip(rows, prices, strict=True)]
    (folder / "houses.csv").write_text("\n".join(["a,b,c,price", *lines]))
    found = image_files(folder / "pictures", 9)
    Path(next(p for p, label in found.items() if label == 9)).rename(folder / "nine.png")
    (folder / "bin").mkdir()
    (folder / "bin" / "axon").write_text(f'#!/bin/sh\nexec {sys.executable} -m axon "$@"\n')
    (folder / "bin" / "axon").chmod(0o755)


def ran(command, folder, environment):
    """Exit code and output of a command; in this process if it needs no shell, which is faster."""
    first, *arguments = shlex.split(command)
    assert not {"play", "serve"} & {*arguments[:1]}, "it does not end: write a block of sh"
    if first == "axon" and not {"|", "&&"} & set(arguments):
        with chdir(folder):
            done = CliRunner().invoke(cli, arguments, env=environment, prog_name="axon")
        return done.exit_code, done.output
    shell = ["sh", "-c", f"({command}) 2>&1"]
    done = subprocess.run(shell, cwd=folder, env=environment, capture_output=True, text=True)
    return done.returncode, done.stdout


@pytest.mark.skipif(os.name != "posix", reason="needs a shell")
@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_what_stands_in_the_documentation_is_so(path, tmp_path):
    found = list(commands_in(path.read_text(encoding="utf-8")))
    if not found:
        pytest.skip("no commands here")
    pytest.importorskip("PIL")
    prepared(tmp_path)
    environment = {**os.environ, **settings(tmp_path, {})}
    environment["PATH"] = f"{tmp_path}/bin:{environment['PATH']}"
    for command, wanted in found:
        code, printed = ran(command, tmp_path, environment)
        checker, example = doctest.OutputChecker(), doctest.Example(command, wanted)
        said = checker.output_difference(example, printed, FLAGS)
        assert checker.check_output(wanted, printed, FLAGS), f"{command}\n{said}"
        assert code == 0
