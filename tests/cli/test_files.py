"""``axon info``, ``summary``, ``export``, ``convert`` and ``completion``."""

import io
import re
import subprocess
import sys
import zipfile
from shutil import which

import numpy as np
import pytest
from click.testing import CliRunner

import axon
from axon.cli import cli
from axon.cli.group import explained
from axon.cli.info import _size
from axon.files import safetensors
from tests.cli.commands import fails, in_a_process, run


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("home")
    run("train", "digits", "--epochs", 3, "--save", "net.axon", "--hidden", 8, cwd=folder)
    return folder


def parameters(path):
    model = axon.load_model(path)
    return {**model.named_parameters(), **model.named_buffers()}


# ------------------------------------------------------------------------------------ info


def test_info_of_this_machine(tmp_path):
    shown, _ = run("info", cwd=tmp_path)
    for name in ("axon", "python", "numpy", "BLAS", "threads", "devices", "AXON_DATA_DIR", "cache"):
        assert name in shown
    for name in ("onnx", "h5py", "scikit-learn", "tensorboardX", "pillow", "kernels"):
        assert re.search(rf"^{name} +\S", shown, re.MULTILINE)


def test_info_of_a_model(home):
    shown, _ = run("info", "net.axon", cwd=home)
    for line in (
        *(r"Kind +a model \(AXON\)", r"Format +\d+, written by AXON", r"Class +Sequential digits"),
        *(r"Loss +CategoricalCrossEntropy\(", r"Optimizer +Adam\(learning_rate=0.001"),
        *(r"Class names +0, 1, 2, 3", r"Trained +117 steps"),
        r"Optimizer state +1,220 numbers in 8 arrays",
        *(r"dense_1 +Dense +input_size=8, num_neurons=10, activation=softmax", r"total +610"),
        r"dense/weights +F32 +\(64, 8\) +512",
    ):
        assert re.search(f"^{line}", shown, re.MULTILINE), line


def test_info_makes_nothing_of_what_it_reads(home, tmp_path):
    """Layers of somebody else's are listed, though this process does not know them."""

    class Odd(axon.layers.Dense):
        pass

    model = axon.Sequential([Odd(2, 3)])
    model.build((2,))
    model.save(tmp_path / "odd.axon")
    shown, _ = run("info", "odd.axon", cwd=tmp_path)
    assert re.search(r"^odd +Odd +input_size=2, num_neurons=3", shown, re.MULTILINE)
    assert "unknown class 'Odd'" in fails("summary", "odd.axon", cwd=tmp_path)


def test_info_of_arrays(home, tmp_path):
    arrays = {"a/b": np.zeros((2, 3), np.float32), "c": np.arange(4)}
    np.savez(tmp_path / "x.npz", **arrays)
    np.save(tmp_path / "x.npy", arrays["a/b"])
    safetensors.save(tmp_path / "x.safetensors", arrays, {"format": "np"})
    for name, kind in (("x.npz", "arrays"), ("x.safetensors", "weights")):
        shown, _ = run("info", name, cwd=tmp_path)
        assert re.search(rf"^{kind} +dtype +shape +numbers", shown, re.MULTILINE)
        assert re.search(r"^a/b +(float32|F32) +\(2, 3\) +6", shown, re.MULTILINE)
        assert re.search(r"^total +10", shown, re.MULTILINE)
    shown, _ = run("info", "x.npy", cwd=tmp_path)
    assert re.search(r"^array +float32 +\(2, 3\)", shown, re.MULTILINE)
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("deep/down", data=arrays["a/b"])
    shown, _ = run("info", "x.h5", cwd=tmp_path)
    assert re.search(r"^deep/down +float32 +\(2, 3\) +6", shown, re.MULTILINE)


