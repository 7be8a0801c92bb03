"""What follows from scores, in words."""

from dataclasses import replace

import numpy as np
import pytest

from mmbal.records.run_folder import RunFolder
from mmbal.report.verdict import unimodal_runs, verdict


@pytest.fixture
def scored(write_run):
    """Return a function that makes a record with test scores."""

    def make(name="run", modalities=("gray", "color"), config="", **scores):
        record = RunFolder(write_run(name, config=config)).open()
        named = {key.replace("__", "/"): value for key, value in scores.items()}
        return replace(record, modalities=modalities, scores={("test", "selected"): named})

    return make


def test_without_unimodal_runs_it_says_that_it_cannot_tell(scored):
    lines = verdict(scored(accuracy=0.7), {})

    assert lines[:2] == ["guided isolated gray in 12% of the steps.",
                         "guided isolated color in 25% of the steps."]  # fmt: skip
    assert "cannot be told" in lines[2]
    assert lines[3] == "  mmbal sweep toy --ablate --seeds 0 --out SWEEP"


@pytest.mark.parametrize(
    ("fused", "error", "sentence"),
    [
        (0.55, 0.01, ("Fusion (0.550) is below the best single modality, gray alone (0.900): "
                     "-0.350 ± 0.010.")),
        (0.95, 0.01, ("Fusion (0.950) is above the best single modality, gray alone (0.900): "
                     "+0.050 ± 0.010.")),
        (0.95, 0.03, ("No difference shown between fusion and the best single modality, gray: "
                     "+0.050 ± 0.030.")),
        (0.905, 0.0, ("No difference shown between fusion and the best single modality, gray: "
                     "+0.005 ± 0.000.")),
    ],
)  # fmt: skip
def test_fusion_beside_the_best_single_modality(scored, fused, error, sentence):
    gray, color = scored("a", accuracy=0.9), scored("b", accuracy=0.6)

    lines = verdict(scored(accuracy=fused, accuracy_se=error), {"gray": gray, "color": color})

    assert lines[2] == sentence
    assert "linear-probe" in lines[3]


def test_an_encoder_that_holds_less_than_a_network_of_its_own_is_under_trained(scored):
    gray, color = scored("a", accuracy=0.78), scored("b", accuracy=0.6)
    run = scored(accuracy=0.8, probe_accuracy__gray=0.61, probe_accuracy__color=0.6)
    scores = {**run.scores["test", "selected"], "probe_accuracy_se/gray": 0.02}

    lines = verdict(
        replace(run, scores={("test", "selected"): scores}), {"gray": gray, "color": color}
    )

    assert lines[3:] == [
        (
            "gray: its encoder holds 0.610, a network of its own 0.780 (-0.170 ± 0.020): "
            "under-trained here, by the probe."
        )
    ]


def test_one_modality_is_not_compared_with_itself(scored):
    run = scored(modalities=("gray",), accuracy=0.5)
    epochs = replace(run.history.epochs, rebalancing_steps=np.zeros((2, 1), int))
    run = replace(run, history=replace(run.history, epochs=epochs))

    assert verdict(run, {}) == []


def test_unimodal_runs_lie_beside_with_the_same_data_and_seed(write_run, events):
    def single(name, **changes):
        changes = {"modalities": ["gray"], **changes}
        start = {**events[0], **changes}
        only = [e for e in events[1:] if e["event"] in ("scores", "end")]
        folder = write_run(name, [start, *only], config='modalities = ["gray"]\n')
        RunFolder(folder).open()
        return folder

    run = write_run("run")
    record = RunFolder(run).open()
    single("other-seed", seed=1)
    write_run("no-record")
    single("other-data", fingerprint="beef")
    assert unimodal_runs(run, record) == {}

    single("gray")
    found = unimodal_runs(run, record)
    assert [*found] == ["gray"]
    assert found["gray"].modalities == ("gray",)
