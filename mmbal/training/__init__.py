"""The Keras model that balances what it learns, and what is measured while it trains."""

from mmbal.training.losses import branch_loss
from mmbal.training.model import BalancedModel

__all__ = ["BalancedModel", "branch_loss"]
