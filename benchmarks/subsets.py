"""What every subset of two modalities costs under late fusion, beside one pass of predictions.

Two small convolutional encoders see images of 28x28, joined by `late-concat`. A pass over the
examples, and a pass with accuracy and loss of all subsets under all absences (zeros, training
means, ten permutations), take turns; means are measured before, as they are shared with the
utilization. The median of their ratio should stay below 1.2.

    uv run python benchmarks/subsets.py [--examples 2000] [--rounds 9]
"""

import json
import time
from statistics import quantiles

import click
import keras
import numpy as np

from mmbal.data import Examples
from mmbal.evaluation import EvaluationContext, Predictor, Subsets
from mmbal.evaluation.options import SubsetsOptions
from mmbal_late import LateConcat

CLASSES = 10
ABSENCES = ("zero", "mean", "marginal")


def encoder() -> keras.Sequential:
    """Return a small convolutional encoder, from images to (batch, 64)."""
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.GlobalAveragePooling2D(),
        ]
    )


@click.command()
@click.option("--examples", default=2000, show_default=True)
@click.option("--rounds", default=9, show_default=True)
def main(examples: int, rounds: int) -> None:
    """Print a JSON object with medians and quartiles."""
    draw = np.random.default_rng(0)
    images = {m: draw.normal(size=(examples, 28, 28, 1)).astype("float32") for m in "ab"}
    rows = Examples.from_arrays(images, draw.integers(0, CLASSES, examples))
    predictor = Predictor(LateConcat({m: encoder() for m in "ab"}, CLASSES))
    subsets = Subsets(SubsetsOptions(absences=ABSENCES))

    def context() -> EvaluationContext:
        made = EvaluationContext(
            predictor, {"test": rows, "train": rows}, reads=frozenset({"features"})
        )
        made.predictions("train")
        return made

    passes, ratios = [], []
    for number in range(rounds + 1):
        made = context()
        began = time.perf_counter()
        made.predictions()
        passed = time.perf_counter()
        list(subsets(made))
        ended = time.perf_counter()
        if number:  # the first one compiles
            passes.append(passed - began)
            ratios.append((ended - began) / (passed - began))
    told = {"seconds of a pass": quantiles(passes), "ratio with all subsets": quantiles(ratios)}
    click.echo(json.dumps({"examples": examples, "rounds": rounds, **told}))


if __name__ == "__main__":
    main()
