"""One guided run for each dataset.

Method: Wu, Jastrzębski, Cho, Geras, "Characterizing and overcoming the greedy nature of
learning in multi-modal deep neural networks", ICML 2022, arXiv 2202.05306.
Data: Kim, Kim, Kim, Kim, Kim, "Learning Not to Learn: Training Deep Neural Networks with
Biased Data", CVPR 2019, arXiv 1812.10352.
"""

from typing import Any

from mmbal import Recipe

PROTOCOL = "Kim et al., Learning Not to Learn, CVPR 2019, arXiv 1812.10352"
PAPER = (
    "Wu, Jastrzębski, Cho, Geras, Characterizing and overcoming the greedy nature of learning "
    "in multi-modal deep neural networks, ICML 2022, arXiv 2202.05306"
)

# Small batches and an optimizer of its own for every group: the coloured branch then gets enough
# updates to learn shape as well. Speeds mean little in the very first steps, hence the warm-up.
_MNIST: dict[str, Any] = {
    "architecture": "mmtm-cnn",
    "strategy": "guided",
    "epochs": 12,
    "batch_size": 32,
    "optimizer": {"name": "adam", "learning_rate": 2e-3},
    "options": {
        "strategy": {"tolerance": 0.023, "window": 10, "warmup": 0.05, "update": "all"},
    },
    "source": PAPER,
}

RECIPES = (
    Recipe(
        "colored-mnist",
        "guided balancing of gray and coloured MNIST",
        dataset="colored-mnist",
        **_MNIST,
        expected="fused test accuracy 0.91 (seed 0); vanilla 0.71",
        time="16 minutes on one core",
    ),
    Recipe(
        "colored-fashion-mnist",
        "guided balancing of gray and coloured Fashion-MNIST",
        dataset="colored-fashion-mnist",
        **_MNIST,
        expected="not measured; the settings are those of colored-mnist",
        time="as colored-mnist, whose images are as many and as large",
    ),
    Recipe(
        "colored-digits",
        "guided balancing of gray and coloured digits of scikit-learn; no download",
        dataset="colored-digits",
        architecture="mmtm-cnn",
        strategy="guided",
        epochs=120,
        batch_size=32,
        optimizer={"name": "adam", "learning_rate": 2e-3},
        options={
            "architecture": {"gate_scale": 2},
            # Near the end of the first epoch every example has been seen and the speeds draw
            # level; the decision is due while they still differ.
            "strategy": {"tolerance": 0.115, "window": 10, "warmup": 0.6, "update": "isolated"},
        },
        source=PAPER,
        expected="fused test accuracy 0.92 +- 0.04 over seeds 0-4; vanilla 0.76 +- 0.04",
        time="2 minutes on one core",
    ),
)
