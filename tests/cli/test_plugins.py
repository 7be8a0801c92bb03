"""`mmbal plugins`, completion and the outermost group."""

import json
from functools import partial
from typing import Any

import pytest
import tomlkit
from click.shell_completion import ShellComplete

import mmbal as package
from mmbal.cli import cli
from mmbal.cli.console import console
from mmbal.cli.progress import ConsoleProgress


@pytest.mark.parametrize("arguments", [("plugins",), ("plugins", "list")])
def test_table(mmbal: Any, arguments: tuple[str, ...]) -> None:
    done = mmbal(*arguments)

    assert done.exit_code == 0
    sections = dict(part.split(":\n", 1) for part in done.stdout.split("\n\n"))
    assert "  colored-digits " in sections["recipes (mmbal run NAME)"]
    assert "  vanilla " in sections["strategies (--strategy NAME[+NAME]...)"]
    assert "adam, adamax" in sections["also, told more of by --kind KIND"]


def test_one_kind_alone(mmbal: Any) -> None:
    shown = mmbal("plugins", "--kind", "optimizer").stdout
    assert shown.startswith("optimizers:\n  adadelta ")
    assert "strategies" not in shown
    assert mmbal("plugins", "list", "--kind", "optimizer").stdout == shown
    listing = json.loads(mmbal("plugins", "--kind", "optimizer", "--json").stdout)
    assert {each["kind"] for each in listing["components"]} == {"optimizer"}
    assert listing["recipes"] == []
    done = mmbal("plugins", "--kind", "optimizer", "show", "adam")
    assert done.exit_code == 2
    assert "give --kind behind 'show'" in done.stderr


