"""``axon completion``."""

import click

SHELLS = ("bash", "zsh", "fish")


@click.command(short_help="Print a shell completion script.")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print what makes SHELL complete commands, options, data, optimizers and models.

    \b
    bash:  eval "$(axon completion bash)"    in ~/.bashrc
    zsh:   eval "$(axon completion zsh)"     in ~/.zshrc
    fish:  axon completion fish > ~/.config/fish/completions/axon.fish
    """  # noqa: D301 - click wants the character itself
    from click.shell_completion import get_completion_class

    made = get_completion_class(shell)
    assert made is not None
    script = made(ctx.find_root().command, {}, "axon", "_AXON_COMPLETE")
    click.echo(script.source_template % script.source_vars())
