"""What training a recorded run costs, from its configuration and the shapes in its record."""

import re
import tomllib
from pathlib import Path
from typing import Any

import tensorflow as tf

from mmbal.comparison.ledger import Cost
from mmbal.config.resolution import resolve
from mmbal.config.toml import TomlFile
from mmbal.data import Examples, Modality, MultimodalDataset
from mmbal.errors import MmbalError
from mmbal.experiment.building import build_network, build_strategy
from mmbal.networks.network import FusionNetwork
from mmbal.records.record import Record
from mmbal.registry.catalogue import Catalogue
from mmbal.strategies.requirements import suited

MOVING = re.compile(
    "Const|ReadVariableOp|Placeholder|Identity|IdentityN|NoOp|Cast|(Res|S)hape|"
    "Squeeze|ExpandDims|(Un)?[Pp]ack|Concat(V2)?|(Strided)?Slice|Split(V)?|(Mirror)?Pad(V2)?|"
    "Transpose|Tile|Fill|Gather(V2|Nd)?|Range|(Zeros|Ones)Like|BroadcastTo|StopGradient|"
    "Select(V2)?"
)
"""Operations that move numbers and compute none."""


def measure_cost(record: Record, catalogue: Catalogue) -> Cost:
    """Build the network of a run and count what a pass of it computes.

    Args:
        record: of the run.
        catalogue: builds network and strategy.

    Raises:
        MmbalError: the record tells no shapes, or what it was made of is not installed.
    """
    shapes = record.data.get("modalities")
    if not shapes:
        raise MmbalError("the record is of an mmbal that recorded no shapes of its modalities")
    tables = tomllib.loads(record.config)
    file = TomlFile(Path("the configuration"), tables, {}, tables.pop("provenance", {}))
    config = resolve(catalogue, None, file, complete=False).config
    config = config.without({*(config.dataset.options.modality_names() or ())} - shapes.keys())
    modalities = {m: Modality(tuple(told["shape"]), told["dtype"]) for m, told in shapes.items()}
    none = Examples(0, None)  # type: ignore[arg-type]
    data = MultimodalDataset(modalities, record.classes, none, none, none, record.fingerprint)
    network = build_network(config, catalogue, data, saved=True)
    strategy = suited(build_strategy(config, catalogue), modalities)
    strategy.adapt(network)
    extra = strategy.requirements().passes_beside(len(modalities))
    forward, uncounted = forward_operations(network, data)
    return Cost(network.count_params(), forward, extra, uncounted)


def forward_operations(
    network: FusionNetwork, data: MultimodalDataset
) -> tuple[float, tuple[str, ...]]:
    """Return the floating-point operations of one example, two per multiply-add.

    TensorFlow's profiler counts by formulas per type of operation. It sees neither into functions
    that are called, which are therefore traced in place, nor behind axes of unknown length, so
    that the batch has one example.

    Args:
        network: built.
        data: tells shapes.

    Returns:
        The number, and the types of operations that compute and were not counted.
    """
    in_place, logger = tf.config.functions_run_eagerly(), tf.get_logger()
    level, graph = logger.level, tf.__internal__.FuncGraph("forward")
    tf.config.run_functions_eagerly(True)
    logger.setLevel("ERROR")  # of a formula that TensorFlow itself calls outdated
    try:
        with graph.as_default():
            inputs = {
                name: tf.compat.v1.placeholder(modality.dtype, (1, *modality.shape))
                for name, modality in data.modalities.items()
            }
            network(inputs, training=False)
        builder = tf.compat.v1.profiler.ProfileOptionBuilder
        options: Any = builder(builder.float_operation()).with_empty_output().build()
        found = tf.compat.v1.profiler.profile(graph=graph, cmd="op", options=options)
    finally:
        tf.config.run_functions_eagerly(in_place)
        logger.setLevel(level)
    counted = {child.name for child in _all(found) if child.total_float_ops}
    types = {operation.type for operation in graph.get_operations()}
    return float(found.total_float_ops), tuple(
        sorted(t for t in types - counted if not MOVING.fullmatch(t))
    )


def _all(node: Any) -> Any:
    """Yield the nodes below one."""
    for child in node.children:
        yield child
        yield from _all(child)
