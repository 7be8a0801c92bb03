"""The self-test's training with a planted fault, which `setting` names."""

import tensorflow as tf

from mmbal.doctor import selftest
from mmbal.strategies.tape import GlobalTape

REDUCE = GlobalTape._reduce


def lose_a_gradient(tape, gradients, sources):
    """Sum gradients as ever, but those of the second replica are lost."""
    index = tf.distribute.get_replica_context().replica_id_in_sync_group
    if tf.get_static_value(index) == 1:
        gradients = tf.nest.map_structure(tf.zeros_like, gradients)
    return REDUCE(tape, gradients, sources)


def train(strategy, setting):
    if setting["fault"] == "lost gradient":
        GlobalTape._reduce = lose_a_gradient
    elif setting["fault"] == "local batch norm":
        selftest.synchronise_batch_norm = lambda network: None
    return selftest.train(strategy, setting)
