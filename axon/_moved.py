"""Modules that have moved are still found by their old names, with a warning.

Their finder is the last that Python asks, so that it costs nothing until an import fails.
"""

import sys
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

MOVED = {  # old -> new; what lay inside a package has moved with it
    "archive": "files.archive",
    "callbacks.functions": "callbacks.base",
    "callbacks.terminate": "callbacks.early_stopping",
    "cut": "pieces",
    "datasets.download": "datasets.fetch",
    "datasets.search": "datasets.fetch",
    "datasets.source": "datasets.dataset",
    "described": "config",
    "fast.atoms": "fast.kernels.intrinsics",
    "fast.blas": "blas",
    "fast.calls": "fast.rules.calls",
    "fast.team": "fast.workers",
    "fast.tiles": "fast.kernels.tiles",
    "fast.vectors": "fast.kernels.vectors",
    "layers.activation": "layers.dense",
    "layers.bidirectional": "layers.recurrent",
    "layers.masking": "layers.preprocessing",
    "layers.mixup": "layers.augmentation",
    "layers.transformer": "layers.attention",
    "losses.binary_focal_cross_entropy": "losses.binary_cross_entropy",
    "losses.categorical_focal_cross_entropy": "losses.categorical_cross_entropy",
    "losses.function": "losses.base",
    "losses.huber": "losses.errors",
    "losses.log_cosh": "losses.errors",
    "losses.mean_absolute_error": "losses.errors",
    "losses.mean_squared_error": "losses.errors",
    "losses.slips": "losses.custom",
    "losses.squared_hinge": "losses.hinge",
    "models.drawing": "inspect.diagram",
    "models.first_look": "models.first_batch",
    "models.foreign": "convert",
    "models.foreign.keras_file": "convert.hdf5",
    "models.foreign.keras_rules": "convert.keras",
    "models.foreign.making": "convert.translation",
    "models.foreign.matching": "convert.match",
    "models.foreign.mismatch": "convert.match",
    "models.foreign.name_map": "convert.match",
    "models.foreign.places": "convert.rules",
    "models.foreign.torch_rules": "convert.torch",
    "models.foreign.units": "convert.rules",
    "models.graph": "onnx.run",
    "models.graph.kinds": "onnx.run.layers",
    "models.graph.node": "onnx.run.layers",
    "models.graph.operators.activation": "onnx.run.operators.elementwise",
    "models.graph.operators.convolution": "onnx.run.operators.windows",
    "models.graph.operators.normalization": "onnx.run.operators.reductions",
    "models.graph.operators.pooling": "onnx.run.operators.windows",
    "models.graph.operators.product": "onnx.run.operators.matrices",
    "models.graph.operators.recurrent": "onnx.run.operators.recurrence",
    "models.graph.operators.reducing": "onnx.run.operators.reductions",
    "models.graph.operators.reshaping": "onnx.run.operators.shapes",
    "models.graph.operators.resizing": "onnx.run.operators.resize",
    "models.graph.operators.selecting": "onnx.run.operators.indexing",
    "models.graph.table": "onnx.run.operators.table",
    "models.graph.values": "onnx.run.operators.operand",
    "models.intake": "models.inputs",
    "models.layout": "inspect.diagram_layout",
    "models.nan_search": "inspect.nan_search",
    "models.npz": "files.npz",
    "models.run": "models.loop",
    "models.stream": "models.feeds",
    "models.structure": "inspect.call_graph",
    "models.summary": "inspect.summary",
    "onnx.attributes": "onnx.load.versions",
    "onnx.building": "onnx.export.build",
    "onnx.classes": "onnx.load.load",
    "onnx.exporting": "onnx.export.export",
    "onnx.graph": "onnx.export.rules.writer",
    "onnx.loading": "onnx.load.load",
    "onnx.lowering": "onnx.load.versions",
    "onnx.protobuf": "onnx.export.protobuf",
    "onnx.reading": "onnx.load.read",
    "onnx.recording": "onnx.export.record",
    "onnx.rules": "onnx.export.rules",
    "onnx.rules.activations": "onnx.export.rules.elementwise",
    "onnx.rules.cells": "onnx.export.rules.recurrence",
    "onnx.rules.normalization": "onnx.export.rules.reductions",
    "onnx.settling": "onnx.load.batch_size",
    "onnx.sizes": "onnx.export.rules.sizes",
    "onnx.tensors": "onnx.load.tensors",
    "onnx.tidying": "onnx.export.simplify",
    "onnx.values": "onnx.export.rules.values",
    "onnx.weights": "onnx.load.weights",
    "ops.conv": "ops.convolution",
    "ops.lookup": "ops.index",
    "ops.masks": "ops.random",
    "optimizers.adamax": "optimizers.adam",
    "optimizers.clipping": "optimizers.primitives",
    "optimizers.nadam": "optimizers.adam",
    "optimizers.settings": "checks",
    "pace": "clock",
    "program.engine": "program.lowerings",
    "program.finder": "inspect.nan_search",
    "program.profile": "inspect.profile",
    "program.shelf": "program.cache",
    "program.table": "inspect.profile",
    "program.timeline": "inspect.chrome_trace",
    "roofline": "inspect.roofline",
    "safetensors": "files.safetensors",
    "sklearn.keeping": "sklearn.pickling",
    "sklearn.streams": "sklearn.random_state",
    "turns": "locks",
    "twins": "settings",
}

