"""What stands in the graph of a training step, and what does not."""

import functools

import keras
import pytest
import tensorflow as tf

from mmbal import BalancedModel
from mmbal.laboratory.toys import GatedBranches
from mmbal.networks import BatchNormalization
from mmbal.testing.strategies import ON_THE_HOST
from mmbal_guided import Guided, Random

STRATEGIES = {"vanilla": lambda: None, "guided": Guided, "random": Random}
BETWEEN_DEVICES = {"_HostRecv", "_HostSend", "_Recv", "_Send", "InfeedDequeue", "OutfeedEnqueue"}
CLASSES = 3


def images():
    """Return a network of two normalised convolutional branches, with momentum in its optimizer."""
    layers = keras.layers

    def stage():
        return keras.Sequential(
            [
                layers.Conv2D(16, 3, padding="same", use_bias=False),
                BatchNormalization(),
                layers.ReLU(),
            ]
        )

    def head():
        return keras.Sequential([layers.GlobalAveragePooling2D(), layers.Dense(CLASSES)])

    return GatedBranches({m: [stage(), head()] for m in "ab"})


@functools.cache
def graph_of(strategy, **options):
    """Return the graph of a training step, and its model."""
    model = BalancedModel(images(), STRATEGIES[strategy](), **options)
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9))
    data = ({m: tf.ones([4, 6, 6, 2]) for m in "ab"}, tf.constant([0, 1, 2, 0]))
    model.network(data[0])
    model.prepare(steps_per_epoch=1)
    step = tf.function(model.train_step, autograph=False)
    return step.get_concrete_function(data).graph, model


def nodes(graph):
    """Return every node, those of conditions too."""
    definition = graph.as_graph_def()
    return [*definition.node, *(n for f in definition.library.function for n in f.node_def)]


def wide_tensors(graph, model):
    """Return names and sizes of float64 tensors with more than two entries per group."""
    graphs = [graph, *(function.graph for function in graph._functions.values())]
    tensors = [t for g in graphs for op in g.get_operations() for t in op.outputs]
    ring = model.trace._rows.shape  # memory of the last steps, of which each writes one
    wide = {t.name: t.shape for t in tensors if t.dtype == tf.float64 and t.shape != ring}
    sizes = {name: shape.num_elements() for name, shape in wide.items()}
    most = 2 * len(model.network.partition())
    return {name: size for name, size in sizes.items() if size is None or size > most}


@pytest.mark.parametrize("strategy", STRATEGIES)
class TestStep:
    def test_waits_for_no_host(self, strategy):
        graph, _ = graph_of(strategy)
        kinds = {node.op for node in nodes(graph)}
        assert not kinds & BETWEEN_DEVICES
        assert not [kind for kind in kinds if ON_THE_HOST.fullmatch(kind)]
        assert "AssignVariableOp" in kinds

    def test_computes_no_more_than_two_numbers_per_group_in_float64(self, strategy):
        assert wide_tensors(*graph_of(strategy)) == {}

    def test_normalises_by_the_kernel_and_turns_no_layout(self, strategy):
        graph, _ = graph_of(strategy)
        kinds = [node.op for node in nodes(graph)]
        assert kinds.count("FusedBatchNormV3") == kinds.count("FusedBatchNormGradV3") == 2
        turned = [op.inputs[0].shape for op in graph.get_operations() if op.type == "Transpose"]
        assert [shape for shape in turned if shape.rank > 2] == []
        assert "Pad" not in kinds


def test_updates_need_no_condition_where_nothing_can_stop_them():
    graph, _ = graph_of("vanilla", on_nonfinite="warn")
    assert not {node.op for node in nodes(graph)} & {"If", "StatelessIf"}


@pytest.mark.deep  # that of vectors is quick, in test_execution.py
def test_a_step_compiles_under_xla(xla):
    model = BalancedModel(images(), Guided(tolerance=0.0, warmup_steps=0))
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), jit_compile=True)
    inputs, labels = {m: tf.ones([4, 6, 6, 2]) for m in "ab"}, tf.constant([0, 1, 2, 0])
    model.network(inputs)
    model.prepare(steps_per_epoch=1)
    step = tf.function(model.train_step, autograph=False, jit_compile=True)
    assert bool(tf.math.is_finite(step((inputs, labels))["loss"]))
