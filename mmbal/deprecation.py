"""Old names that go on working for a while: using one warns, and says what to use instead.

For mmbal and for plugins. Versions are those of the distribution that has the name. A warning is
a `DeprecationWarning` at the line that uses the old name: pytest shows it to authors, users of a
run do not see it.

Example:
    @renamed_arguments(steps="window", since="0.2", removed_in="0.4")
    def guided(window=5): ...
"""

import functools
import warnings
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, TypeVar

import typing_extensions

Named = TypeVar("Named", bound=Callable[..., Any])
Contract = TypeVar("Contract", bound=type)


def notice(what: str, replacement: str, *, since: str, removed_in: str) -> DeprecationWarning:
    """Return the warning that all of these names give.

    A hook of plugins is renamed by `@hookspec(warn_on_impl=notice(...))` on the old one.

    Args:
        what: the old name, such as "hook mmbal_parts".
        replacement: what to use instead.
        since: version that renamed it.
        removed_in: version that will know it no longer.
    """
    return DeprecationWarning(
        f"{what} is deprecated since {since} and will be removed in {removed_in}: use {replacement}"
    )


def deprecated(replacement: str, *, since: str, removed_in: str) -> Callable[[Named], Named]:
    """Mark a function, method or class, for people, type checkers and editors."""

    def mark(named: Named) -> Named:
        told = str(notice(named.__qualname__, replacement, since=since, removed_in=removed_in))
        return typing_extensions.deprecated(told)(named)

    return mark


def renamed_arguments(
    *, since: str, removed_in: str, **names: str
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Let a function take keyword arguments by their old names.

    Args:
        since: version that renamed them.
        removed_in: version that will know them no longer.
        **names: old to new name.

    Raises:
        TypeError: when called with both.
    """

    def wrap(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*arguments: Any, **named: Any) -> Any:
            for old in names.keys() & named.keys():
                new = names[old]
                if new in named:
                    raise TypeError(f"{function.__qualname__} got {new!r} and its old name {old!r}")
                what = f"argument {old!r} of {function.__qualname__}"
                text = notice(what, repr(new), since=since, removed_in=removed_in)
                warnings.warn(text, stacklevel=2)
                named[new] = named.pop(old)
            return function(*arguments, **named)

        return call

    return wrap


def renamed_names(
    module: str, names: Mapping[str, str], *, since: str, removed_in: str
) -> Callable[[str], Any]:
    """Return the `__getattr__` of a module whose names have changed or moved.

    Args:
        module: its `__name__`.
        names: old name to new one, as "name" in the same module or as "other.module:name".
        since: version that renamed them.
        removed_in: version that will know them no longer.
    """

    def find(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        home, _, new = names[name].rpartition(":")
        home = home or module
        text = notice(f"{module}.{name}", f"{home}.{new}", since=since, removed_in=removed_in)
        warnings.warn(text, stacklevel=2)
        return getattr(import_module(home), new)

    return find


class RenamedAttribute:
    """Stands in a class under the old name of an attribute; reads and sets the new one.

    Args:
        new: its new name.
        since: version that renamed it.
        removed_in: version that will know it no longer.
    """

    def __init__(self, new: str, *, since: str, removed_in: str) -> None:
        self.new = new
        self._when = {"since": since, "removed_in": removed_in}

    def __set_name__(self, owner: type, name: str) -> None:
        self._text = notice(f"{owner.__qualname__}.{name}", self.new, **self._when)

    def __get__(self, instance: Any, owner: type) -> Any:
        warnings.warn(self._text, stacklevel=2)
        return getattr(owner if instance is None else instance, self.new)

    def __set__(self, instance: Any, value: Any) -> None:
        warnings.warn(self._text, stacklevel=2)
        setattr(instance, self.new, value)


def renamed_methods(*, since: str, removed_in: str, **names: str) -> Callable[[Contract], Contract]:
    """Decorate a contract: methods may be overridden and called by their old names for a while.

    A subclass that has both names supports both versions: its methods stay as they are, and nobody
    is warned.

    Args:
        since: version that renamed them.
        removed_in: version that will know them no longer.
        **names: old to new name.
    """
    when = {"since": since, "removed_in": removed_in}

    def watch(contract: Contract) -> Contract:
        inherited = contract.__init_subclass__

        def adopt(subclass: type, /, **options: Any) -> None:
            inherited(**options)
            for old, new in names.items():
                if old in vars(subclass) and new not in vars(subclass):
                    what = f"method {old!r} of {subclass.__qualname__}"
                    text = notice(what, repr(new), since=since, removed_in=removed_in)
                    warnings.warn(text, stacklevel=2)
                    setattr(subclass, new, vars(subclass)[old])
                    setattr(subclass, old, _forward(subclass, old, new, **when))

        setattr(contract, "__init_subclass__", classmethod(adopt))  # noqa: B010  (mypy's wish)
        for old, new in names.items():
            setattr(contract, old, _forward(contract, old, new, **when))
        return contract

    return watch


def _forward(owner: type, old: str, new: str, *, since: str, removed_in: str) -> Callable[..., Any]:
    """Return what stands in a class under the old name of a method."""
    what = f"{owner.__qualname__}.{old}"
    text = notice(what, repr(new), since=since, removed_in=removed_in)

    def call(self: Any, *arguments: Any, **named: Any) -> Any:
        warnings.warn(text, stacklevel=2)
        nearest = next(each for each in type(self).__mro__ if old in vars(each))
        # Past the nearest one, `super()` was asked: what subclasses make of it is not meant.
        asked = functools.partial(getattr(owner, new), self)
        method = getattr(self, new) if nearest is owner else asked
        return method(*arguments, **named)

    return call
