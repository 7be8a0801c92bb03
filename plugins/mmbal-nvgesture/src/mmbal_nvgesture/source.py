"""The dataset: read the lists, look at the files, split, hand out examples."""

import hashlib
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mmbal.data import DatasetSource, Modality, MultimodalDataset, left_out, refusal
from mmbal.errors import MmbalError
from mmbal_nvgesture.checking import check_folder
from mmbal_nvgesture.layout import find_root
from mmbal_nvgesture.options import NVGestureOptions
from mmbal_nvgesture.preparing import (
    cache_of,
    decoding_problems,
    prepare_folder,
    tell_lacking,
)
from mmbal_nvgesture.reader import modality_shapes
from mmbal_nvgesture.sampling import write_sample
from mmbal_nvgesture.split import split_clips
from mmbal_nvgesture.strip import Strip
from mmbal_nvgesture.survey import Found, survey

if TYPE_CHECKING:
    from mmbal.data import Examples

FORMAT = 2  # of what the fingerprint covers

# Options that change what an example holds.
PIXELS = (
    "modalities", "frames", "stride", "short_side", "crop", "scaling", "short_window", "past_end",
    "damaged_frames", "depth_channels", "classes",
)  # fmt: skip


class NVGesture(DatasetSource):
    """Hand gestures of 20 people in a car, seen by several sensors; every sensor is a modality.

    Modalities `color`, `depth` and so on, as the option orders them: (frames, height, width,
    channels) float32. Training shows a random stretch of a clip's window in a random crop;
    plainly read, it is the middle of both. Classes are called by the lists' labels.

    Source: Molchanov et al., "Online detection and classification of dynamic hand gestures with
    recurrent 3D convolutional neural networks", CVPR 2016.
    """

    options: NVGestureOptions

    def load(self, data_dir: Path | None, seed: int) -> MultimodalDataset:
        """Read lists and files; `seed` draws who is held out unless the option is set."""
        options = self.options
        root = find_root(data_dir, (options.train_list, options.test_list))
        clips, missing = self._choose(root)
        seed = seed if options.seed is None else options.seed
        train = [each for each in clips if each.clip.split == "train"]
        kept, held = split_clips([each.clip for each in train], options, seed)
        parts = (
            [train[row] for row in kept],
            [train[row] for row in held],
            [each for each in clips if each.clip.split == "test"],
        )
        training, validation, test = self._examples(root, parts)
        subjects = sorted({each.clip.subject for each in parts[1]}, key=str)
        return MultimodalDataset(
            modalities={n: Modality(shape) for n, shape in modality_shapes(options).items()},
            class_names=tuple(str(label) for label in range(1, options.classes + 1)),
            train=training,
            validation=validation,
            test=test,
            fingerprint=self._fingerprint(parts),
            notes={
                "data_seed": seed,
                "clips_left_out": missing,
                "validation_subjects": subjects,
            },
        )

    def check(self, data_dir: Path | None) -> list[str]:
        """Return every problem of lists, files and frames."""
        return check_folder(data_dir, self.options)

    def sample(self, directory: Path, seed: int) -> list[Path]:
        """Write 18 clips of three gestures, 80x60 pixels."""
        return write_sample(directory, seed)

    def prepare(self, data_dir: Path | None) -> str:
        """Decode and resize all clips into the cache."""
        return prepare_folder(data_dir, self.options)

    def _choose(self, root: Path) -> tuple[tuple[Found, ...], int]:
        """Return the sound clips and the number of others."""
        found = survey(root, self.options)
        if any(problem.fatal for problem in found.problems):
            raise refusal(root, [problem for problem in found.problems if problem.fatal])
        strict = self.options.on_bad_example == "fail"
        if found.problems and strict:
            raise refusal(root, found.problems)
        problems = [*found.problems, *decoding_problems(found, self.options)]
        if problems and strict:
            raise refusal(root, problems)
        bad = {place for problem in problems for place in problem.examples}
        sound = tuple(each for each in found.sound() if each.clip.place not in bad)
        missing = found.lines - len(sound)
        if problems:
            warnings.warn(left_out(root, "clip", missing, problems), stacklevel=3)
        splits = Counter(each.clip.split for each in sound)
        for split in ("train", "test"):
            if not splits[split]:
                raise MmbalError(f"{root}: no sound clip in the {split} list")
        tell_lacking(sound, cache_of(root, self.options))
        return sound, missing

    def _examples(self, root: Path, parts: Sequence[Sequence[Found]]) -> "list[Examples]":
        from mmbal_nvgesture.pipeline import clip_examples  # TensorFlow: not to check or sample

        cache = cache_of(root, self.options)
        return [clip_examples(part, cache, self.options) for part in parts]

    def _fingerprint(self, parts: Sequence[Sequence[Found]]) -> str:
        values = self.options.model_dump(include=set(PIXELS))
        chosen = [(name, values[name]) for name in PIXELS]
        digest = hashlib.sha256(repr((FORMAT, chosen)).encode())
        for part in parts:
            digest.update(f"{len(part)} clips".encode())
            for each in part:
                facts = [(name, *_facts(strip)) for name, strip in each.strips.items()]
                digest.update(repr((each.clip.path, each.clip.label, facts)).encode())
        return digest.hexdigest()


def _facts(strip: Strip) -> tuple[object, ...]:
    """Return what tells the frames of a strip from others, wherever the dataset stands."""
    media = strip.media
    first = None if media.numbering is None else media.numbering.first
    return media.path.name, media.size, first, strip.start, strip.end
