"""Programs as compiled kernels do them (extra ``fast``: Numba).

A plan becomes work (``rules``), the work is put in order (``schedule``) and written down in tables
(``builder``), which a ``machine`` has run by one compiled loop (``loops``) on all cores
(``workers``). ``lower`` and ``demand`` are the plug that ``axon.program.lowerings`` knows.
"""

from typing import Any


def __getattr__(name: str) -> Any:
    """The loops are compiled when they are imported: not where kernels alone are wanted."""
    if name not in ("lower", "demand"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from axon.fast import builder, rules

    assert rules  # which are known by being imported
    return vars(builder)[name]
