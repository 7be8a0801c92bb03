"""What datasets of media below one folder share; importing it loads no TensorFlow, no NumPy."""

from mmbal_media.cache import ArrayCache, Decodable
from mmbal_media.folder import absent, first_root
from mmbal_media.options import MediaOptions
from mmbal_media.reading import Reader, by_imagenet
from mmbal_media.source import Indices, MediaSource, hold_out_share
from mmbal_media.survey import MediaExample, Survey, look_at

__all__ = [
    "ArrayCache",
    "Decodable",
    "Indices",
    "MediaExample",
    "MediaOptions",
    "MediaSource",
    "Reader",
    "Survey",
    "absent",
    "by_imagenet",
    "first_root",
    "hold_out_share",
    "look_at",
]
