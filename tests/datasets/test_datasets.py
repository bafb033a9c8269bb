"""Datasets: search, verification, download, the two built in, and the readers of tables."""

import ast
import builtins
import csv
import errno
import gzip
import hashlib
import io
import os
import re
import socket
import subprocess
import sys
import threading
import tracemalloc
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import axon.datasets
from axon.datasets import (
    DatasetUnavailable,
    breast_cancer,
    digits,
    fashion_mnist,
    fetch,
    load_csv,
    load_npz,
    mnist,
    read_features,
    split_data,
)
from axon.datasets.dataset import gunzip
from axon.datasets.idx import parse_idx
from axon.datasets.sheet import Sheet
from tests.datasets.mirrors import (
    ARRAYS,
    IMAGES,
    IMAGES_GZ,
    PACKED,
    RAW,
    cut_short,
    encoded,
    endless,
    serve,
    tiny_source,
    to_idx,
)

HERE = Path(__file__).resolve().parent
PACKAGE = Path(axon.datasets.__file__).parent
DATA_DIR = os.environ.get("AXON_DATA_DIR") or str(HERE.parents[2] / "shared" / "data")
relaxed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """No data anywhere, a cache of one's own, and mirrors that answer nothing."""
    for name in ("AXON_DATA_DIR", "AXON_CACHE_DIR", "AXON_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(mnist, "DATASET", tiny_source())
    monkeypatch.setattr(fashion_mnist, "DATASET", tiny_source(of_gz=True))
    return tmp_path


@pytest.fixture
def cache(home):
    return home / "cache" / "axon" / "mnist"


@pytest.fixture
def data_dir(home, monkeypatch):
    monkeypatch.setenv("AXON_DATA_DIR", str(home / "data"))
    return home / "data" / "mnist"


@pytest.fixture
def mirrors(monkeypatch):
    with serve() as mirrors:
        monkeypatch.setattr(mnist, "DATASET", tiny_source(mirrors.urls))
        yield mirrors


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("the network was touched")

    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, refuse)


def put(folder, files=PACKED, **changed):
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in {**files, **changed}.items():
        (folder / name).write_bytes(data)
    return folder


def put_bad(folder, data):
    """Good files but for the train images; return the path of the bad file."""
    put(folder, {**PACKED, IMAGES_GZ: data})
    return folder / IMAGES_GZ


def check_loaded(loaded):
    (x_train, y_train), (x_test, y_test) = loaded
    for array, expected in zip((x_train, y_train, x_test, y_test), ARRAYS.values(), strict=True):
        assert array.dtype == np.uint8
        assert array.flags.writeable
        np.testing.assert_array_equal(array, expected)


def error_text(function, *args, otherwise=""):
    """What the function complains of: a ValueError's text, and any other error goes through."""
    try:
        function(*args)
    except ValueError as error:
        return str(error)
    return otherwise


def listing(folder):
    return sorted(path.name for path in folder.iterdir())


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def flipped(data, at):
    changed = bytearray(data)
    changed[at] ^= 0x40
    return bytes(changed)


BAD_GZ = {
    "truncated": PACKED[IMAGES_GZ][:-100],
    "cut to its header": PACKED[IMAGES_GZ][:12],
    "flipped": flipped(PACKED[IMAGES_GZ], 200),
    "invalid block": PACKED[IMAGES_GZ][:10] + b"\7" + PACKED[IMAGES_GZ][11:],
    "checksum flipped": flipped(PACKED[IMAGES_GZ], -6),
    "trailing junk": PACKED[IMAGES_GZ] + b"junk",
    "bomb": gzip.compress(bytes(5_000_000)),
    "other content": gzip.compress(RAW[IMAGES][:-1] + b"\0"),
    "a web page": b"<!DOCTYPE html><html>not found</html>",
    "empty": b"",
    "too long": bytes(100_000),
}


# --- looking on this machine ---------------------------------------------------------------------


def test_data_dir_is_read_without_network(data_dir, no_network):
    put(data_dir)
    check_loaded(mnist.load_data())


def test_cache_is_read_without_network(cache, no_network):
    put(cache)
    check_loaded(mnist.load_data())


def test_cache_is_below_home_when_xdg_is_not_set_or_relative(home, monkeypatch, no_network):
    put(home / "home" / ".cache" / "axon" / "mnist")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    check_loaded(mnist.load_data())
    monkeypatch.delenv("XDG_CACHE_HOME")
    check_loaded(mnist.load_data())


def test_a_cache_of_axons_own_comes_before_the_systems(home, monkeypatch, no_network):
    put(home / "shipped" / "mnist")
    monkeypatch.setenv("AXON_CACHE_DIR", str(home / "shipped"))
    check_loaded(mnist.load_data())


