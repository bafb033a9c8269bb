"""What is in a file: read from its bytes, without making a model of it."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from axon.cli.output import plural
from axon.cli.tables import is_table
from axon.files import archive, formats, npz, safetensors
from axon.names import need, readable

Description = Mapping[str, Any]  # of a model, as its file has it


class StoredArray(NamedTuple):
    """An array in a file."""

    name: str
    shape: tuple[int, ...]
    dtype: str

    @property
    def numbers(self) -> int:
        """How many numbers it holds."""
        return int(np.prod(self.shape, dtype=np.int64))


class About(NamedTuple):
    """What a file is.

    Args:
        what: in words.
        facts: what is known of it, by name.
        layers: of a model: name, class and arguments.
        tensors: its arrays, by what they are for.
        columns: of a table, or of one that was learned from; see ``Columns.to_config``.
    """

    what: str
    facts: Sequence[tuple[str, str]] = ()
    layers: Sequence[tuple[str, str, str]] = ()
    tensors: Mapping[str, Sequence[StoredArray]] = {}
    columns: Sequence[Mapping[str, Any]] = ()


def about(path: str) -> About:
    """Find out what a file or folder is.

    Raises:
        ValueError: it is nothing that AXON knows, or it is damaged.
    """
    if os.path.isdir(path):
        return _folder(Path(path))
    if is_table(path):
        return _table(path)
    with open(path, "rb") as stream:
        start = stream.read(16)
    try:
        return _reader(path, start)(path)
    except (LookupError, TypeError, AttributeError, ArithmeticError, RuntimeError) as error:
        raise ValueError(f"{path} is damaged: {error}") from None


def _reader(path: str, start: bytes) -> Callable[[str], About]:
    """Who can read a file that starts with these bytes."""
    named, found = formats.by_name(path), formats.by_bytes(start)
    if (found is formats.AXON and named is formats.NPZ) or not found:
        found = named  # both are zips; and of some only the name tells what they are
    readers = {
        formats.AXON: _zip,
        formats.NPZ: _npz,
        formats.SAFETENSORS: _safetensors,
        formats.ONNX: _onnx,
        formats.HDF5: _hdf5,
        formats.NPY: _npy,
    }
    if found in readers:
        return readers[found]
    suffix = Path(path).suffix.lower()
    raise ValueError(
        f"{path} is nothing that AXON knows: {f'a {suffix} file' if suffix else 'a file'} that "
        f"begins with {start[:8]!r}. Expected an .axon, .safetensors, .npz, .npy, .onnx or .h5 "
        "file, or the folder of a backup."
    )


# ------------------------------------------------------------------------------------ arrays


def _safetensors(path: str) -> About:
    with open(path, "rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        header = safetensors.read_header(stream, size, path)
    return About("weights (safetensors)", list(header.metadata.items()), (), _tensors(header))


def _tensors(header: safetensors.Header, what: str = "weights") -> dict[str, list[StoredArray]]:
    return {what: [StoredArray(n, tuple(e.shape), e.dtype) for n, e in header.extents.items()]}


def _npy(path: str) -> About:
    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)  # its header alone
    except (ValueError, OSError) as error:
        raise ValueError(f"{path}: not a whole .npy file of numbers: {error}") from None
    return About(
        "an array (npy)", (), (), {"arrays": [StoredArray("array", found.shape, str(found.dtype))]}
    )


def _npz(path: str) -> About:
    with archive.opened(path) as opened:
        return About("arrays (npz)", (), (), {"arrays": _members(opened)})


def _members(opened: archive.Archive, folder: str = "") -> list[StoredArray]:
    """The .npy files in a zip."""
    specs = npz.specs_in(opened, folder)
    return [StoredArray(name, tuple(spec.shape), spec.dtype.name) for name, spec in specs.items()]


def _hdf5(path: str) -> About:
    h5py = need("h5py", "HDF5 files need", "hdf5")
    found: list[StoredArray] = []

    def visit(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            found.append(StoredArray(name, item.shape or (), str(item.dtype)))

    try:
        with h5py.File(path, "r") as file:
            file.visititems(visit)
    except OSError as error:
        raise ValueError(f"{path} is damaged: {error}") from None
    return About("arrays (HDF5)", (), (), {"arrays": found})


def _onnx(path: str) -> About:
    onnx = need("onnx", "ONNX files need", "onnx")
    try:
        model = onnx.load(path, load_external_data=False)
    except Exception as error:  # protobuf's, and many others
        raise ValueError(f"{path} is not an ONNX model: {error}") from None
    graph, type_name = model.graph, onnx.TensorProto.DataType.Name
    found = [
        StoredArray(t.name, tuple(t.dims), type_name(t.data_type).lower())
        for t in graph.initializer
    ]
    versions = [f"{o.domain or 'ai.onnx'} {o.version}" for o in model.opset_import]
    facts = [
        ("Made by", f"{model.producer_name} {model.producer_version}".strip() or "not said"),
        ("Format", f"IR {model.ir_version}, operators {', '.join(versions)}"),
        *(
            ("Input", _value(v, type_name))
            for v in graph.input
            if v.name not in {t.name for t in found}
        ),
        *(("Output", _value(v, type_name)) for v in graph.output),
        *((p.key, p.value) for p in model.metadata_props),
    ]
    nodes = [(n.name or n.output[0], n.op_type, ", ".join(n.input)) for n in graph.node]
    return About("a model (ONNX)", facts, nodes, {"weights": found})


def _value(value: Any, type_name: Callable[[int], str]) -> str:
    tensor_type = value.type.tensor_type
    shape = [d.dim_param or str(d.dim_value) for d in tensor_type.shape.dim]
    return f"{value.name}: {type_name(tensor_type.elem_type).lower()} ({', '.join(shape)})"


# ------------------------------------------------------------------------------------ AXON's own


def _table(path: str) -> About:
    """A table as it comes: what is found in it."""
    from axon.tabular import Columns, read

    table = read(path)
    if not table.rows:
        raise ValueError(f"{path}: no rows below the line of names; columns: {table.names[:30]}.")
    columns = Columns.find(table)
    said = [s for s in columns.said if " is left out: " not in s]  # its columns say so
    facts = [
        ("Rows", f"{table.rows:,}"),
        ("Columns", f"{len(table.names):,}, {len(columns.used):,} of use"),
        *(("Noted", sentence) for sentence in said),
    ]
    return About("a table", facts, (), {}, columns.to_config()["columns"])


def _zip(path: str) -> About:
    """A model, or a tree of values."""
    with archive.opened(path) as opened:
        if "model.json" in opened:
            return _model(path, opened)
        if "table.json" in opened:
            return _estimator(path, opened)
        names = [n.removesuffix(".safetensors") for n in opened.zip.namelist()]
        tensors = {
            n: _tensors(opened.header(n), n)[n] for n in names if f"{n}.safetensors" in opened
        }
        if "tree.json" in opened:
            return About("a backup of a run (AXON)", (), (), tensors)
    return _npz(path)


def _model(path: str, opened: archive.Archive) -> About:
    description = opened.tree("model")
    if not isinstance(description, dict):
        raise ValueError(f"{path}: model.json does not describe a model.")
    tensors: dict[str, list[StoredArray]] = {}
    for name in opened.zip.namelist():
        stem = name.removesuffix(".safetensors")
        if name != stem and stem != "model":  # there lie arrays that are arguments of layers
            tensors |= _tensors(opened.header(stem), stem)
    if old := _members(opened, "weights/"):  # as of format 1
        tensors["weights"] = old
    facts = _facts(description)
    if "optimizer.json" in opened:
        steps = opened.tree("optimizer").get("iterations")
        facts += [("Trained", f"{int(steps):,} steps")] if steps is not None else []
    return About("a model (AXON)", facts, _layers(description), tensors)


def _estimator(path: str, opened: archive.Archive) -> About:
    """A table estimator; scikit-learn is not needed to say what is in the file."""
    state = opened.tree("table", opened.size)
    if not isinstance(state, dict):
        raise ValueError(f"{path}: table.json describes no table estimator.")
    facts = [(name, value) for name, value in _estimator_facts(state) if value]
    content = {"content": _tensors(opened.header("table"))["weights"]}
    return About("a table estimator (AXON)", facts, (), content, state["columns"]["columns"])


def _estimator_facts(state: Description) -> list[tuple[str, str]]:
    given = {k: v for k, v in state["settings"].items() if v not in (None, [], 0)}
    network, losses = state["network"], state["losses"]
    several = map(str, state["metadata"].get("targets", ()))
    told = ("target", "targets", "outputs", "values")
    sizes = "-".join(map(str, [network["inputs"], *network["widths"], network["outputs"]]))
    return [
        ("Format", f"{state['format']}, written by AXON {state['axon']}"),
        ("Class", _shown({"class": state["estimator"], "config": given})),
        ("Target", str(state["target"] or ", ".join(several) or "not named")),
        ("Classes", _shown(state.get("classes") or [])),
        ("Network", f"{plural(network['members'], 'member')} of {sizes}"),
        ("Trained", f"{plural(len(losses), 'epoch')}, the best was {state['best'] + 1}"),
        *metadata_pairs({k: v for k, v in state["metadata"].items() if k not in told}),
        *(("Noted", sentence) for sentence in state["columns"]["said"]),
    ]


def _facts(description: Description) -> list[tuple[str, str]]:
    facts = [
        ("Format", f"{description.get('format')}, written by AXON {description.get('axon')}"),
        ("Class", f"{description.get('class')} {description.get('name') or ''}".strip()),
        ("Input", str(description.get("input_shape"))),
    ]
    compiled = description.get("compile") or {}
    for key in ("loss", "optimizer", "metrics"):
        if isinstance(compiled, dict) and compiled.get(key):
            facts.append((key.capitalize(), _shown(compiled[key])))
    return [*facts, *metadata_pairs(description.get("metadata") or {})]


def metadata_pairs(metadata: Mapping[str, object]) -> list[tuple[str, str]]:
    """What travels with a model, for people."""
    shown = ((key.replace("_", " ").capitalize(), _shown(v)) for key, v in metadata.items())
    return [(name, value) for name, value in shown if value]


def _shown(value: object) -> str:
    """A description, a list or anything else, for people."""
    if isinstance(value, dict) and "class" in value:
        inside = value.get("config") or {}
        given = ", ".join(f"{k}={_shown(v)}" for k, v in inside.items() if v)
        return f"{value['class']}({given})"
    if isinstance(value, list):
        return ", ".join(map(_shown, value))
    if isinstance(value, dict):
        return ", ".join(f"{k}: {_shown(v)}" if k else _shown(v) for k, v in value.items())
    return readable(value, 6) if isinstance(value, float) else str(value)


def _layers(description: Description) -> list[tuple[str, str, str]]:
    """The layers of a Sequential, with the arguments that say something."""
    found = []
    for layer in description.get("layers") or ():
        config = dict(layer.get("config") or {})
        name = str(config.pop("name", None) or layer.get("name") or "")
        telling = {k: v for k, v in config.items() if _is_telling(k, v)}
        type_name = str(layer.get("class", f"layer {layer.get('again')} again"))
        found.append((name, type_name, ", ".join(f"{k}={_shown(v)}" for k, v in telling.items())))
    return found


def _is_telling(key: str, value: object) -> bool:
    """Whether an argument is worth a place in a table: sizes and activations are."""
    if isinstance(value, list):
        return 0 < len(value) <= 4
    usual = key.endswith("_initializer") or key == "dtype" or isinstance(value, bool)
    return isinstance(value, int | float | str) and value != "" and not usual


def _folder(path: Path) -> About:
    """The folder of a backup."""
    from axon.callbacks import backup_position
    from axon.cli.run import SETTINGS

    position = backup_position(path)
    settings = path / SETTINGS
    if position is None and not settings.is_file():
        raise ValueError(f"{path} is a folder, but not that of a backup: no run is kept in it.")
    facts = []
    if position is not None:
        done = plural(position[0], "epoch") + (f", {position[1]} steps" if position[1] else "")
        facts.append(("Done", done))
    if settings.is_file():
        facts += _settings(settings)
    return About("the backup of a run (AXON)", facts)


def _settings(path: Path) -> list[tuple[str, str]]:
    """The options of a run, and how it ended."""
    import tomllib

    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: not a TOML file: {error}") from None
    result = found.pop("result", {"": "not finished"})
    found |= {"run in": found.pop("made_with", {}).get("folder", ""), "result": result}
    return metadata_pairs(found)
