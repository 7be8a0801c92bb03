"""Dotted keys, as users type them: `architecture.branches."left eye".backbone`."""

import json
import re
import tomllib
from collections.abc import Sequence
from contextlib import suppress

Key = tuple[str, ...]

_BARE = re.compile(r"[\w-]+")
QUOTED = r""""(?:\\.|[^"\\])*"|'[^']*'"""
_PIECE = re.compile(f"{QUOTED}|.", re.DOTALL)
_ASSIGNMENT = re.compile(f"((?:{QUOTED}|[^=])*?)(=)(.*)", re.DOTALL)


def dotted(key: Sequence[object]) -> str:
    """Return a key as users type it: quoted are parts with more than letters, digits, _ and -."""
    parts = map(str, key)
    return ".".join(p if _BARE.fullmatch(p) else json.dumps(p, ensure_ascii=False) for p in parts)


def undotted(text: str) -> Key:
    """Return the key that users typed; a part in quotes may hold anything."""
    parts = [""]
    for piece in _PIECE.findall(text):
        if piece == ".":
            parts.append("")
        else:
            parts[-1] += piece
    return tuple(map(_unquoted, parts))


def cut_assignment(text: str) -> tuple[str, str, str]:
    """Return what stands before the first "=" outside of quotes, "=", and what stands behind."""
    match = _ASSIGNMENT.fullmatch(text)
    return (match[1], match[2], match[3]) if match else (text, "", "")


def _unquoted(part: str) -> str:
    part = part.strip()
    if part[:1] in ('"', "'"):
        with suppress(tomllib.TOMLDecodeError):
            return str(tomllib.loads(f"part = {part}")["part"])
    return part
