"""What the rules of all kinds need: quiet, and nothing changed when they are done."""

import random
import shutil
import warnings
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import keras
import numpy as np

from mmbal.testing.rules import Broken, Inapplicable
from mmbal.testing.subject import Subject


class Bench:
    """Holds what the rules of one component share.

    Args:
        subject: the component.
    """

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self._made: dict[str, Any] = {}

    @cached_property
    def folder(self) -> Path:
        """A folder for as long as this object lives."""
        folder = Path(mkdtemp(prefix="mmbal-testing-"))
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return folder

    def factory(self, *, owner: bool = False) -> Callable[..., Any]:
        """Import what builds the component."""
        return self.once("factory", self._import, owner=owner)  # type: ignore[no-any-return]

    def _import(self) -> Callable[..., Any]:
        found = self.subject.component.load_factory()
        if not callable(found):
            raise Broken(f"{self.subject.component.factory} is no function or class")
        return found

    def begin(self) -> None:
        """Begin what takes long and can be waited for later; called before every check."""

    @contextmanager
    def around(self) -> Iterator[None]:
        """Run a check: precision and random numbers are those of before afterwards."""
        policy, floatx = keras.config.dtype_policy(), keras.config.floatx()
        numbers, drawn = random.getstate(), np.random.get_state()  # noqa: NPY002
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # toys are too small to learn, and say so
                yield
        finally:
            keras.config.set_floatx(floatx)
            keras.config.set_dtype_policy(policy)
            random.setstate(numbers)
            np.random.set_state(drawn)  # noqa: NPY002

    def once(self, rule: str, make: Callable[[], Any], *, owner: bool = False) -> Any:
        """Return what many rules start from, made once.

        Args:
            rule: whose failure it is if it cannot be made.
            make: makes it.
            owner: whether that rule asks.

        Raises:
            Inapplicable: it could not be made, and another rule says why.
        """
        if rule not in self._made:
            try:
                self._made[rule] = make()
            except Exception as error:  # noqa: BLE001  (of the plugin; told by the owner)
                self._made[rule] = error
        found = self._made[rule]
        if not isinstance(found, Exception):
            return found
        if owner or isinstance(found, Inapplicable):
            raise found
        raise Inapplicable(f"the rule {rule!r} must be kept first") from found


def distance(ours: Sequence[np.ndarray], theirs: Sequence[np.ndarray]) -> float:
    """Return the largest difference of two lists of arrays relative to their largest entry.

    Infinite where shapes or numbers of arrays differ, or only one has an undefined entry.
    """
    if [np.shape(each) for each in ours] != [np.shape(each) for each in theirs]:
        return float("inf")
    largest, apart = 0.0, 0.0
    for one, other in zip(ours, theirs, strict=True):
        a, b = np.asarray(one, np.float64), np.asarray(other, np.float64)
        if not np.array_equal(np.isfinite(a), np.isfinite(b)):
            return float("inf")
        a, b = a[np.isfinite(a)], b[np.isfinite(b)]
        largest = max([largest, *np.abs(a).ravel(), *np.abs(b).ravel()])
        apart = max([apart, *np.abs(a - b).ravel()])
    return float(apart / largest) if largest else float(apart)
