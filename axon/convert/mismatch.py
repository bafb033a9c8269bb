"""What is said when a foreign file and a model do not fit: both, side by side."""

from collections.abc import Sequence
from itertools import zip_longest

from axon.convert.rules import Slot
from axon.convert.units import Unit
from axon.names import printable

ROWS, WIDTH = 8, 58  # of the table, at most
LEFT = "in the file"


class ForeignWeightsError(ValueError):
    """Weights of another library do not fit the model; the message shows both side by side."""

    def __init__(self, message: str = "") -> None:
        super().__init__(printable(message, keep="\n"))


def fits(unit: Unit, slot: Slot, kind: str | None) -> bool:
    """Whether a layer of the file has the arrays that a layer of the model needs, and no others."""
    shapes = {role: array.shape for role, array in unit.arrays.items()}
    if unit.kind is not None and unit.kind != kind:
        return False
    needed = all(shapes.get(role) == shape for role, shape in slot.wants.items())
    more = {role: shape for role, shape in shapes.items() if role not in slot.wants}
    return needed and all(slot.may.get(role) == shape for role, shape in more.items())


def misfit(
    what: str, units: Sequence[Unit], slots: Sequence[Slot], first: int = 0, hint: str = ""
) -> ForeignWeightsError:
    """Make the error that shows what is left of both.

    Args:
        what: what went wrong.
        units: layers of the file.
        slots: layers of the model.
        first: the first pair that differs; some before it are shown, too.
        hint: how to mend it.
    """
    rows = list(zip_longest(units, slots))[max(first - 2, 0) :]
    if first < len(units) and first < len(slots):
        hint = hint_for(units[first], slots[first]) or hint
    width = max(len(_short(thing)) for thing in (LEFT, *(unit for unit, _ in rows[:ROWS])))
    lines = [
        f"  {'!' if i >= min(first, 2) else ' '} {_short(unit):{width}} | {_short(slot)}"
        for i, (unit, slot) in enumerate(rows[:ROWS])
    ]
    if len(rows) > ROWS:
        lines.append(f"    and {len(rows) - ROWS} more")
    head = f"    {LEFT:{width}} | wanted by the model"
    return ForeignWeightsError("\n".join([what, head, *lines, *([hint] if hint else [])]))


def _short(thing: object) -> str:
    text = "-" if thing is None else str(thing)
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 3]}..."


def hint_for(unit: Unit, slot: Slot) -> str:
    """What may be the reason why these two differ."""
    shapes = {role: array.shape for role, array in unit.arrays.items()}
    missing, more = slot.wants.keys() - shapes.keys(), shapes.keys() - slot.wants.keys()
    if missing and not more and all("bias" in role for role in missing):
        return f"The file has no bias for {slot.path!r}: make it with use_bias=False."
    if more and not missing and all("bias" in role for role in more):
        return f"The file has a bias for {slot.path!r}, which was made with use_bias=False."
    turned = all(sorted(shape) == sorted(slot.wants.get(r, ())) for r, shape in shapes.items())
    if turned and not missing and shapes != slot.wants:
        return (
            f"The shapes of {slot.path!r} differ in their order only: were the arrays transposed "
            "before they were saved? A function in name_map can turn them back."
        )
    return ""