def test_no_name_is_broken_in_80_columns(mmbal: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [c["name"] for c in json.loads(mmbal("plugins", "--json").stdout)["components"]]
    monkeypatch.setenv("COLUMNS", "80")
    lines = mmbal("plugins").stdout.splitlines()
    assert max(map(len, lines)) <= 80
    words = {word.strip(",:") for line in lines for word in line.split()}
    assert set(names) <= words


@pytest.mark.parametrize(
    "arguments",
    [("plugins", "--json"), ("plugins", "list", "--json"), ("plugins", "--json", "list")],
)
def test_json(mmbal: Any, arguments: tuple[str, ...]) -> None:
    listing = json.loads(mmbal(*arguments).stdout)

    assert listing["problems"] == []
    assert listing["api"] == package.API_VERSION
    [guided] = [c for c in listing["components"] if c["name"] == "guided"]
    assert guided["kind"] == "strategy"
    assert guided["distribution"].startswith("mmbal-guided ")
    assert "colored-digits" in [recipe["name"] for recipe in listing["recipes"]]


def test_compatibility_is_listed(mmbal: Any) -> None:
    listing = json.loads(mmbal("plugins", "--json").stdout)
    assert listing["compatibility"]["guided"]["mmtm-cnn"] == []
    assert set(listing["compatibility"]) == {
        c["name"] for c in listing["components"] if c["kind"] == "strategy"
    }

    unmet = mmbal("plugins").stdout.partition("not every strategy trains every architecture")[2]
    [guided] = [line for line in unmet.splitlines() if line.startswith("  guided, random ")]
    assert guided.endswith("needs isolation: not with late-concat, late-mlp, late-sum")


def test_show_component(mmbal: Any) -> None:
    done = mmbal("plugins", "show", "guided")

    assert "strategy guided: " in done.stdout
    assert "arXiv 2202.05306" in done.stdout
    [row] = [line for line in done.stdout.splitlines() if line.startswith("tolerance")]
    assert ">= 0" in row
    assert "number" in row


def test_show_optimizer_and_schedule(mmbal: Any) -> None:
    shown = json.loads(mmbal("plugins", "show", "adam", "--json").stdout)
    options = {each["name"]: each for each in shown["options"]}
    assert (options["beta_2"]["default"], options["decay"]["default"]) == (0.999, "decoupled")
    assert all(each["help"] for each in options.values())

    done = mmbal("plugins", "show", "cosine")
    assert "schedule cosine: learning rate: half a cosine" in done.stdout
    assert {"warmup_epochs", "warmup_steps", "final"} <= {*done.stdout.split()}


def test_show_component_without_options(mmbal: Any) -> None:
    assert "it has no options" in mmbal("plugins", "show", "vanilla").stdout


def test_show_component_as_json(mmbal: Any) -> None:
    shown = json.loads(mmbal("plugins", "show", "guided", "--json").stdout)

    assert shown["plugin"] == "guided"
    assert {"name", "type", "legal", "default", "required", "help"} == set(shown["options"][0])


def test_show_recipe(mmbal: Any) -> None:
    done = mmbal("plugins", "show", "colored-digits", "--kind", "recipe")

    assert "command: mmbal run colored-digits" in done.stdout
    assert "[optimizer]\n" in done.stdout
    as_json = mmbal("plugins", "show", "colored-digits", "--kind", "recipe", "--json")
    assert json.loads(as_json.stdout)["dataset"] == "colored-digits"


def test_show_what_a_recipe_changes_for_a_sample_and_what_it_needs(mmbal: Any) -> None:
    done = mmbal("plugins", "show", "modelnet40", "--kind", "recipe")

    assert "epochs = 299 # recipe modelnet40" in done.stdout
    tail = done.stdout.split("# what --sample changes, to run through the dataset's sample\n")[1]
    changes = tomlkit.parse(tail).unwrap()
    assert (changes["epochs"], changes["dataset"]) == (20, {"sample": 36})
    done = mmbal("plugins", "show", "nvgesture-pretrained")
    assert done.exit_code == 0
    assert "needs architecture.weights: the checkpoint of" in done.stdout
    as_json = mmbal("plugins", "show", "nvgesture-pretrained", "--json")
    assert list(json.loads(as_json.stdout)["needs"]) == ["architecture.weights"]


def test_show_unknown_or_ambiguous_name(mmbal: Any) -> None:
    for arguments, message in [
        (["guidde"], "unknown recipe or component 'guidde'; did you mean 'guided'?"),
        (["colored-digits"], "is a recipe and a dataset; say which with --kind"),
        (["guided", "--kind", "dataset"], "unknown dataset 'guided'"),
    ]:
        done = mmbal("plugins", "show", *arguments)
        assert done.exit_code == 2
        assert message in done.stderr


class TestCheck:
    """`mmbal plugins check`; the rules themselves are tested in tests/testing."""

    def test_one_rule(self, mmbal: Any) -> None:
        done = mmbal("plugins", "check", "colored-digits", "--kind", "dataset", "--rule", "loading")

        assert done.exit_code == 0
        [line] = done.stdout.splitlines()
        assert line.split()[:4] == ["dataset", "colored-digits:", "loading", "ok"]
        assert "checking dataset colored-digits" in done.stderr

    def test_json_with_options(self, mmbal: Any) -> None:
        done = mmbal(
            "plugins", "check", "colored-digits", "--rule", "examples", "--rule", "augmentation",
            "--set", "colour_variance=0.03", "--json",
        )  # fmt: skip

        told = json.loads(done.stdout)
        assert told["ok"] is True
        assert [rule["rule"] for rule in told["rules"]] == ["examples", "augmentation"]
        assert [rule["status"] for rule in told["rules"]] == ["ok", "skipped"]
        assert told["rules"][1]["found"] == "it does not augment"
        assert all(rule["why"] and rule["fix"] for rule in told["rules"])

    @pytest.mark.parametrize("as_json", [False, True])
    def test_a_broken_rule_is_exit_code_2(self, mmbal: Any, tmp_path: Any, as_json: bool) -> None:
        mmbal("data", "sample", "colored-digits", str(tmp_path / "digits"))
        [path] = (tmp_path / "digits").iterdir()
        path.write_bytes(path.read_bytes()[:200])

        done = mmbal(
            "plugins", "check", "colored-digits", "--data-dir", str(tmp_path / "digits"),
            "--rule", "loading", *(["--json"] if as_json else []),
        )  # fmt: skip

        assert done.exit_code == 2
        assert done.stderr.splitlines()[-1] == "error: colored-digits: 1 rule is broken"
        if as_json:
            [rule] = json.loads(done.stdout)["rules"]
            assert (rule["status"], rule["rule"]) == ("failed", "loading")
        else:
            first, *more = done.stdout.splitlines()
            assert "loading" in first
            assert "failed" in first
            assert path.name in first
            words = [line.strip().partition(":")[0] for line in more]
            assert words == ["rule", "why", "fix"]  # as in pytest

    def test_a_distribution_has_all_its_components_checked(
        self, mmbal: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[str] = []
        monkeypatch.setattr("mmbal.testing.check", partial(_note, asked))

        for name in ("mmbal-colored-mnist", "colored-mnist", "guided", "mmbal-guided"):
            assert mmbal("plugins", "check", name).exit_code == 0
        digits, fashion, mnist = "colored-digits", "colored-fashion-mnist", "colored-mnist"
        ours = [
            f"{kind} {name}" for kind in ("dataset", "recipe") for name in (digits, fashion, mnist)
        ]
        guided = ["strategy guided", "strategy guided", "strategy random"]
        assert asked == [*ours, f"dataset {mnist}", f"recipe {mnist}", *guided]

    @pytest.mark.parametrize("as_json", [False, True])
    def test_a_distribution_that_offers_nothing(self, mmbal: Any, as_json: bool) -> None:
        done = mmbal("plugins", "check", "numpy", *(["--json"] if as_json else []))

        assert done.exit_code == 0
        if as_json:
            assert json.loads(done.stdout)["rules"] == []
        else:
            assert done.stdout == "nothing to check: numpy offers no components and no recipes\n"

    def test_recipes_and_evaluations_have_rules(self, mmbal: Any) -> None:
        arguments = {"colored-digits": ["--kind", "recipe", "--rule", "settings"]}
        arguments["accuracy"] = ["--rule", "scores"]
        for name, rest in arguments.items():
            done = mmbal("plugins", "check", name, *rest)
            assert done.exit_code == 0
            assert f"{name}: {rest[-1]}" in " ".join(done.stdout.split())
            assert " ok " in done.stdout

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["guidde"], "unknown component, recipe, plugin or distribution 'guidde'; did you"),
            (["guided", "--kind", "dataset"], "unknown dataset 'guided'"),
            (
                ["colored-digits", "--rule", "example"],
                "unknown rule of a dataset 'example'; did you mean",
            ),
            (["guided", "--set", "windw=1"], "unknown option 'windw'; did you mean 'window'?"),
            (
                ["mmbal-guided", "--rule", "effect"],
                "are of one of those of 'mmbal-guided': strategy guided, strategy random",
            ),
        ],
    )
    def test_what_cannot_be_checked(self, mmbal: Any, arguments: list[str], message: str) -> None:
        done = mmbal("plugins", "check", *arguments)

        assert done.exit_code == 2
        assert message in done.stderr


