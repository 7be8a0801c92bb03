"""What users call things: dotted keys (`architecture.branches."left eye".backbone`), modalities."""

import json
import re
import tomllib
from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256

from mmbal.errors import ContractError

Key = tuple[str, ...]

RESERVED = ("fused", "shared", "strategy")
"""Names of modalities that would be taken for what all of them make together."""

NOTEBOOK = "recorded_in_notebook"
"""Key of `[provenance]` in configurations that tell what was trained, and make nothing again."""

_UNFIT = re.compile(r"[^A-Za-z0-9_.-]")
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


def check_names(modalities: Sequence[str]) -> None:
    """Check names of modalities; whatever else they hold is legal.

    Raises:
        ContractError: there is none, one is there twice, or one cannot be told from what is
            put together with it.
    """
    if not modalities or len(set(modalities)) != len(modalities):
        raise ContractError(f"modalities must be distinct names, received {list(modalities)}")
    for name in modalities:  # variable groups and scores are called such as `fusion/a+b`
        if not name or set(name) & set("/+") or not name.isprintable() or name in RESERVED:
            rule = "may not be empty, hold '/', '+' or control characters, or be"
            reserved = " or ".join(map(repr, RESERVED))
            raise ContractError(f"a modality's name {rule} {reserved}; received {name!r}")


def scope_name(name: str) -> str:
    """Return a name as TensorFlow takes it for layers and variables; others stay distinct."""
    plain = _UNFIT.sub("_", name).lstrip("_.-")
    return name if plain == name else f"{plain}_{sha256(name.encode()).hexdigest()[:8]}".lstrip("_")
