"""Trees of values in a file, and files that are written whole or not at all."""

import errno
import io
import json
import math
import os
import signal
import stat
import subprocess
import sys
import textwrap
import threading
import time
import tracemalloc
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from axon.files import archive
from axon.files.archive import DamagedFile
from axon.files.atomic import atomic, check_writable
from tests.samples.files import TREE


def same(a, b):
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and np.array_equal(a, b)
    if isinstance(a, dict):
        return type(b) is dict and list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return type(b) is list and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and (a == b or (a != a and b != b))


def test_a_tree_comes_back(tmp_path):
    archive.write(tmp_path / "x", TREE)
    assert same(archive.read(tmp_path / "x"), TREE)
    assert os.listdir(tmp_path) == ["x"]


def test_nan_tuples_and_numbers_of_numpy(tmp_path):
    given = {"nan": math.nan, "pair": (1, 2), "number": np.float32(0.5), "flag": np.bool_(True)}
    archive.write(tmp_path / "x", given)
    found = archive.read(tmp_path / "x")
    assert math.isnan(found.pop("nan"))
    assert same(found, {"pair": [1, 2], "number": 0.5, "flag": True})


def test_the_state_of_a_random_generator_comes_back(tmp_path):
    for kind in (np.random.PCG64, np.random.MT19937, np.random.Philox, np.random.SFC64):
        generator = np.random.Generator(kind(7))
        generator.random(3, np.float32)
        archive.write(tmp_path / "x", {"state": generator.bit_generator.state})
        wanted = generator.random(5)
        generator.bit_generator.state = archive.read(tmp_path / "x")["state"]
        assert np.array_equal(generator.random(5), wanted)


TREES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.integers(0, 5).map(lambda n: np.arange(n, dtype=np.float32)),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text("$/a'") | st.integers(0, 3), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(TREES)
def test_any_tree_comes_back(tmp_path_factory, tree):
    path = tmp_path_factory.getbasetemp() / "any.tree"
    archive.write(path, {"tree": tree})
    assert same(archive.read(path)["tree"], tree)


def itself():
    tree = {}
    tree["tree"] = [tree]
    return tree


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"a": [1, {"b": object()}]}, "a/1/b holds <object"),
        ({"a": {1, 2}}, "a holds {1, 2}, a set"),
        ({"a": np.array([None])}, "'a', dtype object, cannot be written"),
        ({"a": 1j}, "a holds 1j, a complex"),
        ({(1, object()): 1}, "a key/1 holds <object"),
        (itself(), "must not contain itself"),
    ],
)
def test_what_has_no_place_is_named_before_the_file_is_touched(tmp_path, tree, message):
    (tmp_path / "x").write_bytes(b"old")
    with pytest.raises(TypeError, match=message):
        archive.write(tmp_path / "x", tree)
    assert (tmp_path / "x").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["x"]


def test_the_same_tree_makes_the_same_bytes_and_any_tool_opens_them(tmp_path):
    archive.write(tmp_path / "x", TREE)
    archive.write(tmp_path / "y", TREE)
    assert (tmp_path / "x").read_bytes() == (tmp_path / "y").read_bytes()
    with zipfile.ZipFile(tmp_path / "x") as packed:
        assert packed.namelist() == ["tree.json", "tree.safetensors"]
        assert packed.testzip() is None
        assert all(info.compress_type == zipfile.ZIP_STORED for info in packed.infolist())
        assert all(info.external_attr >> 16 == 0o644 for info in packed.infolist())
        assert json.loads(packed.read("tree.json"))["$pairs"][0] == ["step", 3]


# ------------------------------------------------------------------------------------ bad files


def zipped(packing=zipfile.ZIP_STORED, **members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", packing) as packed:
        for name, content in members.items():
            packed.writestr(name.replace("_", "."), content)
    return stream.getvalue()


NOTHING = (2).to_bytes(8, "little") + b"{}"
TWICE = zipped(tree_json="{}", tree_safetensors=NOTHING, free_json="{}").replace(b"free", b"tree")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "damaged, or no AXON file"),
        (b"PK\5\6", "damaged, or no AXON file"),
        (b"x" * 1000, "damaged, or no AXON file"),
        (zipped(a_txt="a"), "has no tree.json"),
        (zipped(tree_json="{"), "tree.json is damaged"),
        (zipped(tree_json="[" * 100_000), "tree.json is damaged"),
        (zipped(tree_json='{"a": 1, "a": 2}'), "the name 'a' stands twice"),
        (zipped(tree_json="9" * 5000), "tree.json is damaged"),
        (zipped(tree_json='{"$array": "a"}', tree_safetensors=NOTHING), "do not fit: 'a'"),
        (zipped(tree_json='{"$array": "a"}'), "do not fit: 'a'"),
        (zipped(tree_json='{"$array": []}', tree_safetensors=NOTHING), "do not fit"),
        (zipped(tree_json='{"$pairs": [[[], 1]]}'), "do not fit"),
        (zipped(tree_json='{"$pairs": [1]}'), "do not fit"),
        (zipped(tree_json="{}", tree_safetensors=NOTHING[:9]), "not a whole safetensors"),
        (
            zipped(zipfile.ZIP_DEFLATED, tree_json="{}", tree_safetensors=NOTHING + b" " * 99),
            "tree.safetensors is compressed",
        ),
        (zipped(zipfile.ZIP_DEFLATED, tree_json=" " * 2**26 + "{}"), "claims 67,108,866 bytes"),
        (zipped(zipfile.ZIP_LZMA, tree_json="{}"), "compressed or encrypted in a foreign way"),
        (TWICE, "a name stands twice"),
        (zipped(tree_json="{}", tree_safetensors=NOTHING)[:-30], "damaged, or no AXON file"),
    ],
)
def test_bad_files_are_refused(tmp_path, content, message):
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(DamagedFile, match=message) as caught:
        archive.read(tmp_path / "x")
    assert str(tmp_path / "x") in str(caught.value)