def test_no_home_at_all_is_said(monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    with pytest.raises(DatasetUnavailable, match=r"no home directory.*set AXON_CACHE_DIR"):
        mnist.load_data()


def test_data_dir_comes_before_cache(data_dir, cache):
    put(data_dir)
    put_bad(cache, b"never looked at")
    check_loaded(mnist.load_data())


def test_data_dir_that_is_missing_falls_through_to_cache(data_dir, cache):
    put(cache)
    check_loaded(mnist.load_data())


def test_data_dir_may_begin_with_a_tilde(home, monkeypatch, no_network):
    monkeypatch.setenv("AXON_DATA_DIR", "~/sets")
    put(home / "home" / "sets" / "mnist")
    check_loaded(mnist.load_data())


@pytest.mark.parametrize("rename", [str, lambda name: name.replace("-idx", ".idx")])
def test_uncompressed_files_will_do(data_dir, no_network, rename):
    put(data_dir, {rename(name): data for name, data in RAW.items()})
    check_loaded(mnist.load_data())


def test_files_compressed_anew_will_do(data_dir):
    put(data_dir, {name + ".gz": gzip.compress(data, 1, mtime=1) for name, data in RAW.items()})
    check_loaded(mnist.load_data())


def test_reading_writes_nothing(data_dir, monkeypatch, no_network):
    put(data_dir)
    real = builtins.open

    def read_only(file, mode="r", *args, **kwargs):
        assert not set(mode) & set("wxa+"), f"{file} opened to write"
        return real(file, mode, *args, **kwargs)

    def refuse(*args, **kwargs):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(builtins, "open", read_only)
    for name in ("mkdir", "replace", "rename", "remove", "unlink"):
        monkeypatch.setattr(os, name, refuse)
    check_loaded(mnist.load_data())


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write")
def test_read_only_folders(data_dir, cache, monkeypatch):
    put(data_dir).chmod(0o500)
    check_loaded(mnist.load_data())
    monkeypatch.delenv("AXON_DATA_DIR")
    cache.parent.mkdir(parents=True)
    cache.parent.chmod(0o500)
    with pytest.raises(DatasetUnavailable, match="cannot be written"):
        mnist.load_data()


@pytest.mark.parametrize("kind", BAD_GZ)
def test_a_bad_file_is_named_with_both_hashes_and_left_alone(data_dir, monkeypatch, kind):
    monkeypatch.setenv("AXON_OFFLINE", "1")
    path = put_bad(data_dir, BAD_GZ[kind])
    with pytest.raises(DatasetUnavailable) as error:
        mnist.load_data()
    (line,) = [line for line in str(error.value).splitlines() if str(path) in line]
    assert "expected sha256:" + sha256(RAW[IMAGES]) in line
    assert "found" in line
    if kind == "other content":
        assert "found sha256:" + sha256(RAW[IMAGES][:-1] + b"\0") in line
    if kind == "a web page":
        assert "not gzip: it begins with b'<!DOCTYP'" in line
    assert path.read_bytes() == BAD_GZ[kind]


@pytest.mark.parametrize("kind", BAD_GZ)
def test_a_bad_file_is_passed_over_with_a_warning(data_dir, cache, no_network, kind):
    path = put_bad(data_dir, BAD_GZ[kind])
    put(cache)
    with pytest.warns(UserWarning, match="passed over") as caught:
        check_loaded(mnist.load_data())
    assert len(caught) == 1
    assert str(path) in str(caught[0].message)
    assert f"used {cache / IMAGES_GZ}" in str(caught[0].message)
    assert caught[0].filename == __file__  # the line that called load_data
    assert path.read_bytes() == BAD_GZ[kind]


def test_a_bad_gz_falls_back_on_the_raw_file_beside_it(data_dir, no_network):
    put_bad(data_dir, BAD_GZ["flipped"])
    put(data_dir, {IMAGES: RAW[IMAGES]})
    with pytest.warns(UserWarning, match="passed over"):
        check_loaded(mnist.load_data())


def test_a_raw_file_is_verified_too(data_dir, monkeypatch):
    monkeypatch.setenv("AXON_OFFLINE", "1")
    put(data_dir, {**RAW, IMAGES: flipped(RAW[IMAGES], 100)})
    with pytest.raises(DatasetUnavailable, match=f"{IMAGES}: expected sha256:.*found sha256:"):
        mnist.load_data()


@pytest.mark.parametrize(
    ("data", "shape", "what"),
    [(b"\0\1\x08\1\0\0\0\1\7", (1,), "begin with 00 00"), (RAW[IMAGES], (4800,), "found uint8")],
)
def test_content_with_the_right_hash_must_be_the_right_idx(
    data_dir, monkeypatch, data, shape, what
):
    monkeypatch.setenv("AXON_OFFLINE", "1")
    put_bad(data_dir, data)
    source = tiny_source()
    file = source.files[0]._replace(shape=shape, checksum="sha256:" + sha256(data))
    monkeypatch.setattr(mnist, "DATASET", source._replace(files=(file,) * 4))
    with pytest.raises(DatasetUnavailable, match=what):
        mnist.load_data()


def test_a_folder_in_the_place_of_a_file_is_passed_over(data_dir, cache):
    put(data_dir)
    (data_dir / IMAGES_GZ).unlink()
    (data_dir / IMAGES_GZ).mkdir()
    put(cache)
    with pytest.warns(UserWarning, match="cannot be read"):
        check_loaded(mnist.load_data())


def test_a_data_dir_below_a_regular_file_is_passed_over(home, monkeypatch, cache):
    (home / "file").write_text("")
    monkeypatch.setenv("AXON_DATA_DIR", str(home / "file"))
    put(cache)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check_loaded(mnist.load_data())
    if os.name == "posix":  # Windows calls it a missing path, which needs no warning
        assert "cannot be read (Not a directory)" in str(caught[0].message)


def test_a_gz_bomb_does_not_eat_memory():
    bomb = gzip.compress(bytes(50_000_000))
    tracemalloc.start()
    with pytest.raises(ValueError, match="more than the 1000 bytes"):
        gunzip(bomb, 1000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000_000


def test_a_huge_file_does_not_eat_memory(data_dir, monkeypatch):
    monkeypatch.setenv("AXON_OFFLINE", "1")
    path = put_bad(data_dir, b"")
    with open(path, "r+b") as stream:
        stream.truncate(300_000_000)  # sparse
    tracemalloc.start()
    with pytest.raises(DatasetUnavailable, match="found a longer file"):
        mnist.load_data()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5_000_000


# --- offline -------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["1", "true", "YES", " yes "])
def test_offline_touches_no_network_and_says_what_to_do(
    data_dir, cache, monkeypatch, no_network, word
):
    monkeypatch.setenv("AXON_OFFLINE", word)
    monkeypatch.setitem(sys.modules, "pooch", None)
    data_dir.mkdir(parents=True)
    with pytest.raises(DatasetUnavailable) as error:
        mnist.load_data()
    text = str(error.value)
    assert f"{data_dir}: no {IMAGES_GZ} there" in text
    assert f"{cache}: no such folder" in text
    assert "unset AXON_OFFLINE" in text
    assert "set AXON_DATA_DIR=DIR" in text
    assert all(name in text for name in PACKED)
    assert not cache.exists()


@pytest.mark.parametrize("word", ["", "0", "false", "no"])
def test_other_words_are_online(mirrors, monkeypatch, word):
    monkeypatch.setenv("AXON_OFFLINE", word)
    check_loaded(mnist.load_data())


# --- downloading ---------------------------------------------------------------------------------


def test_download_fills_the_cache_once(mirrors, cache, capfd):
    check_loaded(mnist.load_data())
    assert listing(cache) == sorted(PACKED)
    assert mirrors.asked == [f"/a/{name}" for name in PACKED]
    assert IMAGES_GZ in capfd.readouterr().err  # the progress bar
    check_loaded(mnist.load_data())
    assert len(mirrors.asked) == 4


BAD_ANSWERS = {**BAD_GZ, "404": 404, "503": 503, "cut short": cut_short, "endless": endless}


@pytest.mark.parametrize("kind", BAD_ANSWERS)
def test_a_bad_mirror_is_named_and_the_next_one_asked(mirrors, cache, kind):
    mirrors.set("a", BAD_ANSWERS[kind])
    with pytest.warns(UserWarning, match="passed over") as caught:
        check_loaded(mnist.load_data())
    message = str(caught[0].message)
    assert mirrors.urls[0] + IMAGES_GZ in message
    assert f"used {mirrors.urls[1] + IMAGES_GZ}" in message
    assert listing(cache) == sorted(PACKED)
    assert (cache / IMAGES_GZ).read_bytes() == PACKED[IMAGES_GZ]


def test_a_mirror_that_is_not_there_is_named_and_the_next_one_asked(mirrors, monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{free.getsockname()[1]}/"
    monkeypatch.setattr(mnist, "DATASET", tiny_source((dead, mirrors.urls[1])))
    with pytest.warns(UserWarning, match=f"passed over {dead}.*ConnectionError"):
        check_loaded(mnist.load_data())


def broken_connections():
    """What requests raises, with all that it wraps, for networks that are broken in many ways."""
    import requests
    from urllib3.exceptions import MaxRetryError, NameResolutionError, NewConnectionError
    from urllib3.exceptions import ProxyError as Proxy

    def wrapped(kind, reason):
        return kind(MaxRetryError("HTTPSConnectionPool(host='x', port=443)", "/y", reason))

    error, pool = requests.exceptions, object()
    yield wrapped(error.ConnectionError, NameResolutionError("x", pool, OSError(-2))), "resolved"
    yield wrapped(error.ConnectionError, NewConnectionError(pool, "refused")), "no connection"
    yield wrapped(error.ProxyError, Proxy("to y", OSError())), "proxy"
    yield wrapped(error.SSLError, OSError("bad handshake")), "certificate"
    yield error.ReadTimeout("HTTPSConnectionPool(host='x', port=443): Read timed out."), "in time"
    yield error.ChunkedEncodingError("('Connection broken: IncompleteRead(')"), "broke off"


def test_a_network_that_does_not_work_is_told_in_words(mirrors, monkeypatch):
    import pooch

    pytest.importorskip("requests")
    for error, words in broken_connections():

        def fail(self, url, output_file, pooch, error=error):
            raise error

        monkeypatch.setattr(pooch.HTTPDownloader, "__call__", fail)
        with pytest.raises(DatasetUnavailable, match=words) as caught:
            mnist.load_data()
        assert not re.search("Pool|urllib3|Caused by|object at", str(caught.value))


def test_an_error_of_the_server_is_told_by_its_number(mirrors):
    mirrors.set("a", 503)
    mirrors.set("b", 404)
    with pytest.raises(DatasetUnavailable, match="the server answered 503") as caught:
        mnist.load_data()
    assert "the server answered 404" in str(caught.value)
    assert "url:" not in str(caught.value)


def test_whatever_the_network_raises_is_named(mirrors, monkeypatch):
    import pooch

    def fail(self, url, output_file, pooch):
        raise RuntimeError("of another kind")

    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", fail)
    with pytest.raises(DatasetUnavailable, match="RuntimeError: of another kind"):
        mnist.load_data()


def test_all_mirrors_bad_gives_one_error_that_lists_each(mirrors, data_dir, cache):
    mirrors.set("a", 404)
    mirrors.set("b", BAD_GZ["other content"])
    path = put_bad(cache, BAD_GZ["truncated"])
    with pytest.raises(DatasetUnavailable) as error:
        mnist.load_data()
    lines = str(error.value).splitlines()
    assert [line.split(": ")[0].strip() for line in lines[2:6]] == [
        str(data_dir),
        str(path),
        mirrors.urls[0] + IMAGES_GZ,
        mirrors.urls[1] + IMAGES_GZ,
    ]
    assert "404" in lines[4]
    assert "found sha256:" in lines[5]
    assert "try again" in lines[6]
    assert path.read_bytes() == BAD_GZ["truncated"]
    assert listing(cache) == sorted(PACKED)


def test_a_bad_file_in_the_cache_is_replaced_by_a_good_one(mirrors, cache):
    path = put_bad(cache, BAD_GZ["flipped"])
    with pytest.warns(UserWarning, match="passed over") as caught:
        check_loaded(mnist.load_data())
    assert str(path) in str(caught[0].message)
    assert path.read_bytes() == PACKED[IMAGES_GZ]
    assert len(mirrors.asked) == 1


def test_a_bad_file_in_the_data_dir_is_never_replaced(mirrors, data_dir, cache):
    path = put_bad(data_dir, BAD_GZ["flipped"])
    with pytest.warns(UserWarning, match="passed over"):
        check_loaded(mnist.load_data())
    assert path.read_bytes() == BAD_GZ["flipped"]
    assert listing(cache) == [IMAGES_GZ]


def test_a_file_unpacked_on_the_way_will_do(mirrors, cache):
    mirrors.set("a", encoded)
    check_loaded(mnist.load_data())
    assert (cache / IMAGES_GZ).read_bytes() == RAW[IMAGES]
    check_loaded(mnist.load_data())
    assert len(mirrors.asked) == 4


@pytest.mark.parametrize("name", ["pooch", "tqdm"])
def test_a_missing_package_is_named(monkeypatch, data_dir, name):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError) as error:
        mnist.load_data()
    assert "pip install pooch tqdm (the extra 'data')" in str(error.value)
    assert "AXON_DATA_DIR" in str(error.value)
    assert f"{data_dir}: no such folder" in str(error.value)


def test_an_unwritable_cache_is_said(mirrors, home, monkeypatch):
    (home / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "file"))
    with pytest.raises(DatasetUnavailable, match=r"cannot be written.*\n(.*\n)*.*AXON_CACHE_DIR"):
        mnist.load_data()
    assert mirrors.asked == []


def test_a_temporary_file_that_cannot_be_made_is_said(mirrors, monkeypatch):
    def refuse(path, mode, buffering):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(fetch, "open", refuse, raising=False)
    with pytest.raises(DatasetUnavailable, match=r"cannot be written \(Permission denied\)"):
        mnist.load_data()


def open_as(kind):
    def open_file(path, mode, buffering):
        raw = kind(path, mode)
        return io.BufferedWriter(raw, buffering) if buffering else raw

    return open_file


def test_a_disk_that_takes_a_few_bytes_at_a_time_is_fine(mirrors, monkeypatch):
    class Slow(io.FileIO):
        def write(self, chunk):
            return super().write(chunk[:7])

    monkeypatch.setattr(fetch, "open", open_as(Slow), raising=False)
    check_loaded(mnist.load_data())


def test_a_full_disk_is_said_and_leaves_nothing(mirrors, cache, monkeypatch):
    class Full(io.FileIO):
        def write(self, chunk):
            if self.tell() < 1000:
                return super().write(chunk[: 1000 - self.tell()])
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(fetch, "open", open_as(Full), raising=False)
    with pytest.raises(DatasetUnavailable, match="No space left on device"):
        mnist.load_data()
    assert listing(cache) == []
    assert len(mirrors.asked) == 1


def test_a_refused_rename_is_fine_if_another_process_was_first(mirrors, cache, monkeypatch):
    def refuse(source, target):
        Path(target).write_bytes(PACKED[Path(target).name])
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "replace", refuse)
    check_loaded(mnist.load_data())
    assert listing(cache) == sorted(PACKED)


