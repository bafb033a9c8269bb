"""What a published dataset is: its files, the checksum each must have, and its mirrors."""

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from axon.backend import Array
from axon.datasets.idx import parse_idx

if TYPE_CHECKING:
    from pathlib import Path


GZIP_MAGIC = b"\x1f\x8b"


class DataFile(NamedTuple):
    """One IDX file of a dataset, and how to tell a good copy from a bad one.

    Args:
        name: the name it was published under, without ``.gz``.
        shape: the shape of its uint8 array.
        checksum: ``"sha256:..."`` or ``"md5:..."``, in hexadecimal digits.
        of_gz: whether the checksum is that of the .gz file as published; else it is that of the
            decompressed data, which also holds for a file that was compressed anew.

    >>> file = DataFile("labels-idx1-ubyte", (2,), "md5:00")
    >>> file.size, file.names
    (10, ('labels-idx1-ubyte.gz', 'labels-idx1-ubyte', 'labels.idx1-ubyte'))
    """

    name: str
    shape: tuple[int, ...]
    checksum: str
    of_gz: bool = False

    @property
    def gz_name(self) -> str:
        """The name of the compressed file."""
        return f"{self.name}.gz"

    @property
    def raw_names(self) -> tuple[str, str]:
        """The two names an uncompressed copy goes by; some unpackers put a dot for the dash."""
        return self.name, self.name.replace("-idx", ".idx")

    @property
    def names(self) -> tuple[str, ...]:
        """The names under which a copy that can be verified may lie, in order."""
        return (self.gz_name,) if self.of_gz else (self.gz_name, *self.raw_names)

    @property
    def size(self) -> int:
        """The number of bytes of the decompressed file."""
        return 4 + 4 * len(self.shape) + math.prod(self.shape)

    @property
    def limit(self) -> int:
        """The most bytes a copy can have: what deflate makes of data it cannot compress."""
        return self.size + self.size // 100 + 1024

    def read(self, path: "Path") -> Array:
        """Read and verify a copy; ``OSError`` or ``ValueError`` says what is wrong."""
        with open(path, "rb") as stream:
            blob = stream.read(self.limit + 1)
        if len(blob) > self.limit:
            raise ValueError(
                f"expected {self.checksum} and at most {self.limit} bytes, found a longer file"
            )
        return self.decode(blob)

    def decode(self, blob: bytes) -> Array:
        """Verify the bytes of a copy and return its array; ``ValueError`` says what is wrong."""
        if self.of_gz:
            self._verify(blob, blob)
        content = self._unpack(blob) if blob.startswith(GZIP_MAGIC) else blob
        if not self.of_gz:
            self._verify(content, blob)
        array = parse_idx(content)
        if array.shape != self.shape or array.dtype != np.uint8:
            raise ValueError(f"expected uint8 {self.shape}, found {array.dtype.name} {array.shape}")
        return array

    def _unpack(self, blob: bytes) -> bytes:
        try:
            return gunzip(blob, self.size)
        except ValueError as error:
            raise ValueError(
                f"expected {self.checksum} of the data inside, found none to read: {error}"
            ) from error

    def _verify(self, data: bytes, blob: bytes) -> None:
        import hashlib

        algorithm, _, expected = self.checksum.partition(":")
        found = hashlib.new(algorithm, data, usedforsecurity=False).hexdigest()
        if found != expected:
            what = "of the .gz file" if self.of_gz else "of the decompressed data"
            packed = blob.startswith(GZIP_MAGIC)
            looks = "" if packed else f", not gzip: it begins with {blob[:8]!r}"
            raise ValueError(
                f"expected {self.checksum} {what}, found {algorithm}:{found} "
                f"({len(blob)} bytes{looks})"
            )


class Dataset(NamedTuple):
    """A published dataset: its folder's name, its title, its files and where to get them.

    Args:
        name: the folder its files lie in, below ``AXON_DATA_DIR`` or the cache.
        title: what messages call it.
        mirrors: addresses of folders, each ending in "/", tried in order.
        files: train images, train labels, test images, test labels.

    >>> from axon.datasets import mnist
    >>> mnist.DATASET.title, len(mnist.DATASET.files)
    ('MNIST', 4)
    """

    name: str
    title: str
    mirrors: tuple[str, ...]
    files: tuple[DataFile, ...]


FILES_OF_MNIST = {  # name -> shape; others come in the same form, under the same names
    "train-images-idx3-ubyte": (60000, 28, 28),
    "train-labels-idx1-ubyte": (60000,),
    "t10k-images-idx3-ubyte": (10000, 28, 28),
    "t10k-labels-idx1-ubyte": (10000,),
}


def files_like_mnist(*checksums: str, of_gz: bool = False) -> tuple[DataFile, ...]:
    """The files of a dataset in MNIST's form, by the checksum of each."""
    named = zip(FILES_OF_MNIST.items(), checksums, strict=True)
    return tuple(DataFile(name, shape, checksum, of_gz) for (name, shape), checksum in named)


def gunzip(blob: bytes, size: int) -> bytes:
    """Decompress a gzip file that should hold ``size`` bytes, and never make many more.

    Raises:
        ValueError: the stream is damaged or cut short, or holds more than ``size`` bytes.

    >>> import gzip
    >>> gunzip(gzip.compress(b"seven"), 5)
    b'seven'
    """
    import gzip
    import io
    import zlib

    try:
        with gzip.GzipFile(fileobj=io.BytesIO(blob)) as stream:
            content = stream.read(size + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"the gzip stream is damaged or cut short ({error})") from error
    if len(content) > size:
        raise ValueError(f"the gzip stream holds more than the {size} bytes it should")
    return content