def test_a_member_that_claims_more_than_there_is_takes_no_memory(tmp_path):
    """What is packed is read in as many bytes as it claims, unless that is asked first."""
    content = bytearray(zipped(zipfile.ZIP_DEFLATED, tree_json="[" + " " * 5000 + "]"))
    place = content.index(b"PK\1\2") + 20
    content[place : place + 4] = (2**31).to_bytes(4, "little")
    (tmp_path / "x").write_bytes(content)
    tracemalloc.start()
    with pytest.raises(DamagedFile, match=r"tree\.json claims 2,147,483,648 bytes: too large"):
        archive.read(tmp_path / "x")
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


def test_a_flipped_bit_in_an_array_is_found(tmp_path):
    archive.write(tmp_path / "x", {"w": np.zeros(1000)})
    content = bytearray((tmp_path / "x").read_bytes())
    content[5000] ^= 1
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(DamagedFile, match="CRC"):
        archive.read(tmp_path / "x")


def test_a_flipped_bit_in_packed_json_is_found(tmp_path):
    content = bytearray(zipped(zipfile.ZIP_DEFLATED, tree_json='{"a": "' + "x" * 50 + '"}'))
    content[content.index(b"PK\1\2") + 16] ^= 1  # the checksum in the zip's list of contents
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(DamagedFile, match="CRC"):
        archive.read(tmp_path / "x")


# ------------------------------------------------------------------------------------ atomic


def save_text(path, text="new"):
    with atomic(path) as stream:
        stream.write(text.encode())


def test_a_link_stays_a_link_and_what_it_points_to_is_written(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "there" / "file")
    for text in ("first", "second"):
        save_text(tmp_path / "link", text)
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "there" / "file").read_text() == text
    assert os.listdir(tmp_path / "there") == ["file"]


def test_permissions_of_a_file_are_kept_and_a_new_one_has_the_usual_ones(tmp_path):
    before = os.umask(0o027)
    try:
        save_text(tmp_path / "x")
        assert stat.S_IMODE(os.stat(tmp_path / "x").st_mode) == 0o640
        os.chmod(tmp_path / "x", 0o604)
        save_text(tmp_path / "x")
        assert stat.S_IMODE(os.stat(tmp_path / "x").st_mode) == 0o604
    finally:
        os.umask(before)


def test_the_longest_name_can_be_written(tmp_path):
    save_text(tmp_path / ("x" * 255))
    assert (tmp_path / ("x" * 255)).read_text() == "new"


def test_a_name_without_a_folder_is_in_this_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check_writable("x")
    save_text("x")
    assert os.listdir() == ["x"]


@pytest.mark.parametrize("check", [check_writable, save_text])
def test_what_is_no_file_is_not_replaced(tmp_path, check):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FileExistsError, match=r"pipe: it is a device or a pipe, not a file"):
        check(tmp_path / "pipe")
    with pytest.raises(IsADirectoryError, match="it is a folder"):
        check(tmp_path)
    assert os.listdir(tmp_path) == ["pipe"]


def test_devices_are_not_replaced():
    with pytest.raises(FileExistsError, match="/dev/null: it is a device or a pipe, not a file"):
        check_writable("/dev/null")


@pytest.mark.parametrize("check", [check_writable, save_text])
def test_a_file_that_is_read_only_is_not_replaced(tmp_path, check, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)  # root may write all
    save_text(tmp_path / "x", "old") if not (tmp_path / "x").exists() else None
    with pytest.raises(PermissionError, match="x: it is read-only"):
        check(tmp_path / "x")
    assert (tmp_path / "x").read_text() == "old"


def test_a_folder_that_is_missing_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"cannot write .*none/x: No such file"):
        save_text(tmp_path / "none" / "x")


def full(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("where", ["write", "fsync"])
def test_a_full_disk_names_the_file_and_keeps_the_old_one(tmp_path, monkeypatch, where):
    save_text(tmp_path / "x", "old")
    if where == "fsync":
        monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"cannot write .*x: No space left on device\. The file") as e:
        with atomic(tmp_path / "x") as stream:
            full() if where == "write" else stream.write(b"new")
    assert e.value.errno == errno.ENOSPC
    assert (tmp_path / "x").read_text() == "old"
    assert os.listdir(tmp_path) == ["x"]


