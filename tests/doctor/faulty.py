"""The self-test's process with a planted fault, which the environment variable FAULT names."""

import json
import os
import sys
from pathlib import Path

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


if __name__ == "__main__":
    if os.environ["FAULT"] == "lost gradient":
        GlobalTape._reduce = lose_a_gradient
    elif os.environ["FAULT"] == "local batch norm":
        selftest.synchronise_batch_norm = lambda network: None
    selftest.main(json.loads(sys.argv[1]), Path(sys.argv[2]))
