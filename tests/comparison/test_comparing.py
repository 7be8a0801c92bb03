from collections.abc import Callable
from dataclasses import replace

import pytest

from mmbal.comparison.comparing import compare_records
from mmbal.comparison.values import Comparison
from mmbal.data.contents import OVERLAP
from mmbal.records.record import Record

MakeArm = Callable[..., dict[str, Record]]
BASE = (0.5, 0.6, 0.55, 0.5, 0.6)


def against_vanilla(*arms: dict[str, Record]) -> Comparison:
    return compare_records({k: v for arm in arms for k, v in arm.items()}, baseline="vanilla")


def test_seeds_are_paired_and_what_pairs_share_is_said(arm: MakeArm) -> None:
    better = [value + gain for value, gain in zip(BASE, (0.1, 0.12, 0.11, 0.09, 0.1), strict=True)]
    comparison = against_vanilla(
        arm("guided", better), arm("vanilla", BASE[::-1][::-1], initial_weights="other")
    )

    guided, vanilla = comparison.arms
    verdict = guided.verdict("accuracy")
    assert verdict is not None
    assert (verdict.word, verdict.seeds) == ("helps", 5)
    assert verdict.difference == pytest.approx(0.104)
    assert verdict.high - verdict.low < 0.05  # the seeds themselves lie .1 apart
    assert guided.pairing is not None
    assert guided.pairing.seeds == (0, 1, 2, 3, 4)
    assert (guided.pairing.order, guided.pairing.weights) == (True, False)
    assert vanilla.pairing is None
    assert vanilla.verdicts == ()


def test_epochs_of_pairs_are_counted(arm: MakeArm) -> None:
    stopped = arm("guided", BASE[:2])
    for run, record in [*stopped.items()][:1]:
        epochs = replace(record.history.epochs, index=record.history.epochs.index[:1])
        stopped[run] = replace(record, history=replace(record.history, epochs=epochs))

    guided = against_vanilla(arm("vanilla", BASE[:2]), stopped).arms[1]
    assert guided.pairing is not None
    assert guided.pairing.epochs == (1.5, 2)


def test_several_arms_share_the_chance_of_a_false_claim(arm: MakeArm) -> None:
    gains = (0.010, 0.004, 0.013, 0.008, 0.002)
    better = [value + gain for value, gain in zip(BASE, gains, strict=True)]
    vanilla, guided = arm("vanilla", BASE), arm("guided", better)

    (_, one) = against_vanilla(vanilla, guided).arms
    others = arm("random", better), arm("ogm", better)
    _, first, second, _ = against_vanilla(vanilla, guided, *others).arms
    alone, of_three = one.verdict("accuracy"), first.verdict("accuracy")
    assert alone is not None
    assert of_three is not None
    assert alone.word == "helps"
    assert of_three.word == "no difference shown"
    assert of_three.holm == pytest.approx(3 * of_three.p)
    assert second.verdict("accuracy") == of_three


def test_other_data_under_one_seed_is_no_pair(arm: MakeArm) -> None:
    comparison = against_vanilla(arm("vanilla", BASE[:3]), arm("guided", BASE, fingerprint="data1"))

    verdict = comparison.arms[1].verdict("accuracy")
    assert verdict is not None
    assert verdict.seeds == 1
    told = "\n".join(comparison.remarks)
    assert "both of seed 0, are not paired: their data or splits differ (data1 and data0)" in told
    assert "guided and its baseline: unpaired are seeds 3, 4" in told


@pytest.mark.parametrize(
    "changes", [{"dataset": "others"}, {"classes": ["a", "b"]}, {"data": {"task": "multi-label"}}]
)
def test_other_data_and_labels_are_named_and_the_rest_is_compared(
    arm: MakeArm, changes: dict[str, object]
) -> None:
    comparison = against_vanilla(
        arm("vanilla", BASE[:2]), arm("guided", BASE[:2]), arm("random", BASE[:2], **changes)
    )

    assert [bool(each.verdicts) for each in comparison.arms] == [False, True, False]
    told = [text for text in comparison.remarks if text.startswith("random")]
    assert len(told) == 1
    assert "is not compared: vanilla has other data, classes or labels" in told[0]


def test_a_baseline_that_is_not_there_is_named_with_the_nearest(arm: MakeArm) -> None:
    comparison = compare_records(arm("vanilla", BASE[:2]), baseline="vanila")

    assert comparison.arms[0].verdicts == ()
    assert (
        "no baseline, so no verdicts: unknown arm 'vanila'; did you mean 'vanilla'"
        in (comparison.remarks[0])
    )


