"""Measure and balance how much a multimodal network learns from each modality.

Importing this package loads neither TensorFlow, Keras nor NumPy: plugin modules import
their hook markers and descriptions from here. The names of data and training below are
loaded on first use.
"""

from typing import TYPE_CHECKING

import mmbal.environment  # noqa: F401
from mmbal.capabilities import CAPABILITIES
from mmbal.errors import ConfigError, DataFormatError, MmbalError, PluginError
from mmbal.lazy import lazy_names
from mmbal.registry.component import Component, Conformance, Recipe
from mmbal.registry.hookspecs import API_VERSION, hookimpl
from mmbal.version import __version__ as __version__

if TYPE_CHECKING:
    from mmbal.data import Examples
    from mmbal.networks.network import FusionNetwork
    from mmbal.options import Configurable, NoOptions, Options, WindowOptions
    from mmbal.strategies.strategy import Strategy
    from mmbal.training.model import BalancedModel

__all__ = [
    "API_VERSION",
    "CAPABILITIES",
    "BalancedModel",
    "Component",
    "ConfigError",
    "Configurable",
    "Conformance",
    "DataFormatError",
    "Examples",
    "FusionNetwork",
    "MmbalError",
    "NoOptions",
    "Options",
    "PluginError",
    "Recipe",
    "Strategy",
    "WindowOptions",
    "hookimpl",
    "lazy_names",
]

__getattr__ = lazy_names(
    __name__,
    {
        "BalancedModel": "mmbal.training.model",
        "Configurable": "mmbal.options",
        "Examples": "mmbal.data",
        "FusionNetwork": "mmbal.networks.network",
        "NoOptions": "mmbal.options",
        "Options": "mmbal.options",
        "Strategy": "mmbal.strategies.strategy",
        "WindowOptions": "mmbal.options",
    },
)
