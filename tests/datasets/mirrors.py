"""A tiny dataset in MNIST's format, and two mirrors of it on 127.0.0.1 that can misbehave.

Run as a program it loads that dataset in a process of its own:
`python tests/datasets/mirrors.py MIRROR...` prints "loaded" when it is done.
"""

import gzip
import hashlib
import http.server
import sys
import threading
from contextlib import contextmanager

import numpy as np

from axon.datasets import mnist
from axon.datasets.dataset import DataFile

SHAPES = {
    "train-images-idx3-ubyte": (300, 4, 4),
    "train-labels-idx1-ubyte": (300,),
    "t10k-images-idx3-ubyte": (50, 4, 4),
    "t10k-labels-idx1-ubyte": (50,),
}
ARRAYS = {
    name: np.random.default_rng(7).integers(0, 256, shape, dtype=np.uint8)
    for name, shape in SHAPES.items()
}
IMAGES = "train-images-idx3-ubyte"
IMAGES_GZ = IMAGES + ".gz"


def to_idx(array):
    codes = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}
    head = bytes([0, 0, codes[array.dtype.str[1:]], array.ndim])
    sizes = np.array(array.shape, dtype=">u4").tobytes()
    return head + sizes + array.astype(array.dtype.newbyteorder(">")).tobytes()


RAW = {name: to_idx(array) for name, array in ARRAYS.items()}
PACKED = {name + ".gz": gzip.compress(data, mtime=0) for name, data in RAW.items()}


def tiny_source(mirrors=(), *, of_gz=False):
    """MNIST's source with the tiny files; `of_gz` verifies them as Fashion-MNIST is."""
    files = []
    for name, shape in SHAPES.items():
        checksum = "sha256:" + hashlib.sha256(RAW[name]).hexdigest()
        if of_gz:
            checksum = "md5:" + hashlib.md5(PACKED[name + ".gz"]).hexdigest()
        files.append(DataFile(name, shape, checksum, of_gz))
    return mnist.DATASET._replace(mirrors=tuple(mirrors), files=tuple(files))


class Mirrors:
    """What the two mirrors do: `answers[path]` is bytes, a status, or a function of the handler."""

    def __init__(self, port):
        self.urls = (f"http://127.0.0.1:{port}/a/", f"http://127.0.0.1:{port}/b/")
        self.answers = {}
        self.asked = []
        for mirror in ("/a/", "/b/"):
            self.answers.update({mirror + name: data for name, data in PACKED.items()})

    def set(self, mirror, answer, name=IMAGES_GZ):
        self.answers[f"/{mirror}/{name}"] = answer


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.mirrors.asked.append(self.path)
        answer = self.server.mirrors.answers.get(self.path, 404)
        try:
            if isinstance(answer, int):
                self.send_error(answer)
            elif isinstance(answer, bytes):
                self.reply(answer)
            else:
                answer(self)
        except OSError:  # the client hung up
            self.close_connection = True

    def reply(self, body, *, length=None, encoding=None):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        if encoding:
            self.send_header("Content-Encoding", encoding)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def cut_short(handler):
    body = PACKED[IMAGES_GZ]
    handler.reply(body[: len(body) // 2], length=len(body))


def endless(handler):
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(bytes(1 << 16))


def encoded(handler):
    handler.reply(PACKED[IMAGES_GZ], encoding="gzip")


@contextmanager
def serve():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.mirrors = Mirrors(server.server_port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.mirrors
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


if __name__ == "__main__":
    mnist.DATASET = tiny_source(sys.argv[1:])
    (images, _), _ = mnist.load_data()
    assert np.array_equal(images, ARRAYS[IMAGES])
    print("loaded")
