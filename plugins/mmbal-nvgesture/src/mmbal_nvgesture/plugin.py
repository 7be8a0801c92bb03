"""What this distribution offers to mmbal."""

from typing import Any

from mmbal import Component, Recipe, hookimpl

DATA = (
    "Molchanov et al., Online detection and classification of dynamic hand gestures with "
    "recurrent 3D convolutional neural networks, CVPR 2016"
)

PAPER = (
    "Wu, Jastrzębski, Cho, Geras, Characterizing and overcoming the greedy nature of learning "
    "in multi-modal deep neural networks, ICML 2022, arXiv 2202.05306"
)

CHECKPOINT = (
    "the checkpoint of Carreira and Zisserman (CVPR 2017, arXiv 1705.07750), published in "
    "github.com/google-deepmind/kinetics-i3d as data/checkpoints/rgb_imagenet/model.ckpt.*; give "
    "its path without the last ending, as in "
    "--set architecture.weights=kinetics-i3d/data/checkpoints/rgb_imagenet/model.ckpt"
)

# The authors' settings for this dataset are not known: these are chosen, not tuned. The schedule
# is that of their published ModelNet40 training with a patience for longer epochs; 0.02303 nats
# are the tolerance that it has, 0.01 in log10.
_TRAINING: dict[str, Any] = {
    "dataset": "nvgesture",
    "architecture": "mmtm-i3d",
    "strategy": "guided",
    "batch_size": 8,
    "options": {"strategy": {"tolerance": 0.02303, "window": 5, "warmup": 1}},
    "settings": {
        "callbacks": {
            "reduce-lr-on-plateau": {
                "monitor": "loss", "factor": 0.3, "patience": 5, "relative": 1e-3, "min_lr": 1e-6,
            },
            "stop-when-perfect": {"epochs": 5},
        },
    },
    "sample": {
        "epochs": 8,
        "batch_size": 4,
        "dataset": {
            "frames": 16,
            "stride": 4,
            "short_side": 36,
            "crop": 32,
            "classes": 3,
            "validation_subjects": 4,
            "sample": 36,
        },
    },
    "source": PAPER,
    "expected": "not measured",
    "time": "not measured",
}  # fmt: skip


@hookimpl
def mmbal_components() -> list[Component]:
    """Return the dataset."""
    return [
        Component(
            "dataset",
            "nvgesture",
            "NVIDIA Dynamic Hand Gesture: 25 gestures as colour, depth and stereo video",
            "mmbal_nvgesture.source:NVGesture",
            "mmbal_nvgesture.options:NVGestureOptions",
            DATA,
        )
    ]


@hookimpl
def mmbal_recipes() -> list[Recipe]:
    """Return trainings from scratch and from weights of Kinetics."""
    return [
        Recipe(
            "nvgesture",
            "guided balancing of colour and depth video of hand gestures, from scratch",
            epochs=100,
            optimizer={"name": "sgd", "learning_rate": 0.01, "momentum": 0.9},
            **_TRAINING,
        ),
        Recipe(
            "nvgesture-pretrained",
            "as nvgesture, from the weights of an I3D trained on ImageNet and Kinetics",
            epochs=50,
            optimizer={"name": "sgd", "learning_rate": 0.003, "momentum": 0.9},
            needs={"architecture.weights": CHECKPOINT},
            **_TRAINING,
        ),
    ]
