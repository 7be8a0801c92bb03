"""One candidate of `benchmarks/peers.py` in PyTorch.

python torch_peer.py cnn plain SHAPES
"""

import contextlib
import json
import resource
import sys
import time

import torch
from torch.nn import functional
from torch_networks import CLASSES, Guided, Pair, cnn, i3d, resnet18

BRANCHES = {"cnn": cnn, "resnet18": resnet18, "i3d": i3d}


def make(name, variant, shapes):
    """Return the number of trained values, and a function that runs a step."""
    torch.manual_seed(0)
    pair = Pair(BRANCHES[name], [shape[-1] for shape in shapes])
    # Channels lie second in PyTorch.
    inputs = [torch.randn(shape[0], shape[-1], *shape[1:-1]) for shape in shapes]
    labels = torch.randint(0, CLASSES[name], (shapes[0][0],))
    if variant == "channels-last":
        layout = torch.channels_last if len(shapes[0]) == 4 else torch.channels_last_3d
        pair = pair.to(memory_format=layout)
        inputs = [x.contiguous(memory_format=layout) for x in inputs]
    guided = Guided(pair, variant == "fused norms") if variant.endswith("norms") else None
    optimizer = torch.optim.SGD(pair.parameters(), 0.01, momentum=0.9)
    network = torch.compile(pair) if variant == "compiled" else pair

    def step():
        optimizer.zero_grad()
        logits = network(inputs, guided.isolated if guided else -1)
        loss = sum(functional.cross_entropy(each, labels) for each in logits)
        loss.backward()
        if guided:
            guided.after_backward()
        optimizer.step()
        correct = (sum(logits).argmax(1) == labels).sum()
        return loss.item(), correct.item()

    return sum(p.numel() for p in pair.parameters() if p.requires_grad), step


def processor_seconds():
    """Return user and system seconds of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def say(answer):
    """Write a line to the driver."""
    print(json.dumps(answer), file=sys.__stdout__, flush=True)


def main():
    """Answer every number of steps on stdin with their seconds, until it ends."""
    # Libraries print now and then; answers go to the real stdout alone.
    with contextlib.redirect_stdout(sys.stderr):
        name, variant, shapes = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
        trained, step = make(name, variant, shapes)
        for _ in range(2):
            step()
        say({"trained": trained, "version": torch.__version__})
        for line in sys.stdin:
            wall, used = time.perf_counter(), processor_seconds()
            for _ in range(int(line)):
                loss, _ = step()
            spent = time.perf_counter() - wall, processor_seconds() - used
            say({"wall": spent[0], "cpu": spent[1], "loss": loss})


if __name__ == "__main__":
    main()
