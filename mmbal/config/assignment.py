"""`--set key=value` -> key and typed value."""

import tomllib

from mmbal.config.origin import Override, undotted
from mmbal.errors import ConfigError


def parse_assignment(text: str, option: str = "--set") -> Override:
    """Read `strategy.tolerance=0.1`: a dotted key and a TOML value; a bare word is text.

    Raises:
        ConfigError: there is no `=`, the key has an empty part, or the value is cut short.
    """
    key, equals, value = (part.strip() for part in text.partition("="))
    origin = f"{option} {text}"
    if not equals or not all(undotted(key)):
        raise ConfigError(f"{option} must be key=value, such as strategy.tolerance=0.1: {text!r}")
    try:
        document = tomllib.loads(f"value = {value}")
    except (tomllib.TOMLDecodeError, RecursionError):
        document = {}
    # More than one key: the text held a line break and went on with TOML of its own.
    if list(document) == ["value"]:
        return Override(key, document["value"], origin)
    if value[:1] in ("[", "{", '"', "'"):
        raise ConfigError(f"{origin}: the value is no complete TOML value, received {value!r}")
    return Override(key, value, origin)
