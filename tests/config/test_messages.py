"""Every mistake is one line: where it stands, what is legal, what was received."""

from pathlib import Path

import pytest

from mmbal.config.assignment import parse_assignment
from mmbal.config.resolution import resolve
from mmbal.errors import ConfigError, MmbalError
from mmbal.registry.catalogue import Catalogue, Provenance
from mmbal.registry.component import Component

ASSIGNMENTS = [
    ("strategy.tolerence=1", "strategy 'guided': unknown option 'tolerence'; did you mean 'tol"),
    ("strategy.tolerance=-1", "strategy.tolerance must be greater than or equal to 0, received -1"),
    ("strategy.tolerance=high", "strategy.tolerance must be a number, received 'high'"),
    ("strategy.window=true", "strategy.window must be an integer, received true"),
    ("strategy.window=1.0", "strategy.window must be an integer, received 1.0"),
    ('epochs="3"', "epochs must be an integer, received '3'"),
    ("epochs=0", "epochs must be greater than or equal to 1, received 0"),
    ("epoch=3", "unknown setting 'epoch'; did you mean 'epochs'? (legal: architecture, "),
    ("tolerance=3", "did you mean strategy.tolerance?"),
    ("strategy.update=al", "must be 'all' or 'isolated' (did you mean 'all'?), received 'al'"),
    ("strategy.low=10", "strategy 'guided': low must not exceed high, received 10 and 9"),
    ("dataset.shape=[1, 2, 3]", "dataset.shape "),
    ("dataset.shape=[1, 'a']", "dataset.shape.1 must be an integer, received 'a'"),
    ("dataset.colour=rad", "dataset.colour must be 'red' or 'blue' (did you mean 'red'?)"),
    ("dataset.split.train=1", "dataset.split.train must be less than 1, received 1"),
    ("dataset.split.trian=1", "unknown option 'split.trian'"),
    ("dataset.split=3", "dataset.split must be a table, received 3"),
    ("dataset.seed=x", "dataset.seed must be an integer, received 'x'"),
    ("strategy=guide", "unknown strategy 'guide'; did you mean 'guided'?"),
    ("strategy=3", "strategy must be a name or a table, received 3"),
    ("strategy.name=3", "strategy.name must be text, received 3"),
    ("recipe=3", "recipe must be text, received 3"),
    ("architecture=needy", "architecture 'needy' needs architecture.size, which is not set"),
    ("evaluations.extras.batches=1", "unknown evaluation 'extras'; did you mean 'extra'?"),
    ("evaluations.extra=1", "evaluations.extra must be a table of options"),
    ("evaluations=accuracy", "evaluations must be a list of names or a table of tables"),
    ("optimizer=adan", "unknown optimizer 'adan'; did you mean 'adam'?"),
    ("optimizer.momentun=1", "optimizer 'sgd': unknown option 'momentun'; did you mean 'momentum'"),
    ("optimizer.momentum=x", "optimizer.momentum must be a number, received 'x'"),
    ("optimizer.learning_rate=0", "optimizer.learning_rate must be greater than 0, received 0"),
    ("optimizer.learning_rate=inf", "optimizer.learning_rate must be a finite number"),
    ("learning_rate=1", "did you mean optimizer.learning_rate?"),
    ("optimizer.decay=torch", "optimizer.decay must be 'decoupled' or 'coupled', received 'torch'"),
    ("schedule=cosin", "unknown schedule 'cosin'; did you mean 'cosine'?"),
    ("schedule=step", "schedule 'step' needs schedule.every, which is not set"),
    ("schedule.final=0", "schedule 'constant': unknown option 'final'"),
    ("modalities=sight", "modalities must be a list, received 'sight'"),
    (
        'modalities=["sight","sight"]',
        "modalities: must be distinct, non-empty names, received ['si",
    ),
    ('modalities=[""]', "modalities: must be distinct, non-empty names, received ['']"),
    ('modalities=["sigth"]', "unknown modality 'sigth'; did you mean 'sight'? (legal: sight, sou"),
    ("precision=half", "precision must be 'float32', 'float64', "),
]