def test_controls_that_are_absent_are_named(arm: MakeArm) -> None:
    both, gray = arm("vanilla", BASE[:3]), arm("vanilla", BASE[:2], modalities=["gray"])
    comparison = against_vanilla(both, gray)

    alone = comparison.arms[1]
    assert (alone.control, alone.label) == ("alone", "gray alone")
    assert (comparison.arms[0].label, comparison.arms[0].settings) == ("vanilla", {})
    assert [verdict.score for verdict in alone.verdicts] == ["accuracy"]
    worse = arm("vanilla", (0.2, 0.31, 0.25), modalities=["color"])
    (_, control) = against_vanilla(both, worse).arms
    assert [verdict.word for verdict in control.verdicts] == ["worse"]
    (told,) = [text for text in comparison.remarks if "control" in text]
    assert told.startswith("no control arms color alone: ")


def test_an_ensemble_needs_predictions(arm: MakeArm, keep_predictions: Callable[..., None]) -> None:
    both = arm("vanilla", (0.5, 0.5))
    gray, color = (arm("vanilla", (0.5, 0.5), modalities=[m]) for m in ("gray", "color"))
    without = against_vanilla(both, gray, color)
    assert "no ensemble of the single modalities" in "\n".join(without.remarks)
    assert [each.control for each in without.arms] == ["", "alone", "alone"]

    for run, record in {**gray, **color}.items():
        for split in ("test", "validation"):
            hits = [1, 1, 0, 1] if run in gray else [1, 0, 1, 1]
            keep_predictions(run, record.fingerprint, hits, split)
    *_, ensemble = against_vanilla(both, gray, color).arms
    assert (ensemble.control, ensemble.label, ensemble.seeds) == (
        "ensemble", "ensemble of gray, color", (0, 1),
    )  # fmt: skip
    assert ensemble.ledger.seconds == 7.0
    verdict = ensemble.verdict("accuracy")
    assert verdict is not None
    assert verdict.seeds == 2
    last = without.arms[0]
    assert last.verdicts == ()


def test_one_seed_compares_two_networks_and_helps_nobody(
    arm: MakeArm, keep_predictions: Callable[..., None]
) -> None:
    vanilla, guided = arm("vanilla", BASE[:1]), arm("guided", (0.9,))
    (_, told) = against_vanilla(vanilla, guided).arms
    (verdict,) = told.verdicts
    assert verdict.word == "one seed"
    assert "mmbal evaluate" in verdict.text
    assert "--save-predictions" in verdict.text

    keep_predictions(*vanilla, "data0", [1, 0, 0, 0])
    keep_predictions(*guided, "data0", [0, 1, 1, 1])
    (_, told) = against_vanilla(vanilla, guided).arms
    (verdict,) = told.verdicts
    assert verdict.text == (
        "these two networks differ on 4 of 4 test examples (McNemar p 0.62): 3 only guided gets "
        "right, 1 only vanilla"
    )


def test_predictions_of_the_same_examples_tell_of_other_examples_too(
    arm: MakeArm, keep_predictions: Callable[..., None]
) -> None:
    vanilla, guided = arm("vanilla", (0.5, 0.5)), arm("guided", (0.5, 1.0))
    for run, hits in zip([*vanilla, *guided], ([1, 0], [0, 1], [1, 0], [1, 1]), strict=True):
        keep_predictions(run, f"data{run[-1]}", hits)

    verdict = against_vanilla(vanilla, guided).arms[1].verdict("accuracy")
    assert verdict is not None
    # Of [[0, 0], [1, 0]]: rows, columns and residual all have a mean square of .25.
    assert verdict.crossed == pytest.approx(0.25)


def test_damaged_predictions_are_named(arm: MakeArm, keep_predictions: Callable[..., None]) -> None:
    vanilla, guided = arm("vanilla", BASE[:1]), arm("guided", BASE[:1])
    keep_predictions(*vanilla, "data0", [1, 0])
    keep_predictions(*guided, "data0", [1, 0])
    (run,) = guided
    broken = f"{run}/predictions/test-last.h5"
    with open(broken, "wb") as file:
        file.write(b"no HDF5")

    comparison = against_vanilla(vanilla, guided)
    assert any(broken in text for text in comparison.remarks)


def test_selection_that_has_seen_test_examples_is_warned_of(arm: MakeArm) -> None:
    records = {
        run: replace(record, warnings=(f"{OVERLAP} 3 examples", "else"))
        for run, record in arm("vanilla", BASE[:2]).items()
    }

    assert compare_records(records).remarks == (f"{OVERLAP} 3 examples",)
