"""``--help`` of each command: examples that parse, lines that fit, choices that are shown."""

import shlex
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from axon.cli import cli
from axon.cli.examples import EXAMPLES
from axon.cli.numbers import ByteSize, Count

NAMES = sorted(cli.commands)
LINES = [line for lines in EXAMPLES.values() for line in lines]


def shown(*arguments, width=80):
    done = CliRunner().invoke(cli, [*arguments, "--help"], terminal_width=width, prog_name="axon")
    assert done.exit_code == 0, done.output
    return done.output


def test_help_shows_examples_and_fits_the_terminal():
    for name in NAMES:
        text = shown(name)
        assert max(map(len, text.splitlines())) <= 80, name
        for line in EXAMPLES.get(name, []):
            assert f"    {line}\n" in text
        narrow = [x for x in shown(name, width=40).splitlines() if "axon " not in x]
        assert max(map(len, narrow)) <= 72, name  # names of options and choices stay in one piece
    assert not {*EXAMPLES} - {*NAMES}


def test_each_example_is_a_command(tmp_path, monkeypatch):
    """All that it names is there, and it parses; none has a quote that Windows's shell keeps."""
    monkeypatch.chdir(tmp_path)
    for word in (word for line in LINES for word in line.split()):
        if Path(word).suffix in (".axon", ".safetensors", ".csv", ".html"):
            Path(word).write_text("")
    Path("best.toml").write_text('data = "data.csv"\n')
    Path("photos").mkdir()
    Path("runs/one").mkdir(parents=True)
    Path("runs/two").mkdir()
    for line in LINES:
        assert "'" not in line
        program, name, *arguments = shlex.split(line.partition(" < ")[0])
        assert program == "axon"
        cli.commands[name].make_context(name, arguments)


def test_choices_are_shown():
    text = " ".join(shown("train").split())
    for what in ("[mlp|cnn|photo]", "[constant|linear|cosine|warmup-cosine]", "[none|balanced]"):
        assert what in text
    assert "[flip|shift|rotate|zoom],..." in text


@pytest.mark.parametrize(
    ("text", "number"),
    [("1000", 1000), ("1_000", 1000), ("1,000", 1000), ("1e3", 1000), ("0", None), ("a", None)],
)
def test_numbers_as_people_write_them(text, number):
    if number is None:
        with pytest.raises(click.BadParameter, match="expected a whole number from 1 on, such as"):
            Count().convert(text, None, None)
    else:
        assert Count().convert(text, None, None) == number


def test_sizes_as_people_write_them():
    known = {"500": 500, "2kB": 2000, "10MB": 10**7, "2 gb": 2 * 10**9, "1MiB": 2**20, "1.5k": 1500}
    assert {text: ByteSize().convert(text, None, None) for text in known} == known
    for text in ("", "MB", "-1", "1TB", "1 b b", "0", "nan"):
        with pytest.raises(click.BadParameter, match="expected a size such as 500kB, 10MB or 2GB"):
            ByteSize().convert(text, None, None)
