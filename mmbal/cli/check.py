"""`mmbal plugins check`: whether components keep the contract."""

import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mmbal.cli.boundary import USER_ERROR
from mmbal.cli.completion import names_of
from mmbal.cli.console import console, print_json
from mmbal.cli.options import TypedPath, json_option
from mmbal.errors import MmbalError, unknown
from mmbal.registry.component import Component, Recipe
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
    """Check what is named NAME, or all that plugin or distribution NAME offers.

    Every rule is one line. Exit code 2 if one is broken; docs/conformance.md explains the rules.
    """
    import mmbal
    from mmbal import testing
    from mmbal.config.assignment import parse_assignments
    from mmbal.registry.discovery import discover

    catalogue = discover()
    offers = _find(catalogue, name, kind)
    options = parse_assignments(assignments)
    if options or rules or data_dir:
        offers = _only(offers, name)
    if not offers and not as_json:
        click.echo(f"nothing to check: {name} offers no components and no recipes")
    out, rows = console(), []
    out.file = sys.stdout  # what plugins and libraries print goes elsewhere
    with redirect_stdout(sys.stderr):
        from mmbal.replicas.keras_globals import set_keras_globals

        set_keras_globals()
        for offer in offers:
            click.echo(f"checking {offer.kind} {offer.name}", err=True)
            subject = testing.subject_of(
                offer.kind, offer.name, options, catalogue=catalogue, data_dir=data_dir
            )
            for finding in testing.check(subject, rules):
                rows.append(_as_row(offer, finding))
                if not as_json:
                    _show(out, rows[-1])
    failed = sum(row["status"] == "failed" for row in rows)
    if as_json:
        print_json({"mmbal": mmbal.__version__, "name": name, "ok": not failed, "rules": rows})
    if failed:
        count = "1 rule is" if failed == 1 else f"{failed} rules are"
        click.echo(f"error: {name}: {count} broken", err=True)
        ctx.exit(USER_ERROR)


def _find(catalogue: "Catalogue", name: str, kind: str | None) -> list[Component | Recipe]:
    """Return what has a name, else what a plugin or distribution of that name offers.

    Raises:
        MmbalError: there is neither.
    """
    offers: list[Component | Recipe] = [*catalogue.components(), *catalogue.recipes()]
    if kind is not None:
        return [catalogue.recipe(name) if kind == Recipe.kind else catalogue.get(kind, name)]
    if named := [offer for offer in offers if offer.name == name]:
        return named
    owners = {owner for each in catalogue.plugins for owner in _names(each)}
    if name not in owners and not _is_installed(name):
        legal = owners | {offer.name for offer in offers}
        raise MmbalError(unknown("component, recipe, plugin or distribution", name, legal))
    return [offer for offer in offers if name in _names(catalogue.provenance(offer))]


def _only(offers: list[Component | Recipe], name: str) -> list[Component | Recipe]:
    """Return the one that options, rules and data are meant for: a component before a recipe.

    Raises:
        MmbalError: there are several.
    """
    offers = [offer for offer in offers if offer.kind != Recipe.kind] or offers
    if len(offers) > 1:
        listing = ", ".join(f"{offer.kind} {offer.name}" for offer in offers)
        raise MmbalError(f"--set, --rule and --data-dir are of one of those of {name!r}: {listing}")
    return offers


def _is_installed(distribution: str) -> bool:
    try:
        metadata.distribution(distribution)
    except (metadata.PackageNotFoundError, ValueError):
        return False
    return True


def _names(who: "Provenance") -> set[str]:
    """Return by which names a plugin is asked for."""
    return {who.plugin, who.distribution.split()[0]}


def _as_row(offer: Component | Recipe, finding: "Finding") -> dict[str, Any]:
    rule = rulebook(offer.kind)[finding.name]
    return {
        "kind": offer.kind,
        "component": offer.name,
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
