"""What this distribution offers."""

from mmbal import Component, Recipe, hookimpl

SOURCE = (
    "van Breukelen, Duin, Tax, den Hartog, Handwritten digit recognition by combined classifiers, "
    "Kybernetika 34(4), 1998"
)


@hookimpl
def mmbal_components() -> list[Component]:
    """Return the dataset."""
    return [
        Component(
            kind="dataset",
            name="contour",
            summary="handwritten digits by contour, image and moments; no download",
            factory="mmbal_contour.source:ContourDigits",
            options="mmbal_contour.options:ContourOptions",
            source=SOURCE,
        ),
    ]


@hookimpl
def mmbal_recipes() -> list[Recipe]:
    """Return a run of it."""
    return [
        Recipe(
            name="contour",
            summary="plain training on three descriptions of digits, joined late",
            dataset="contour",
            architecture="late-concat",
            strategy="vanilla",
            epochs=25,
            batch_size=16,
            optimizer={"name": "adam", "learning_rate": 1e-3},
            sample={"epochs": 2},
            source=SOURCE,
            expected="fused test accuracy 0.906 (seed 0); 0.904 by ogm-ge, 0.918 by mmpareto",
            time="half a minute on two cores",
        ),
    ]
