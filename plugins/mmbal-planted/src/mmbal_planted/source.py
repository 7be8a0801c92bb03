"""The dataset: draws everything from the seed, and knows what can be known of it."""

import hashlib
from collections.abc import Mapping
from math import sqrt
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from mmbal.data import DatasetSource, Examples, Modality, MultimodalDataset
from mmbal.errors import MmbalError
from mmbal_planted.drawing import Bits, draw_bits, read, render
from mmbal_planted.options import PlantedOptions
from mmbal_planted.patterns import patterns
from mmbal_planted.truth import UNTOLD, Truth

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)
Inputs = dict[str, NDArray[np.float32]]
CHECKED = 20_000
"""Examples on which `mmbal data check` holds the truth against what is drawn."""
AT_ONCE = 2_000


class Planted(DatasetSource):
    """Modalities, float32, that tell bits of the label: each its own, the same, or only together.

    Everything depends on the seed alone, and splits and modalities draw from streams of their
    own: another rendering or difficulty leaves the labels as they are.
    """

    options: PlantedOptions

    def load(self, data_dir: Path | None, seed: int) -> MultimodalDataset:
        """Draw all examples; `seed` counts unless the option `seed` is set."""
        self._refuse(data_dir)
        seed = seed if self.options.seed is None else self.options.seed
        digest = hashlib.sha256()
        parts: dict[Split, Examples] = {}
        for split in SPLITS:
            inputs, labels, _ = self.draw(split, getattr(self.options, f"{split}_examples"), seed)
            arrays: list[NDArray[Any]] = [*inputs.values(), labels]
            for array in arrays:
                digest.update(f"{array.dtype}{array.shape}".encode())
                digest.update(array.tobytes())
            parts[split] = Examples.from_arrays(inputs, labels)
        bits = len(self.options.label_bits())
        return MultimodalDataset(
            modalities={name: Modality(x.shape[1:]) for name, x in inputs.items()},
            class_names=tuple(f"{label:0{bits}b}" for label in range(2**bits)),
            train=parts["train"],
            validation=parts["validation"],
            test=parts["test"],
            fingerprint=digest.hexdigest(),
            notes={"data_seed": seed, "bayes": self.known()},
        )

    def draw(self, split: Split, examples: int, seed: int) -> tuple[Inputs, Bits, dict[str, Bits]]:
        """Return examples of a split as arrays.

        Args:
            split: whose distribution.
            examples: how many.
            seed: of the data.

        Returns:
            Modality to (example, *shape), labels, (example,), and modality to what it is told,
            (example, bit), -1 where that is nothing.
        """
        truth = self.truth(split)
        stream = [seed, SPLITS.index(split)]
        rng = np.random.default_rng(stream)
        labels, told = draw_bits(truth.bits, truth.modalities, examples, rng)
        inputs = {}
        for place, (name, bits) in enumerate(told.items()):
            own = np.random.default_rng([*stream, 1 + place])  # a 0 would change nothing
            heard, parity = self._heard(name), self.options.difficulty(name).parity
            inputs[name] = render(bits[:, heard], parity, self.patterns(name), own)
        return inputs, labels, told

    def decode(self, inputs: Mapping[str, NDArray[np.floating]]) -> dict[str, Bits]:
        """Return what modalities were told, read from what shows it; wrong once in 10^8 times.

        Args:
            inputs: modality to (example, *shape); some or all.

        Returns:
            Modality to (example, bit), -1 where it is told nothing.
        """
        told = {}
        for name, values in inputs.items():
            heard, parity = self._heard(name), self.options.difficulty(name).parity
            shape = (len(values), len(self.options.label_bits()))
            told[name] = np.full(shape, UNTOLD, np.int64)
            told[name][:, heard] = read(values, len(heard), parity, self.patterns(name))
        return told

    def truth(self, split: Split = "test") -> Truth:
        """Return what can be known of the labels of a split; validation is as training."""
        bits = self.options.label_bits()
        if split == "test":
            bits = tuple(bit.in_test() for bit in bits)
        return Truth(self.options.modality_names(), bits)

    def patterns(self, modality: str) -> NDArray[np.float32]:
        """Return the patterns of a modality's carriers, (carrier, *shape)."""
        options = self.options
        frequency, count = options.difficulty(modality).frequency, options.carriers(modality)
        return patterns(options.rendering, options.side(), frequency, count)

    def known(self) -> list[dict[str, Any]]:
        """Return the Bayes accuracy and NLL of every subset of the modalities, in the test.

        And those in training, where they are others.
        """
        test, train = self.truth(), self.truth("train")
        rows = []
        for each in test.subsets():
            row = {"accuracy": test.accuracy(each), "nll": test.nll(each)}
            if train != test:
                row |= {"train_accuracy": train.accuracy(each), "train_nll": train.nll(each)}
            rows.append({"modalities": "+".join(each) or "(none)", **row})
        return rows

    def check(self, data_dir: Path | None) -> list[str]:
        """Draw 20,000 examples of each distribution, decode them, and let the Bayes rule guess."""
        self._refuse(data_dir)
        same = self.truth("train") == self.truth("test")
        splits: tuple[Split, ...] = ("test",) if same else ("train", "test")
        return [each for split in splits for each in self._check_split(split)]

    def _check_split(self, split: Split) -> list[str]:
        """Return where a split is not decoded, or the Bayes rule not as good as it should be."""
        truth, wrong, right = self.truth(split), 0, 0
        for seed in range(CHECKED // AT_ONCE):
            inputs, labels, told = self.draw(split, AT_ONCE, seed)
            decoded = self.decode(inputs)
            wrong += sum(int((decoded[m] != told[m]).sum()) for m in told)
            said = truth.log_posterior(decoded, truth.modalities)
            right += int((said.argmax(axis=1) == labels).sum())
        problems = [f"{split}: {wrong:,} bits are decoded wrongly"] if wrong else []
        best, found = truth.accuracy(truth.modalities), right / CHECKED
        if abs(found - best) > 4 * sqrt(best * (1 - best) / CHECKED):
            problems.append(f"{split}: the Bayes rule scores {found:.4f}, expected {best:.4f}")
        return problems

    def _heard(self, modality: str) -> list[int]:
        """Return the places of the bits that a modality is told of."""
        bits = self.options.label_bits()
        return [place for place, bit in enumerate(bits) if modality in bit.flips]

    def _refuse(self, data_dir: Path | None) -> None:
        if data_dir is not None:
            raise MmbalError(f"planted is drawn from the seed and reads no files: {data_dir}")