DAMAGED = {
    "empty.axon": b"",
    "text.axon": b"hello, this is no model at all",
    "zip.axon": b"PK\3\4 and nothing more",
    "x.npz": b"PK\3\4 and nothing more",
    "x.safetensors": b"\xff" * 40,
    "y.safetensors": (30).to_bytes(8, "little") + b"{" + b" " * 29,
    "x.npy": b"\x93NUMPY\1\0v\0{",
    "x.h5": b"\x89HDF\r\n\x1a\n and nothing more",
    "x.onnx": b"no protobuf",
}


@pytest.mark.parametrize("name", DAMAGED)
def test_info_of_damaged_files(tmp_path, name):
    (tmp_path / name).write_bytes(DAMAGED[name])
    message = fails("info", name, cwd=tmp_path)
    assert name in message
    assert "should not have happened" not in message


def test_info_of_what_it_does_not_know(tmp_path):
    (tmp_path / "x.txt").write_text("a,b\n")
    message = fails("info", "x.txt", cwd=tmp_path)
    assert "nothing that AXON knows: a .txt file that begins with b'a,b" in message
    assert "no run is kept in it" in fails("info", ".", cwd=tmp_path)
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as packed:
        packed.writestr("readme", "hello")
    shown, _ = run("info", "x.zip", cwd=tmp_path)
    assert "total" in shown


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 bytes"), (999, "999 bytes"), (1000, "1 KB"), (999_499, "999 KB"),
                        (999_500, "1 MB"), (12_345_678, "12.3 MB")]
)  # fmt: skip
def test_sizes(tmp_path, count, text):
    with open(tmp_path / "x", "wb") as stream:
        stream.truncate(count)
    assert _size(tmp_path / "x") == text
    assert _size(tmp_path) == text


# ------------------------------------------------------------------------------------ export


@pytest.mark.parametrize("name", ["w.safetensors", "w.npz"])
def test_weights_are_exported(home, tmp_path, name):
    shown, _ = run("export", home / "net.axon", "--weights", name, cwd=tmp_path)
    assert f"Written        {name}" in shown
    assert "610 numbers" in shown
    wanted = parameters(home / "net.axon")
    again = axon.load_model(home / "net.axon")
    again.set_weights([np.zeros_like(w) for w in again.get_weights()])
    again.load_weights(tmp_path / name)
    for path, tensor in {**again.named_parameters(), **again.named_buffers()}.items():
        assert np.array_equal(tensor.data, wanted[path].data)


def test_a_network_becomes_onnx_and_comes_back(home, tmp_path):
    onnx = pytest.importorskip("onnx")
    run("export", home / "net.axon", "--onnx", "net.onnx", cwd=tmp_path)
    onnx.checker.check_model(tmp_path / "net.onnx")
    x = np.random.default_rng(0).integers(0, 17, (5, 8, 8))
    wanted = axon.load_model(home / "net.axon").predict(x)
    assert np.allclose(axon.onnx.load(tmp_path / "net.onnx").predict(x), wanted, atol=1e-5)
    shown, _ = run("info", "net.onnx", cwd=tmp_path)
    assert "a model (ONNX)" in shown
    np.save(tmp_path / "x.npy", x)
    rows = run("predict", "net.onnx", "x.npy", cwd=tmp_path)[0].splitlines()[1:]
    assert [row.split(",")[1] for row in rows] == [str(i) for i in wanted.argmax(axis=1)]
    run("convert", "net.onnx", "back.axon", cwd=tmp_path)
    rows_again = run("predict", "back.axon", "x.npy", cwd=tmp_path)[0].splitlines()[1:]
    assert [r.split(",")[1] for r in rows_again] == [r.split(",")[1] for r in rows]


def test_export_says_what_it_needs(home, tmp_path):
    net = home / "net.axon"
    assert "give --onnx FILE or --weights FILE" in fails("export", net, cwd=tmp_path, code=2)
    message = fails("export", net, "--onnx", "x.axon", cwd=tmp_path, code=2)
    assert "x.axon: expected a name that ends in .onnx." in message
    message = fails("export", net, "--weights", "x.h5", cwd=tmp_path, code=2)
    assert "ends in .safetensors or .npz." in message
    message = fails("export", net, "--weights", "no/x.npz", cwd=tmp_path)
    assert "there is no folder 'no'" in message


