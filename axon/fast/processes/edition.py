"""Which edition of the kernels this is, and whether this machine has kept any of it.

Neither needs Numba, which takes half a second to import.
"""

import os
from collections.abc import Iterable, Iterator
from hashlib import md5
from pathlib import Path

FAST = Path(__file__).parent.parent
COEFFICIENTS = FAST.parent / "ops" / "error_function.py"  # whose coefficients are compiled, too
VARIABLE = "AXON_CACHE_DIR"  # the folder in which machine code is kept, if the user says so
FOLDER = "kernels"  # inside it, beside what else is kept
NUMBA = "NUMBA_CACHE_DIR"  # likewise, for all of Numba's


def digest(files: Iterable[Path]) -> str:
    """A few letters that change with what is in the files."""
    return md5(b"".join(f.read_bytes() for f in files), usedforsecurity=False).hexdigest()[:8]


EDITION = digest(sorted([*FAST.glob("*.py"), *FAST.glob("kernels/*.py"), COEFFICIENTS]))


def place() -> Path | None:
    """The folder that keeps kernels; None where Numba chooses it."""
    told = os.environ.get(VARIABLE)
    return Path(told).expanduser().absolute() / FOLDER if told else None


def is_missing(kernel: str) -> bool:
    """Whether a kernel has certainly to be compiled; False where that is hard to tell."""
    folders = [*_folders()]
    pattern = f"*.{kernel}_{EDITION}-*.nbi"
    return bool(folders) and not any(next(f.glob(pattern), None) for f in folders)


def _folders() -> Iterator[Path]:
    """Where it would be kept, as far as that is known."""
    given, own = os.environ.get(NUMBA, ""), place()
    if own:
        yield own
    elif given:
        base = Path(given)
        yield from [base, *(f for f in base.glob("*") if f.is_dir())]
    elif os.access(FAST / "kernels", os.W_OK):
        yield FAST / "kernels" / "__pycache__"