def _note(asked: list[str], subject: Any, rules: Any) -> list[Any]:
    asked.append(f"{subject.component.kind} {subject.component.name}")
    return []


def test_help_and_version(mmbal: Any) -> None:
    for arguments in ([], ["--help"]):
        done = mmbal(*arguments)
        assert done.exit_code == 0
        assert "_MMBAL_COMPLETE=bash_source" in done.stdout
        for command in ("run", "evaluate", "report", "compare", "plugins", "data"):
            assert f"  {command} " in done.stdout
    assert mmbal("--version").stdout == f"mmbal, version {package.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "incomplete", "expected"),
    [
        (["run", "--plugin"], "colored-d", ["colored-digits"]),
        (["run", "--strategy"], "v", ["vanilla"]),
        (["plugins", "show"], "gui", ["guided"]),
        (["data", "check"], "colored-d", ["colored-digits"]),
        (["run", "--plugin", "colored-digits", "--set"], "strategy.win", ["strategy.window="]),
        (["run", "colored-digits", "--modalities"], "", ["gray", "color"]),
        (["sweep", "--dataset", "colored-digits", "--modalities"], "c", ["color"]),
        (["run", "--plugin", "nothing", "--modalities"], "", []),
        (["run", "--plugin", "nothing", "--set"], "strategy.win", []),
    ],
)
def test_completion(arguments: list[str], incomplete: str, expected: list[str]) -> None:
    completion = ShellComplete(cli, {}, "mmbal", "_MMBAL_COMPLETE")

    found = completion.get_completions(arguments, incomplete)

    assert [item.value for item in found] == expected


def test_progress_on_a_terminal_has_a_bar(capsys: pytest.CaptureFixture[str]) -> None:
    out = console(err=True)
    out._force_terminal = True
    with ConsoleProgress(out) as progress:
        progress.started(2, 10)
        progress.stepped(1, 5, 0.5)
        progress.epoch_done(1, {"loss": 0.5})
        progress.stepped(2, 10, None)
        progress.epoch_done(2, {"loss": 0.25})
        progress.stage("measuring")

    written = capsys.readouterr().err
    assert "epoch 1/2  loss 0.5000" in written
    assert "measuring" in written
