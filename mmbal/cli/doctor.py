"""`mmbal doctor`: whether this machine can do what mmbal needs."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from mmbal.cli.console import console, plain_table, print_json
from mmbal.cli.options import json_option

if TYPE_CHECKING:
    from mmbal.doctor.examination import Diagnosis

_FAILED = 1
_STYLES = {"ok": "green", "warning": "yellow", "failed": "bold red"}


@click.command()
@click.option("--quick", is_flag=True, help="Leave out what trains: determinism, the self-test.")
@click.option(
    "--replicas",
    type=click.IntRange(2),
    help="Of the self-test; by default all GPUs where there are two or more, else two parts of "
    "the CPU.",
)
@click.option("--no-workers", is_flag=True, help="Leave out the two worker processes.")
@json_option
@click.pass_context
def doctor(
    ctx: click.Context, *, quick: bool, replicas: int | None, no_workers: bool, as_json: bool
) -> None:
    """Check this machine and the plugins, and train on replicas.

    The self-test trains a small network on one device, on several, and in two processes, and
    compares weights, learning speeds and scores. Exit code 1 if anything failed.
    """
    from mmbal.doctor.examination import examine

    err = console(err=True)
    diagnosis = examine(
        replicas,
        workers=not no_workers,
        quick=quick,
        notice=lambda text: err.print(text, style="dim", soft_wrap=True),
    )
    if as_json:
        print_json(_as_object(diagnosis))
    else:
        _show(diagnosis)
    if not diagnosis.is_well:
        ctx.exit(_FAILED)


def _as_object(diagnosis: "Diagnosis") -> dict[str, Any]:
    import mmbal

    return {
        "mmbal": mmbal.__version__,
        "ok": diagnosis.is_well,
        "checks": [
            {"name": f.name, "status": f.status, "finding": f.message, "remedy": f.remedy}
            for f in diagnosis.findings
        ],
        "selftest": [{**asdict(each), "holds": each.holds} for each in diagnosis.agreements],
    }


def _show(diagnosis: "Diagnosis") -> None:
    from rich.text import Text

    out = console()
    table = plain_table("check", "status", "finding")
    for each in diagnosis.findings:
        message = f"{each.message}\nremedy: {each.remedy}" if each.remedy else each.message
        table.add_row(each.name, Text(each.status, style=_STYLES[each.status]), message)
    out.print(table)
    out.print(f"\n{_in_short(diagnosis)}", soft_wrap=True)


def _in_short(diagnosis: "Diagnosis") -> str:
    for status in ("failed", "warning"):
        names = [each.name for each in diagnosis.findings if each.status == status]
        if names:
            return f"{status}: {'; '.join(names)}"
    return "all is well"
