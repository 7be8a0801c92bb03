"""Architectures that break one rule each, and one that breaks none."""

from dataclasses import replace

import keras
import tensorflow as tf

from mmbal import Component, Conformance
from mmbal.laboratory.toys import GatedToy, LateToy
from mmbal.networks.controls import NORMAL, participants
from mmbal.networks.groups import VariableGroups

OFFERED = ("isolation", "slice", "head", "mask")


class Gated(GatedToy):
    """Correct."""

    def __init__(self, options, modalities, classes):
        super().__init__(modalities, classes)


class Late(LateToy):
    """Correct."""

    def __init__(self, options, modalities, classes):
        super().__init__(modalities, classes)


class Coarse(Gated):
    """Gives the logits of its branches in half precision."""

    def call(self, inputs, controls=NORMAL, training=False):
        said = super().call(inputs, controls, training)
        return said._replace(unimodal={m: tf.cast(t, tf.half) for m, t in said.unimodal.items()})


class Orphan(Gated):
    """Leaves its heads out of all groups."""

    def variable_groups(self):
        groups = super().variable_groups()
        return VariableGroups(groups.encoder, groups.fusion, encoder=groups.encoder)


class Leaky(Gated):
    """Isolates in evaluation only, where nothing is learned."""

    def call(self, inputs, controls=NORMAL, training=False):
        controls = replace(controls, isolate=None) if training else controls
        return super().call(inputs, controls, training)


class Careless(Gated):
    """Leaves the hidden modality out of the mean, and reads it in the gates all the same."""

    def call(self, inputs, controls=NORMAL, training=False):
        if controls.branches_differ:
            return super().call(inputs, controls, training)
        said = super().call(inputs, replace(controls, keep=None), training)
        return said._replace(logits=self.fuse_logits(said.unimodal, controls.keep))


class Unblocked(Gated):
    """Shows every branch all modalities, whatever each is to hear."""

    def call(self, inputs, controls=NORMAL, training=False):
        keep = participants(controls.keep) if controls.branches_differ else controls.keep
        return super().call(inputs, replace(controls, keep=keep), training)


class Unfilled(Gated):
    """Does not look at `fill`."""

    def call(self, inputs, controls=NORMAL, training=False):
        return super().call(inputs, replace(controls, fill=None), training)


class Untouched(Gated):
    """Does not look at `transform`."""

    def call(self, inputs, controls=NORMAL, training=False):
        return super().call(inputs, replace(controls, transform=None), training)


class Uneven(Gated):
    """Has slices that do not sum to the fused logits."""

    def logits_of(self, features, kind):
        found = super().logits_of(features, kind)
        return {m: 2 * t for m, t in found.items()} if kind == "slice" else found


class Unsummed(Gated):
    """Hands out slices that do not sum to the logits."""

    def call(self, inputs, controls=NORMAL, training=False):
        said = super().call(inputs, controls, training)
        return said._replace(slices=said.unimodal)


class Boastful(Gated):
    """Offers more than its component says."""


class Pairs(Gated):
    """Calls the logits of a third modality by a name of its own."""

    def call(self, inputs, controls=NORMAL, training=False):
        said = super().call(inputs, controls, training)
        names = {"touch": "haptics"}
        return said._replace(unimodal={names.get(m, m): t for m, t in said.unimodal.items()})


class Scaled(Gated):
    """Holds a factor that Keras does not know of, drawn anew in every process."""

    def __init__(self, options, modalities, classes):
        super().__init__(options, modalities, classes)
        self.factor = float(keras.random.uniform([], 1, 2))

    def call(self, inputs, controls=NORMAL, training=False):
        return super().call(inputs, controls, training)._replace(slices=None)

    def fuse_logits(self, unimodal, keep=None):
        return super().fuse_logits({m: t * self.factor for m, t in unimodal.items()}, keep)

    def logits_of(self, features, kind):
        found = super().logits_of(features, kind)
        return {m: t * self.factor for m, t in found.items()} if kind == "slice" else found


