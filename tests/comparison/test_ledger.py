from collections.abc import Callable

from mmbal.comparison.comparing import compare_records
from mmbal.comparison.ledger import Cost
from mmbal.records.record import Record

MakeArm = Callable[..., dict[str, Record]]


def test_training_costs_three_forward_passes_and_what_the_strategy_adds(arm: MakeArm) -> None:
    costs = {"guided": Cost(10, 100.0, 0.5, ("Einsum",)), "vanilla": None}
    records = {**arm("guided", (0.5, 0.5)), **arm("vanilla", (0.5,))}
    guided, vanilla = compare_records(records, cost=lambda _, record: costs[record.strategy]).arms

    assert (guided.ledger.parameters, guided.ledger.uncounted) == (10, ("Einsum",))
    assert guided.ledger.flops == 3 * 100 * 64 * 1.5  # two epochs of 32 examples
    assert guided.ledger.tried is None
    assert (vanilla.ledger.parameters, vanilla.ledger.flops) == (None, None)


def test_an_ensemble_costs_what_its_networks_cost(
    arm: MakeArm, keep_predictions: Callable[..., None]
) -> None:
    records = arm("vanilla", (0.5,))
    for modality in ("gray", "color"):
        alone = arm("vanilla", (0.5,), modalities=[modality])
        records |= alone
        for split in ("test", "validation"):
            keep_predictions(*alone, "data0", [1, 0], split)

    def cost(_: str, record: Record) -> Cost:
        return Cost(len(record.modalities), 1.0, 0.0, record.modalities)

    *_, ensemble = compare_records(records, baseline="vanilla", cost=cost).arms
    assert (ensemble.ledger.parameters, ensemble.ledger.flops) == (2, 2 * 3 * 64)
    assert ensemble.ledger.uncounted == ("color", "gray")


def test_configurations_that_were_validated_are_counted_once_whatever_their_seeds(
    arm: MakeArm, read_run: Callable[..., Record]
) -> None:
    records = {**arm("guided", (0.5,)), **arm("vanilla", (0.5,))}
    tried = {
        (name := f"tried-{strategy}{epochs}{seed}"): read_run(
            name, 0.5, f"epochs = {epochs}", strategy=strategy, seed=seed
        )
        for strategy, epochs, seed in [
            ("guided", 2, 0), ("guided", 2, 1), ("guided", 3, 0), ("vanilla", 2, 0),
        ]
    }  # fmt: skip
    comparison = compare_records(records, tried=tried)

    assert [each.ledger.tried for each in comparison.arms] == [2, 1]
    assert any(text.endswith("tried: guided 2, vanilla 1") for text in comparison.remarks)