def test_a_refused_rename_is_said_otherwise(mirrors, cache, monkeypatch):
    def refuse(source, target):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(DatasetUnavailable, match="cannot be written"):
        mnist.load_data()
    assert listing(cache) == []


def test_an_interrupt_leaves_nothing(mirrors, cache, monkeypatch):
    def interrupt(self, chunk):
        raise KeyboardInterrupt

    monkeypatch.setattr(fetch._LimitedFile, "write", interrupt)
    with pytest.raises(KeyboardInterrupt):
        mnist.load_data()
    assert listing(cache) == []


def start_loading(mirrors):
    program = [sys.executable, str(HERE / "mirrors.py"), *mirrors.urls]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(PACKAGE.parents[1]), *sys.path])}
    return subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env)


def test_killed_in_the_middle_leaves_no_bad_file(mirrors, cache):
    half_sent, release = threading.Event(), threading.Event()

    def stall(handler):
        body = PACKED[IMAGES_GZ]
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body[: len(body) // 2])
        handler.wfile.flush()
        half_sent.set()
        release.wait(20)

    mirrors.set("a", stall)
    with start_loading(mirrors) as process:
        assert half_sent.wait(20)
        process.kill()
        assert process.wait() != 0
        release.set()
        process.communicate()
    assert not any(name in PACKED for name in listing(cache))
    mirrors.set("a", PACKED[IMAGES_GZ])
    check_loaded(mnist.load_data())


def test_two_processes_at_once_both_end_well(mirrors, cache):
    both_ask = threading.Barrier(2)

    def together(handler):
        both_ask.wait(20)
        handler.reply(PACKED[IMAGES_GZ])

    mirrors.set("a", together)
    processes = [start_loading(mirrors), start_loading(mirrors)]
    for process in processes:
        out, err = process.communicate(timeout=30)
        assert process.returncode == 0, err
        assert out.split() == [b"loaded"]
    assert listing(cache) == sorted(PACKED)
    assert (cache / IMAGES_GZ).read_bytes() == PACKED[IMAGES_GZ]


# --- MNIST and Fashion-MNIST ---------------------------------------------------------------------


def test_fashion_mnist_is_verified_by_the_md5_of_the_gz(data_dir):
    put(data_dir)
    check_loaded(fashion_mnist.load_data())


def test_fashion_mnist_refuses_files_compressed_anew(data_dir, monkeypatch):
    monkeypatch.setenv("AXON_OFFLINE", "1")
    path = put_bad(data_dir, gzip.compress(RAW[IMAGES], 1, mtime=1))
    found = hashlib.md5(path.read_bytes()).hexdigest()
    expected = hashlib.md5(PACKED[IMAGES_GZ]).hexdigest()
    with pytest.raises(DatasetUnavailable, match=f"expected md5:{expected}.*found md5:{found}"):
        fashion_mnist.load_data()


def test_fashion_mnist_wants_the_gz_when_only_a_raw_file_lies_there(data_dir, monkeypatch):
    monkeypatch.setenv("AXON_OFFLINE", "1")
    put(data_dir, RAW)
    with pytest.raises(
        DatasetUnavailable, match=f"{IMAGES}: is uncompressed.*put {IMAGES_GZ}"
    ) as error:
        fashion_mnist.load_data()
    assert str(error.value).count(str(data_dir / IMAGES)) == 1


@pytest.mark.parametrize("module", [mnist, fashion_mnist])
def test_published_sources(module, monkeypatch):
    monkeypatch.undo()  # the real ones
    source = module.DATASET
    assert source.name == module.__name__.rpartition(".")[2]
    assert len(source.mirrors) >= 2
    assert all(mirror.startswith("http") and mirror.endswith("/") for mirror in source.mirrors)
    assert [file.shape for file in source.files] == [
        (60000, 28, 28),
        (60000,),
        (10000, 28, 28),
        (10000,),
    ]
    assert [file.size for file in source.files] == [47040016, 60008, 7840016, 10008]
    digits = {"sha256": 64, "md5": 32}
    for file in source.files:
        algorithm, _, number = file.checksum.partition(":")
        assert len(number) == digits[algorithm]
        assert file.of_gz == (algorithm == "md5")


@pytest.mark.skipif(not (Path(DATA_DIR) / "mnist").is_dir(), reason="no MNIST on this machine")
def test_the_real_mnist(monkeypatch):
    monkeypatch.undo()
    monkeypatch.setenv("AXON_DATA_DIR", DATA_DIR)
    monkeypatch.setenv("AXON_OFFLINE", "1")
    (x_train, y_train), (x_test, y_test) = mnist.load_data()
    assert x_train.shape == (60000, 28, 28)
    assert x_test.shape == (10000, 28, 28)
    assert {a.dtype for a in (x_train, y_train, x_test, y_test)} == {np.dtype(np.uint8)}
    assert y_train[:5].tolist() == [5, 0, 4, 1, 9]
    assert np.bincount(y_test).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


# --- IDX -----------------------------------------------------------------------------------------

idx_arrays = hnp.arrays(
    st.sampled_from(["u1", "i1", "i2", "i4", "f4", "f8"]),
    hnp.array_shapes(max_dims=4, max_side=5),
)


@relaxed
@given(idx_arrays)
def test_idx_round_trip(array):
    parsed = parse_idx(to_idx(array))
    assert parsed.dtype == array.dtype
    assert parsed.dtype.isnative
    assert parsed.shape == array.shape
    assert parsed.tobytes() == array.tobytes()


@relaxed
@given(idx_arrays, st.data())
def test_idx_of_another_length_is_refused(array, data):
    idx = to_idx(array)
    cut = data.draw(st.integers(0, len(idx) - 1))
    for wrong in (idx[:cut], idx + b"\0"):
        with pytest.raises(ValueError, match=r"not a whole IDX file|not an IDX file"):
            parse_idx(wrong)


@relaxed
@given(st.one_of(st.binary(), st.binary().map(lambda tail: b"\0\0\x08" + tail)))
def test_idx_junk_gives_only_clear_errors(data):
    assert "IDX" in error_text(parse_idx, data, otherwise="IDX")


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "found an empty file"),
        (b"\x1f\x8b\x08\0", "found 1f 8b 08 00"),
        (b"\0\0\x07\1\0\0\0\1\0", "found 0x07"),
        (b"\0\0\x08\0", "1 to 32 axes, found 0"),
        (b"\0\0\x08\x21" + b"\0\0\0\1" * 33 + b"\0", "1 to 32 axes, found 33"),
        (b"\0\0\x08\2\0\0\0\1", "expected 2 sizes in 8 bytes.*found 4"),
        (b"\0\0\x08\1\0\0\0\0", r"without numbers.*\(0,\)"),
        (b"\0\0\x0b\1\0\0\0\2\0\0\0", "12 bytes in all, but there are 11"),
        (b"\0\0\x08\3" + b"\xff" * 12, "but there are 16"),
    ],
)
def test_idx_errors(data, what):
    with pytest.raises(ValueError, match=what):
        parse_idx(data)


