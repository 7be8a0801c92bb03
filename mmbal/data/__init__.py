"""What authors of datasets need; importing it loads neither TensorFlow nor NumPy."""

from mmbal.data.contract import DatasetSource, Examples, Modality, MultimodalDataset, claim
from mmbal.data.faults import Problem, left_out, refusal
from mmbal.data.pool import over_processes, processors
from mmbal.data.python_reader import from_python, telling_bad_examples
from mmbal.data.split import hold_out
from mmbal.files.atomic import replace_file
from mmbal.files.locking import locked
from mmbal.files.text import decode_text, read_text, table_rows
from mmbal.progress import Progress, announce, track

__all__ = [
    "DatasetSource",
    "Examples",
    "Modality",
    "MultimodalDataset",
    "Problem",
    "Progress",
    "announce",
    "claim",
    "decode_text",
    "from_python",
    "hold_out",
    "left_out",
    "locked",
    "over_processes",
    "processors",
    "read_text",
    "refusal",
    "replace_file",
    "table_rows",
    "telling_bad_examples",
    "track",
]
