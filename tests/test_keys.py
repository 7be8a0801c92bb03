"""Parts of a key may be called anything, quoted where dots and other signs would part them."""

from pathlib import Path

import pytest
import tomlkit

from mmbal.config.assignment import parse_assignment
from mmbal.config.layering import Settings
from mmbal.config.toml import read_file
from mmbal.config.writing import to_toml
from mmbal.errors import ConfigError
from mmbal.keys import cut_assignment, dotted, undotted
from mmbal.registry.discovery import discover
from mmbal.sweep.axes import assignment_axis, listed_axis
from mmbal.sweep.plan import make_trials

NAMES = [
    "left eye", "größe", "цвет", "音", "a.b", "a,b", "a[0]", "{a}", "(a)", "a=b", 'say "a"', "it's",
    "a\\b", " a ", "tab\tand\nline", "#", "'", '"', "-", "_", "0", "e\u0301", "🙂",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_any_name_is_a_part_of_a_key(name: str) -> None:
    key = ("architecture", "branches", name, "backbone")

    text = dotted(key)

    assert undotted(text) == key
    override = parse_assignment(f"{text}=resnet18")
    assert Settings.of_overrides([override]).table() == {
        "architecture": {"branches": {name: {"backbone": "resnet18"}}}
    }
    assert [point[0].key for point in assignment_axis(f"{text}=small,resnet18")] == [text, text]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("a.b", ("a", "b")),
        ('a."b.c".d', ("a", "b.c", "d")),
        ("a.'b.c'.d", ("a", "b.c", "d")),
        (' a . "b" ', ("a", "b")),
        ("цвет.größe", ("цвет", "größe")),
        ("a.it's", ("a", "it's")),
        ('"a', ('"a',)),
        ("a..b", ("a", "", "b")),
    ],
)
def test_what_users_type(text: str, key: tuple[str, ...]) -> None:
    assert undotted(text) == key


def test_only_what_must_be_is_quoted() -> None:
    assert dotted(("strategy", "modality-dropout", "p_1", "цвет")) == (
        "strategy.modality-dropout.p_1.цвет"
    )
    assert dotted(("a", "left eye")) == 'a."left eye"'


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a=b=c", ("a", "=", "b=c")),
        ('"a=b".c=d', ('"a=b".c', "=", "d")),
        ("'a=b'=\"c=d\"", ("'a=b'", "=", '"c=d"')),
        ("a", ("a", "", "")),
    ],
)
def test_the_first_equals_sign_outside_of_quotes_counts(text: str, parts: tuple[str, ...]) -> None:
    assert cut_assignment(text) == parts


@pytest.mark.parametrize("name", NAMES)
def test_every_way_to_set_a_key_means_the_same_and_is_written_back(
    tmp_path: Path, name: str
) -> None:
    catalogue, recipe = discover(), "colored-digits"
    key = dotted(("architecture", "branches", name, "backbone"))
    table = {"name": "mmtm-any", "branches": {name: {"backbone": "small"}}}
    tables = {"architecture": table}
    (tmp_path / "c.toml").write_text(tomlkit.dumps(tables), encoding="utf-8")
    (tmp_path / "t.toml").write_text(tomlkit.dumps({"trials": [tables]}), encoding="utf-8")
    cell = key.replace('"', '""')
    (tmp_path / "t.csv").write_text(
        f'architecture,"{cell}"\nmmtm-any,small\n', encoding="utf-8", newline=""
    )
    fixed = parse_assignment("architecture=mmtm-any")
    for file, axes in [
        (tmp_path / "c.toml", ()),
        (None, (listed_axis(tmp_path / "t.toml"),)),
        (None, (listed_axis(tmp_path / "t.csv"),)),
        (None, (((fixed,),), assignment_axis(f"{key}=small"))),
    ]:
        [trial] = make_trials(catalogue, recipe, file, axes)

        resolved = trial.resolved
        assert resolved.config.tree()["architecture"]["branches"][name]["backbone"] == "small"
        assert trial.settings[key] == "small"
        (tmp_path / "w.toml").write_text(
            to_toml(resolved.config, resolved.origins), encoding="utf-8"
        )
        assert read_file(tmp_path / "w.toml").values == resolved.config.tree()


def test_messages_quote_as_users_type() -> None:
    axis = assignment_axis('architecture.branches."left eye".backbon=small')

    with pytest.raises(ConfigError, match=r'branches\."left eye"\.backbon'):
        make_trials(discover(), "colored-digits", None, [axis])