# --- splits, digits, breast cancer ---------------------------------------------------------------


@relaxed
@given(
    st.lists(st.integers(2, 30), min_size=1, max_size=6),
    st.floats(0.05, 0.95),
    st.integers(0, 2**40),
)
def test_split_is_stratified_complete_and_repeatable(counts, share, seed):
    y = np.repeat(np.arange(len(counts)), counts)
    x = np.arange(len(y))[:, None]
    if text := error_text(split_data, x, y, share, seed):
        assert "leaves no row to test on" in text
        return
    (x_train, y_train), (x_test, y_test) = split_data(x, y, share, seed)
    rows = np.concatenate([x_train, x_test])[:, 0]
    assert sorted(rows) == list(range(len(y)))
    np.testing.assert_array_equal(y[x_train[:, 0]], y_train)
    np.testing.assert_array_equal(y[x_test[:, 0]], y_test)
    tested = np.bincount(y_test, minlength=len(counts))
    assert (abs(tested - np.array(counts) * share) < 1 + 1e-9).all()
    assert (tested < counts).all()
    again = split_data(x, y, share, seed)
    np.testing.assert_array_equal(again[0][0], x_train)
    np.testing.assert_array_equal(again[1][0], x_test)


def test_split_shuffles_and_depends_on_the_seed():
    x, y = np.arange(100), np.repeat([0, 1], 50)
    (first, y_first), _ = split_data(x, y, 0.2, 0)
    (other, _), _ = split_data(x, y, 0.2, 1)
    assert not np.array_equal(first, other)
    assert not np.array_equal(first, np.sort(first))
    assert 0 < y_first[:40].sum() < 40  # the classes are mixed


