"""``python -m axon`` and the ``axon`` command."""

import sys

from axon.names import install


def main() -> None:
    """Run the command line, or say what is missing."""
    try:
        from axon.cli import cli
    except ModuleNotFoundError as error:
        if error.name not in ("click", "rich"):
            raise
        sys.exit(f"The axon command needs {error.name}. Run: {install('cli')}")
    cli(prog_name="axon")


if __name__ == "__main__":
    main()
