"""How files are damaged: at random, and by somebody who knows the format."""

import io
import json
import zipfile
from copy import deepcopy
from random import Random

EXTREMES = [0, 1, 7, 2**15 - 1, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 1]
VALUES = [
    *(None, True, False, 0, 1, -1, 2, 3, 7, 1000, 10**6, 10**9, 2**31, 2**63, 2**64, 10**30),
    *(0.5, -0.5, 1e308, float("inf"), float("nan"), 1e-320, "", "x", "relu", "float64", "\ud800"),
    *([], [[]], {}, [0], [1, 2], [10**6, 10**6], [2**40] * 3, {"class": "Dense"}, [None] * 5),
    *({"class": "Dense", "config": {}}, {"$array": "x"}, {"$float": "inf"}, {"$pairs": []}),
    *({"class": "Orthogonal", "config": {}}, {"again": 0}, [{"again": 3}]),
]


# ------------------------------------------------------------------------------------ bytes


def cut(draw: Random, data: bytes) -> bytes:
    return data[: draw.randrange(len(data) + 1)]


def flipped(draw: Random, data: bytes) -> bytes:
    changed = bytearray(data or b"\0")
    for _ in range(draw.choice([1, 1, 2, 8, 64])):
        changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def number_replaced(draw: Random, data: bytes) -> bytes:
    """Lengths and places in binary headers become extreme."""
    size = draw.choice([2, 4, 8])
    value = draw.choice(EXTREMES) % 2 ** (8 * size)
    place = draw.choice([draw.randrange(len(data) + 1), draw.randrange(min(len(data), 200) + 1)])
    return (
        data[:place] + value.to_bytes(size, draw.choice(["little", "big"])) + data[place + size :]
    )


def stretch_replaced(draw: Random, data: bytes) -> bytes:
    """A stretch is removed, doubled, moved, or filled with one or with random bytes."""
    start = draw.randrange(len(data) + 1)
    stop = min(len(data), start + draw.choice([1, 2, 8, 50, 1000]))
    inside = data[start:stop]
    place = draw.randrange(len(data) + 1)
    return draw.choice(
        [
            data[:start] + data[stop:],
            data[:stop] + inside + data[stop:],
            data[:place] + inside + data[place:],
            data[:start] + bytes([draw.randrange(256)]) * len(inside) + data[stop:],
            data[:start] + draw.randbytes(len(inside)) + data[stop:],
        ]
    )


def extended(draw: Random, data: bytes) -> bytes:
    return data + draw.choice([b"\0", b"x" * 100, data, draw.randbytes(30)])


def nothing_of_it(draw: Random, data: bytes) -> bytes:
    return draw.choice([b"", data[:1], draw.randbytes(len(data)), bytes(len(data)), b"PK\5\6"])


BYTES = [cut, cut, flipped, flipped, number_replaced, stretch_replaced, extended, nothing_of_it]


def any_bytes(draw: Random, data: bytes) -> bytes:
    return draw.choice(BYTES)(draw, data)


# ------------------------------------------------------------------------------------ JSON


def json_replaced(draw: Random, text: bytes) -> bytes:
    """A value somewhere in it becomes another, moves, goes, or stands twice."""
    try:
        tree = json.loads(text)
    except ValueError:
        return any_bytes(draw, text)
    for _ in range(draw.choice([1, 1, 1, 2, 5])):
        tree = _changed(draw, tree)
    changed = json.dumps(tree).encode()
    if draw.random() < 0.05:
        changed = changed.replace(b'{"', b'{"format": 2, "', draw.randrange(3))
    return any_bytes(draw, changed) if draw.random() < 0.1 else changed


def _places(tree: object, path: tuple = ()) -> list[tuple]:
    if not isinstance(tree, dict | list):
        return []
    found = []
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
        found += [(*path, key), *_places(value, (*path, key))]
    return found


def _changed(draw: Random, tree: object) -> object:
    places = _places(tree)
    if not places or draw.random() < 0.01:
        return deepcopy(draw.choice(VALUES))
    *outer, key = draw.choice(places)
    around = _at(tree, outer)
    action = draw.random()
    if action < 0.1:
        del around[key]
    elif action < 0.2:
        around[key] = json.loads(json.dumps(_at(tree, draw.choice(places))))
    elif action < 0.3 and isinstance(around, dict):
        around[draw.choice(["x", "class", "name", "$array", "again"])] = around.pop(key)
    else:
        around[key] = _other(draw, around[key])
    return tree


