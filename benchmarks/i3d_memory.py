"""How large batches of mmtm-i3d may be: bytes counted over the layers of the built network.

Counted is what a training step holds at its peak: weights, gradients and the optimizer's slots;
of every clip the tensors that the backward pass needs again; and three more of the largest of
them for gradients and passing results. Batch normalization needs its input in float32 whatever
the precision, but not its output; a ReLU needs its output; pooling, concatenation and gates hand
on theirs. Nothing is run, so no card is needed. Of a card, 1 GiB goes to the driver and to
workspaces of convolutions and a tenth of the rest to gaps between tensors.

    uv run python benchmarks/i3d_memory.py [--frames 64] [--size 224] [--slots 2]

With --measure, one training step of a single float32 stream really runs on the CPU for one and
for two clips, in processes of their own, and what the second clip adds is set beside the count.
"""

import math
import resource
import subprocess
import sys

import click
import keras
import numpy as np
from rich.console import Console
from rich.table import Table

from mmbal.data import Modality
from mmbal_mmtm.i3d import mmtm_i3d
from mmbal_mmtm.options import I3DOptions

GIB = 2**30
CARDS = (16, 24, 80)
PRECISIONS = {"float32": 4, "mixed_bfloat16": 2}
CLASSES = 25
IN_PASSING = 3
"""Tensors of the largest size that come and go beside those that are kept."""


def build(streams: int, frames: int, size: int) -> keras.Model:
    """Build a network of RGB clips with all its variables."""
    modalities = {f"m{i}": Modality((frames, size, size, 3)) for i in range(streams)}
    network = mmtm_i3d(I3DOptions(), modalities, CLASSES)
    for module, stages in zip(network.fusion, zip(*network.stages, strict=True), strict=True):
        module.build([stage.output.shape for stage in stages])
    return network


def layer_bytes(layer: keras.layers.Layer, width: int) -> int:
    """Return the bytes of one clip's output that the backward pass needs again."""
    elements = math.prod(layer.output.shape[1:])
    if isinstance(layer, keras.layers.BatchNormalization):
        return 0
    if isinstance(layer, keras.layers.Conv3D):
        return 4 * elements
    return width * elements


def clip_bytes(network: keras.Model, width: int) -> int:
    """Return the bytes that one more clip of all modalities takes at the peak of a step."""
    kept = []
    for stages, head in zip(network.stages, network.heads, strict=True):
        for number, stage in enumerate(stages):
            # What enters a later stage is the gated output of the one before.
            begin = stage.layers[0].output.shape[1:]
            kept.append((4 if number == 0 else width) * math.prod(begin))
            kept += [layer_bytes(layer, width) for layer in stage.layers[1:]]
        kept.append(width * math.prod(head.input_shape[1:]))
    return sum(kept) + IN_PASSING * max(kept)


def variable_bytes(network: keras.Model, width: int, slots: int) -> int:
    """Return the bytes of weights, gradients and slots, and of the copies of 16 bits."""
    trained = sum(math.prod(v.shape) for v in network.trainable_variables)
    fixed = sum(math.prod(v.shape) for v in network.non_trainable_variables)
    copies = 0 if width == 4 else width * trained
    return 4 * (trained * (2 + slots) + fixed) + copies


def batch_size(card: int, per_clip: int, per_network: int) -> int:
    """Return how many clips fit on a card of so many GiB."""
    usable = 0.9 * (card - 1) * GIB
    return max(int((usable - per_network) // per_clip), 0)


def added_by_second_clip(frames: int, size: int) -> int:
    """Return by how many bytes the peak of a step with two clips exceeds that with one."""
    command = [sys.executable, __file__, "--frames", str(frames), "--size", str(size), "--step"]
    runs = [
        subprocess.run([*command, str(clips)], capture_output=True, check=True, text=True)
        for clips in (1, 2)
    ]
    one, two = (int(run.stdout.split()[-1]) for run in runs)
    return two - one


def peak_of_step(clips: int, frames: int, size: int) -> int:
    """Train one step of a single stream and return the most memory this process held, bytes."""
    from mmbal import BalancedModel

    model = BalancedModel(build(1, frames, size))
    model.compile(keras.optimizers.SGD(0.01))
    inputs = {"m0": np.zeros((clips, frames, size, size, 3), "float32")}
    model.fit(inputs, np.zeros(clips, "int64"), batch_size=clips, verbose=0)
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return 1024 * kilobytes


@click.command()
@click.option("--frames", default=64, show_default=True)
@click.option("--size", default=224, show_default=True, help="Pixels of a side.")
@click.option("--slots", default=2, show_default=True, help="Of the optimizer: Adam has 2, SGD 0.")
@click.option("--measure", is_flag=True, help="Also run real steps on the CPU; Linux.")
@click.option("--step", type=int, hidden=True)
def main(frames: int, size: int, slots: int, measure: bool, step: int | None) -> None:
    """Count and print one table."""
    if step:
        click.echo(peak_of_step(step, frames, size))
        return
    table = Table(title=f"GiB and batch sizes, {frames} x {size} x {size}, {slots} slots")
    columns = ["streams", "precision", "variables", "per clip"]
    for column in [*columns, *(f"{card} GB" for card in CARDS)]:
        table.add_column(column, justify="right")
    for streams in (1, 2):
        network = build(streams, frames, size)
        for precision, width in PRECISIONS.items():
            clip, variables = clip_bytes(network, width), variable_bytes(network, width, slots)
            batches = [str(batch_size(card, clip, variables)) for card in CARDS]
            sizes = [f"{variables / GIB:.2f}", f"{clip / GIB:.2f}"]
            table.add_row(str(streams), precision, *sizes, *batches)
    Console().print(table)
    if measure:
        counted = clip_bytes(build(1, frames, size), 4)
        added = added_by_second_clip(frames, size)
        click.echo(f"second clip: {added / GIB:.2f} GiB measured, {counted / GIB:.2f} GiB counted")


if __name__ == "__main__":
    main()
