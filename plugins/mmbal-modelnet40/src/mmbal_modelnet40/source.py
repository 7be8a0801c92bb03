"""The dataset: find the views, look through them, split, hand out examples."""

import hashlib
import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mmbal.data import DatasetSource, Modality, MultimodalDataset, hold_out, left_out, refusal
from mmbal.errors import ConfigError, MmbalError
from mmbal_modelnet40.checking import check_folder
from mmbal_modelnet40.images import ImageFacts
from mmbal_modelnet40.layout import absent, image_root
from mmbal_modelnet40.listing import Object3D, list_objects
from mmbal_modelnet40.options import ModelNet40Options
from mmbal_modelnet40.preparing import prepare_folder
from mmbal_modelnet40.sampling import write_sample
from mmbal_modelnet40.sidecar import refuse_unfinished
from mmbal_modelnet40.split import hold_out_as_reference
from mmbal_modelnet40.survey import Remembered, Survey, survey

if TYPE_CHECKING:
    from mmbal.data import Examples
    from mmbal_modelnet40.pipeline import Decoder

FORMAT = 1  # of what the fingerprint covers


@dataclass(frozen=True)
class _Chosen:
    """The sound objects, training before testing."""

    class_names: tuple[str, ...]
    objects: tuple[Object3D, ...]
    facts: tuple[dict[int, ImageFacts], ...]
    left_out: int

    @property
    def labels(self) -> NDArray[np.int64]:
        index = {name: label for label, name in enumerate(self.class_names)}
        return np.array([index[each.class_name] for each in self.objects], np.int64)

    @property
    def training(self) -> int:
        return sum(each.split == "train" for each in self.objects)


