"""Lines of lists (7.3, no. 1 to 5, 10 to 12), and what is no problem in them."""

from pathlib import Path

import pytest

from mmbal.errors import DataFormatError
from mmbal_nvgesture.lists import Clip, Window, compare_lists, read_list

LINE = (
    "path:./Video_data/class_01/subject3_r0 depth:sk_depth:146:226 color:sk_color:146:226 "
    "duo_left:duo_left:170:263 label:1 "
)
BOTH = ("color", "depth")


def read(
    tmp_path: Path, text: str, sensors: tuple[str, ...] = BOTH, split: str = "train"
) -> tuple[list[Clip], list[str]]:
    path = tmp_path / f"{split}.lst"
    path.write_bytes(text.encode())
    clips, problems = read_list(path, split, sensors, 25)
    return clips, [problem.text for problem in problems]


def test_a_published_line(tmp_path: Path) -> None:
    ([clip], problems) = read(tmp_path, LINE, ("depth", "color", "duo_right", "duo_disparity"))
    assert not problems
    assert (clip.key, clip.split, clip.subject, clip.label) == ("train.lst:1", "train", 3, 0)
    assert clip.path == "Video_data/class_01/subject3_r0"
    assert dict(clip.windows) == {
        "depth": Window("sk_depth", 146, 226),
        "color": Window("sk_color", 146, 226),
        "duo_right": Window("duo_right", 170, 263),
        "duo_disparity": Window("duo_disparity", 170, 263),
    }
    assert len(clip.windows["color"]) == 80


@pytest.mark.parametrize(
    "text",
    [
        LINE,
        LINE + "\n",
        LINE.strip() + "\r\n",
        "\n \n" + LINE + "\n\n",
        "\ufeff" + LINE,
        " ".join(reversed(LINE.split())),
        LINE + "fps:30 note:a:b:c",
        LINE.replace("duo_left:duo_left:170:263 ", ""),
        LINE.replace(" ", "\t"),
    ],
)
def test_forms_that_are_fine(tmp_path: Path, text: str) -> None:
    ([clip], problems) = read(tmp_path, text)
    assert not problems
    assert (clip.label, clip.windows["depth"]) == (0, Window("sk_depth", 146, 226))


def test_the_label_counts_and_not_the_folder(tmp_path: Path) -> None:
    ([clip], _) = read(tmp_path, LINE.replace("label:1", "label:25"))
    assert (clip.label, clip.path) == (24, "Video_data/class_01/subject3_r0")


def test_each_sensor_has_a_window_of_its_own(tmp_path: Path) -> None:
    ([clip], problems) = read(tmp_path, LINE.replace("sk_color:146:226", "sk_color:147:227"))
    assert not problems
    assert (clip.windows["color"].start, clip.windows["depth"].start) == (147, 146)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("depth:sk_depth:146:226 ", "", "field 'depth' missing"),
        ("path:./Video_data/class_01/subject3_r0 ", "", "field 'path' missing"),
        ("label:1", "", "field 'label' missing"),
        ("sk_color:146:226", "sk_color:80",
         "color needs <file>:<start>:<end>, found 'sk_color:80'"),
        ("sk_color:146:226", "sk_color:a:226",
         "color needs <file>:<start>:<end>, found 'sk_color:a:226'"),
        ("sk_color:146:226", "sk_color:1.5:226:3",
         "color needs <file>:<start>:<end>, found 'sk_color:1.5:226:3'"),
        ("sk_color:146:226", "../x:146:226", "color needs a file name, found '../x'"),
        ("label:1", "label:0", "label 0 outside 1..25"),
        ("label:1", "label:26", "label 26 outside 1..25"),
        ("label:1", "label:one", "label one outside 1..25"),
        ("label:1", "label:", "label  outside 1..25"),
        ("sk_color:146:226", "sk_color:80:80", "color: empty window 80:80"),
        ("sk_color:146:226", "sk_color:90:80", "color: empty window 90:80"),
        ("sk_color:146:226", "sk_color:-1:80", "color: start -1 < 0"),
        ("sk_color:146:226", "sk_color:0:99999",
         "color: window 0:99999 has more than 10,000 frames"),
        ("sk_depth:146:226", "sk_depth:146:225", "color window 80 frames, depth 79"),
        ("./Video_data", "../..", "path '../../class_01/subject3_r0' leaves the dataset's folder"),
        ("./Video_data", "/data", "path '/data/class_01/subject3_r0' leaves the dataset's folder"),
        ("label:1", "label:1 nonsense", "expected fields key:value, found 'nonsense'"),
        ("label:1", "label:1 label:2", "field 'label' twice"),
    ],
)  # fmt: skip
def test_faults_of_a_line(tmp_path: Path, old: str, new: str, fault: str) -> None:
    assert old in LINE
    bad = LINE.replace(old, new)
    other = LINE.replace("subject3", "subject4")
    clips, problems = read(tmp_path, f"{other}\n\n{bad}\n")
    assert problems == [f"train.lst:3: {fault}"]
    assert [clip.subject for clip in clips] == [4]


def test_all_faults_of_a_line_are_told(tmp_path: Path) -> None:
    bad = LINE.replace("sk_color:146", "sk_color:x").replace("label:1", "label:99")
    clips, problems = read(tmp_path, bad)
    assert not clips
    assert len(problems) == 2


def test_one_field_of_two_sensors_is_told_once(tmp_path: Path) -> None:
    bad = LINE.replace("duo_left:duo_left:170:263 ", "")
    _, problems = read(tmp_path, bad, ("duo_left", "duo_right"))
    assert problems == ["train.lst:1: field 'duo_left' missing"]


@pytest.mark.parametrize("text", ["", "\n\n \r\n"])
def test_an_empty_list(tmp_path: Path, text: str) -> None:
    path = tmp_path / "train.lst"
    path.write_text(text)
    _, [problem] = read_list(path, "train", BOTH, 25)
    assert (problem.text, problem.fatal) == ("train.lst: no clips", True)


@pytest.mark.parametrize(("data", "fault"), [(b"\xffp", "no UTF-8"), (b"p\0", "NUL")])
def test_what_is_no_text(tmp_path: Path, data: bytes, fault: str) -> None:
    path = tmp_path / "train.lst"
    path.write_bytes(data)
    with pytest.raises(DataFormatError, match=rf"train\.lst.*{fault}"):
        read_list(path, "train", BOTH, 25)


def test_clips_that_occur_twice(tmp_path: Path) -> None:
    same = LINE.replace("./Video_data", "Video_data/.")
    train, _ = read(tmp_path, f"{LINE}\n{same}")
    test, _ = read(tmp_path, LINE, split="test")

    problems = list(compare_lists([*train, *test]))

    path = "Video_data/class_01/subject3_r0"
    assert [problem.text for problem in problems] == [
        f"train.lst:2: duplicate path {path} (also train.lst:1)",
        f"train.lst:1: overlap between train and test: {path} (test.lst:1)",
        f"train.lst:2: overlap between train and test: {path} (test.lst:1)",
        "train.lst:1: subject 3 is in both splits (2 training clips; also test.lst:1)",
    ]
    # Leaving them out leaves the test as it is.
    assert {place for each in problems for place in each.examples} == {"train.lst:1", "train.lst:2"}
    assert list(compare_lists(train[:1])) == []