@pytest.mark.parametrize(("assignment", "message"), ASSIGNMENTS)
def test_mistake_on_the_command_line(toys: Catalogue, assignment: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve(toys, "toy", None, [parse_assignment(assignment)])

    text = str(caught.value)
    assert text.startswith(f"--set {assignment}: ")
    assert message in text
    assert "\n" not in text
    assert "pydantic" not in text


FILES = [
    ("epochs = 3\n\n[strategy]\ntolerance = -1\n", 4, "strategy.tolerance must be"),
    ("[strategy]\nname = 'guided'\n\nwindow = [\n1,\n]\n", 4, "must be an integer"),
    ("[dataset]\nsplit.train = 2\n", 2, "dataset.split.train must be less than 1"),
    ("[dataset.split]\ntrain = 2\n", 2, "dataset.split.train must be less than 1"),
    ("[dataset]\nsplit = {train = 2}\n", 2, "dataset.split.train must be less than 1"),
    ("data_dir = '''\nx = 1\n'''\nepochz = 1\n", 4, "unknown setting 'epochz'"),
    ("# [strategy]\nstrategy.windoww = 1\n", 2, "unknown option 'windoww'"),
    ("[evaluations.extra]\n\nbatches = 0\n", 3, "evaluations.extra.batches must be"),
    ("[[strategy]]\nwindow = 1\n", 1, "strategy must be a name or a table"),
    ("[recipy]\nx = 1\n", 2, "unknown setting 'recipy'; did you mean 'recipe'?"),
    ("epochs = 3\nepochs = 4\n", 2, 'not valid TOML: Key "epochs" already exists'),
    ("epochs = 3\n\nseed = = 4\n", 3, "not valid TOML: "),
    ("recipe = 'toi'\n", 1, ""),
]


@pytest.mark.parametrize(("toml", "line", "message"), FILES)
def test_mistake_in_a_file(
    toys: Catalogue, tmp_path: Path, toml: str, line: int, message: str
) -> None:
    file = tmp_path / "run.toml"
    file.write_text(toml, encoding="utf-8")
    if not message:
        with pytest.raises(MmbalError, match="unknown recipe 'toi'; did you mean 'toy'"):
            resolve(toys, None, file)
        return

    with pytest.raises(ConfigError) as caught:
        resolve(toys, "toy", file)

    assert str(caught.value).startswith(f"{file}:{line}: ")
    assert message in str(caught.value)


def test_files_that_cannot_be_read(toys: Catalogue, tmp_path: Path) -> None:
    with pytest.raises(MmbalError, match=r"cannot read .*absent.toml: No such file"):
        resolve(toys, "toy", tmp_path / "absent.toml")
    (tmp_path / "config.toml").touch()
    with pytest.raises(MmbalError, match=r"it is a folder, not a file; it holds config.toml$"):
        resolve(toys, "toy", tmp_path)
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b"data_dir = '\xe4'\n")
    with pytest.raises(MmbalError, match="latin.toml:1: no UTF-8 text"):
        resolve(toys, "toy", latin)
    long = tmp_path / "long.toml"
    long.write_text(f"epochs = {'9' * 5000}\n")
    with pytest.raises(ConfigError, match=r"long.toml:1: not valid TOML: Invalid number"):
        resolve(toys, "toy", long)


@pytest.mark.parametrize("schedule", ["schedule=cosine", "schedule.warmup_steps=3"])
def test_schedule_and_callback_do_not_both_set_the_learning_rate(
    toys: Catalogue, schedule: str
) -> None:
    callback = parse_assignment("callbacks.reduce-lr-on-plateau.patience=2")
    name = "cosine" if "cosine" in schedule else "constant"

    assert resolve(toys, "toy", None, [callback, parse_assignment("schedule=constant")])
    with pytest.raises(ConfigError) as caught:
        resolve(toys, "toy", None, [callback, parse_assignment(schedule)])
    assert str(caught.value) == (
        f"--set {schedule}: schedule {name!r} and callback 'reduce-lr-on-plateau' both set the "
        "learning rate: leave one of them out (schedule=constant without warm-up sets none)"
    )


def test_rule_over_several_options_points_at_the_strongest_layer(
    toys: Catalogue, tmp_path: Path
) -> None:
    file = tmp_path / "run.toml"
    file.write_text("[strategy]\nlow = 8\n", encoding="utf-8")

    with pytest.raises(ConfigError, match=r"^--set strategy.high=7: strategy 'guided': low must"):
        resolve(toys, "toy", file, [parse_assignment("strategy.high=7")])


def test_what_is_wrong_with_a_recipe_or_a_plugin_is_told_with_its_name(toys: Catalogue) -> None:
    toys.recipe("toy").options["stratgy"] = {"window": 3}  # type: ignore[index]
    with pytest.raises(ConfigError) as caught:
        resolve(toys, "toy")
    assert str(caught.value).startswith(
        "recipe toy (mmbal-toys 3.1): unknown setting 'stratgy'; did you mean 'strategy'?"
    )

    toys.add(Component("dataset", "torn", "", "x:x", "toy_options:Absent"), Provenance("a", "b 1"))
    with pytest.raises(ConfigError, match="^--set dataset=torn: plugin 'a' of b 1: dataset 'torn'"):
        resolve(toys, "toy-poor", None, [parse_assignment("dataset=torn")])


@pytest.mark.parametrize("text", ["epochs", "=3", "a..b=3", ".a=3", ""])
def test_assignment_without_a_key(text: str) -> None:
    with pytest.raises(ConfigError, match="--set must be key=value"):
        parse_assignment(text)


@pytest.mark.parametrize("text", ["x=[1,", 'x="a', "x={a=1", f"x=[{'9' * 5000}]"])
def test_assignment_cut_short(text: str) -> None:
    with pytest.raises(ConfigError, match="no complete TOML value"):
        parse_assignment(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("k=3", 3),
        ("k=1e-3", 0.001),
        ("k=true", True),
        ("k=bare-word", "bare-word"),
        ("k=/data/a b", "/data/a b"),
        ('k="3"', "3"),
        ("k=[1, 2]", [1, 2]),
        ("k={a=1}", {"a": 1}),
        ("k=", ""),
        ("k=a=b", "a=b"),
        ("k=1.2.3", "1.2.3"),
        ("k=1\nz=2", "1\nz=2"),
    ],
)
def test_assignment_values(text: str, value: object) -> None:
    assert parse_assignment(text).value == value