class ModelNet40(DatasetSource):
    """Objects seen from two or more sides; every view is a modality.

    Modalities `view_0`, `view_6` and so on, as the option `views` orders them: (height, width,
    3) float32, normalised by the mean and deviation of ImageNet. Labels follow the alphabet.

    Source: Wu et al., "3D ShapeNets", CVPR 2015, arXiv 1406.5670; views of Su et al.,
    "Multi-view convolutional neural networks for 3D shape recognition", ICCV 2015.
    """

    options: ModelNet40Options

    def load(self, data_dir: Path | None, seed: int) -> MultimodalDataset:
        """Read the folder; `seed` counts for the stratified split unless the option is set."""
        from mmbal_modelnet40.pipeline import flip  # TensorFlow: not to check or sample

        chosen = self._choose(data_dir)
        seed = seed if self.options.seed is None else self.options.seed
        count = chosen.training
        if self.options.validation == "reference":
            kept, held = hold_out_as_reference(count, self.options.validation_fraction)
        else:
            fraction = self.options.validation_fraction
            rng = np.random.default_rng([seed, 0])
            kept, held = hold_out(chosen.labels[:count], fraction, rng)
        if not len(kept) or not len(held):
            raise ConfigError(
                f"validation_fraction = {self.options.validation_fraction} splits {count:,} "
                f"training objects into {len(kept):,} and {len(held):,}; both need at least one"
            )
        parts = [kept, held, np.arange(count, len(chosen.objects))]
        decode = self._decoder(chosen)
        train, validation, test = self._examples(chosen, parts, decode)
        shape = (decode.height, decode.width, 3)
        return MultimodalDataset(
            modalities={name: Modality(shape) for name in self._names},
            class_names=chosen.class_names,
            train=train,
            validation=validation,
            test=test,
            fingerprint=self._fingerprint(chosen, parts, shape),
            augment=flip if self.options.flip else None,
            notes={"data_seed": seed, "objects_left_out": chosen.left_out},
        )

    def check(self, data_dir: Path | None) -> list[str]:
        """Return every problem of all 12 views, and of the meshes if there are any."""
        return check_folder(data_dir, self.options)

    def sample(self, directory: Path, seed: int) -> list[Path]:
        """Write 18 meshes of three classes and their views, 64x64 unless `render.size` is set."""
        return write_sample(directory, seed, self.options)

    def prepare(self, data_dir: Path | None) -> str:
        """Draw the 12 views of all meshes that have none yet."""
        return prepare_folder(data_dir, self.options)

    @property
    def _names(self) -> list[str]:
        return [f"view_{view}" for view in self.options.views]

    def _choose(self, data_dir: Path | None) -> _Chosen:
        root = None if data_dir is None else image_root(data_dir)
        if root is None:
            raise absent(data_dir)
        refuse_unfinished(root, data_dir)
        listing = list_objects(root, self.options.classes, self.options.views)
        if any(problem.fatal for problem in listing.problems):
            raise refusal(root, [problem for problem in listing.problems if problem.fatal])
        found = self._survey(listing)
        if found.problems and self.options.on_bad_example == "fail":
            raise refusal(root, found.problems)
        sound = found.sound()
        missing = len({each.key for each, _ in found.objects}) - len(sound)
        if found.problems:
            warnings.warn(left_out(root, "object", missing, found.problems), stacklevel=3)
        for class_name in listing.class_names:
            splits = Counter(each.split for each, _ in sound if each.class_name == class_name)
            if len(splits) < 2:
                raise MmbalError(f"{root}/{class_name}: no sound object to train or to test on")
        ordered = sorted(sound, key=lambda pair: pair[0].split == "test")  # stable
        objects, facts = zip(*ordered, strict=True)
        return _Chosen(listing.class_names, objects, facts, missing)

    def _survey(self, listing: Any) -> Survey:
        options = self.options
        how: dict[str, Any] = {
            "any_size": options.image_size is not None,
            "workers": options.workers,
        }
        if options.cache is None:
            return survey(listing, options.views, **how)
        options.cache.mkdir(parents=True, exist_ok=True)
        tag = hashlib.sha256(str(listing.root.resolve()).encode()).hexdigest()[:12]
        inspect = Remembered(options.cache / f"files_{tag}.json", listing.root)
        found = survey(listing, options.views, **how, inspect=inspect)
        inspect.save()
        return found

    def _decoder(self, chosen: _Chosen) -> "Decoder":
        from mmbal_modelnet40.pipeline import Decoder

        every = [fact for facts in chosen.facts for fact in facts.values()]
        height = self.options.image_size or every[0].height
        width = self.options.image_size or every[0].width
        resized = any((fact.height, fact.width) != (height, width) for fact in every)
        return Decoder(height, width, resized=resized, deep=any(fact.deep for fact in every))

    def _examples(
        self, chosen: _Chosen, parts: list[NDArray[np.int64]], decode: "Decoder"
    ) -> "list[Examples]":
        from mmbal_modelnet40.cache import cached_pixels
        from mmbal_modelnet40.pipeline import from_files, from_pixels

        labels, views = chosen.labels, self.options.views
        if self.options.cache is None:
            paths = [[each.views[view] for view in views] for each in chosen.objects]
            return [
                from_files([paths[row] for row in rows], labels[rows], self._names, decode)
                for rows in parts
            ]
        pixels = {}
        for name, view in zip(self._names, views, strict=True):
            files = [each.views[view] for each in chosen.objects]
            facts = [facts[view] for facts in chosen.facts]
            pixels[name] = cached_pixels(self.options.cache, view, files, facts, decode)
        return [from_pixels(pixels, rows, labels[rows]) for rows in parts]

    def _fingerprint(
        self, chosen: _Chosen, parts: list[NDArray[np.int64]], shape: tuple[int, ...]
    ) -> str:
        digest = hashlib.sha256(f"{FORMAT} {chosen.class_names} {shape}".encode())
        labels = chosen.labels
        for rows in parts:
            digest.update(f"{len(rows)} objects".encode())
            for row in rows:
                digest.update(int(labels[row]).to_bytes(2, "big"))
                for view in self.options.views:
                    digest.update(bytes.fromhex(chosen.facts[row][view].digest))
        return digest.hexdigest()
