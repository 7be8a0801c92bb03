"""MMCosine: no modality wins by the length of its features or weights."""

from mmbal import FusionNetwork, Strategy
from mmbal.strategies import Requirements
from mmbal_cosine.options import MMCosineOptions
from mmbal_cosine.rules import ModalityCosine


class MMCosine(Strategy):
    """Joint training of f_k = scale * sum over m of cos(z_m, W_m[:, k]), without a bias.

    Evaluation predicts by the same rule; the authors' code takes fused predictions from an
    ordinary linear layer there. With a single modality this is still a cosine classifier.

    Source: Xu, Feng, Zhang, Hu, ICASSP 2023 (arXiv 2303.05338), section 2.2.

    Args:
        scale: factor on every cosine; with more modalities, logits reach higher.
    """

    def __init__(self, scale: float = 10) -> None:
        super().__init__()
        if scale <= 0:
            raise ValueError(f"scale must be positive, received {scale}")
        self.scale = scale

    def requirements(self) -> Requirements:
        """Return that the joint classifier's rule is replaced."""
        return Requirements(frozenset({"rule"}), owns=frozenset({"rule"}))

    def adapt(self, network: FusionNetwork) -> None:
        """Replace the rule."""
        network.set_rule(ModalityCosine(self.scale))


def mmcosine(options: MMCosineOptions) -> MMCosine:
    """Build the strategy from its options."""
    return MMCosine(**options.model_dump())
