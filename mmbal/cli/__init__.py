"""The command line: the only place that prints or exits."""

import click

import mmbal
from mmbal.cli.boundary import Boundary

_EPILOG = """\b
Completion of commands, recipes and components:
  bash:  eval "$(_MMBAL_COMPLETE=bash_source mmbal)"     in ~/.bashrc
  zsh:   eval "$(_MMBAL_COMPLETE=zsh_source mmbal)"      in ~/.zshrc
  fish:  _MMBAL_COMPLETE=fish_source mmbal | source      in ~/.config/fish/config.fish

Errors that a user can fix are one line; MMBAL_TRACEBACK=1 shows where they were raised.
"""


_NAMES = ("run", "sweep", "evaluate", "report", "compare", "runs", "plugins", "data", "doctor")


@click.group(
    cls=Boundary,
    lazy={name: f"mmbal.cli.{name}:{name}" for name in _NAMES},
    invoke_without_command=True,
    epilog=_EPILOG,
)
@click.version_option(mmbal.__version__, prog_name="mmbal")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Measure and balance how much a multimodal network learns from each modality."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def main() -> None:
    """Run the command line: the console script `mmbal`."""
    cli.main(prog_name="mmbal")
