"""`--set key=value` -> key and typed value."""

import tomllib
from collections.abc import Iterable

from mmbal.config.layering import refuse_contradictions
from mmbal.config.origin import Override
from mmbal.errors import ConfigError
from mmbal.keys import cut_assignment, dotted, undotted


def parse_assignment(text: str, option: str = "--set") -> Override:
    """Read `strategy.tolerance=0.1`: a dotted key and a TOML value; a bare word is text.

    Raises:
        ConfigError: there is no `=`, the key has an empty part, or the value is cut short.
    """
    key, equals, value = (part.strip() for part in cut_assignment(text))
    origin = f"{option} {text}"
    if not equals or not all(undotted(key)):
        rule = f'{option} must be key=value, such as strategy.tolerance=0.1 or "a key".b=1'
        raise ConfigError(f"{rule}: {text!r}")
    try:
        document = tomllib.loads(f"value = {value}")
    except (ValueError, RecursionError):  # also of numbers too long for Python
        document = {}
    # More than one key: the text held a line break and went on with TOML of its own.
    if list(document) == ["value"]:
        return Override(dotted(undotted(key)), document["value"], origin)
    if value[:1] in ("[", "{", '"', "'"):
        raise ConfigError(f"{origin}: the value is no complete TOML value, received {value!r}")
    return Override(dotted(undotted(key)), value, origin)


def parse_assignments(texts: Iterable[str]) -> list[Override]:
    """Read what was typed beside each other.

    Raises:
        ConfigError: as `parse_assignment`, or two of them contradict each other.
    """
    overrides = list(map(parse_assignment, texts))
    refuse_contradictions(overrides)
    return overrides
