"""What a user can set: typed, strict, self-describing, and refused in words."""

import re
import sys
from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from inspect import Signature, get_annotations, signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from mmbal.errors import ConfigError, unknown
from mmbal.keys import dotted
from mmbal.paths import at_home

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_SHOWN = 60  # letters of a received value in a message

_PLAIN_WORDS = {
    "a valid integer": "an integer",
    "a valid number": "a number",
    "a valid string": "text",
    "a valid boolean": "true or false",
    "a valid tuple": "a list",
    "a valid list": "a list",
    "a valid array": "a list",
    "a valid dictionary": "a table",
    "an object": "a table",
}


class Options(BaseModel):
    """Options of a component or of a run.

    Subclass it with annotated fields, `Field(description=...)` for the help text that
    `mmbal plugins show` prints, and validators for what types cannot say. Unknown names
    and wrong types are refused; instances cannot be changed. Paths become absolute, and `~` in
    them a home, so that they mean the same in any working directory.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    @field_validator("*", mode="after")
    @classmethod
    def _from_anywhere(cls, value: Any) -> Any:
        return _absolute(value)

    def modality_names(self) -> tuple[str, ...] | None:
        """Return, of a dataset, the modalities that it gives; None where its files alone tell."""
        return None

    def late_fusion(self) -> Mapping[str, Any] | None:
        """Return, of an architecture, the name and options of late fusion of the same encoders.

        Empty where it is late fusion already, None where there is none.
        """
        return None

    def check_use(self, modalities: Collection[str] | None) -> None:
        """Check what types cannot say and a run can be told before anything heavy is loaded.

        Args:
            modalities: names of those there are; None where that is not known yet.

        Raises:
            ConfigError: a modality or a file that is named is not there.
        """
        for value in vars(self).values():
            if isinstance(value, Options):  # of a strategy that is part of a composition
                value.check_use(modalities)

    def without(self, modalities: Collection[str]) -> Self:
        """Return these options without what they say of modalities that a run leaves out.

        By default they say it in tables by modality (`dict[str, X]`, X being anything but Any,
        which tables of foreign arguments hold) and in lists called `modalities`.
        """
        types, changed = type(self).model_fields, dict[str, Any]()
        for name, value in vars(self).items():
            if isinstance(value, Options):
                changed[name] = value.without(modalities)
            elif isinstance(value, Mapping) and not _holds_any(types[name].annotation):
                changed[name] = {key: v for key, v in value.items() if key not in modalities}
            elif name == "modalities" and isinstance(value, tuple):
                changed[name] = tuple(each for each in value if each not in modalities)
        return self.model_copy(update=changed)


class NoOptions(Options):
    """For a component that has nothing to set."""


class WindowOptions(Options):
    """Of a method that acts in some epochs only; outside of them training is plain."""

    starts: int = Field(default=0, ge=0, description="first epoch in which it acts, from 0")
    ends: int | None = Field(default=None, ge=0, description="last such epoch; none for no end")

    @model_validator(mode="after")
    def _in_order(self) -> "WindowOptions":
        if self.ends is not None and self.ends < self.starts:
            raise ValueError(f"ends must be at least starts, {self.starts}; received {self.ends}")
        return self


_Options = Options  # in the class below, `Options` are its own


class Configurable:
    """What is made from options: `Guided(tolerance=0.1)`, or of an instance of `Guided.Options`.

    A subclass says once which options it takes, by annotating `options` with their class.

    Args:
        options: all of them; a run makes its components so.
        **settings: option to value, in its place; those not named keep their defaults.

    Raises:
        ConfigError: there is no such option, a value is not legal, or these are options of
            something else.
    """

    Options: ClassVar[type[_Options]] = NoOptions
    options: _Options
    __signature__: ClassVar[Signature | None] = None

    def __init_subclass__(cls, **arguments: Any) -> None:
        """Take the class of the options from the annotation.

        Raises:
            TypeError: it is no subclass of `Options`.
        """
        super().__init_subclass__(**arguments)
        if annotation := get_annotations(cls).get("options"):
            if isinstance(annotation, str):  # `from __future__ import annotations`
                annotation = vars(sys.modules[cls.__module__]).get(annotation, annotation)
            if not (isinstance(annotation, type) and issubclass(annotation, _Options)):
                raise TypeError(
                    f"{cls.__name__}.options must be annotated with a subclass of mmbal.Options, "
                    f"received {annotation!r}"
                )
            cls.Options = annotation
        plain = cls.__init__ is Configurable.__init__
        cls.__signature__ = signature(cls.Options) if plain else None  # what `help` shows

    def __init__(self, options: _Options | None = None, /, **settings: Any) -> None:
        super().__init__()
        name, model = type(self).__name__, self.Options
        if options is None:
            try:
                options = model(**settings)
            except ValidationError as error:
                raise ConfigError(explain(error, model, settings, (name,), name)[1]) from None
        elif settings or not isinstance(options, model):
            surplus = [f"{option}={value!r}" for option, value in settings.items()]
            raise ConfigError(
                f"{name} takes options by name, or {model.__name__} alone; received "
                f"{', '.join([repr(options), *surplus])}"
            )
        self.options = options


def _absolute(value: Any) -> Any:
    """Return an option's value with its paths absolute, whatever it is made of."""
    if isinstance(value, Path):
        return at_home(value).absolute()
    if isinstance(value, Mapping):
        return {_absolute(key): _absolute(inner) for key, inner in value.items()}
    if type(value) in (list, tuple, set, frozenset):
        return type(value)(map(_absolute, value))
    return value


