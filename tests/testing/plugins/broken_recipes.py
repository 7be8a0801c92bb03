"""Recipes that break one rule each, and some that break none."""

from dataclasses import replace

from mmbal import Recipe

SOUND = Recipe(
    "sound",
    "a tenth of the coloured digits",
    dataset="colored-digits",
    architecture="late-sum",
    strategy="vanilla",
    epochs=2,
    batch_size=16,
    optimizer={"name": "adam", "learning_rate": 2e-3},
    options={"dataset": {"train_examples": 1000}},
    settings={"evaluations": ["accuracy"]},
    sample={"epochs": 1, "dataset": {"train_examples": 40}},
)
NEEDED = {"data_dir": "a folder of digits, from the authors"}
OFFERS = {
    "sound": SOUND,
    "needing": replace(SOUND, needs=NEEDED),
    "absent": replace(SOUND, strategy="nothing-of-the-kind"),
    "unfit": replace(SOUND, strategy="guided"),
    "illegal": replace(SOUND, options={"dataset": {"train_exmples": 1000}}),
    "large-sample": replace(SOUND, sample={"epoch": 1}),
    "misspelt": replace(SOUND, needs={"data_dr": "a folder of digits"}),
    "needless": replace(SOUND, needs={"dataset.train_examples": "count them"}),
    "unreduced": replace(SOUND, sample={}),
}
OFFERS = {name: replace(recipe, name=name) for name, recipe in OFFERS.items()}
BREAKS = {
    "absent": "settings",
    "unfit": "settings",
    "illegal": "settings",
    "large-sample": "settings",
    "misspelt": "needs",
    "needless": "needs",
    "unreduced": "sample",
}
