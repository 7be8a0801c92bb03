"""The arguments of Keras's optimizers, so that a typing error shows before TensorFlow loads.

A test holds these tables against the installed Keras.
"""

_COMMON = {
    "learning_rate",
    "weight_decay",
    "clipnorm",
    "clipvalue",
    "global_clipnorm",
    "use_ema",
    "ema_momentum",
    "ema_overwrite_frequency",
    "loss_scale_factor",
    "gradient_accumulation_steps",
}

_OWN = {
    "adadelta": {"rho", "epsilon"},
    "adafactor": {
        "beta_2_decay",
        "epsilon_1",
        "epsilon_2",
        "clip_threshold",
        "relative_step",
    },
    "adagrad": {"initial_accumulator_value", "epsilon"},
    "adam": {"beta_1", "beta_2", "epsilon", "amsgrad"},
    "adamax": {"beta_1", "beta_2", "epsilon"},
    "adamw": {"beta_1", "beta_2", "epsilon", "amsgrad"},
    "ftrl": {
        "learning_rate_power",
        "initial_accumulator_value",
        "l1_regularization_strength",
        "l2_regularization_strength",
        "l2_shrinkage_regularization_strength",
        "beta",
    },
    "lion": {"beta_1", "beta_2"},
    "nadam": {"beta_1", "beta_2", "epsilon"},
    "rmsprop": {"rho", "momentum", "epsilon", "centered"},
    "sgd": {"momentum", "nesterov"},
}


def arguments(optimizer: str) -> set[str]:
    """Return what an optimizer of `settings.OPTIMIZERS` can be given besides its name."""
    return _COMMON | _OWN[optimizer]
