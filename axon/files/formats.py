"""The formats of files that hold models and weights: their names, their first bytes."""

import os
from typing import NamedTuple


class Format(NamedTuple):
    """A format of files.

    Args:
        name: what people call it.
        suffixes: how names of such files end.
        magic: what the first bytes may be; none where they depend on the content.
        written_by: how a model becomes such a file; empty: AXON does not write it.
    """

    name: str
    suffixes: tuple[str, ...]
    magic: tuple[bytes, ...] = ()
    written_by: str = ""


ZIP = b"PK"
AXON = Format("AXON", (".axon",), (ZIP,), "model.save(path)")
NPZ = Format("npz", (".npz",), (ZIP,), "model.save_weights(path)")
SAFETENSORS = Format("safetensors", (".safetensors",), (), "model.save_weights(path)")
ONNX = Format("ONNX", (".onnx",), (), "axon.onnx.export(model, path)")
HDF5 = Format("HDF5", (".h5", ".hdf5", ".keras"), (b"\x89HDF\r\n\x1a\n",))
PICKLE = Format("pickle", (".pt", ".pth", ".pkl"), tuple(b"\x80%c" % v for v in range(2, 6)))
NPY = Format("npy", (".npy",), (b"\x93NUMPY",))

FORMATS = (AXON, NPZ, SAFETENSORS, ONNX, HDF5, PICKLE, NPY)


def by_name(path: "str | os.PathLike[str]") -> Format | None:
    """The format that a file's name promises.

    >>> by_name("net.H5").name, by_name("net")
    ('HDF5', None)
    """
    suffix = os.path.splitext(os.fspath(path))[1].lower()
    return next((f for f in FORMATS if suffix in f.suffixes), None)


def by_bytes(start: bytes) -> Format | None:
    """The format that the first nine bytes of a file, or more, tell; any zip is an AXON.

    ONNX and what is damaged tell none.

    >>> by_bytes(b"PK..").name, by_bytes(bytes([57, *[0] * 7]) + b"{").name
    ('AXON', 'safetensors')
    """
    if start[4:9] == b"\0\0\0\0{":  # 8 bytes of length, which is never that large, and JSON
        return SAFETENSORS
    return next((f for f in FORMATS if f.magic and start.startswith(f.magic)), None)
