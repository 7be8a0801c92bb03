import pytest

from mmbal.errors import ConfigError, MmbalError
from mmbal.sweep.axes import (
    MOST_TRIALS,
    assignment_axis,
    fixed,
    listed_axis,
    points,
    seed_axis,
    strategy_axis,
)

TOML = """
[[trials]]
strategy = "vanilla"
"optimizer.learning_rate" = 0.1

[[trials]]
seed = 3
[trials.strategy]
name = "guided"
tolerance = 0.2
"""
CSV = """strategy, seed,strategy.tolerance,evaluations
vanilla,1,,
guided,2,0.5,"[""accuracy"", ""utilization""]"

"""
JSONL = '{"strategy": "vanilla", "data_dir": null}\n\n{"optimizer": {"learning_rate": 0.1}}\n'


def values(axis):
    return [override.value for (override,) in axis]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.1", [0.1]),
        ("0.1,0.2", [0.1, 0.2]),
        (" 0.1 , 0.2", [0.1, 0.2]),
        ("sgd,adam", ["sgd", "adam"]),
        ('"a,b",c', ["a,b", "c"]),
        ("'a,b'", ["a,b"]),
        (r'"a\",b",c', ['a",b', "c"]),
        ('["a","b"]', [["a", "b"]]),
        ('["a"],["a","b"]', [["a"], ["a", "b"]]),
        ("{a=1,b=2},{a=3}", [{"a": 1, "b": 2}, {"a": 3}]),
        ("true,false", [True, False]),
        ("", [""]),
    ],
)
def test_commas_part_values_outside_of_quotes_and_brackets(text, expected):
    assert values(assignment_axis(f"some.key={text}")) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tolerance", "--set must be key=value"),
        ("=1,2", "--set must be key=value"),
        ("a=1,,2", "--set a=1,,2: a value between the commas is empty"),
        ("a=1,", "a value between the commas is empty"),
        ('a=1,["b"', "no complete TOML value"),
    ],
)
def test_what_is_no_assignment_is_refused(text, message):
    with pytest.raises(ConfigError, match=message.replace("[", r"\[")):
        assignment_axis(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0-4", [0, 1, 2, 3, 4]), ("0,2,5", [0, 2, 5]), ("0-1, 7", [0, 1, 7]), ("3", [3])],
)
def test_seeds(text, expected):
    assert values(seed_axis(text)) == expected


@pytest.mark.parametrize("text", ["", "x", "4-0", "0-", "-1", "1.5", "0,,1", "0..4"])
def test_what_is_no_seed_is_refused(text):
    with pytest.raises(ConfigError, match="--seeds must be numbers and rising ranges"):
        seed_axis(text)


def test_too_many_trials_are_refused():
    with pytest.raises(ConfigError, match=f"of at most {MOST_TRIALS}, such as 0-4 .* '0-999999'"):
        seed_axis("0-999999")
    with pytest.raises(ConfigError, match="a sweep has at most 10000 trials, received 30000"):
        points([seed_axis("0-9999"), strategy_axis("a,b,c")])


def test_an_empty_strategy_is_refused():
    with pytest.raises(ConfigError, match="--strategy must be names between commas"):
        strategy_axis("guided,")


def test_points_are_every_combination_the_first_axis_slowest():
    found = points([strategy_axis("a,b"), fixed("epochs", 1, "--epochs 1"), seed_axis("0-1")])

    assert [[each.value for each in point] for point in found] == [
        ["a", 1, 0], ["a", 1, 1], ["b", 1, 0], ["b", 1, 1],
    ]  # fmt: skip


@pytest.mark.parametrize(
    "others",
    [
        [assignment_axis("epochs=1"), fixed("epochs", 2, "--epochs 2")],
        [strategy_axis("guided"), assignment_axis("strategy.name=vanilla")],
        [assignment_axis("a=1"), assignment_axis("a=2")],
    ],
)
def test_a_key_is_set_in_one_place(others):
    with pytest.raises(ConfigError, match="is also set by .*; give all its values at one place"):
        points(others)


def rows(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return [{each.key: each.value for each in point} for point in listed_axis(path)]


def test_toml(tmp_path):
    assert rows(tmp_path, "t.toml", TOML) == [
        {"strategy": "vanilla", "optimizer.learning_rate": 0.1},
        {"seed": 3, "strategy.name": "guided", "strategy.tolerance": 0.2},
    ]


def test_csv(tmp_path):
    assert rows(tmp_path, "t.csv", CSV) == [
        {"strategy": "vanilla", "seed": 1},
        {
            "strategy": "guided",
            "seed": 2,
            "strategy.tolerance": 0.5,
            "evaluations": ["accuracy", "utilization"],
        },
    ]


def test_jsonl(tmp_path):
    assert rows(tmp_path, "t.JSONL", JSONL) == [
        {"strategy": "vanilla", "data_dir": "none"},
        {"optimizer.learning_rate": 0.1},
    ]


def test_origins_name_the_row(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(CSV, encoding="utf-8")

    first, second = listed_axis(path)

    assert first[1].origin == f"{path}:2 seed=1"
    assert second[0].origin.startswith(f"{path}:3 ")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("t.json", "", "--trials must end in .toml, .csv, .jsonl, received"),
        ("t.toml", "seed = 1", r"must hold \[\[trials\]\] tables and nothing else, received seed"),
        ("t.toml", "", "nothing else, received nothing"),
        ("t.toml", "trials = 3", r"must hold \[\[trials\]\] tables"),
        ("t.toml", "trials = [3]", "trial 1: a trial must be a table of settings, received 3"),
        ("t.toml", "trials = []", "lists no trial"),
        ("t.toml", "x = [", "t.toml:1: not valid TOML"),
        ("t.csv", "", "lists no trial"),
        ("t.csv", "seed,seed\n1,2\n", "t.csv:1: the header must name each column once"),
        ("t.csv", "seed,\n1,2\n", "t.csv:1: the header must name each column once"),
        ("t.csv", "seed\n1,2\n", "t.csv:2: expected 1 cells, received 2"),
        ("t.csv", f"seed\n{'1' * 200_000}\n", "not valid CSV"),
        ("t.jsonl", "{\n", "t.jsonl:1: not a line of JSON"),
        ("t.jsonl", "{}\n", "t.jsonl:1: a trial must be a table of settings"),
        ("t.jsonl", "\n", "lists no trial"),
    ],
)
def test_what_is_no_list_is_refused(tmp_path, name, text, message):
    (tmp_path / name).write_text(text, encoding="utf-8")

    with pytest.raises(MmbalError, match=message):
        listed_axis(tmp_path / name)


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl", "t.toml"])
def test_what_cannot_be_read_is_refused(tmp_path, name):
    with pytest.raises(MmbalError, match="cannot read .*: No such file"):
        listed_axis(tmp_path / name)
    (tmp_path / name).write_bytes(b"\xff\xfa")
    with pytest.raises(MmbalError, match=f"{name}:1: no UTF-8 text"):
        listed_axis(tmp_path / name)


def test_a_key_that_is_there_twice_in_a_line_is_refused(tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_text('{"seed": 1, "seed": 2}\n')

    with pytest.raises(ConfigError, match=r"t.jsonl:1: .*a key is there twice in \['seed', 'seed'"):
        listed_axis(path)
