"""How i3d_torch.npz was made: I3D in PyTorch, apart from mmbal; torch 2.13 on a CPU.

    python i3d_torch.py

Weights and clips are those that `draw` makes of their names, in float64. Of every case the file
holds the logits, and of every endpoint the mean and standard deviation of all its values and some
values at even distances, for (batch, time, height, width, channels) in this order.
"""

import json
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

HERE = Path(__file__).parent
INDEX = json.loads((HERE / "i3d_index.json").read_text())
PREFIX = "RGB/inception_i3d/"
VALUES = 250
CASES = {
    "small": ((2, 16, 32, 32, 3), False),
    "odd": ((1, 35, 107, 83, 3), False),
    "training": ((2, 19, 47, 65, 3), True),
}
"""Shape of the clips, and whether they are normalized by their own statistics."""


def draw(name, shape):
    """Return the values of a tensor, which its name decides."""
    generator = np.random.default_rng(list(name.encode()))
    if name.endswith("variance"):
        return generator.uniform(0.5, 1.5, shape)
    if len(shape) > 1 and name != "clip":
        return generator.normal(size=shape) * np.sqrt(2 / np.prod(shape[:-1]))
    return generator.normal(size=shape) * (1 if name == "clip" else 0.1)


def tensor(name, axes=None):
    """Return a tensor of the checkpoint, axes in the order of torch."""
    values = draw(name, INDEX[PREFIX + name]["shape"])
    return torch.tensor(values if axes is None else values.transpose(axes).copy())


def same_padding(x, window, stride, value):
    """Pad so that the output is the input over the stride, rounded up; more at the end."""
    pads = []
    for size, width, step in zip(x.shape[:1:-1], window[::-1], stride[::-1], strict=True):
        total = max((-(-size // step) - 1) * step + width - size, 0)
        pads += [total // 2, total - total // 2]
    return functional.pad(x, pads, value=value)


class Unit(nn.Module):
    """Convolution, batch normalization without gain, ReLU."""

    def __init__(self, name, stride=1):
        super().__init__()
        weight = tensor(f"{name}/conv_3d/w", (4, 3, 0, 1, 2))
        self.window, self.stride = weight.shape[2:], (stride,) * 3
        width, depth = weight.shape[:2]
        self.conv = nn.Conv3d(depth, width, self.window, stride, bias=False).double()
        self.norm = nn.BatchNorm3d(width, eps=1e-3, momentum=0.1).double()
        parts = {p: tensor(f"{name}/batch_norm/{p}") for p in ("beta", "moving_mean")}
        self.conv.weight.data = weight
        self.norm.bias.data = parts["beta"]
        self.norm.running_mean = parts["moving_mean"]
        self.norm.running_var = tensor(f"{name}/batch_norm/moving_variance")

    def forward(self, x):
        x = same_padding(x, self.window, self.stride, 0.0)
        return torch.relu(self.norm(self.conv(x)))


class Pool(nn.Module):
    """Largest value of a window."""

    def __init__(self, window, stride):
        super().__init__()
        self.window, self.stride = window, stride

    def forward(self, x):
        x = same_padding(x, self.window, self.stride, -torch.inf)
        return functional.max_pool3d(x, self.window, self.stride)


class Mixed(nn.Module):
    """Four branches side by side."""

    def __init__(self, name):
        super().__init__()
        third = "0a" if name == "Mixed_5b" else "0b"
        paths = [
            [Unit(f"{name}/Branch_0/Conv3d_0a_1x1")],
            [Unit(f"{name}/Branch_1/Conv3d_0a_1x1"), Unit(f"{name}/Branch_1/Conv3d_0b_3x3")],
            [Unit(f"{name}/Branch_2/Conv3d_0a_1x1"), Unit(f"{name}/Branch_2/Conv3d_{third}_3x3")],
            [Pool((3, 3, 3), (1, 1, 1)), Unit(f"{name}/Branch_3/Conv3d_0b_1x1")],
        ]
        self.paths = nn.ModuleList([nn.Sequential(*path) for path in paths])

    def forward(self, x):
        return torch.cat([path(x) for path in self.paths], dim=1)


def network():
    """Return the layers by the name of their endpoint."""
    layers = {
        "Conv3d_1a_7x7": Unit("Conv3d_1a_7x7", 2),
        "MaxPool3d_2a_3x3": Pool((1, 3, 3), (1, 2, 2)),
        "Conv3d_2b_1x1": Unit("Conv3d_2b_1x1"),
        "Conv3d_2c_3x3": Unit("Conv3d_2c_3x3"),
        "MaxPool3d_3a_3x3": Pool((1, 3, 3), (1, 2, 2)),
        "Mixed_3b": Mixed("Mixed_3b"),
        "Mixed_3c": Mixed("Mixed_3c"),
        "MaxPool3d_4a_3x3": Pool((3, 3, 3), (2, 2, 2)),
    }
    layers |= {f"Mixed_4{letter}": Mixed(f"Mixed_4{letter}") for letter in "bcdef"}
    layers["MaxPool3d_5a_2x2"] = Pool((2, 2, 2), (2, 2, 2))
    return layers | {f"Mixed_5{letter}": Mixed(f"Mixed_5{letter}") for letter in "bc"}


def classify(x):
    """Return the logits, (batch, classes), without dropout."""
    x = functional.avg_pool3d(x, (2, *x.shape[3:]), stride=1)
    weight = tensor("Logits/Conv3d_0c_1x1/conv_3d/w", (4, 3, 0, 1, 2))
    x = functional.conv3d(x, weight, tensor("Logits/Conv3d_0c_1x1/conv_3d/b"))
    return x[:, :, :, 0, 0].mean(dim=2)


def main():
    """Run all cases and write the file."""
    found = {}
    for case, (shape, training) in CASES.items():
        layers = network()
        x = torch.tensor(draw("clip", shape).transpose(0, 4, 1, 2, 3).copy())
        for name, layer in layers.items():
            with torch.no_grad():
                x = layer.train(training)(x)
            values = x.permute(0, 2, 3, 4, 1).numpy()
            places = np.linspace(0, values.size - 1, VALUES).astype(int)
            found[f"{case}/{name}/shape"] = np.array(values.shape)
            found[f"{case}/{name}/moments"] = np.array([values.mean(), values.std()])
            found[f"{case}/{name}/values"] = values.flat[places]
        found[f"{case}/logits"] = classify(x).numpy()
        if training:
            norm = layers["Conv3d_1a_7x7"].norm
            found["training/moving_mean"] = norm.running_mean.numpy()
            found["training/moving_variance"] = norm.running_var.numpy()
    np.savez_compressed(HERE / "i3d_torch.npz", **found)


if __name__ == "__main__":
    main()
