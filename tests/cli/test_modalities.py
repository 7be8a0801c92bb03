"""`--modalities` of `mmbal run`: any names, refused at once where they are none."""

from typing import Any

import pytest

from mmbal_colored_mnist.options import ColouringOptions

RECIPE = ("run", "--plugin", "colored-digits")


def test_modalities_are_those_that_are_named(mmbal: Any, experiment: Any) -> None:
    done = mmbal("run", "--dataset", "modelnet40", "--data-dir", ".", "--strategy", "guided",
                 "--set", "dataset.views=[0,3,6]", "--modalities", "view_6",
                 "--modalities", "view_0")  # fmt: skip

    assert done.exit_code == 0, done.output
    [(resolved, *_)] = experiment.calls
    assert resolved.config.modalities == ("view_6", "view_0")
    assert resolved.origins["modalities"] == "--modalities view_6 --modalities view_0"
    assert "--modalities view_6 --modalities view_0" in done.stderr  # the command for vanilla


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["grey"], "--modalities grey: unknown modality 'grey'; did you mean 'gray'? (legal: c"),
        (["left eye"], "--modalities 'left eye': unknown modality 'left eye' (legal: color, gray)"),
        (["gray", "gray"], "modalities: must be distinct, non-empty names, received ['gray', 'gr"),
        ([""], "--modalities '': modalities: must be distinct, non-empty names, received ['']"),
    ],
)
def test_modalities_that_are_none_are_refused_at_once(
    mmbal: Any, experiment: Any, names: list[str], told: str
) -> None:
    options = [word for name in names for word in ("--modalities", name)]

    done = mmbal(*RECIPE, *options)

    assert done.exit_code == 2
    assert told in done.stderr
    assert experiment.calls == []


def test_modalities_may_hold_anything(mmbal: Any, experiment: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(ColouringOptions, "modality_names", lambda self: None)

    done = mmbal(*RECIPE, "--modalities", "größe, cm", "--modalities", "left eye")

    assert done.exit_code == 0, done.output
    assert experiment.calls[0][0].config.modalities == ("größe, cm", "left eye")
    assert "--modalities 'größe, cm' --modalities 'left eye'" in done.stderr


def test_options_of_a_modality_that_is_left_out_are_no_mistake(mmbal: Any, experiment: Any) -> None:
    color = ("--set", "architecture=late-concat", "--strategy", "vanilla", "--set",
             "architecture.branches.color.backbone=small")  # fmt: skip
    done = mmbal(*RECIPE, "--modalities", "gray", *color)
    assert done.exit_code == 0, done.output
    typed = mmbal(*RECIPE, "--modalities", "gray", *color, "--set",
                  "architecture.branches.colour.backbone=small")  # fmt: skip
    assert "unknown modality 'colour'; did you mean 'color'?" in typed.stderr
