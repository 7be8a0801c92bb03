"""The one place where errors become messages and exit codes."""

import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pkgutil import resolve_name
from types import MappingProxyType
from typing import Any

import click

from mmbal.cli.console import typed
from mmbal.errors import Interrupted, MmbalError, Preempted, refused, unknown
from mmbal.files.streams import UnwrittenError, lasting_streams

USER_ERROR = 2
INTERRUPTED = 130
BROKEN_PIPE = 141
"""As a shell tells of a program whose reader went away."""
PREEMPTED = 75
"""EX_TEMPFAIL of sysexits.h: told to stop, worth starting again with --resume."""


class Commands(click.Group):
    """A group that imports a command when it is asked for, and answers unknown ones in words.

    Args:
        lazy: name of a command to "module:command".
        **options: as of click's group.
    """

    def __init__(
        self, *arguments: Any, lazy: Mapping[str, str] = MappingProxyType({}), **options: Any
    ) -> None:
        super().__init__(*arguments, **options)
        self._lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted({*super().list_commands(ctx), *self._lazy})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, imported where that was not done; None where there is none."""
        if cmd_name in self._lazy and cmd_name not in self.commands:
            self.add_command(resolve_name(self._lazy[cmd_name]), cmd_name)
        return super().get_command(ctx, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that `args` begin with."""
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            raise click.UsageError(unknown("command", args[0], self.list_commands(ctx)), ctx)
        name, command, rest = super().resolve_command(ctx, args)
        if command and not ctx.resilient_parsing:
            with suppress(click.UsageError):  # which comes again, from the command itself
                _refuse_repeated(click.Context(command, ctx, name), rest)
        return name, command, rest


def _refuse_repeated(ctx: click.Context, args: Sequence[str]) -> None:
    """Raise for an option that is given more often than it counts: click takes the last one.

    Raises:
        MmbalError: there is one.
    """
    _, _, order = ctx.command.make_parser(ctx).parse_args(list(args))
    for option, times in Counter(order).items():
        many = option.multiple or option.is_flag if isinstance(option, click.Option) else True
        if times > 1 and not many:
            raise MmbalError(f"{option.opts[0]} is given {times} times; give it once")


class Boundary(Commands):
    """The outermost group: what a user can fix is one line and exit code 2.

    Everything else is a bug and keeps its traceback; so does everything where the
    environment variable MMBAL_TRACEBACK is set, for authors of plugins.
    """

    def main(self, args: Sequence[str] | None = None, *rest: Any, **extra: Any) -> Any:
        """Run the command line and exit."""
        extra["standalone_mode"] = False
        with lasting_streams():
            try:
                _refuse_undecodable(sys.argv[1:] if args is None else args)
                extra.setdefault("obj", sys.argv[1:] if args is None else [*args])
                code = super().main(args, *rest, **extra)
            except (MmbalError, click.ClickException, OSError) as error:
                unexplained = isinstance(error, OSError) and error.errno is None
                if unexplained or os.environ.get("MMBAL_TRACEBACK"):
                    raise
                sys.exit(_report(error))
            except click.Abort:
                click.echo("interrupted", err=True)
                sys.exit(INTERRUPTED)
        sys.exit(code if isinstance(code, int) else 0)


def _refuse_undecodable(arguments: Sequence[str]) -> None:
    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError as error:
            raise click.UsageError(
                f"{os.fsencode(argument)!r} is not UTF-8, and what mmbal writes is: rename the "
                "file, or set a UTF-8 locale (LC_ALL=C.UTF-8)"
            ) from error


@contextmanager
def work_done() -> Iterator[None]:
    """Tell of work that is done: that nobody can read it does not make it fail."""
    try:
        yield
    except UnwrittenError as error:
        click.echo(f"warning: {error}", err=True)


def _report(error: MmbalError | click.ClickException | OSError) -> int:
    """Print an error to stderr; return the exit code."""
    if isinstance(error, Interrupted):
        click.echo(f"interrupted: {_one_line(str(error))}", err=True)
        click.echo(_next_steps(error), err=True)
        return PREEMPTED if isinstance(error, Preempted) else INTERRUPTED
    if isinstance(error, UnwrittenError) and isinstance(error.__cause__, BrokenPipeError):
        return BROKEN_PIPE
    text = refused(error) if isinstance(error, OSError) else str(error)
    hint = ""
    if isinstance(error, click.ClickException):
        text = error.format_message()
    if isinstance(error, click.UsageError) and error.ctx is not None:
        hint = f" (see `{error.ctx.command_path} --help`)"
    click.echo(f"error: {_one_line(text)}{hint}", err=True)
    return USER_ERROR


def _next_steps(stop: Interrupted) -> str:
    from mmbal.records.run_folder import RunFolder

    run, config = typed(stop.run), typed(RunFolder(stop.run).config)
    again = f"  mmbal run --config {config}    to run it again from the start"
    if stop.resumable:
        again = f"  mmbal run --resume --out {run}    to go on from the last checkpoint"
    return (
        f"the record up to here is readable: {stop.run}\n"
        f"  mmbal report {run}\n"
        f"  mmbal evaluate {run} --weights last\n"
        f"{again}"
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())
