"""What the names of files tell (7.2, no. 2 to 5 and 8)."""

from pathlib import Path

from mmbal_modelnet40.classes import CLASSES
from mmbal_modelnet40.layout import parse_view
from mmbal_modelnet40.listing import list_objects, ranges


def texts(root: Path, **wanted) -> list[str]:
    return [problem.text for problem in list_objects(root, None, **wanted).problems]


def test_a_sound_folder(views: Path) -> None:
    listing = list_objects(views, None)
    assert listing.problems == []
    keys = [each.key for each in listing.examples]
    assert keys == [f"{name}_{n:04d}" for name in ("bed", "tv_stand") for n in range(1, 8)]
    assert [each.split for each in listing.examples] == (["train"] * 5 + ["test"] * 2) * 2
    assert listing.examples[0].files[6].name == "bed_0001.obj.shaded_v007.png"


def test_other_files_are_none_of_ours(views: Path) -> None:
    for name in (".DS_Store", "._bed_0001.obj.shaded_v001.png", "bed_0001.obj.npy", "Thumbs.db"):
        (views / "bed" / "train" / name).write_bytes(b"x")
    (views / "sofa.txt").touch()
    (views / "unheard_of").mkdir()
    assert texts(views) == []


def test_classes_are_labelled_by_the_alphabet(views: Path) -> None:
    labels = {each.class_name: each.label for each in list_objects(views, None).examples}
    assert labels == {"bed": 0, "tv_stand": 1}  # the underscore splits nothing
    listing = list_objects(views, ("tv_stand", "bed"))
    assert {each.class_name: each.label for each in listing.examples} == labels
    assert [problem.text for problem in list_objects(views, ("bed", "sofa")).problems] == [
        "sofa/train: no images",
        "sofa/test: no images",
    ]


def test_a_missing_view_costs_its_object_only(views: Path) -> None:
    (views / "bed" / "train" / "bed_0001.obj.shaded_v007.png").unlink()
    (problem,) = list_objects(views, None).problems
    assert problem.text == "bed/train/bed_0001: view 7 missing (have 1-6,8-12)"
    assert (problem.examples, problem.fatal) == (("bed_0001",), False)
    assert texts(views, views=(0, 5)) == []


def test_further_and_repeated_views(views: Path) -> None:
    folder = views / "bed" / "train"
    some = (folder / "bed_0001.obj.shaded_v001.png").read_bytes()
    for name in ("v013", "v000", "v07"):
        (folder / f"bed_0001.obj.shaded_{name}.png").write_bytes(some)
    place = "bed/train/bed_0001"
    assert texts(views) == [
        f"{place}: unexpected view 0",
        f"{place}: unexpected view 13",
        f"{place}: view 7 twice (bed_0001.obj.shaded_v007.png, bed_0001.obj.shaded_v07.png)",
    ]


def test_unparsable_names(views: Path) -> None:
    (views / "bed" / "train" / "bed-1.png").touch()
    assert texts(views) == ["bed/train: cannot parse view from 'bed-1.png'"]
    assert parse_view("a.obj.b.obj.shaded_v012.PNG") == ("a.obj.b", 12)


def test_no_training_images(views: Path) -> None:
    for path in (views / "bed" / "train").iterdir():
        path.unlink()
    (problem,) = list_objects(views, None).problems
    assert (problem.text, problem.fatal) == ("bed/train: no images", True)


def test_an_object_in_both_splits(views: Path) -> None:
    for path in (views / "bed" / "train").glob("bed_0001.*"):
        (views / "bed" / "test" / path.name).write_bytes(path.read_bytes())
    assert texts(views) == ["bed/train and bed/test: bed_0001 is in both splits"]


def test_ranges() -> None:
    assert ranges([1, 2, 3, 5, 7, 8]) == "1-3,5,7-8"
    assert ranges([]) == ""
    assert len(CLASSES) == 40