RENAMED = {  # what bears another name there, or lies elsewhere
    "datasets.source.Source": "datasets.dataset.Dataset",
    "described.Described": "config.Configurable",
    "fast.team.Team": "fast.workers.Workers",
    "fast.team.team": "fast.workers.workers",
    "models.foreign.making.Making": "convert.translation.Translation",
    "models.foreign.units.Unit": "convert.rules.ArrayGroup",
    "models.foreign.units.source_of": "convert.translation.source_of",
    "models.intake.Feed": "models.inputs.Reader",
    "models.graph.kinds.Inner": "onnx.ir.Graph",
    "models.graph.values.Value": "onnx.run.operators.operand.Operand",
    "models.loop.Tally": "models.loop.Sums",
    "models.run.Run": "models.loop.Fit",
    "models.stream.Stream": "models.feeds.StreamFeed",
    "program.Profile": "inspect.profile.Profile",
    "program.Timing": "inspect.timing.Timing",
    "program.profile.Measured": "inspect.timing.Measured",
    "program.profile.measured": "inspect.timing.measured",
    "program.profile.timed": "inspect.timing.timed",
    "program.replay.Step": "program.step.Step",
    "program.shelf.Shelf": "program.cache.Cache",
    "turns.Inside": "locks.Region",
    "turns.Seat": "locks.Claim",
    "turns.Turn": "locks.Lock",
    "turns.turns_of": "locks.locks_of",
}
ATTRIBUTES = {  # of what was pickled
    "_room": "_spans",
    "_tally": "_held_by",
    "_turn": "_lock",
    "_turns": "_locks",
    "_turns_of_parts": "_locks_of_parts",
    "shelf": "cache",
    "turns": "locks",
}
FUNCTIONS = ("ops.conv", "ops.lookup", "roofline")  # of which the package has one of the same name


def new_name(old: str) -> str | None:
    """Where a module of AXON has gone; None if it has not moved.

    >>> new_name("axon.models.foreign.rules"), new_name("axon.models")
    ('axon.convert.rules', None)
    """
    place, rest = old.removeprefix("axon."), ""
    while place and place not in MOVED:
        place, _, last = place.rpartition(".")
        rest = f".{last}{rest}"
    return f"axon.{MOVED[place]}{rest}" if place else None


def moved(old: str, stacklevel: int) -> ModuleType:
    """The new module behind an old name; warns whoever is so many calls above."""
    from warnings import warn

    new = str(new_name(old))
    warn(f"{old} has moved: import {new}.", DeprecationWarning, stacklevel=stacklevel)
    found = import_module(new)
    old = old.removeprefix("axon.")
    more = old in FUNCTIONS or any(name.rpartition(".")[0] == old for name in RENAMED)
    return Elsewhere(f"axon.{old}") if more or "__path__" in vars(found) else found


def renamed(old: str, name: str) -> Any:
    """What a name that a module had is now."""
    module = new_name(old)
    new = RENAMED.get(f"{old[5:]}.{name}", module and f"{module[5:]}.{name}")
    if new is None:
        raise AttributeError(f"module {old!r} has no attribute {name!r}")
    place, _, name = new.rpartition(".")
    return getattr(import_module(f"axon.{place}"), name)


def pickled(state: dict[str, Any]) -> dict[str, Any]:
    """Attributes of a pickle, by the names that they have now.

    >>> pickled({"_turn": 1, "name": "dense"})
    {'_lock': 1, 'name': 'dense'}
    """
    return {ATTRIBUTES.get(name, name): value for name, value in state.items()}


class Elsewhere(ModuleType):
    """An old name that cannot be its new module: a package, a function, or with names changed."""

    __path__: list[str] = []  # noqa: RUF012  # what lies inside is asked of the finder, too

    def __getattr__(self, name: str) -> Any:
        return renamed(self.__name__, name)

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """``axon.roofline()``, though ``import axon.roofline`` has put a module in its place."""
        return getattr(self, self.__name__.rpartition(".")[2])(*arguments, **options)


class MovedModules:
    """Finds, and loads, the new module behind an old name."""

    @classmethod
    def find_spec(cls, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """What ``import`` asks when nobody else knows the name."""
        from importlib.util import find_spec

        new = new_name(name) if name.startswith("axon.") else None
        if new is None or find_spec(new) is None:
            return None
        return ModuleSpec(name, cls, is_package=True)  # type: ignore[arg-type]

    @staticmethod
    def create_module(spec: ModuleSpec) -> ModuleType:
        """A place for the old name."""
        return Elsewhere(spec.name)

    @staticmethod
    def exec_module(module: ModuleType) -> None:
        """Let the old name be the new module, unless it must be more."""
        found = moved(module.__name__, stacklevel=3)
        if not isinstance(found, Elsewhere):
            sys.modules[module.__name__] = found


sys.meta_path.append(MovedModules)
