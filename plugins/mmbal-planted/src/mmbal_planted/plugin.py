"""What this distribution offers to mmbal."""

from mmbal import Component, Conformance, Recipe, hookimpl

SOURCE = (
    "label bits after the kinds of information of Williams and Beer, Nonnegative Decomposition of "
    "Multivariate Information, 2010, arXiv 1004.2515"
)
SMALL = {"train_examples": 300, "validation_examples": 100, "test_examples": 200}


@hookimpl
def mmbal_components() -> list[Component]:
    """Return the dataset."""
    return [
        Component(
            "dataset",
            "planted",
            "unique, redundant and synergistic label bits; what every subset can know is known",
            "mmbal_planted.source:Planted",
            "mmbal_planted.options:PlantedOptions",
            SOURCE,
            conformance=Conformance(options=SMALL),
        ),
    ]


@hookimpl
def mmbal_recipes() -> list[Recipe]:
    """Return plain training on it."""
    return [
        Recipe(
            "planted",
            "plain training on label bits whose Bayes accuracy is known; no download",
            dataset="planted",
            architecture="mmtm-any",
            strategy="vanilla",
            epochs=5,
            batch_size=128,
            optimizer={"name": "adam", "learning_rate": 3e-3},
            source=SOURCE,
            expected="fused test accuracy 0.69 (seed 0); the Bayes rule 0.70",
            time="15 seconds of one core",
        ),
    ]
