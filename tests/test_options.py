"""Options are said once: what is made from them, and what is refused in which words."""

import inspect
from typing import Any

import pytest
from pydantic import Field, ValidationError

from mmbal.errors import ConfigError
from mmbal.options import Configurable, NoOptions, Options, WindowOptions, explain


class Inner(Options):
    rate: float = Field(default=0.5, lt=1)


class GateOptions(Options):
    width: int = Field(default=4, ge=1)
    mode: str | tuple[int, ...] = "soft"
    rates: float | dict[str, float] = Field(default=0.5)
    inner: Inner = Inner()


class Gate(Configurable):
    options: GateOptions


class WiderOptions(GateOptions):
    depth: int = 1


class Wider(Gate):
    options: WiderOptions


class Quoted(Configurable):
    options: "GateOptions"


class TestConfigurable:
    def test_options_by_name_or_as_they_are(self) -> None:
        given = GateOptions(width=7)

        assert Gate(width=7).options == given
        assert Gate(given).options is given
        assert Gate().options == GateOptions()

    def test_the_annotation_is_the_class(self) -> None:
        assert Gate.Options is Quoted.Options is GateOptions
        assert Wider.Options is type(Wider(depth=2).options) is WiderOptions
        assert Configurable.Options is NoOptions

    def test_a_subclass_takes_the_same_unless_it_says_otherwise(self) -> None:
        class Narrow(Gate):
            pass

        assert Narrow(width=2).options.width == 2

    def test_options_that_hold_more_are_taken(self) -> None:
        assert Gate(WiderOptions(depth=3)).options.width == 4

    def test_help_shows_them(self) -> None:
        assert list(inspect.signature(Wider).parameters) == [*WiderOptions.model_fields]

        class Own(Gate):
            def __init__(self, width: int) -> None:
                super().__init__(width=width)

        assert list(inspect.signature(Own).parameters) == ["width"]
        assert Own(3).options.width == 3

    def test_other_bases_are_made_too(self) -> None:
        class Base:
            def __init__(self) -> None:
                self.made = True

        class Both(Configurable, Base):
            options: GateOptions

        assert Both(width=2).made

    @pytest.mark.parametrize("annotation", [int, "Nowhere", GateOptions()], ids=str)
    def test_another_annotation_is_refused(self, annotation: Any) -> None:
        with pytest.raises(TypeError, match=r"Bad.options must be .* a subclass of mmbal.Options"):
            type("Bad", (Configurable,), {"__annotations__": {"options": annotation}})


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"widht": 2}, "Gate: unknown option 'widht'; did you mean 'width'? (legal: inner, mode,"),
        ({"rate": 0.1}, "did you mean Gate.inner.rate?"),
        ({"width": 0}, "Gate.width must be greater than or equal to 1, received 0"),
        ({"width": "wide"}, "Gate.width must be an integer"),
        ({"inner": {"rate": 2}}, "Gate.inner.rate must be less than 1, received 2"),
        ({"width": 0, "widht": 2}, "unknown option 'widht'"),
        ({"rates": {"a": 1, "b": "x"}}, "Gate.rates.b must be a number"),
        ({"mode": [1, "x"]}, "Gate.mode.1 must be an integer"),
    ],
    ids=str,
)
def test_settings_are_refused_in_words(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Gate(**settings)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("given", "settings", "received"),
    [
        (3, {}, "received 3"),
        (NoOptions(), {}, "received NoOptions()"),
        (GateOptions(), {"width": 2}, "width=2"),
    ],
    ids=str,
)
def test_options_of_something_else_are_refused(
    given: Any, settings: dict[str, Any], received: str
) -> None:
    with pytest.raises(ConfigError, match="Gate takes options by name, or GateOptions alone") as e:
        Gate(given, **settings)
    assert str(e.value).endswith(received)


def test_rules_over_several_options_are_told_of_the_whole() -> None:
    class Window(Configurable):
        options: WindowOptions

    with pytest.raises(ConfigError, match="^Window: ends must be at least starts, 6; received 3$"):
        Window(starts=6, ends=3)


def test_what_is_missing_is_named_in_its_section() -> None:
    class Needy(Options):
        size: int

    with pytest.raises(ValidationError) as caught:
        Needy()  # type: ignore[call-arg]
    key, message = explain(caught.value, Needy, {}, ("dataset",), "dataset 'x'")
    assert (key, message) == (("dataset",), "dataset 'x' needs dataset.size, which is not set")


class Part(Options):
    branches: dict[str, Inner] = Field(default={})
    modalities: tuple[str, ...] = ()


class Named(Options):
    rates: float | dict[str, float] = 0.5
    arguments: dict[str, Any] = Field(default={})
    cuts: tuple[str, ...] = ()
    part: Part = Part()


def test_options_without_what_they_say_of_modalities() -> None:
    branches = {"depth": Inner(rate=0.1), "rgb": Inner(rate=0.2)}
    given = Named(
        rates={"depth": 0.3, "rgb": 0.4},
        arguments={"depth": 18},  # of something that knows no modalities
        cuts=("depth",),
        part=Part(branches=branches, modalities=("rgb", "depth")),
    )

    found = given.without({"depth", "flow"})

    part = Part(branches={"rgb": Inner(rate=0.2)}, modalities=("rgb",))
    assert found == Named(rates={"rgb": 0.4}, arguments={"depth": 18}, cuts=("depth",), part=part)
    assert given.without(()) == given
    assert Named().without({"depth"}) == Named()
