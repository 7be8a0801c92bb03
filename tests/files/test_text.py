"""Text files as Windows and spreadsheets write them, in every place that reads text."""

import ast
import codecs
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mmbal.config.toml import read_file
from mmbal.errors import DataFormatError, MmbalError
from mmbal.files.text import decode_text, read_text, table_rows
from mmbal.sweep.axes import listed_axis
from mmbal_colored_mnist.digits import read_digits
from mmbal_modelnet40.off import read_off
from mmbal_modelnet40.sidecar import read_sidecar
from mmbal_nvgesture.lists import read_list

ROOT = Path(__file__).parents[2]
CLIP = "path:./Video_data/class_01/subject3_r0 depth:sk_depth:1:9 color:sk_color:1:9 label:1\n"
DIGITS = "".join(f"{','.join(['3'] * 64)},{label}\n" for label in range(3))
# name of a file, its text, how it is read
READERS: dict[str, tuple[str, str, Callable[[Path], Any]]] = {
    "TOML": ("a.toml", 'recipe = "größe"\nepochs = 1\n', lambda path: read_file(path).values),
    "lines of TOML": ("a.toml", "# ä\nseed = 1\n", lambda path: read_file(path).lines),
    "trials.toml": ("t.toml", '[[trials]]\nstrategy = "ä"\n', listed_axis),
    "trials.csv": ("t.csv", "strategy,seed\nä,0\nguided,1\n", listed_axis),
    "trials.jsonl": ("t.jsonl", '{"strategy": "ä"}\n{"seed": 1}\n', listed_axis),
    "clips": ("c.lst", CLIP, lambda path: read_list(path, "train", ("color", "depth"), 25)),
    "OFF": (
        "a.off",
        "OFF # ä\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n",
        lambda path: read_off(path).vertices.tolist(),
    ),
    "digits": ("digits.csv", DIGITS, lambda path: read_digits(path.parent).labels.tolist()),
    "sidecar": (
        "rendering.json",
        json.dumps({"complete": True, "render": {"ä": 1}}),
        lambda path: read_sidecar(path.parent),
    ),
}
FORMS: dict[str, Callable[[str], bytes]] = {
    "UTF-8 with mark": lambda text: codecs.BOM_UTF8 + text.encode(),
    "UTF-16 LE": lambda text: codecs.BOM_UTF16_LE + text.encode("utf-16-le"),
    "UTF-16 BE": lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
    "UTF-32": lambda text: text.encode("utf-32"),
    "CRLF": lambda text: text.replace("\n", "\r\n").encode(),
    "CR": lambda text: text.replace("\n", "\r").encode(),
    "UTF-16 with CRLF": lambda text: text.replace("\n", "\r\n").encode("utf-16"),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("reader", READERS)
def test_every_reader_reads_every_form(tmp_path, reader, form):
    name, text, read = READERS[reader]
    path = tmp_path / name
    path.write_bytes(text.encode())
    expected = read(path)

    path.write_bytes(FORMS[form](text))

    assert read(path) == expected


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ("a = 1\n# größe".encode("latin-1"), r":2: no UTF-8 text \(byte 0xf6, .*save it as UTF-8"),
        ("a = 1\n".encode("utf-16-le"), "NUL bytes, as UTF-16 without a byte order mark"),
        (codecs.BOM_UTF16_LE + b"a", r"no UTF-16 text \(byte 0x61, truncated data"),
        (b"\x89PNG\r\n\x1a\n\0\0", ":1: no UTF-8 text"),
    ],
)
@pytest.mark.parametrize("reader", sorted({*READERS} - {"OFF"}))
def test_what_is_no_text_is_named(tmp_path, reader, data, problem):
    name, _, read = READERS[reader]
    (tmp_path / name).write_bytes(data)
    with pytest.raises(MmbalError, match=problem) as caught:
        read(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)


def test_comments_may_be_anything_where_numbers_are_read():
    assert decode_text(b"OFF # gr\xf6\xdfe\r\n", Path("a.off"), lenient=True).startswith("OFF # gr")


def test_a_file_that_is_absent(tmp_path):
    with pytest.raises(MmbalError, match=r"cannot read .*absent: No such file"):
        read_text(tmp_path / "absent")


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("a,b\n1,2\n", [(1, ["a", "b"]), (2, ["1", "2"])]),
        ("a;b\n0,002; -1,5e-3 \n", [(1, ["a", "b"]), (2, ["0.002", "-1.5e-3"])]),
        ("a\tb\n1,5\t[1,2]\n", [(1, ["a", "b"]), (2, ["1.5", "[1,2]"])]),
        ('"a;b",c\n"0,5",x\n', [(1, ["a;b", "c"]), (2, ["0.5", "x"])]),
        ('a;b\n"[""x"", 1]";\n\n', [(1, ["a", "b"]), (2, ['["x", 1]', ""]), (3, [])]),
    ],
)
def test_tables_of_spreadsheets(text, rows):
    assert list(table_rows(text, Path("t.csv"))) == rows


def test_a_table_that_is_none():
    with pytest.raises(DataFormatError, match=r"t\.csv: not valid CSV"):
        list(table_rows("1" * 200_000, Path("t.csv")))


def test_semicolons_and_decimal_commas_in_a_list_of_trials(tmp_path):
    (tmp_path / "t.csv").write_text("strategy;seed;lr\nvanilla;0;0,002\n")
    [point] = listed_axis(tmp_path / "t.csv")
    assert [(each.key, each.value) for each in point] == [
        ("strategy", "vanilla"), ("seed", 0), ("lr", 0.002),
    ]  # fmt: skip


def test_a_line_of_json_may_hold_other_separators(tmp_path):
    (tmp_path / "t.jsonl").write_text('{"note": "a\u2028b\x85c"}\n', encoding="utf-8")
    [[override]] = listed_axis(tmp_path / "t.jsonl")
    assert override.value == "a\u2028b\x85c"


# where text is decoded that no user writes, or that others read, too
OWN = {
    "mmbal/files/text.py", "mmbal/records/record_file.py", "mmbal/records/journal.py",
    "mmbal/scaffold/rendering.py", "mmbal/sweep/processes.py", "mmbal/laboratory/training.py",
    "mmbal/environment.py", "mmbal/page/document.py", "mmbal/page/drawing.py",
    "mmbal/registry/installation.py", "mmbal/experiment/recorded_data.py",
    "plugins/mmbal-late/src/mmbal_late/concat.py",
}  # fmt: skip


def decodes(node):
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    encoding = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else None
    return node.func.attr == "read_text" or (
        node.func.attr == "decode" and (isinstance(encoding, str) or not node.args)
    )


def test_no_other_module_decodes_text():
    places = {
        path.relative_to(ROOT).as_posix()
        for path in [*ROOT.glob("mmbal/**/*.py"), *ROOT.glob("plugins/*/src/**/*.py")]
        if any(map(decodes, ast.walk(ast.parse(path.read_text(encoding="utf-8")))))
    }
    assert places <= OWN, places - OWN
