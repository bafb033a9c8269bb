"""The table that ``model.summary()`` prints, in Keras's layout."""

from typing import Any

WIDTH = (34, 24, 14)


def table(model: Any) -> str:
    """Layer, output shape and number of parameters of each layer, and the totals."""
    rule = "-" * sum(WIDTH)
    rows = [
        _row(f"{m.name} ({type(m).__name__})", _shape(m), f"{m.count_params():,}")
        for m in model.layers
    ]
    parameters = model.parameters()
    total = sum(p.size for p in parameters)
    trained = sum(p.size for p in parameters if p.requires_grad)
    nbytes = sum(p.data.nbytes for p in parameters)
    return "\n".join(
        [
            f"Model: {model.name}",
            rule,
            _row("Layer (type)", "Output shape", "Param #"),
            rule,
            *rows,
            rule,
            f"Total params: {total:,} ({size(nbytes)})",
            f"Trainable params: {trained:,}",
            f"Non-trainable params: {total - trained:,}",
        ]
    )


def _row(*cells: str) -> str:
    fitted = [
        cell if len(cell) < w else cell[: w - 2] + "…" for cell, w in zip(cells, WIDTH, strict=True)
    ]
    return f"{fitted[0]:<{WIDTH[0]}}{fitted[1]:<{WIDTH[1]}}{fitted[2]:>{WIDTH[2]}}"


def _shape(module: Any) -> str:
    shape = getattr(module, "output_shape", None)
    return "not built" if shape is None else str((None, *shape))


def size(nbytes: float) -> str:
    """Bytes for people.

    >>> size(438_312)
    '428.0 KB'
    """
    for unit in ("B", "KB", "MB"):
        if nbytes < 1024:
            return f"{nbytes:.1f} {unit}" if unit != "B" else f"{nbytes:.0f} B"
        nbytes /= 1024
    return f"{nbytes:.1f} GB"