# ------------------------------------------------------------------------------------ convert


def test_weights_between_formats(home, tmp_path):
    """Round and round: every name and every bit stays."""
    run("convert", home / "net.axon", "a.npz", cwd=tmp_path)
    run("convert", "a.npz", "b.safetensors", cwd=tmp_path)
    run("convert", "b.safetensors", "c.npz", cwd=tmp_path)
    wanted = parameters(home / "net.axon")
    for name in ("a.npz", "c.npz"):
        with np.load(tmp_path / name) as found:
            assert set(found) == set(wanted)
            assert all(found[k].tobytes() == wanted[k].data.tobytes() for k in found)
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "k.weights.h5", "w") as file:
        file.create_dataset("layers/dense/vars/0", data=np.arange(6.0).reshape(2, 3))
    run("convert", "k.weights.h5", "k.safetensors", cwd=tmp_path)
    found = safetensors.load(tmp_path / "k.safetensors")
    assert found["layers/dense/vars/0"].tolist() == [[0, 1, 2], [3, 4, 5]]


def test_a_model_is_written_again(home, tmp_path):
    run("convert", home / "net.axon", "again.axon", cwd=tmp_path)
    x = np.ones((1, 8, 8))
    first, second = axon.load_model(home / "net.axon"), axon.load_model(tmp_path / "again.axon")
    assert first.predict(x).tobytes() == second.predict(x).tobytes()
    assert first.metadata == second.metadata


def test_convert_says_what_it_cannot(home, tmp_path):
    np.savez(tmp_path / "w.npz", a=np.zeros(3))
    message = fails("convert", "w.npz", "net.axon", cwd=tmp_path, code=2)
    assert "holds weights, but no network to put them in" in message
    assert "in .axon or .onnx or .safetensors or .npz." in fails(
        "convert", "w.npz", "net.h5", cwd=tmp_path, code=2
    )
    assert "x.txt" in fails("convert", "x.txt", "net.axon", cwd=tmp_path, code=2)
    (tmp_path / "bad.npz").write_bytes(b"PK\3\4")
    assert "bad.npz" in fails("convert", "bad.npz", "x.safetensors", cwd=tmp_path)
    assert not (tmp_path / "x.safetensors").exists()
    np.savez(tmp_path / "o.npz", a=np.array([None]))
    assert "o.npz" in fails("convert", "o.npz", "x.safetensors", cwd=tmp_path)


# ------------------------------------------------------------------------------------ completion


def complete(words, *, cwd, monkeypatch):
    """What bash is told: the words that fit, or what kind of file."""
    monkeypatch.chdir(cwd)
    env = {
        "_AXON_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
    }
    done = CliRunner().invoke(cli, env=env, prog_name="axon")
    return [tuple(line.split(",")) for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("axon tr", {"train"}),
        ("axon train fas", {"fashion_mnist"}),
        (
            "axon train digits --optimizer ada",
            {"adadelta", "adafactor", "adagrad", "adam", "adamax", "adamw"},
        ),
        ("axon train --mod", {"--model"}),
        ("axon train --task re", {"regression"}),
        ("axon predict n", {"net.axon"}),
        ("axon evaluate net.axon br", {"breast_cancer"}),
        ("axon completion f", {"fish"}),
    ],
)
def test_completion(home, words, wanted, monkeypatch):
    assert {w[1] for w in complete(words, cwd=home, monkeypatch=monkeypatch)} == wanted


def test_completion_leaves_files_to_the_shell(home, monkeypatch):
    found = complete("axon train ./x", cwd=home, monkeypatch=monkeypatch)
    assert found == [("file", "./x")]
    found = complete("axon summary nothing", cwd=home, monkeypatch=monkeypatch)
    assert found == [("file", "nothing")]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(tmp_path, shell):
    script, _ = run("completion", shell, cwd=tmp_path)
    assert "_AXON_COMPLETE" in script
    if which(shell):
        subprocess.run([shell, "-n"], input=script, text=True, check=True)
    assert "'tcsh' is not one of" in fails("completion", "tcsh", cwd=tmp_path, code=2)