def _other(draw: Random, value: object) -> object:
    """Another value, often of the same kind."""
    if isinstance(value, bool | float) or draw.random() < 0.3:
        return deepcopy(draw.choice(VALUES))
    if isinstance(value, int):
        return draw.choice([value + 1, value - 1, -value, value * 2, 10**6, 2**62, 2**64, 0])
    if isinstance(value, str):
        return draw.choice(["", value + "x", value[:-1], value.upper(), "../x", "\0", "Dense"])
    return deepcopy(draw.choice(VALUES))


def _at(tree: object, path: list) -> object:
    for key in path:
        tree = tree[key]
    return tree


# ------------------------------------------------------------------------------------ formats


def safetensors_replaced(draw: Random, data: bytes) -> bytes:
    """The header says something else of the same bytes, or of more or fewer."""
    length = int.from_bytes(data[:8], "little")
    header, rest = data[8 : 8 + length], data[8 + length :]
    if draw.random() < 0.7:
        header = json_replaced(draw, header)
    else:
        rest = any_bytes(draw, rest)
    length = len(header) if draw.random() < 0.95 else draw.choice(EXTREMES)
    return length.to_bytes(8, "little") + header + rest


def npy_replaced(draw: Random, data: bytes) -> bytes:
    """The header of an array is another Python literal."""
    start = data.index(b"{") if b"{" in data else 0
    stop = data.index(b"\n") if b"\n" in data else len(data)
    text = data[start:stop].decode("latin1")
    old = draw.choice(["<f4", "False", "(", ")", ",", "shape", "descr", "{", "3", "'"])
    new = draw.choice(
        ["|O", "<f8", "<c8", "True", "((", "))", "", "-1", "9" * 12, "9" * 99, "(1,) * 9", "\0"]
    )
    text = text.replace(old, new, draw.randrange(1, 3))
    room = stop - start
    return data[:start] + text.ljust(room).encode("latin1")[:room] + data[stop:]


def member_replaced(draw: Random, name: str, data: bytes) -> bytes:
    known = {"json": json_replaced, "safetensors": safetensors_replaced, "npy": npy_replaced}
    change = known.get(name.rsplit(".", 1)[-1], any_bytes)
    return any_bytes(draw, data) if draw.random() < 0.2 else change(draw, data)


def zip_replaced(draw: Random, data: bytes) -> bytes:
    """A whole zip, with right checksums, in which a member is another, missing, or there twice."""
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        members = [(name, packed.read(name)) for name in packed.namelist()]
    place = draw.randrange(len(members))
    name, content = members[place]
    action = draw.random()
    if action < 0.75:
        members[place] = name, member_replaced(draw, name, content)
    elif action < 0.85:
        del members[place]
    elif action < 0.9:
        members[place] = draw.choice([".", "x", "../x", name + "/", "/etc/passwd"]), content
    else:
        members.append((draw.choice(members)[0], content))
    return zipped(members, draw.choice([0, 0, 0, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2]))


def zipped(members: list[tuple[str, bytes]], packing: int = 0) -> bytes:
    import warnings

    stream = io.BytesIO()
    with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(stream, "w", packing) as packed:
        for name, content in members:
            packed.writestr(name, content)
    return stream.getvalue()


def zip_headers_replaced(draw: Random, data: bytes) -> bytes:
    """Sizes, places and ways of packing in the zip's own headers become extreme."""
    marks = [place for mark in (b"PK\1\2", b"PK\3\4", b"PK\5\6") for place in _all(data, mark)]
    changed = bytearray(data)
    for _ in range(draw.choice([1, 2, 3])):
        place, size = draw.choice(marks) + draw.randrange(4, 46), draw.choice([1, 2, 4])
        value = draw.choice([*EXTREMES, len(data), len(data) * 1000]) % 2 ** (8 * size)
        changed[place : place + size] = value.to_bytes(size, "little")
    return bytes(changed)


def _all(data: bytes, mark: bytes) -> list[int]:
    return [i for i in range(len(data)) if data.startswith(mark, i)]