FULL = """
    import resource, signal, sys
    import numpy as np
    from axon.files import archive
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))  # as if the disk ended there
    try:
        archive.write(sys.argv[1], {"w": np.zeros(100_000)})
    except OSError as error:
        print(error)
"""


def test_a_disk_that_ends_in_the_middle_of_an_archive(tmp_path):
    archive.write(tmp_path / "x", {"old": 1})
    run = [sys.executable, "-c", textwrap.dedent(FULL), str(tmp_path / "x")]
    said = subprocess.run(run, capture_output=True, text=True, check=True).stdout
    assert (
        f"cannot write {tmp_path / 'x'}: File too large. The file that was there is kept." in said
    )
    assert archive.read(tmp_path / "x") == {"old": 1}
    assert os.listdir(tmp_path) == ["x"]


def test_an_error_of_another_file_keeps_its_name(tmp_path):
    with pytest.raises(FileNotFoundError, match="elsewhere"), atomic(tmp_path / "x"):
        open(tmp_path / "elsewhere")
    assert not os.listdir(tmp_path)


def test_leftovers_of_the_dead_are_removed_those_of_the_living_are_not(tmp_path):
    (tmp_path / ".x.0123456789ab.tmp").write_bytes(b"of a process that was killed")
    (tmp_path / ".y.0123456789ab.tmp").write_bytes(b"of another file")
    with atomic(tmp_path / "x") as slow:
        slow.write(b"slow")
        save_text(tmp_path / "x", "fast")
        assert (tmp_path / "x").read_text() == "fast"
    assert (tmp_path / "x").read_text() == "slow"
    assert sorted(os.listdir(tmp_path)) == [".y.0123456789ab.tmp", "x"]


WRITER = """
    import sys
    import numpy as np
    from axon.files import archive
    path, number = sys.argv[1], int(sys.argv[2])
    print("ready", flush=True)
    while True:
        number += 2
        archive.write(path, {"number": number, "w": np.full(50_000, number)})
"""


def writer(path, number):
    run = [sys.executable, "-c", textwrap.dedent(WRITER), str(path), str(number)]
    child = subprocess.Popen(run, stdout=subprocess.PIPE)
    assert child.stdout.readline() == b"ready\n"
    return child


def killed(child):
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()


KILLS = """
    import os
    import random
    import signal
    import sys
    import time

    import numpy as np

    from axon.files import archive

    path, moments = sys.argv[1], random.Random(int(sys.argv[2]))

    def write_for_ever(number):
        while True:
            number += 1
            archive.write(path, {"number": number, "w": np.full(50_000, number)})
            os.write(begun, b".")

    archive.write(path, {"number": 0, "w": np.zeros(3)})
    begin, begun = os.pipe()
    left = set()
    for kill in range(150):
        child = os.fork()
        if not child:
            write_for_ever(1000 * kill)
        os.read(begin, 100_000)
        time.sleep(moments.uniform(0, 0.01))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        found = archive.read(path)
        assert (found["w"] == found["number"]).all()
        left.add(len(os.listdir(os.path.dirname(path))))
    print(found["number"], sorted(left))
"""


def test_kill_9_at_any_moment_leaves_a_whole_file(tmp_path):
    run = [sys.executable, "-c", textwrap.dedent(KILLS), str(tmp_path / "x"), "0"]
    said = subprocess.run(run, capture_output=True, text=True, check=True).stdout
    number, left = said.split(" ", 1)
    assert int(number) > 1000, "nothing was written between two kills"
    assert left.strip() in ("[1]", "[1, 2]"), "what the dead leave is removed by the next"
    archive.write(tmp_path / "x", {"number": 1})
    assert os.listdir(tmp_path) == ["x"]


def test_two_processes_write_one_path_while_a_third_reads(tmp_path):
    archive.write(tmp_path / "x", {"number": 0, "w": np.zeros(3)})
    children = [writer(tmp_path / "x", number) for number in (0, 1)]
    seen = set()
    until = time.monotonic() + 10
    while len(seen) < 2 and time.monotonic() < until:
        for _ in range(30):
            found = archive.read(tmp_path / "x")
            assert (found["w"] == found["number"]).all()
            seen.add(found["number"] % 2)
    for child in children:
        assert child.poll() is None, "a writer failed"
        killed(child)
    assert seen == {0, 1}
    archive.write(tmp_path / "x", TREE)
    assert os.listdir(tmp_path) == ["x"]


def test_threads_write_one_path(tmp_path):
    def work(number):
        for _ in range(10):
            archive.write(tmp_path / "x", {"number": number, "w": np.full(100, number)})

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = archive.read(tmp_path / "x")
    assert (found["w"] == found["number"]).all()
    assert os.listdir(tmp_path) == ["x"]


def test_a_file_that_was_cut_off_says_so(tmp_path):
    path = tmp_path / "x.axon"
    archive.write(path, {"a": np.arange(100)})
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(DamagedFile, match="a zip whose end is missing, cut off"):
        archive.read(path)