def explain(
    error: ValidationError,
    model: type[BaseModel],
    values: Mapping[str, Any],
    section: tuple[str, ...],
    label: str,
) -> tuple[tuple[str, ...], str]:
    """Return the key that an error of pydantic is about, and the error in our words.

    Args:
        error: what was found wrong; of several, an option that does not exist.
        model: the options class.
        values: nested tables.
        section: what stands before their names, such as ("strategy",).
        label: names the section in messages, such as "strategy 'guided'".
    """
    problems = error.errors(include_url=False)
    # Of the branches of a union, the one that fits best goes wrong deepest inside.
    deepest = max(problems, key=lambda p: len(_known_part(p["loc"], values)))
    problem = next((p for p in problems if p["type"] == "extra_forbidden"), deepest)
    if problem["type"] == "extra_forbidden":
        *above, last = map(str, problem["loc"])
        legal = _fields_at(model, above)
        message = unknown("option", dotted([*above, last]), legal)
        tables = [name for name in legal if last in _fields_at(model, [*above, name])]
        if tables:
            message += f"; did you mean {dotted((*section, *above, tables[0], last))}?"
        return (*section, *above, last), f"{label}: {message}"
    if problem["type"] == "missing":
        missing = dotted((*section, *problem["loc"]))
        return section, f"{label} needs {missing}, which is not set"
    known = _known_part(problem["loc"], values)
    key, message = (*section, *known), _in_our_words(problem)
    subject = dotted(key) if known else f"{label}:"
    if problem["type"] in ("value_error", "assertion_error"):
        return key, f"{subject.removesuffix(':')}: {message}"
    return key, f"{subject} {message}, received {_shown(problem['input'])}"


def _in_our_words(problem: "ErrorDetails") -> str:
    message = problem["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    message = " ".join(message.split()).replace("Input should", "must")
    for theirs, ours in _PLAIN_WORDS.items():
        message = message.replace(theirs, ours)
    if problem["type"] in ("literal_error", "enum"):
        legal = re.findall(r"'([^']*)'", str(problem.get("ctx", {}).get("expected", "")))
        for near in get_close_matches(str(problem["input"]), legal, n=1):
            message += f" (did you mean {near!r}?)"
    return message


def _known_part(location: Sequence[int | str], values: Any) -> list[str]:
    """Return what of a location exists in the values.

    Pydantic adds parts for the branches of a union, which users never typed.
    """
    known = []
    for part in location:
        inside = dict(enumerate(values)) if isinstance(values, list | tuple) else values
        if isinstance(inside, Mapping) and part in inside:
            values = inside[part]
            known.append(str(part))
    return known


def _fields_at(model: type[BaseModel], location: list[str]) -> list[str]:
    """Return the legal names in a table of a model."""
    for part in location:
        field = model.model_fields.get(part)
        inner = model_in(field.annotation) if field else None
        if inner is None:
            return []
        model = inner
    return list(model.model_fields)


def model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the first model that a type holds, such as that of `X | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    models = (model_in(part) for part in get_args(annotation))
    return next((model for model in models if model), None)


def _holds_any(annotation: Any) -> bool:
    """Return whether a type has Any within."""
    return annotation is Any or any(map(_holds_any, get_args(annotation)))


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