# ------------------------------------------------------------------------------------ all commands


def test_version_and_help(tmp_path):
    assert axon.__version__ in run("--version", cwd=tmp_path)[0]
    shown, _ = run("--help", cwd=tmp_path)
    names = re.findall(r"^  ([\w-]+)  ", shown.split("Commands:")[1], re.MULTILINE)
    assert names == list(cli.commands)
    for name in names:
        page, _ = run(name, "-h", cwd=tmp_path)
        assert page.startswith(f"Usage: axon {name}")
        assert max(map(len, page.splitlines())) <= 80
    assert "breast_cancer" in run("train", "--help", cwd=tmp_path)[0]
    assert "No such command 'trian'" in fails("trian", cwd=tmp_path, code=2)


def test_help_loads_nothing_heavy(tmp_path):
    code = "import sys\nfrom axon.cli import cli\ncli(['--help'], standalone_mode=False)\n"
    code += "print(*sys.modules)"
    run_ = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(run_.stdout.splitlines()[-1].split())
    heavy = {"rich", "matplotlib", "PIL", "onnx", "h5py", "tomllib", "numba", "sklearn"}
    assert not (heavy | {"axon.onnx", "axon.sklearn"}) & loaded


def test_closed_streams_are_no_error(home):
    """``axon evaluate ... >&- 2>&-``: there is nobody to tell."""
    command = f"{sys.executable} -m axon train digits --epochs 1 --save closed.axon >&- 2>&-"
    assert subprocess.run(["sh", "-c", command], cwd=home).returncode == 0
    assert (home / "closed.axon").exists()


def test_an_error_of_ours_says_so():
    text = explained(ZeroDivisionError("division by zero"))
    assert text == "division by zero"
    assert "this should not have happened: KeyError" in explained(KeyError("x"))
    assert explained(OSError(28, "No space left on device")) == "No space left on device"


def test_warnings_are_one_line(tmp_path):
    options = ("--optimizer", "sgd", "--learning-rate", 1e18, "--epochs", 1)
    _, message = in_a_process("train", "digits", *options, cwd=tmp_path, check=1)
    first, last = message.splitlines()
    assert first.startswith("Warning: model 'digits': the loss became")
    assert last.startswith("Error: the loss became")


def test_no_colours_unless_on_a_terminal(home, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    from axon.cli.output import print_pairs, print_table

    for no_color, coloured in (("", True), ("1", False)):
        monkeypatch.setenv("NO_COLOR", no_color)
        monkeypatch.setenv("TERM", "xterm-256color")
        monkeypatch.setenv("COLUMNS", "50")
        shown = Terminal()
        monkeypatch.setattr(sys, "stdout", shown)
        print_pairs([("Name", "word " * 20), ("Path", "/x" * 50)], ["green"])
        print_table(["class", "n"], [["a [bold] name", "1"]])
        assert ("\x1b[32m" in shown.getvalue()) == coloured
        assert "/x" * 50 in shown.getvalue()
        assert "[bold]" in shown.getvalue()
        plain = re.sub(r"\x1b\[[0-9;]*m", "", shown.getvalue())
        assert all(len(line) <= 50 for line in plain.splitlines() if "/x" not in line)


def test_tables_move_together_where_the_terminal_is_narrow(monkeypatch, capsys):
    from rich.console import Console

    from axon.cli import output

    head, row = ["class", "precision", "recall", "f1", "samples"], ["no", "0.84", "0.9", "1", "5"]
    for width, line in (
        (43, "class  precision  recall  f1  samples"),
        (38, "class precision recall f1 samples"),
    ):
        monkeypatch.setattr(output, "console", lambda width=width: Console(width=width))
        output.print_table(head, [row])
        assert capsys.readouterr().out.splitlines()[1] == line
