"""The networks of `benchmarks/peers.py` in PyTorch: branches joined by MMTMs, and guided balancing.

Written from the papers and the authors' code, apart from mmbal; needs torch alone.
"""

import torch
from torch import nn
from torch.nn import functional

WINDOW, TOLERANCE = 5, 0.0
CLASSES = {"cnn": 10, "resnet18": 40, "i3d": 25}
INCEPTIONS = {
    "3b": (192, 64, (96, 128), (16, 32), 32),
    "3c": (256, 128, (128, 192), (32, 96), 64),
    "4b": (480, 192, (96, 208), (16, 48), 64),
    "4c": (512, 160, (112, 224), (24, 64), 64),
    "4d": (512, 128, (128, 256), (24, 64), 64),
    "4e": (512, 112, (144, 288), (32, 64), 64),
    "4f": (528, 256, (160, 320), (32, 128), 128),
    "5b": (832, 256, (160, 320), (32, 128), 128),
    "5c": (832, 384, (192, 384), (48, 128), 128),
}
"""Channels that enter a module, and those of its four branches."""


def cnn(channels):
    """Return stages and head for 28 x 28 images (Kim et al., CVPR 2019)."""
    stages = [
        nn.Sequential(
            nn.BatchNorm2d(channels),
            nn.Conv2d(channels, 32, 5, 1, 2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2, 1),
            nn.Conv2d(32, 32, 3, 1, 1),
            nn.ReLU(inplace=True),
        ),
        nn.Sequential(nn.Conv2d(32, 64, 3, 2, 1), nn.ReLU(inplace=True)),
        nn.Sequential(nn.Conv2d(64, 64, 3, 1, 1), nn.ReLU(inplace=True)),
    ]
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, CLASSES["cnn"]))
    return stages, head, (32, 64, 64)


