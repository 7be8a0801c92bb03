"""`mmbal plugins`: what is installed, and what can be set of it."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from mmbal.cli.boundary import Commands
from mmbal.cli.check import check
from mmbal.cli.completion import names_of
from mmbal.cli.console import console, literal, plain_table, print_json
from mmbal.cli.new import new
from mmbal.errors import MmbalError, unknown
from mmbal.registry.component import KINDS, Component, Recipe

if TYPE_CHECKING:
    from rich.console import Console

    from mmbal.config.description import OptionDescription
    from mmbal.registry.catalogue import Catalogue

_json = click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")


@click.group(cls=Commands, invoke_without_command=True)
@_json
@click.pass_context
def plugins(ctx: click.Context, as_json: bool) -> None:
    """List the installed recipes and components, show, check or write them."""
    ctx.obj = as_json
    if ctx.invoked_subcommand is None:
        _list(as_json)


@plugins.command("list")
@_json
@click.pass_obj
def list_(outer: bool, as_json: bool) -> None:
    """List recipes and components; problems of broken plugins go to stderr."""
    _list(as_json or outer)


@plugins.command()
@click.argument("name", shell_complete=names_of("recipe", *KINDS))
@click.option(
    "--kind", type=click.Choice(["recipe", *KINDS]), help="Where a name has more than one meaning."
)
@_json
@click.pass_obj
def show(outer: bool, name: str, kind: str | None, as_json: bool) -> None:
    """Show what can be set of component NAME, or what recipe NAME runs."""
    from mmbal.registry.discovery import discover

    catalogue = discover()
    offer = _find(catalogue, name, kind)
    if isinstance(offer, Recipe):
        _show_recipe(catalogue, offer, as_json or outer)
    else:
        _show_component(catalogue, offer, as_json or outer)


plugins.add_command(check)
plugins.add_command(new)


def _list(as_json: bool) -> None:
    from mmbal.registry.discovery import discover

    catalogue = discover()
    if as_json:
        print_json(_listing(catalogue))
    else:
        _print_offers(catalogue)
    for problem in catalogue.problems:  # last, where a long table does not hide them
        click.echo(f"problem: {problem}", err=True)


def _print_offers(catalogue: "Catalogue") -> None:
    headers = ("kind", "name", "summary", "plugin", "distribution")
    table = plain_table(*headers)
    for row in _rows(catalogue):
        table.add_row(*(row[key] for key in headers))
    out = console()
    out.print(table)
    _print_compatibility(catalogue, out)


def _print_compatibility(catalogue: "Catalogue", out: "Console") -> None:
    """Print which strategy trains which architecture, or what the architecture lacks."""
    rows = catalogue.compatibility()
    architectures = catalogue.names("architecture")
    if not rows or not architectures:
        return
    table = plain_table("strategy", *architectures)
    for strategy, cells in rows.items():
        told = [f"no {', '.join(cells[a])}" if cells[a] else "yes" for a in architectures]
        table.add_row(strategy, *told)
    out.print("\nWhich strategy trains which architecture, and what the others do not offer:")
    out.print(table)


def _listing(catalogue: "Catalogue") -> dict[str, Any]:
    import mmbal

    rows = _rows(catalogue)
    return {
        "mmbal": mmbal.__version__,
        "api": mmbal.API_VERSION,
        "plugins": [asdict(plugin) for plugin in catalogue.plugins],
        "components": [row for row in rows if row["kind"] != "recipe"],
        "recipes": [row for row in rows if row["kind"] == "recipe"],
        "compatibility": catalogue.compatibility(),
        "problems": [
            {"plugin": p.plugin, "distribution": p.distribution, "problem": p.problem}
            for p in catalogue.problems
        ],
    }


def _rows(catalogue: "Catalogue") -> list[dict[str, str]]:
    offers: list[Component | Recipe] = [*catalogue.recipes(), *catalogue.components()]
    return [
        {
            "kind": offer.kind,
            "name": offer.name,
            "summary": offer.summary,
            "source": offer.source,
            **asdict(catalogue.provenance(offer)),
        }
        for offer in offers
    ]


def _find(catalogue: "Catalogue", name: str, kind: str | None) -> Component | Recipe:
    kinds = [k for k in ("recipe", *KINDS) if name in catalogue.names(k)]
    if kind is None and len(kinds) > 1:
        raise MmbalError(f"{name!r} is a {' and a '.join(kinds)}; say which with --kind")
    if kind is None and not kinds:
        legal = {known for k in ("recipe", *KINDS) for known in catalogue.names(k)}
        raise MmbalError(unknown("recipe or component", name, legal))
    kind = kind or kinds[0]
    return catalogue.recipe(name) if kind == "recipe" else catalogue.get(kind, name)


def _show_component(catalogue: "Catalogue", component: Component, as_json: bool) -> None:
    from mmbal.config.description import describe

    options = describe(catalogue.options_class(component.kind, component.name))
    origin = catalogue.provenance(component)
    if as_json:
        print_json({**asdict(component), **asdict(origin), "options": list(map(asdict, options))})
        return
    out = console()
    out.print(f"{component.kind} {component.name}: {component.summary}", soft_wrap=True)
    out.print(f"plugin {origin.plugin} of {origin.distribution}", soft_wrap=True)
    if component.source:
        out.print(f"source: {component.source}", soft_wrap=True)
    out.print()
    if options:
        _print_options(options)
    else:
        out.print("it has no options")


def _print_options(options: "list[OptionDescription]") -> None:
    table = plain_table("option", "type", "legal", "default", "meaning")
    for each in options:
        default = "required" if each.required else literal(each.default)
        table.add_row(each.name, each.type, each.legal, default, each.help)
    console().print(table)


def _show_recipe(catalogue: "Catalogue", recipe: Recipe, as_json: bool) -> None:
    from mmbal.config.resolution import resolve
    from mmbal.config.writing import to_toml

    origin = catalogue.provenance(recipe)
    command = f"mmbal run --plugin {recipe.name}"
    if as_json:
        print_json({**asdict(recipe), **asdict(origin), "command": command})
        return
    out = console()
    out.print(f"recipe {recipe.name}: {recipe.summary}", soft_wrap=True)
    out.print(f"plugin {origin.plugin} of {origin.distribution}", soft_wrap=True)
    facts = {"source": recipe.source, "expected": recipe.expected, "time": recipe.time}
    facts |= {f"needs {key}": advice for key, advice in recipe.needs.items()}
    for label, text in {**facts, "command": command}.items():
        if text:
            out.print(f"{label}: {text}", soft_wrap=True)
    out.print()
    resolved = resolve(catalogue, recipe.name, complete=False)
    out.print(to_toml(resolved.config, resolved.origins), soft_wrap=True, end="")
    if recipe.sample:
        import tomlkit

        out.print("\n# what --sample changes, to run through the dataset's sample")
        out.print(tomlkit.dumps(recipe.sample), soft_wrap=True, end="")
