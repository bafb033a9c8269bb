"""``python -m axon`` and the ``axon`` command."""

import sys


def main() -> None:
    """Run the command line, or say what is missing."""
    try:
        from axon.cli import cli
    except ModuleNotFoundError as error:
        if error.name not in ("click", "rich"):
            raise
        sys.exit(f"The axon command needs {error.name}. Run: pip install 'axon-nn[cli]'")
    cli(prog_name="axon")


if __name__ == "__main__":
    main()
