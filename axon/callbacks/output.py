"""Where callbacks write: files, lines, notebooks. Of ranks that learn together, the first does."""

import os
import sys
from typing import Any

from axon.modes import modes


def say(text: str) -> None:
    """Print a line, at once."""
    if modes.leads:
        print(text, flush=True)


def prepare(owner: str, path: str) -> None:
    """Create the folders of a file, and make sure that it could be written; it is not touched.

    Folders from the first one on whose name has still to be filled in (``{epoch}``) come later.

    Raises:
        OSError: a folder cannot be created or written, or the path is one.
    """
    import tempfile

    if not modes.leads:
        return
    folder = os.path.dirname(path.partition("{")[0]) or "."
    try:
        os.makedirs(folder, exist_ok=True)
        handle, probe = tempfile.mkstemp(prefix=".axon.", dir=folder)
        os.close(handle)
        os.unlink(probe)
    except OSError as error:
        raise type(error)(
            f"{owner}: cannot write {path}: {error.strerror} ({folder}). Choose a folder that you "
            "may write to."
        ) from None
    if os.path.isdir(path):
        raise IsADirectoryError(f"{owner}: cannot write {path}: it is a folder. Add a file name.")


def demand_name(owner: str, path: str) -> None:
    """Raise OSError or ValueError if no file can have this name, because it is too long, say."""
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as error:
        raise type(error)(
            f"{owner}: cannot write {path}: {error.strerror}. Choose another name."
        ) from None
    except ValueError as error:
        raise ValueError(f"{owner}: cannot write {path!r}: {error}. Choose another name.") from None


def notebook_shell() -> Any:
    """IPython's shell, if this runs in a notebook: in Jupyter, VS Code, Colab; else None.

    IPython is not imported: in a notebook it is there already.
    """
    loaded = sys.modules.get("IPython")
    shell = loaded.get_ipython() if loaded is not None else None
    return shell if getattr(shell, "kernel", None) is not None else None


class NotebookOutput:
    """What is shown in one place, and replaced there without a flicker.

    Outside of a notebook nothing is shown.
    """

    def __init__(self) -> None:
        self._handle: Any = None

    def show(self, html: str, text: str) -> None:
        """Show it where it was shown first; ``text`` where HTML cannot be seen."""
        if notebook_shell() is None:
            return
        from IPython import display

        bundle = {"text/html": html, "text/plain": text}
        if self._handle is None:
            make: Any = display.DisplayHandle
            self._handle = make()
            self._handle.display(bundle, raw=True)
        else:
            self._handle.update(bundle, raw=True)
