import tensorflow as tf
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from mmbal_tensorboard.events import PATTERN, keep_before


def write(folder, *steps):
    writer = tf.summary.create_file_writer(str(folder))
    with writer.as_default():
        for step in steps:
            tf.summary.scalar("x", float(step), step=step)
    writer.close()
    return next(folder.glob(PATTERN))


def steps_in(path):
    return [event.step for event in EventFileLoader(str(path)).Load() if event.HasField("summary")]


def test_later_events_go_and_earlier_ones_stay_in_all_folders(tmp_path):
    one, other = write(tmp_path, 0, 3, 4, 9), write(tmp_path / "train", 1, 2)
    keep_before(tmp_path, 4)

    assert steps_in(one) == [0, 3]
    assert steps_in(other) == [1, 2]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([one.name, "train"])


def test_a_file_of_nothing_else_goes(tmp_path):
    path = write(tmp_path, 4, 5)
    keep_before(tmp_path, 4)

    assert not path.exists()


def test_a_torn_file_keeps_what_is_whole(tmp_path):
    path = write(tmp_path, 1, 2, 3)
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 3)
    keep_before(tmp_path, 3)

    assert steps_in(path) == [1, 2]


def test_other_files_and_absent_folders_are_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    keep_before(tmp_path, 0)
    keep_before(tmp_path / "absent", 0)

    assert (tmp_path / "notes.txt").read_text() == "mine"