class Block(nn.Module):
    """Two convolutions beside a shortcut."""

    def __init__(self, enters, leaves, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(enters, leaves, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(leaves)
        self.conv2 = nn.Conv2d(leaves, leaves, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(leaves)
        self.shortcut = nn.Identity()
        if stride > 1:
            one = nn.Conv2d(enters, leaves, 1, stride, bias=False)
            self.shortcut = nn.Sequential(one, nn.BatchNorm2d(leaves))

    def forward(self, x):
        y = functional.relu(self.bn1(self.conv1(x)), inplace=True)
        y = self.bn2(self.conv2(y))
        y += self.shortcut(x)
        return functional.relu(y, inplace=True)


def resnet18(channels):
    """Return stages and head of ResNet-18, as torchvision has it."""

    def stage(enters, leaves):
        return [Block(enters, leaves, 1 if enters == leaves else 2), Block(leaves, leaves, 1)]

    first = [
        nn.Conv2d(channels, 64, 7, 2, 3, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2, 1),
    ]
    stages = [
        nn.Sequential(*first, *stage(64, 64), *stage(64, 128)),
        nn.Sequential(*stage(128, 256)),
        nn.Sequential(*stage(256, 512)),
    ]
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, CLASSES["resnet18"]))
    return stages, head, (128, 256, 512)


class Same(nn.Module):
    """Pads as TensorFlow does, so that sizes are rounded up; nothing where nothing is to pad."""

    def __init__(self, layer, window, stride, value=0.0):
        super().__init__()
        self.layer, self.window, self.stride, self.value = layer, window, stride, value

    def forward(self, x):
        pads = []
        for size, width, step in zip(
            x.shape[:1:-1], self.window[::-1], self.stride[::-1], strict=True
        ):
            total = max((-(-size // step) - 1) * step + width - size, 0)
            pads += [total // 2, total - total // 2]
        return self.layer(functional.pad(x, pads, value=self.value) if any(pads) else x)


def unit(enters, leaves, size, stride=1):
    """Return a convolution with batch normalization, whose gain is fixed, and ReLU."""
    convolution = nn.Conv3d(enters, leaves, size, stride, size // 2, bias=False)
    if stride > 1:
        convolution.padding = (0, 0, 0)
        convolution = Same(convolution, (size,) * 3, (stride,) * 3)
    norm = nn.BatchNorm3d(leaves, eps=1e-3)
    norm.weight.requires_grad_(False)
    return nn.Sequential(convolution, norm, nn.ReLU(inplace=True))


def pool(window, stride):
    """Return max pooling, "same" as in TensorFlow."""
    if stride == (1, 1, 1):
        return nn.MaxPool3d(window, stride, tuple(size // 2 for size in window))
    return Same(nn.MaxPool3d(window, stride), window, stride, float("-inf"))


class Inception(nn.Module):
    """Four branches side by side."""

    def __init__(self, name):
        super().__init__()
        enters, first, second, third, fourth = INCEPTIONS[name]
        self.paths = nn.ModuleList([
            unit(enters, first, 1),
            nn.Sequential(unit(enters, second[0], 1), unit(*second, 3)),
            nn.Sequential(unit(enters, third[0], 1), unit(*third, 3)),
            nn.Sequential(pool((3, 3, 3), (1, 1, 1)), unit(enters, fourth, 1)),
        ])  # fmt: skip
        self.leaves = first + second[1] + third[1] + fourth

    def forward(self, x):
        return torch.cat([path(x) for path in self.paths], 1)


class MeanLogits(nn.Module):
    """The head of I3D: logits of two frames each, averaged over time."""

    def __init__(self):
        super().__init__()
        self.logits = nn.Conv3d(1024, CLASSES["i3d"], 1)

    def forward(self, x):
        x = functional.avg_pool3d(x, (2, *x.shape[3:]), 1)
        return self.logits(functional.dropout(x, 0.5, self.training)).mean((2, 3, 4))


def i3d(channels):
    """Return stages and head of I3D (Carreira and Zisserman, CVPR 2017)."""
    modules = {name: Inception(name) for name in INCEPTIONS}
    first = [
        unit(channels, 64, 7, 2),
        pool((1, 3, 3), (1, 2, 2)),
        unit(64, 64, 1),
        unit(64, 192, 3),
        pool((1, 3, 3), (1, 2, 2)),
        modules["3b"],
        modules["3c"],
        pool((3, 3, 3), (2, 2, 2)),
        modules["4b"],
        modules["4c"],
    ]
    stages = [nn.Sequential(*first), modules["4d"], modules["4e"], modules["4f"]]
    stages += [nn.Sequential(pool((2, 2, 2), (2, 2, 2)), modules["5b"]), modules["5c"]]
    widths = [modules[name].leaves for name in ("4c", "4d", "4e", "4f", "5b", "5c")]
    return stages, MeanLogits(), widths


class MMTM(nn.Module):
    """The multimodal transfer module, whose gates' running means stand in for those isolated."""

    def __init__(self, width):
        super().__init__()
        self.squeeze = nn.Linear(2 * width, width)
        self.excite = nn.ModuleList([nn.Linear(width, width) for _ in range(2)])
        self.register_buffer("means", torch.zeros(2, width))
        self.batches = 0

    def forward(self, features, isolated):
        averages = [feature.flatten(2).mean(2) for feature in features]
        joint = torch.relu(self.squeeze(torch.cat(averages, 1)))
        gated = []
        for branch, (feature, excite) in enumerate(zip(features, self.excite, strict=True)):
            gate = torch.sigmoid(excite(joint))
            mean = (gate.detach().mean(0) + self.batches * self.means[branch]) / (self.batches + 1)
            self.means[branch] = mean
            if branch == isolated:
                gate = mean.expand_as(gate)
            gated.append(feature * gate.reshape(*gate.shape, *[1] * (feature.dim() - 2)))
        self.batches += 1
        return gated


class Pair(nn.Module):
    """Two branches with an MMTM after each of their stages."""

    def __init__(self, branch, channels):
        super().__init__()
        parts = [branch(c) for c in channels]
        self.stages = nn.ModuleList([nn.ModuleList(part[0]) for part in parts])
        self.heads = nn.ModuleList([part[1] for part in parts])
        self.fusion = nn.ModuleList([MMTM(width) for width in parts[0][2]])

    def forward(self, x, isolated=-1):
        for number, module in enumerate(self.fusion):
            x = [stages[number](each) for stages, each in zip(self.stages, x, strict=True)]
            x = module(x, isolated)
        return [head(each) for head, each in zip(self.heads, x, strict=True)]


class Guided:
    """Conditional learning speeds and the branch to isolate, as the authors' callback finds them.

    Args:
        pair: the network.
        fused: sum all squares on the device and read one number each; otherwise two `.item()`
            per parameter, as the authors do.
    """

    def __init__(self, pair, fused):
        self.fused = fused
        self.branches = [
            [*stages.parameters(), *head.parameters()]
            for stages, head in zip(pair.stages, pair.heads, strict=True)
        ]
        self.fusions = [
            [p for module in pair.fusion for p in excitation_and_squeeze(module, branch)]
            for branch in range(2)
        ]
        self.totals = [[0.0, 0.0], [0.0, 0.0]]
        self.isolated, self.left = -1, 0

    def after_backward(self):
        """Count a window down, or accumulate and decide about the next one."""
        if self.left:
            self.left -= 1
            self.isolated = self.isolated if self.left else -1
            return
        for branch in range(2):
            for kind, groups in enumerate((self.branches, self.fusions)):
                self.totals[branch][kind] += self.update(groups[branch])
        speeds = torch.tensor(self.totals).log()[:, 1] - torch.tensor(self.totals).log()[:, 0]
        if abs(float(speeds[0] - speeds[1])) > TOLERANCE:
            self.isolated, self.left = int(speeds.argmax()), WINDOW

    def update(self, parameters):
        """Return ||G||^2 / ||theta||^2 of a group."""
        parameters = [p for p in parameters if p.grad is not None]
        if not self.fused:
            squared = sum((p.grad.data**2).sum().item() for p in parameters)
            return squared / sum((p.data**2).sum().item() for p in parameters)
        gradients = [p.grad for p in parameters]
        norms = [torch.stack(torch._foreach_norm(x)) for x in (gradients, parameters)]
        return float((norms[0] ** 2).sum() / (norms[1] ** 2).sum())


def excitation_and_squeeze(module, branch):
    """Return the parameters of an MMTM that feed a branch."""
    return [*module.excite[branch].parameters(), *module.squeeze.parameters()]
