"""What is begun before a table is read: the compiling of kernels that it will need."""

from pathlib import Path

from axon.fast import processes
from axon.program import lowerings

LARGE, PACKED_LARGE = 100_000, 25_000  # bytes of a text, or a packed one, that compiled kernels pay
FEWER = {"fast": 8}  # by effort: how many times fewer members learn, so that it takes more rows
PLAIN = (".csv", ".tsv")
KERNELS = (  # whatever is learned needs them; those that take longest come first
    *("piecewise_matmul", "products", "piecewise_matmul_gradient", "times_difference", "between"),
    *("multiply", "f4_to_f4", "sum_between", "add", "number", "adam_update"),
    *("product", "sum_columns", "sum_rows", "adam_scalars", "sum_all"),
)


def compile_for(data: str, effort: str | None = None) -> None:
    """Have kernels compiled by another process, if a table is large and none is kept."""
    path = Path(data)
    enough = LARGE if path.suffix.lower() in PLAIN else PACKED_LARGE
    enough *= FEWER.get(effort or "", 1)
    large = path.is_file() and path.stat().st_size >= enough
    if large and lowerings.setting() in ("auto", "fast"):
        processes.begin(KERNELS)