class Unmixed(Gated):
    """Keeps its variables in the dtype of computation."""

    def __init__(self, options, modalities, classes):
        super().__init__(options, modalities, classes)
        for layer in (*(stage for stages in self.stages for stage in stages), *self.heads):
            layer.dtype_policy = keras.DTypePolicy(keras.config.dtype_policy().compute_dtype)


class Casting(Gated):
    """Casts what its branches say to single precision, and scales it in its own."""

    def fuse_logits(self, unimodal, keep=None):
        fused = super().fuse_logits({m: tf.cast(t, tf.float32) for m, t in unimodal.items()}, keep)
        return fused * tf.ones([], keras.config.floatx())  # the line


class Halving(Gated):
    """Converts features to half precision without casting, which no shape helps."""

    def call(self, inputs, controls=NORMAL, training=False):
        inputs = {m: tf.convert_to_tensor(x, tf.half) for m, x in inputs.items()}
        return super().call(inputs, controls, training)


class Vectors(Gated):
    """Takes vectors, and says that it takes images."""


class Reshaping(Gated):
    """Divides by the number of rows, with integers."""

    def call(self, inputs, controls=NORMAL, training=False):
        said = super().call(inputs, controls, training)
        rows = tf.shape(said.logits)[0]
        return said._replace(logits=tf.reshape(said.logits, [rows, tf.size(said.logits) // rows]))


class Moving(Gated):
    """Moves running means in evaluation, too."""

    def call(self, inputs, controls=NORMAL, training=False):
        return super().call(inputs, controls, training=True)


class Choosy(Gated):
    """Takes images only."""

    def __init__(self, options, modalities, classes):
        if any(len(each.shape) != 3 for each in modalities.values()):
            raise ValueError("images only")
        super().__init__(options, modalities, classes)
        self.flat = keras.layers.Flatten()

    def call(self, inputs, controls=NORMAL, training=False):
        return super().call({m: self.flat(x) for m, x in inputs.items()}, controls, training)


class Nothing(Gated):
    """Takes no shape of inputs at all."""

    def __init__(self, options, modalities, classes):
        raise ValueError("no inputs, please")


class Plain(Gated):
    """Returns logits alone."""

    def call(self, inputs, controls=NORMAL, training=False):
        return super().call(inputs, controls, training).logits


def offer(factory, offers=OFFERED, takes=()):
    name = factory.__name__.lower()
    path = f"{__name__}:{factory.__name__}"
    return Component(
        "architecture",
        name,
        factory.__doc__,
        path,
        offers=offers,
        takes=takes,
        conformance=Conformance(),
    )


OFFERS = {
    each.name: each
    for each in (
        *map(
            offer,
            (Gated, Coarse, Orphan, Leaky, Careless, Unblocked, Unfilled, Untouched, Uneven, Pairs),
        ),
        *map(
            offer, (Unsummed, Scaled, Unmixed, Casting, Halving, Reshaping, Moving, Nothing, Plain)
        ),
        offer(Vectors, takes=(3,)),
        offer(Choosy, takes=(3,)),
        offer(Boastful, ("isolation",)),
        offer(Late, ("slice", "head", "mask")),
    )
}
BREAKS = {
    "coarse": "outputs",
    "plain": "outputs",
    "nothing": "outputs",
    "orphan": "groups",
    "leaky": "isolation",
    "careless": "keep",
    "unblocked": "blocked",
    "unfilled": "blocked",
    "untouched": "transform",
    "uneven": "offers",
    "unsummed": "offers",
    "boastful": "offers",
    "pairs": "outputs",
    "scaled": "saving",
    "halving": "outputs",
    "unmixed": "precision",
    "casting": "precision",
    "vectors": "takes",
    "reshaping": "empty-batch",
    "moving": "evaluation",
}