def test_split_is_the_same_on_every_machine():
    (train, _), (test, _) = split_data(np.arange(10), np.repeat([0, 1], 5), 0.4, 3)
    assert train.tolist() == [8, 1, 4, 5, 3, 7]
    assert test.tolist() == [0, 6, 2, 9]


@pytest.mark.parametrize("share", [0, 1, -0.2, 1.5, float("nan"), True, "0.2", None])
@pytest.mark.parametrize("module", [digits, breast_cancer])
def test_a_bad_share_is_refused(module, share):
    with pytest.raises(ValueError, match=r"test_split must .*, not "):
        module.load_data(test_split=share)


@pytest.mark.parametrize("seed", [-1, 0.5, True, None, "0"])
@pytest.mark.parametrize("module", [digits, breast_cancer])
def test_a_bad_seed_is_refused(module, seed):
    with pytest.raises(ValueError, match="seed must be an integer >= 0, not"):
        module.load_data(seed=seed)


def test_a_split_without_test_rows_is_refused():
    for y in (np.arange(5), np.array([0, 0])):  # each class keeps a row to train on
        with pytest.raises(ValueError, match="leaves no row to test on; give more rows"):
            split_data(y, y, 0.2)


def test_split_of_lengths_that_differ_is_refused():
    with pytest.raises(ValueError, match=r"found \(3, 2\) and \(4,\)"):
        split_data(np.zeros((3, 2)), np.zeros(4))


def test_digits():
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    assert x_train.shape == (1438, 8, 8)
    assert x_test.shape == (359, 8, 8)
    assert {a.dtype for a in (x_train, y_train, x_test, y_test)} == {np.dtype(np.uint8)}
    assert x_train.max() == 16
    shares = np.bincount(y_test) / (np.bincount(y_train) + np.bincount(y_test))
    assert (abs(shares - 0.2) < 0.01).all()
    assert len(digits.load_data(test_split=0.5, seed=np.int64(4))[1][1]) == 898


def test_breast_cancer():
    (x_train, y_train), (x_test, y_test) = breast_cancer.load_data()
    assert x_train.shape == (455, 30)
    assert x_test.shape == (114, 30)
    assert x_train.dtype == x_test.dtype == np.float64
    assert y_train.dtype == y_test.dtype == np.int64
    assert y_train.sum() + y_test.sum() == 212  # the malignant ones
    assert breast_cancer.CLASS_NAMES[1] == "malignant"
    assert len(breast_cancer.FEATURE_NAMES) == 30
    assert breast_cancer.FEATURE_NAMES[0] == "radius_mean"
    assert breast_cancer.FEATURE_NAMES[-1] == "fractal_dimension_worst"


def test_built_in_data_are_those_of_scikit_learn():
    datasets = pytest.importorskip("sklearn.datasets")
    ours, theirs = np.load(digits.DATA), datasets.load_digits()
    assert ours["x"].dtype == np.uint8
    np.testing.assert_array_equal(ours["x"], theirs.images)
    np.testing.assert_array_equal(ours["y"], theirs.target)
    ours.close()
    table, theirs = load_csv(breast_cancer.DATA), datasets.load_breast_cancer()
    assert table.x.tobytes() == theirs.data.tobytes()
    np.testing.assert_array_equal(table.y, 1 - theirs.target)  # coded the other way round
    order = {"mean": "mean {}", "se": "{} error", "worst": "worst {}"}
    for name, known in zip(breast_cancer.FEATURE_NAMES, theirs.feature_names, strict=True):
        measure, _, of = name.rpartition("_")
        assert order[of].format(measure.replace("_", " ")) == known


def test_built_in_data_are_small_and_attributed():
    folder = PACKAGE / "data"
    assert sum(path.stat().st_size for path in folder.iterdir()) < 200_000
    text = (folder / "LICENSE.md").read_text(encoding="utf-8")
    for word in ("CC BY 4.0", "10.24432/C50P49", "10.24432/C5DW2B", "Alpaydin", "Wolberg"):
        assert word in text


# --- CSV -----------------------------------------------------------------------------------------


