"""The sensors of the dataset, and where the lists and folders name them."""

from dataclasses import dataclass
from typing import Literal, get_args

SensorName = Literal["color", "depth", "duo_left", "duo_right", "duo_disparity"]
NAMES: tuple[str, ...] = get_args(SensorName)


@dataclass(frozen=True)
class Sensor:
    """One sensor.

    Args:
        field: of a list's line that holds its window.
        stem: of its file, where the field's own does not hold; "" for the field's.
        gray: whether one channel tells everything.
        camera: sensors of one camera run at one rate, so their windows are equally long.
    """

    field: str
    stem: str
    gray: bool
    camera: str


SENSORS = {
    "color": Sensor("color", "", gray=False, camera="sk"),
    "depth": Sensor("depth", "", gray=True, camera="sk"),
    "duo_left": Sensor("duo_left", "", gray=True, camera="duo"),
    # The lists know the left camera only; the other two run along with it.
    "duo_right": Sensor("duo_left", "duo_right", gray=True, camera="duo"),
    "duo_disparity": Sensor("duo_left", "duo_disparity", gray=True, camera="duo"),
}
