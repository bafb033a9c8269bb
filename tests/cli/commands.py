"""Commands of ``axon``, run in this process or in one of their own, for tests of them."""

import os
import signal
import subprocess
import sys
from contextlib import chdir
from functools import partial
from pathlib import Path

import numpy as np
from click.testing import CliRunner

from axon.cli import cli
from axon.datasets import digits


def settings(cwd, environment):
    return {"AXON_OFFLINE": "1", "XDG_CACHE_HOME": f"{cwd}-cache", **environment}


def run(*arguments, cwd, check=0, stdin=None, **environment):
    """Run a command; returns what it printed and what it said beside it."""
    with chdir(cwd):
        done = CliRunner().invoke(
            cli,
            [str(argument) for argument in arguments],
            input=stdin,
            env=settings(cwd, environment),
            prog_name="axon",
        )
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == check, done.output
    return done.stdout, done.stderr


def fails(*arguments, cwd, code=1, **options):
    """Run a command that must fail; returns its message on one line."""
    printed, message = run(*arguments, cwd=cwd, check=code, **options)
    assert "Epoch" not in printed or code != 1 or "diverged" in message
    return " ".join(message.split())


def started(*arguments, cwd, **environment):
    """Start a command in a process of its own, which heeds Ctrl-C even where this one must not."""
    heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    return subprocess.Popen(
        [sys.executable, "-m", "axon", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, **settings(cwd, environment)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed if os.name == "posix" else None,
    )


def in_a_process(*arguments, cwd, check=0, **environment):
    """Run a command in a process of its own; returns what ``run`` returns."""
    process = started(*arguments, cwd=cwd, **environment)
    printed, message = process.communicate(timeout=300)
    assert process.returncode == check, printed + message
    assert "Traceback" not in message
    return printed, message


def image_files(folder, count=30, size=24, invert=False):
    """Digits as files, folder/CLASS/NUMBER.png, white on black; returns their labels by path."""
    from PIL import Image

    _, (x, y) = digits.load_data()
    found = {}
    for number, (pixels, label) in enumerate(zip(x[:count], y[:count], strict=True)):
        path = Path(folder) / str(label) / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        gray = np.asarray(pixels * (255 / 16), np.uint8)
        Image.fromarray(255 - gray if invert else gray).resize((size, size)).save(path)
        found[str(path)] = int(label)
    return found


def houses(path, whole=False):
    """Prices around 50,000 that depend on two of three columns; returns rows and prices."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 3))
    price = 50_000 + 1000 * (2 * x[:, 0] + x[:, 1] ** 2)
    price = price.round() if whole else price
    shown = "{:.0f}" if whole else "{:.6f}"
    rows = [
        ",".join([*map("{:.9f}".format, row), shown.format(p)])
        for row, p in zip(x, price, strict=True)
    ]
    path.write_text("\n".join(["a,b,c,price", *rows]))
    return x, price
