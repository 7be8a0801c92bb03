"""MMCosine: no modality wins by the length of its features or weights."""

from mmbal import FusionNetwork, Strategy
from mmbal.strategies import Requirements
from mmbal_cosine.options import MMCosineOptions
from mmbal_cosine.rules import ModalityCosine


class MMCosine(Strategy):
    """Joint training of f_k = scale * sum over m of cos(z_m, W_m[:, k]), without a bias.

    Evaluation predicts by the same rule; the authors' code takes fused predictions from an
    ordinary linear layer there.

    Source: Xu, Feng, Zhang, Hu, ICASSP 2023 (arXiv 2303.05338), section 2.2.
    """

    options: MMCosineOptions

    def requirements(self) -> Requirements:
        """Return that the joint classifier's rule is replaced."""
        return Requirements(frozenset({"rule"}), owns=frozenset({"rule"}))

    def adapt(self, network: FusionNetwork) -> None:
        """Replace the rule."""
        network.set_rule(ModalityCosine(self.options.scale))
