"""A dataset of media: sound examples, split, with what only decoding shows left out or told."""

import hashlib
import warnings
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeAlias

from mmbal.data import (
    DatasetSource,
    Modality,
    MultimodalDataset,
    hold_out,
    left_out,
    over_processes,
    track,
)
from mmbal.errors import ConfigError, DataFormatError, MmbalError, counted
from mmbal_media.cache import ArrayCache, Decodable
from mmbal_media.options import MediaOptions
from mmbal_media.reading import Reader, read_by
from mmbal_media.survey import AnExample, MediaExample, Survey

if TYPE_CHECKING:
    import numpy as np
    import tensorflow as tf
    from numpy.typing import NDArray

Indices: TypeAlias = "NDArray[np.intp]"
FOLDER = "decoded"
"""Where `mmbal data prepare` puts arrays, beside the data, unless the option `cache` is set."""


class MediaSource(DatasetSource, Generic[AnExample]):
    """A dataset of files below one folder, some of which may be bad.

    Subclasses say what stands there (`survey`, `class_names`), who is held out (`hold_out`) and
    what tells data apart (`facts`, `settings`); the rest is theirs to change.
    """

    name: ClassVar[str]
    """Of the dataset."""
    noun: ClassVar[str] = "example"
    """What an example is, in the singular."""
    smaller: ClassVar[str]
    """The option that makes decoded examples smaller."""

    options: MediaOptions

    @abstractmethod
    def survey(self, data_dir: Path | None) -> Survey[AnExample]:
        """List the examples and look at their files.

        Raises:
            MmbalError: there are none; the message says where to get them.
        """

    @abstractmethod
    def hold_out(self, train: Sequence[AnExample], seed: int) -> tuple[str, Indices, Indices]:
        """Return a rule in words, and the positions of training examples: (rule, kept, held)."""

    @abstractmethod
    def class_names(self, examples: Sequence[AnExample]) -> tuple[str, ...]:
        """Return the names of the classes, by label."""

    @abstractmethod
    def facts(self, example: AnExample) -> bytes:
        """Return what tells an example from others, wherever the data stand."""

    @abstractmethod
    def settings(self, examples: Sequence[AnExample]) -> str:
        """Return what, beside `facts`, decides what examples hold."""

    def modalities(self, examples: Sequence[AnExample]) -> dict[str, Modality]:
        """Return what networks read: whole arrays, unless overridden together with `readers`."""
        return {name: Modality(array.shape) for name, array in examples[0].arrays.items()}

    def readers(
        self, examples: Sequence[AnExample], cache: ArrayCache
    ) -> tuple[Reader, Reader | None]:
        """Return functions from an index, and from index and seed, to arrays and label.

        The second shows an example as training does; None where `augment` or nothing varies it.
        """

        def read(index: int) -> tuple[dict[str, Any], int]:
            example = examples[index]
            arrays = {name: cache.read(array) for name, array in example.arrays.items()}
            return arrays, example.label

        return read, None

    def scale(self, name: str, pixels: "tf.Tensor") -> "tf.Tensor":
        """Bring uint8 values of a modality to float32, here to [0, 1]."""
        import tensorflow as tf

        return tf.cast(pixels, tf.float32) / 255

    def augment(self) -> Any:
        """Return the dataset's `augment`; None where there is none."""

    def notes(self, validation: Sequence[AnExample]) -> dict[str, Any]:
        """Return further facts worth recording."""
        return {}

    def load(self, data_dir: Path | None, seed: int) -> MultimodalDataset:
        """Look at the files, split and decode; `seed` counts unless the option is set."""
        import numpy as np

        seed = seed if self.options.seed is None else self.options.seed
        survey = self._usable(self.survey(data_dir))
        sound = sorted(survey.sound(), key=lambda example: example.split == "test")  # stable
        count = sum(example.split == "train" for example in sound)
        rule, kept, held = self.hold_out(sound[:count], seed)
        if not len(kept) or not len(held):
            raise ConfigError(
                f"{rule} splits {count:,} training {self.noun}s into {len(kept):,} and "
                f"{len(held):,}; both need at least one"
            )
        rows = (kept, held, np.arange(count, len(sound)))
        parts = [[sound[row] for row in part] for part in rows]
        cache = self.cache(survey.root)
        modalities = self.modalities(sound)
        train, validation, test = (
            read_by(part, modalities, self.scale, *self.readers(part, cache)) for part in parts
        )
        return MultimodalDataset(
            modalities=modalities,
            class_names=self.class_names(sound),
            train=train,
            validation=validation,
            test=test,
            fingerprint=self._fingerprint(parts),
            augment=self.augment(),
            notes={
                "data_seed": seed,
                f"{self.noun}s_left_out": len(survey.bad),
                **self.notes(parts[1]),
            },
        )

    def check(self, data_dir: Path | None) -> list[str]:
        """Return every problem of lists and files, what only decoding shows included."""
        try:
            survey = self.survey(data_dir)
        except MmbalError as problem:
            return [str(problem)]
        arrays = _arrays(survey.examples)
        work = over_processes(fault_of, arrays, self.options.workers)
        faults = [fault for fault in track(work, "decoding", len(arrays)) if fault]
        return survey.lines() + faults

    def prepare(self, data_dir: Path | None) -> str:
        """Decode all sound examples into the cache; return what was done.

        Raises:
            MmbalError: the data are absent, or the disk has too little room.
            DataFormatError: an example is bad, after all others have been decoded, unless the
                option `on_bad_example` is "skip".
        """
        survey = self.survey(data_dir)
        survey.refuse(strict=False)
        cache, arrays = self.cache(survey.root), _arrays(survey.sound())
        decoded = cache.fill(arrays, self.options.workers)
        survey = survey.joined_by(cache.problems(arrays))
        survey.refuse(strict=self.options.on_bad_example == "fail")
        sound = survey.sound()
        if not sound:
            raise MmbalError(f"{survey.root}: no sound {self.noun}")
        return (
            f"{self.name}: {cache.folder} holds {counted(len(sound), self.noun)} "
            f"({counted(decoded, 'file')} decoded now, {counted(len(survey.bad), self.noun)} left "
            "out)"
        )

    def cache(self, root: Path) -> ArrayCache:
        """Return the cache: the option's, else what `prepare` has put beside the data."""
        folder = self.options.cache or root / FOLDER
        return ArrayCache(folder, root, self.noun, self.smaller)

    def require_sound(self, survey: Survey[AnExample]) -> None:
        """Refuse a folder of which skipping has left nothing to train or to test on."""
        splits = {example.split for example in survey.sound()}
        for split in ("train", "test"):
            if split not in splits:
                raise MmbalError(f"{survey.root}: no sound {self.noun} in the {split} list")

    def _usable(self, survey: Survey[AnExample]) -> Survey[AnExample]:
        """Refuse or leave out what is bad, as the option says; fill the option's cache."""
        strict = self.options.on_bad_example == "fail"
        survey.refuse(strict=strict)
        cache, arrays = self.cache(survey.root), _arrays(survey.sound())
        if self.options.cache is not None:
            cache.fill(arrays, self.options.workers)
        survey = survey.joined_by(cache.problems(arrays))
        survey.refuse(strict=strict)
        if survey.problems:
            text = left_out(survey.root, self.noun, len(survey.bad), survey.problems)
            warnings.warn(text, stacklevel=4)
        self.require_sound(survey)
        sound = survey.sound()
        lacking = {array.example for array in _arrays(sound) if not cache.holds(array)}
        if lacking and next(cache.folder.glob("*.npy"), None) is not None:
            warnings.warn(
                f"{len(lacking):,} of {counted(len(sound), self.noun)} are decoded in every epoch, "
                f"since {cache.folder} lacks them; `mmbal data prepare {self.name}` with this "
                "run's dataset options decodes them once",
                stacklevel=4,
            )
        return survey

    def _fingerprint(self, parts: Sequence[Sequence[AnExample]]) -> str:
        every = [example for part in parts for example in part]
        digest = hashlib.sha256(self.settings(every).encode())
        for part in parts:
            digest.update(f"{len(part)} {self.noun}s".encode())
            for example in part:
                digest.update(self.facts(example))
        return digest.hexdigest()


def hold_out_share(
    train: Sequence[MediaExample], fraction: float, seed: int
) -> tuple[str, Indices, Indices]:
    """Hold out a share of every class, as the option `validation_fraction` says."""
    import numpy as np

    labels = np.array([example.label for example in train], np.int64)
    kept, held = hold_out(labels, fraction, np.random.default_rng([seed, 0]))
    return f"validation_fraction = {fraction}", kept, held


def fault_of(array: Decodable) -> str | None:
    """Decode an array; return in one line why it cannot be, None if it can."""
    try:
        array.read()
    except DataFormatError as problem:
        return str(problem)
    return None


def _arrays(examples: Iterable[MediaExample]) -> list[Decodable]:
    return [array for example in examples for array in example.arrays.values()]
