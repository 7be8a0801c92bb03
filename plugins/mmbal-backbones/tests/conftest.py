"""Facts about torchvision's ResNet-18."""

import pytest

NORM = ("weight", "bias", "running_mean", "running_var")


@pytest.fixture(scope="session")
def torch_shapes():
    """Return a function: classes to the names and shapes of its `state_dict`.

    Counters of batches are left out.
    """

    def torch_shapes(classes):
        shapes = {"conv1.weight": (64, 3, 7, 7)}
        norms, before = {"bn1": 64}, 64
        for stage, width in enumerate((64, 128, 256, 512), start=1):
            for block in range(2):
                name = f"layer{stage}.{block}"
                shapes[f"{name}.conv1.weight"] = (width, before, 3, 3)
                shapes[f"{name}.conv2.weight"] = (width, width, 3, 3)
                norms |= {f"{name}.bn1": width, f"{name}.bn2": width}
                if before != width:
                    shapes[f"{name}.downsample.0.weight"] = (width, before, 1, 1)
                    norms[f"{name}.downsample.1"] = width
                before = width
        shapes |= {f"{name}.{part}": (width,) for name, width in norms.items() for part in NORM}
        return {**shapes, "fc.weight": (classes, 512), "fc.bias": (classes,)}

    return torch_shapes