@pytest.fixture
def write(home):
    def write(content, name="table.csv"):
        path = home / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def kaggle(*, header_tail=",", row_tail="", order=None, newline="\n", rows=8):
    """Lines of the Kaggle edition: quoted header with a trailing comma, rows without."""
    names = ["id", "diagnosis", *breast_cancer.FEATURE_NAMES]
    order = order or list(range(len(names)))
    lines = [",".join(f'"{names[i]}"' for i in order) + header_tail]
    for row in range(rows):
        cells = [str(842302 + row), "MB"[row % 2], *(f"{row}.{i:02}" for i in range(30))]
        lines.append(",".join(cells[i] for i in order) + row_tail)
    return newline.join(lines) + newline


def whole(split):
    (x_train, y_train), (x_test, y_test) = split
    x, y = np.concatenate([x_train, x_test]), np.concatenate([y_train, y_test])
    rows = np.argsort(x[:, 0])
    return x[rows], y[rows]


KAGGLE_FORMS = {
    "as on Kaggle": kaggle(),
    "written again by pandas": kaggle(header_tail=",Unnamed: 32", row_tail=","),
    "comma in rows only": kaggle(header_tail="", row_tail=","),
    "without commas": kaggle(header_tail=""),
    "CRLF": kaggle(newline="\r\n"),
    "CR": kaggle(newline="\r"),
    "byte-order mark": "\ufeff" + kaggle(),
    "blank lines": "\n" + kaggle().replace("\n", "\n \n,,\n"),
    "another order": kaggle(order=[*range(31, 0, -1), 0]),
}


@pytest.mark.parametrize("form", KAGGLE_FORMS)
def test_breast_cancer_reads_the_kaggle_file(write, form):
    x, y = whole(breast_cancer.load_data(write(KAGGLE_FORMS[form]), test_split=0.5))
    expected = [[float(f"{row}.{i:02}") for i in range(30)] for row in range(8)]
    np.testing.assert_array_equal(x, expected)
    assert y.tolist() == [1, 0, 1, 0, 1, 0, 1, 0]


def changed(old, new):
    assert old in kaggle()
    return kaggle().replace(old, new, 1)


CANCER_ERRORS = {
    "missing column": (changed("radius_mean", "radius_men"), "'radius_mean' .*mean 'radius_men'"),
    "missing diagnosis": (changed("diagnosis", "diagnose"), "'diagnosis' .*mean 'diagnose'"),
    "not a number": (changed(",3.05,", ",big,"), r"line 5, column 'compactness_mean'.*'big'"),
    "NaN": (changed(",3.05,", ",NaN,"), "line 5, column 'compactness_mean'.*finite.*nan"),
    "infinity": (changed(",3.05,", ",-inf,"), "line 5, column 'compactness_mean'.*finite.*-inf"),
    "too large": (changed(",3.05,", ",1e999,"), "line 5, column 'compactness_mean'.*finite"),
    "empty cell": (changed(",3.05,", ",,"), "line 5, column 'compactness_mean'.*an empty cell"),
    "unknown diagnosis": (changed(",B,", ",X,"), "line 3, column 'diagnosis'.*'B' or 'M'.*'X'"),
    "no diagnosis": (changed(",B,", ",,"), "line 3, column 'diagnosis'.*an empty cell"),
    "one diagnosis": (kaggle().replace(",B,", ",M,"), "at least two classes, found only 'M'"),
    "no rows": (kaggle(rows=0), "no rows"),
    "duplicate": (changed("area_se", "area_mean"), "columns 6 and 16 are both named 'area_mean'"),
    "short row": (changed("3.28,3.29", "3.28"), "line 5: expected 33 cells.*found 31"),
    "long row": (changed("3.28,3.29", "3.28,3.29,1,2"), "line 5: expected 33 cells.*found 34"),
}


