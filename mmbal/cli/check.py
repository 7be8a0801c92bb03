"""`mmbal plugins check`: whether components keep the contract."""

import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mmbal.cli.boundary import USER_ERROR
from mmbal.cli.completion import names_of
from mmbal.cli.console import console, print_json
from mmbal.cli.options import TypedPath, json_option
from mmbal.errors import MmbalError, unknown
from mmbal.registry.component import Component
from mmbal.testing.rules import MODULES, rulebook

if TYPE_CHECKING:
    from rich.console import Console

    from mmbal.laboratory.finding import Finding
    from mmbal.registry.catalogue import Catalogue, Provenance

_STYLES = {"ok": "green", "known": "yellow", "skipped": "dim", "failed": "bold red"}


@click.command()
@click.argument("name", shell_complete=names_of(*MODULES))
@click.option(
    "--kind", type=click.Choice([*MODULES]), help="Where a name has more than one meaning."
)
@click.option(
    "--set",
    "assignments",
    metavar="KEY=VALUE",
    multiple=True,
    help="Option of the component, see `mmbal plugins show NAME`. Repeatable.",
)
@click.option("--rule", "rules", metavar="RULE", multiple=True, help="This rule only. Repeatable.")
@click.option(
    "--data-dir",
    type=TypedPath(file_okay=False),
    help="Files of a dataset; by default a sample that it writes.",
)
@json_option
@click.pass_context
def check(
    ctx: click.Context,
    name: str,
    kind: str | None,
    assignments: Sequence[str],
    rules: Sequence[str],
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """Check component NAME, or all components of plugin or distribution NAME.

    Every rule is one line. Exit code 2 if one is broken; docs/conformance.md explains the rules.
    """
    import mmbal
    from mmbal import testing
    from mmbal.config.assignment import parse_assignments
    from mmbal.registry.discovery import discover

    catalogue = discover()
    components = _find(catalogue, name, kind)
    options = parse_assignments(assignments)
    if len(components) > 1 and (options or rules or data_dir):
        raise MmbalError(
            f"{name!r} has {len(components)} components; --set, --rule and --data-dir are of one"
        )
    out, rows = console(), []
    out.file = sys.stdout  # what plugins and libraries print goes elsewhere
    with redirect_stdout(sys.stderr):
        from mmbal.replicas.keras_globals import set_keras_globals

        set_keras_globals()
        for component in components:
            click.echo(f"checking {component.kind} {component.name}", err=True)
            subject = testing.subject_of(
                component.kind, component.name, options, catalogue=catalogue, data_dir=data_dir
            )
            for finding in testing.check(subject, rules):
                rows.append(_as_row(component, finding))
                if not as_json:
                    _show(out, rows[-1])
    failed = sum(row["status"] == "failed" for row in rows)
    if as_json:
        print_json({"mmbal": mmbal.__version__, "name": name, "ok": not failed, "rules": rows})
    if failed:
        count = "1 rule is" if failed == 1 else f"{failed} rules are"
        click.echo(f"error: {name}: {count} broken", err=True)
        ctx.exit(USER_ERROR)


def _find(catalogue: "Catalogue", name: str, kind: str | None) -> list[Component]:
    if kind is not None:
        return [catalogue.get(kind, name)]
    offers = [c for c in catalogue.components() if c.kind in MODULES]
    owners = {name for who in catalogue.plugins for name in _names(who)}
    if named := [c for c in offers if c.name == name]:
        if len(named) > 1:
            kinds = " and a ".join(c.kind for c in named)
            raise MmbalError(f"{name!r} is a {kinds}; say which with --kind")
        return named
    if owned := [c for c in offers if name in _names(catalogue.provenance(c))]:
        return owned
    if name not in owners | {c.name for c in catalogue.components()}:
        legal = owners | {c.name for c in offers}
        raise MmbalError(unknown("component, plugin or distribution", name, legal))
    kinds = ", ".join(MODULES)
    raise MmbalError(f"there are no rules for {name!r}: it is and offers none of {kinds}")


def _names(who: "Provenance") -> set[str]:
    """Return by which names a plugin is asked for."""
    return {who.plugin, who.distribution.split()[0]}


def _as_row(component: Component, finding: "Finding") -> dict[str, Any]:
    rule = rulebook(component.kind)[finding.name]
    return {
        "kind": component.kind,
        "component": component.name,
        "rule": rule.name,
        "status": finding.status,
        "found": finding.message,
        "promise": rule.promise,
        "why": rule.why,
        "fix": finding.remedy,
        "seconds": finding.seconds,
    }


def _show(out: "Console", row: Mapping[str, Any]) -> None:
    from rich.text import Text

    line = Text(f"{row['kind']} {row['component']}: {row['rule']:<18} ")
    line.append(f"{row['status']:<8}", style=_STYLES[row["status"]])
    line.append(row["found"] or f"{row['seconds']:.1f} s", style="")
    out.print(line, soft_wrap=True)
    if row["status"] == "failed":
        for word, key in (("rule", "promise"), ("why", "why"), ("fix", "fix")):
            out.print(f"    {word}: {row[key]}", soft_wrap=True)
