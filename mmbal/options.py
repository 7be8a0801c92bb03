"""The base class of everything a user can set: typed, strict, self-describing."""

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Options(BaseModel):
    """Options of a component or of a run.

    Subclass it with annotated fields, `Field(description=...)` for the help text that
    `mmbal plugins show` prints, and validators for what types cannot say. Unknown names
    and wrong types are refused; instances cannot be changed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class NoOptions(Options):
    """For a component that has nothing to set."""


class ComposedOptions(Options):
    """Options of composed strategies: a table per part."""


class WindowOptions(Options):
    """Of a method that acts in some epochs only; outside of them training is plain."""

    starts: int = Field(default=0, ge=0, description="first epoch in which it acts, from 0")
    ends: int | None = Field(default=None, ge=0, description="last such epoch; none for no end")

    @model_validator(mode="after")
    def _in_order(self) -> "WindowOptions":
        if self.ends is not None and self.ends < self.starts:
            raise ValueError(f"ends must be at least starts, {self.starts}; received {self.ends}")
        return self
