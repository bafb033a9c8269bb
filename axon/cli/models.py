"""The MODEL of a command, and how it is opened."""

import os

import click
from click.shell_completion import CompletionItem

SUFFIXES = (".axon", ".onnx")


class ModelFile(click.Path):
    """The file of a model; completion offers those."""

    def __init__(self) -> None:
        super().__init__(exists=True, dir_okay=False)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Files of models in the folder that was begun, else whatever the shell finds."""
        folder, begun = os.path.split(incomplete)
        try:
            names = sorted(os.listdir(folder or "."))
        except OSError:
            names = []
        fitting = [n for n in names if n.startswith(begun) and n.endswith(SUFFIXES)]
        return [CompletionItem(os.path.join(folder, name)) for name in fitting] or [
            CompletionItem(incomplete, type="file")
        ]