@pytest.mark.parametrize("kind", CANCER_ERRORS)
def test_breast_cancer_names_what_is_wrong(write, kind):
    content, what = CANCER_ERRORS[kind]
    path = write(content)
    with pytest.raises(ValueError, match=what) as error:
        breast_cancer.load_data(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("read", [breast_cancer.load_data, load_csv, load_npz])
def test_a_missing_file_is_named(home, read):
    for path in (home / "missing.csv", home):  # a folder, too
        with pytest.raises(DatasetUnavailable, match="cannot be read") as error:
            read(path)
        assert str(path) in str(error.value)


def test_load_csv(write):
    path = write(
        '\ufeff"b",ID,kind,a,empty,,\n1,7,pear,-2e3,,\n2.5,8, "apple",0,,\n+3 ,9,pear,.5,,,\n'
    )
    table = load_csv(path, target="kind")
    np.testing.assert_array_equal(table.x, [[1, -2000], [2.5, 0], [3, 0.5]])
    assert table.x.dtype == np.float64
    assert table.y.dtype == np.int64
    assert table.y.tolist() == [1, 0, 1]
    assert table.feature_names == ("b", "a")
    assert table.class_names == ("apple", "pear")
    assert table.target_name == "kind"
    with pytest.raises(AttributeError):
        table.x = None


@pytest.mark.parametrize(
    ("header", "target"),
    [
        ("a,LABEL,b", "LABEL"),
        ("Y,a,b", "Y"),
        ("y,a,Target", "Target"),
        ("Species,label,diagnosis", "diagnosis"),
        ("a,b,c", "c"),
        ("a,b,", "b"),
        ("a,b,id", "id"),
    ],
)
def test_the_target_is_found(write, header, target):
    cells = "0.5,1," if header.endswith(",") else "0,1,2"
    others = "1,2," if header.endswith(",") else "1,2,3"
    content = f"{header}\n{cells}\n{others}\n"
    if target == "id":
        content = content.replace("0,1,2", "0,1,x").replace("1,2,3", "1,2,y")
    assert load_csv(write(content)).target_name == target


@pytest.mark.parametrize(
    ("labels", "names", "y"),
    [
        (["10", "9", "10"], ("9", "10"), [1, 0, 1]),
        (["1.0", "0.0", "1.0"], ("0.0", "1.0"), [1, 0, 1]),
        (["-1", "1", "-1"], ("-1", "1"), [0, 1, 0]),
        (["b", "a", "1.5"], ("1.5", "a", "b"), [2, 1, 0]),
        (["yes, sir", 'a "no"', "yes, sir"], ('a "no"', "yes, sir"), [1, 0, 1]),
        ([str(2**60 + 1), str(2**60), "0"], ("0", str(2**60), str(2**60 + 1)), [2, 1, 0]),
    ],
)
def test_labels(write, labels, names, y):
    text = io.StringIO()
    csv.writer(text).writerows([["x", "label"], *([k, label] for k, label in enumerate(labels))])
    table = load_csv(write(text.getvalue()))
    assert table.class_names == names
    assert table.y.tolist() == y


CSV_ERRORS = {
    "empty": ("", "the file is empty"),
    "blank": ("\n ,\n", "the file is empty"),
    "header only": ("a,b\n", "no rows"),
    "no header": ("1,2\n3,4\n", "line 1: expected a header"),
    "text feature": ("a,y\n1,0\nred,1\n", "line 3, column 'a': expected a number, found 'red'"),
    "gap": ("a,y\n1,0\n,1\n", "line 3, column 'a': expected a number, found an empty cell"),
    "line of a quoted cell": ('a,b,y\n"1","\n2\n",0\n\nx,1,0\n', "line 6, column 'a'"),
    "regression": ("a,y\n1,0\n2,0.5\n", r"line 3, column 'y'.*classification only.*'0.5'"),
    "last column": ("a,b\n1,0\n2,.5\n", "classification only.*taken for the labels as the last"),
    "NaN label": ("a,y\n1,0\n2,nan\n", "line 3, column 'y'.*'nan'"),
    "huge label": ("a,y\n1,0\n2,1e999\n", "line 3, column 'y'.*'1e999'"),
    "one class": ("a,y\n1,0\n2,0\n", "column 'y': expected at least two classes, found only '0'"),
    "one class, as number": ("a,y\n1,1\n2,1.0\n", "'1.0' and '1' are the same number"),
    "empty target": ("a,y\n1,\n2,\n", "line 2, column 'y': expected a label"),
    "duplicate": ("a,b,a,y\n1,2,3,0\n", "columns 1 and 3 are both named 'a'"),
    "index": (",a,y\n0,1,0\n1,2,1\n", "column 1 has values but no name.*index=False"),
    "index of pandas": ("Unnamed: 0,a,y\n0,1,0\n1,2,1\n", "column 1 has values but no name"),
    "no features": ("id,y\n1,0\n2,1\n", "no columns of features besides 'y' and id"),
    "no values": (",a\n1,\n", "no column has a name and a value"),
    "decimal comma": ("a;y\n1,5;0\n2;1\n", "column 'a': expected a number.*decimal point.*'1,5'"),
    "open quote": ('a,y\n"1,0\n2,1\n', "line 2: not CSV"),
    "stray quote": ('a,y\n"1"2,0\n', "line 2: not CSV"),
    "huge cell": ("a,y\n" + "1" * 200_000 + ",0\n", "line 2: not CSV"),
    "latin-1": ("a,y\n1,caf\xe9\n".encode("latin-1"), "not UTF-8 text.*byte 9 is 0xe9"),
    "UTF-16": ("a,y\n".encode("utf-16"), "not UTF-8 text"),
}


@pytest.mark.parametrize("kind", CSV_ERRORS)
def test_load_csv_names_what_is_wrong(write, kind):
    content, what = CSV_ERRORS[kind]
    path = write(content)
    with pytest.raises(ValueError, match=what) as error:
        load_csv(path)
    assert str(path) in str(error.value)


def test_an_unknown_target_is_answered_with_the_nearest_and_all(write):
    path = write("alpha,beta,gamma\n1,2,3\n2,3,4\n")
    with pytest.raises(ValueError, match=r"'bta' \(did you mean 'beta'\?\).*'alpha'.*'gamma'"):
        load_csv(path, target="bta")
    with pytest.raises(ValueError, match="no column ''"):
        load_csv(write("a,,b\n1,2,3\n2,3,4\n"), target="")
    wide = write(",".join(f"c{i}" for i in range(100)) + "\n")
    with pytest.raises(ValueError, match="and 60 more"):
        load_csv(wide, target="zzz")


def test_numbers_as_names_are_a_header_if_the_target_is_one(write):
    table = load_csv(write("0,1,2\n5,6,0\n7,8,1\n"), target="2")
    assert table.feature_names == ("0", "1")


def test_read_features(write):
    np.testing.assert_array_equal(
        read_features(write("b,y,a,id\n1,cat,2,x\n3,dog,4,y\n"), ["a", "b"]), [[2, 1], [4, 3]]
    )
    np.testing.assert_array_equal(read_features(write("1,2\n3,4\n"), ["a", "b"]), [[1, 2], [3, 4]])
    np.testing.assert_array_equal(read_features(write("1,0\n5,6\n"), ["0", "1"]), [[6, 5]])
    np.testing.assert_array_equal(read_features(write("1,1\n"), ["a", "b"]), [[1, 1]])


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("a,bb\n1,2\n", r"no column 'b' \(did you mean|no column 'b'"),
        ("c,d\n1,2\n", "no column 'a'; 'b'"),
        ("1,2,3\n", "no header line, so expected 2 columns, found 3"),
        ("1,2\n3,x\n", "line 2, column 'b'.*'x'"),
        ("1,nan\n", "line 1, column 'b'.*nan"),
        ("a,b\n", "no rows"),
        ("a,b,a\n1,2,3\n", "columns 1 and 3 are both named 'a'"),
    ],
)
def test_read_features_names_what_is_wrong(write, content, what):
    with pytest.raises(ValueError, match=what):
        read_features(write(content), ["a", "b"])


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("scratch") / "file"


words = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=8)


