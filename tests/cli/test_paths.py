"""Paths mean the same in every option, in whatever spelling and working directory."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from mmbal.cli import cli
from mmbal.cli.options import TypedPath
from mmbal.config.assignment import parse_assignment
from mmbal.config.resolution import choose, resolve
from mmbal.config.settings import RunSettings
from mmbal.config.toml import read_file
from mmbal.options import Options, model_in
from mmbal.registry.discovery import discover
from mmbal.sweep.axes import listed_axis


def commands(group: click.Command = cli, name: str = "mmbal") -> Iterator[tuple[str, Any]]:
    """Yield every command with its name."""
    yield name, group
    if isinstance(group, click.Group):
        ctx = click.Context(group)
        for inner in group.list_commands(ctx):
            yield from commands(group.get_command(ctx, inner), f"{name} {inner}")


PARAMETERS = {
    f"{name} {parameter.name}": (command, parameter)
    for name, command in commands()
    for parameter in command.params
}
PATHS = [key for key, (_, each) in PARAMETERS.items() if isinstance(each.type, click.Path)]
ONCE = [
    (name.split()[1:-1], each.opts[0])
    for name, (_, each) in PARAMETERS.items()
    if isinstance(each, click.Option) and not (each.is_flag or each.multiple)
]


def fields(model: type[Options], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the options of a class, and of the classes in it, that are paths."""
    for name, field in model.model_fields.items():
        if "Path" in repr(field.annotation):
            yield *above, name
        elif inner := model_in(field.annotation):
            yield from fields(
                inner, (*above, name, *(["x"] if "dict" in repr(field.annotation) else []))
            )


CATALOGUE = discover()
FIELDS = [
    (each.kind, each.name, ".".join(key))
    for each in CATALOGUE.components()
    for key in fields(CATALOGUE.options_class(each.kind, each.name))
]
SETTINGS = [key for (key,) in fields(RunSettings)]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a home of its own."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


def test_the_lists_are_complete() -> None:
    assert len(PATHS) >= 15
    assert {"cache", "weights", "branches.x.weights"} <= {key for *_, key in FIELDS}
    assert "data_dir" in SETTINGS


@pytest.mark.parametrize("key", PATHS)
def test_every_path_of_a_command_may_begin_with_a_home(key: str, home: Path) -> None:
    command, parameter = PARAMETERS[key]
    with click.Context(command) as ctx:

        def convert(text: str) -> Any:
            return parameter.type.convert(text, parameter, ctx)

        assert isinstance(parameter.type, TypedPath)
        suffix = next(iter(parameter.type.suffixes), "")
        assert convert(f"~/r{suffix}") == home / f"r{suffix}"
        assert convert(f"a/~{suffix}") == Path(f"a/~{suffix}")
        with pytest.raises(click.BadParameter, match="no home directory is known for '~nobody-x'"):
            convert(f"~nobody-x/r{suffix}")
        with pytest.raises(click.BadParameter, match="must not be empty"):
            convert("")


@pytest.mark.parametrize("spelling", [["--out=~/r"], ["--out", "~/r"]])
def test_shells_need_not_know_the_home(
    mmbal: Any, experiment: Any, home: Path, spelling: list[str]
) -> None:
    done = mmbal("run", "colored-digits", *spelling, "--data-dir=~/d")

    assert done.exit_code == 0, done.output
    [(resolved, _, out)] = experiment.calls
    assert (out, resolved.config.data_dir) == (home / "r", home / "d")


@pytest.mark.parametrize(("kind", "name", "key"), FIELDS)
def test_every_path_of_a_component_is_absolute(kind: str, name: str, key: str, home: Path) -> None:
    for text, path in [("~/w", home / "w"), ("w.x", Path("w.x").absolute())]:
        options: Any = choose(CATALOGUE, kind, name, [parse_assignment(f"{key}={text}")]).options
        for part in key.split("."):
            options = options[part] if isinstance(options, dict) else getattr(options, part)
        assert options == path
    with pytest.raises(Exception, match=f"{key}: no home directory is known for '~nobody-x'"):
        choose(CATALOGUE, kind, name, [parse_assignment(f"{key}=~nobody-x/w")])


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("text", ["~/d", "d"])
def test_every_path_of_a_run_is_absolute_in_files_and_trials(
    setting: str, text: str, home: Path
) -> None:
    expected = home / "d" if text[0] == "~" else Path("d").absolute()
    Path("c.toml").write_text(f'{setting} = "{text}"\n')
    found = [resolve(CATALOGUE, "colored-digits", read_file(Path("c.toml"))).config]
    lists = {
        "t.toml": f'[[trials]]\n{setting} = "{text}"\n',
        "t.csv": f"{setting}\n{text}\n",
        "t.jsonl": f'{{"{setting}": "{text}"}}\n',
    }
    for name, content in lists.items():
        Path(name).write_text(content)
        [point] = listed_axis(Path(name))
        found.append(resolve(CATALOGUE, "colored-digits", None, point).config)

    assert [getattr(config, setting) for config in found] == [expected] * 4


@pytest.mark.parametrize(("words", "option"), ONCE)
def test_an_option_that_counts_once_is_refused_twice(
    mmbal: Any, words: list[str], option: str
) -> None:
    done = mmbal(*words, option, "1", option, "2")

    assert done.exit_code == 2
    assert f"{option} is given 2 times; give it once" in done.output


def test_configuration_and_result_on_one_stdout_are_refused(mmbal: Any) -> None:
    done = mmbal("run", "colored-digits", "--print-config", "--json")

    assert done.exit_code == 2
    assert "--print-config and --json exclude each other" in done.output
