"""`--set key=value` -> key and typed value."""

import tomllib
from typing import Any

from mmbal.config.origin import Override, undotted
from mmbal.errors import ConfigError


def parse_assignment(text: str, option: str = "--set") -> Override:
    """Read `strategy.tolerance=0.1`: a dotted key and a TOML value; a bare word is text.

    Raises:
        ConfigError: there is no `=`, the key has an empty part, or the value is cut short.
    """
    key, equals, value = text.partition("=")
    key = key.strip()
    origin = f"{option} {text}"
    if not equals or not all(undotted(key)):
        raise ConfigError(f"{option} must be key=value, such as strategy.tolerance=0.1: {text!r}")
    return Override(key, _parse_value(value.strip(), origin), origin)


def _parse_value(text: str, origin: str) -> Any:
    try:
        document = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        document = {}
    # More than one key: the text held a line break and went on with TOML of its own.
    if list(document) == ["value"]:
        return document["value"]
    if text[:1] in ("[", "{", '"', "'"):
        raise ConfigError(f"{origin}: the value is no complete TOML value, received {text!r}")
    return text
