"""What authors of datasets need; importing it loads neither TensorFlow nor NumPy."""

from mmbal.data.contract import DatasetSource, Examples, Modality, MultimodalDataset, claim
from mmbal.data.faults import Problem, left_out, refusal
from mmbal.data.pool import over_processes, processors
from mmbal.data.python_reader import from_python, telling_bad_examples
from mmbal.data.split import hold_out
from mmbal.files.atomic import replace_file
from mmbal.files.locking import locked
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
    "from_python",
    "hold_out",
    "left_out",
    "locked",
    "over_processes",
    "processors",
    "refusal",
    "replace_file",
    "telling_bad_examples",
    "track",
]
