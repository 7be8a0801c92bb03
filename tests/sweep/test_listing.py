import pytest

from mmbal.errors import ConfigError
from mmbal.sweep.listing import listed_axis

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

    with pytest.raises(ConfigError, match=message):
        listed_axis(tmp_path / name)


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl", "t.toml"])
def test_what_cannot_be_read_is_refused(tmp_path, name):
    with pytest.raises(ConfigError, match="cannot read .*: No such file"):
        listed_axis(tmp_path / name)
    (tmp_path / name).write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(ConfigError, match="cannot read .*: it is not UTF-8 text"):
        listed_axis(tmp_path / name)
