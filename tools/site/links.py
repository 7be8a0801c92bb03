"""Links of files that are read both in the checkout and on the site."""

import posixpath
import re
from collections.abc import Callable
from pathlib import Path

# [text](target), also of an image, not inside of code marked by `
_LINK = re.compile(r"\[([^\]\n]+)\]\(([^)\s]+)\)")


def outside_pages(root: Path) -> dict[str, str]:
    """Return files that stand outside of docs/ and are pages all the same, with their places."""
    readmes = sorted(root.glob("plugins/*/README.md"))
    return {
        "README.md": "index.md",
        "CHANGELOG.md": "changelog.md",
        "CONTRIBUTING.md": "contributing.md",
        "SECURITY.md": "security.md",
        **{
            readme.relative_to(root).as_posix(): f"plugins/{readme.parent.name}.md"
            for readme in readmes
        },
    }


def relink(text: str, source: str, root: Path, fault: Callable[[str], None]) -> str:
    """Return Markdown whose links lead to pages of the site.

    Args:
        text: of the file.
        source: its path in the checkout, with slashes.
        root: of the checkout.
        fault: told of every link to a file that is not there, in one line.

    Returns:
        The text, where links to files that are no page became their paths.
    """
    moved = outside_pages(root)
    place = moved.get(source, source.removeprefix("docs/"))

    def replaced(found: re.Match[str]) -> str:
        label, target = found.groups()
        path, mark, fragment = target.partition("#")
        if not path or "://" in target or target.startswith("mailto:"):
            return found[0]
        aim = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        if aim in moved or aim.startswith("docs/"):
            page = moved.get(aim, aim.removeprefix("docs/"))
            near = posixpath.relpath(page, posixpath.dirname(place) or ".")
            return f"[{label}]({near}{mark}{fragment})"
        if not (root / aim).exists():
            fault(f"{source}: link to {target}, which is not there")
        return label if aim in label else f"{label} (`{aim}`)"

    return _LINK.sub(replaced, text)
