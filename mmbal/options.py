"""The base class of everything a user can set: typed, strict, self-describing."""

from pydantic import BaseModel, ConfigDict


class Options(BaseModel):
    """Options of a component or of a run.

    Subclass it with annotated fields, `Field(description=...)` for the help text that
    `mmbal plugins show` prints, and validators for what types cannot say. Unknown names
    and wrong types are refused; instances cannot be changed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class NoOptions(Options):
    """For a component that has nothing to set."""
