"""Evaluations that break one rule each, and some that break none."""

import keras
import numpy as np

from mmbal import Component, MmbalError
from mmbal.evaluation import Evaluation


def right(context):
    """Return per batch how many predictions are right, and how many there are."""
    for said in context.predictor.passes(context.splits[context.split]):
        labels = said["labels"]
        yield int(np.sum(np.argmax(said["logits"], -1) == labels)), len(labels)


class Sound(Evaluation):
    """Correct."""

    def __call__(self, context):
        hits, examples = np.sum([*right(context)], axis=0)
        yield "share", float(hits / examples)
        yield from ((f"nothing/{m}", float("nan")) for m in context.modalities)


class Unnamed(Sound):
    """Names a score of a modality that there is not."""

    def __call__(self, context):
        yield "share/smell", 0.5


class Endless(Sound):
    """Divides by nothing."""

    def __call__(self, context):
        yield "ratio", float("inf")


class Twice(Sound):
    """Yields one name for every modality."""

    def __call__(self, context):
        yield from (("share", 0.5) for _ in context.modalities)


class Pair(Sound):
    """Knows two modalities only, and does not say so."""

    def __call__(self, context):
        first, second = context.modalities
        yield f"share/{first}", 0.5
        yield f"share/{second}", 0.5


class Refusing(Pair):
    """Knows two modalities only, and says so."""

    def __call__(self, context):
        if len(context.modalities) != 2:
            raise MmbalError("refusing scores two modalities")
        yield from super().__call__(context)


class Named(Sound):
    """Needs names of classes, and does not say so."""

    def __call__(self, context):
        yield f"share-of-{context.class_names[0].replace(' ', '-')}", 0.5


class Moving(Sound):
    """Makes the network surer of what it says."""

    def __call__(self, context):
        yield from super().__call__(context)
        for head in context.predictor.network.heads:
            head.kernel.assign(2 * head.kernel)


class Drawing(Sound):
    """Draws from the generators of the run."""

    def __call__(self, context):
        yield "lot", 0 * float(np.random.uniform())  # noqa: NPY002


class Adding(Sound):
    """Goes on with the metric of the split before."""

    def __init__(self, *arguments, **settings):
        super().__init__(*arguments, **settings)
        self.mean = keras.metrics.Mean()

    def __call__(self, context):
        for hits, examples in right(context):
            self.mean.update_state([hits / examples], [examples])
        yield "share", float(self.mean.result()) + float(self.mean.count)


class Averaging(Sound):
    """Takes the mean of what batches say, the last of which is a smaller one."""

    def __call__(self, context):
        shares = [hits / examples for hits, examples in right(context)]
        yield "share", float(np.mean(shares)) + len(shares)


def offer(factory):
    name = factory.__name__.lower()
    return Component("evaluation", name, factory.__doc__, f"{__name__}:{factory.__name__}")


OFFERS = {
    each.name: each
    for each in map(offer, (
        Sound, Unnamed, Endless, Twice, Pair, Refusing, Named, Moving, Drawing, Adding, Averaging
    ))
}  # fmt: skip
BREAKS = {
    "unnamed": "scores",
    "endless": "scores",
    "twice": "scores",
    "pair": "modalities",
    "named": "optional-parts",
    "moving": "no-mutation",
    "drawing": "no-mutation",
    "adding": "repeatable",
    "averaging": "batches",
}
