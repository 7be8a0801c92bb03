"""Reference pages of the Python interface: which object stands on which page."""

import ast
from pathlib import Path

# Behind the command line; nobody imports them.
INTERNAL = {"cli", "config", "doctor", "laboratory", "sweep"}


def pages(root: Path) -> dict[str, str]:
    """Return a page for mmbal, each of its parts and each plugin with names to import."""
    found = {"reference/python/mmbal.md": _front(root)}
    for part in sorted((root / "mmbal").iterdir()):
        if part.stem.startswith("_") or part.stem in INTERNAL:
            continue
        if part.suffix == ".py":
            found[f"reference/python/mmbal.{part.stem}.md"] = _page(f"mmbal.{part.stem}", [])
        elif (part / "__init__.py").is_file():
            name = f"mmbal.{part.name}"
            modules = [f"{name}.{module.stem}" for module in sorted(part.glob("[!_]*.py"))]
            found[f"reference/python/{name}.md"] = _page(name, modules)
    for package in sorted(root.glob("plugins/*/src/*")):
        if names := _exports(package):
            defined = _definitions(package)
            objects = [defined[name] for name in names if name in defined]  # constants are not
            found[f"reference/python/{package.name}.md"] = _page(package.name, objects)
    return found


def _front(root: Path) -> str:
    """Return the page of what `mmbal` itself exports: most stands on the page of its part."""
    defined = _definitions(root / "mmbal")
    lines = [
        f"- [`{name}`][{defined[name]}]" if name in defined else f"- `{name}`"
        for name in sorted(_exports(root / "mmbal"))
    ]
    return "\n".join(["# `mmbal`", "", "What `from mmbal import ...` offers:", "", *lines, ""])


def _page(name: str, objects: list[str]) -> str:
    lines = [f"# `{name}`"]
    if objects:
        lines += [f"## ::: {each}" for each in objects]
    else:
        lines.append(f"::: {name}")
    return "\n\n".join(lines) + "\n"


def _exports(package: Path) -> list[str]:
    """Return what a package's `__all__` names, without importing it."""
    init = package / "__init__.py"
    for node in ast.parse(init.read_text(encoding="utf-8")).body if init.is_file() else ():
        targets = [getattr(each, "id", "") for each in getattr(node, "targets", ())]
        if isinstance(node, ast.Assign) and "__all__" in targets:
            return list(ast.literal_eval(node.value))
    return []


def _definitions(package: Path) -> dict[str, str]:
    """Return what a package's modules define at their top, with its path."""
    found: dict[str, str] = {}
    for module in sorted(package.rglob("[!_]*.py")):
        path = ".".join([package.name, *module.relative_to(package).with_suffix("").parts])
        for node in ast.parse(module.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                found.setdefault(node.name, f"{path}.{node.name}")
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                found.setdefault(node.target.id, f"{path}.{node.target.id}")
    return found