@settings(relaxed, max_examples=40)
@given(st.data())
def test_csv_round_trip(scratch, data):
    n, k = data.draw(st.integers(2, 6)), data.draw(st.integers(1, 4))
    finite = st.floats(allow_nan=False, allow_infinity=False)
    x = data.draw(hnp.arrays(np.float64, (n, k), elements=finite))
    names = [f"x{j}{data.draw(words)}".strip() for j in range(k)]
    labels = ["-a", "-b", *data.draw(st.lists(words.map("-{}".format), max_size=n - 2))]
    labels = [label.strip() for label in labels + ["-a"] * (n - len(labels))]
    newline, quoting = data.draw(st.sampled_from([("\n", 0), ("\r\n", 1), ("\r", 2)]))
    with open(scratch, "w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator=newline, quoting=quoting)
        writer.writerow([*names, "label"])
        writer.writerows(
            [*map(repr, map(float, row)), label] for row, label in zip(x, labels, strict=True)
        )
    table = load_csv(scratch)
    assert table.x.tobytes() == x.tobytes()
    assert [table.class_names[c] for c in table.y] == labels
    assert table.class_names == tuple(sorted(set(labels)))
    assert table.feature_names == tuple(names)


csv_like = st.text('ab1.-,"\n\r \0;e\ufeff\u2028é', max_size=60)
grids = st.lists(
    st.lists(st.sampled_from(["", "1", "2.5", "nan", "x", "id", '"', "1e400", "y"]), max_size=4)
).map(lambda rows: "\n".join(map(",".join, rows)))


@relaxed
@given(st.one_of(st.binary(), csv_like.map(str.encode), grids.map(str.encode)))
def test_csv_junk_gives_only_clear_errors(scratch, content):
    scratch.write_bytes(content)
    for read in (load_csv, breast_cancer.load_data, lambda p: read_features(p, ["a", "b"])):
        text = error_text(read, scratch)
        assert text.startswith(str(scratch)) or "leaves no row" in text or not text


def test_the_line_of_a_row_counts_blank_and_quoted_lines(write):
    sheet = Sheet(write('\na,b\n"1\n2",3\n\n4,5\n'))
    assert [line for line, _ in sheet.rows()] == [3, 6]


# --- npz -----------------------------------------------------------------------------------------

X, Y = np.arange(40.0).reshape(10, 4), np.arange(10) % 2
FOUR = {"x_train": X, "y_train": Y, "x_test": X[:4], "y_test": Y[:4]}


@pytest.fixture
def savez(home):
    def savez(**arrays):
        np.savez(home / "arrays.npz", **arrays)
        return home / "arrays.npz"

    return savez


def test_load_npz_of_four_arrays(savez):
    path = savez(**FOUR, other=np.array([object()]))  # what is not asked for is not read
    (x_train, y_train), (x_test, y_test) = load_npz(path)
    for array, expected in zip((x_train, y_train, x_test, y_test), FOUR.values(), strict=True):
        assert array.dtype == expected.dtype
        np.testing.assert_array_equal(array, expected)


def test_load_npz_takes_a_column_of_labels(savez):
    for (x, y), (_, again) in zip(
        load_npz(savez(x=X, y=Y), 0.2, 5), load_npz(savez(x=X, y=Y[:, None]), 0.2, 5), strict=True
    ):
        assert (y == again).all()
        assert again.shape == (len(x),)


def test_load_npz_of_two_arrays_is_split(savez):
    loaded = load_npz(savez(x=X, y=Y), 0.2, 5)
    expected = split_data(X, Y, 0.2, 5)
    for pair, wanted in zip(loaded, expected, strict=True):
        for array, other in zip(pair, wanted, strict=True):
            np.testing.assert_array_equal(array, other)


def without(key):
    return {name: array for name, array in FOUR.items() if name != key}


NPZ_ERRORS = {
    "missing": (without("y_test"), "missing y_test; found x_train, y_train, x_test"),
    "missing y": ({"x": X}, "missing y; found x"),
    "nothing": ({}, "missing x_train, y_train, x_test, y_test; found none"),
    "objects": ({**FOUR, "y_test": np.array([{}] * 4)}, "'y_test' cannot be read.*plain numbers"),
    "text": (
        {**FOUR, "x_test": np.array([["a"]] * 4)},
        "'x_test' cannot be read.* no numbers.* <U1",
    ),
    "lengths": ({**FOUR, "y_train": Y[:9]}, r"as many.*x_train \(10, 4\) and y_train \(9,\)"),
    "no rows": ({**FOUR, "x_test": X[:0], "y_test": Y[:0]}, "at least one"),
    "shapes": ({**FOUR, "x_test": X[:4, :3]}, r"one shape.*\(10, 4\) and x_test \(4, 3\)"),
    "NaN": ({"x": X * np.nan, "y": Y}, "finite numbers.*with NaN or infinity"),
    "flat x": ({"x": X[:, 0], "y": Y}, r"expected x \(n, ...\)"),
    "one-hot": ({"x": X, "y": np.eye(2, dtype=int)[Y]}, r"integer labels.*\(10, 2\).*argmax"),
    "float y": ({"x": X, "y": Y / 2}, "integer labels.*float64"),
}


@pytest.mark.parametrize("kind", NPZ_ERRORS)
def test_load_npz_names_what_is_wrong(savez, kind):
    arrays, what = NPZ_ERRORS[kind]
    path = savez(**arrays)
    with pytest.raises(ValueError, match=what) as error:
        load_npz(path)
    assert str(path) in str(error.value)


def test_load_npz_of_another_file_is_refused(home, write):
    np.save(home / "single.npy", X)
    with pytest.raises(ValueError, match=r"not a .npz file but a .npy file with a single array"):
        load_npz(home / "single.npy")
    for content in ("x,y\n1,2\n", ""):
        with pytest.raises(ValueError, match=r"not a .npz file but another format"):
            load_npz(write(content))
    with pytest.raises(ValueError, match=r"damaged .*expected a .npz file"):
        load_npz(write(b"PK\3\4 broken"))


def test_load_npz_of_a_zip_with_other_things_is_refused(home):
    with zipfile.ZipFile(home / "other.npz", "w") as archive:
        archive.writestr("x", "text")
        archive.writestr("y", "text")
    with pytest.raises(ValueError, match="'x' is not an array"):
        load_npz(home / "other.npz")


@relaxed
@given(st.data())
def test_npz_junk_gives_only_clear_errors(scratch, data):
    stream = io.BytesIO()
    np.savez_compressed(stream, **FOUR)
    content = bytearray(stream.getvalue())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    content = bytes(content[: data.draw(st.integers(0, len(content)))])
    scratch.write_bytes(data.draw(st.sampled_from([content, content[:80], content[-80:]])))
    assert str(scratch) in error_text(load_npz, scratch, otherwise=str(scratch))


# --- the package ---------------------------------------------------------------------------------

LIGHT = {"__future__", "axon", "collections", "importlib", "math", "numpy"}
LIGHT |= {"operator", "os", "types", "typing", "warnings"}


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("*.py")), ids=lambda path: path.name)
def test_imports_at_the_top_are_light(path):
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            assert {name.name.partition(".")[0] for name in node.names} <= LIGHT
        if isinstance(node, ast.ImportFrom):
            assert node.module.partition(".")[0] in LIGHT
            assert re.fullmatch(
                r"axon\.(datasets|files|names|backend|checks)\b.*|(?!axon).*", node.module
            )


def test_modules_are_there_after_one_import():
    for name in axon.datasets.__all__:
        assert hasattr(axon.datasets, name)
    assert issubclass(DatasetUnavailable, OSError)


def test_one_text_among_fractions_is_a_mistake_and_not_a_class(tmp_path):
    path = tmp_path / "t.csv"
    rows = [f"{i},{i / 7 + 0.1}" for i in range(30)]
    rows[20] = "20,bad"
    path.write_text("\n".join(["a,y", *rows]))
    with pytest.raises(ValueError, match=r"line 22, column 'y': expected a number, found 'bad'"):
        load_csv(path, "y", task="auto")


def test_a_test_may_hold_one_class_alone(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,y\n1,red\n2,red\n")
    assert load_csv(path, "y", classes=["blue", "red"]).y.tolist() == [1, 1]
