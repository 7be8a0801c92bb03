"""Names of a package that are loaded when they are first used."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazy_names(package: str, modules: Mapping[str, str]) -> Callable[[str], Any]:
    """Return a package's `__getattr__`, so that importing the package loads nothing heavy.

    Example:
        __getattr__ = lazy_names(__name__, {"Mine": "my_package.mine"})

    Args:
        package: its `__name__`.
        modules: public name to the module that defines it.
    """

    def load(name: str) -> Any:
        if name in modules:
            return getattr(import_module(modules[name]), name)
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return load
