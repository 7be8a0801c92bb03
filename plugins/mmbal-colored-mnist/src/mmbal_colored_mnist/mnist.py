"""Colored MNIST and colored Fashion-MNIST."""

from pathlib import Path

from mmbal.data import claim
from mmbal.errors import ConfigError, MmbalError
from mmbal_colored_mnist.colour import generator
from mmbal_colored_mnist.folder import holds_idx, inspect_folder, read_folder, write_folder
from mmbal_colored_mnist.glyphs import draw_digits
from mmbal_colored_mnist.images import GrayData
from mmbal_colored_mnist.options import FashionOptions, MnistOptions
from mmbal_colored_mnist.prepared import download, prepared_folder, read_prepared, tfds_root
from mmbal_colored_mnist.published import inspect_published, published_path, read_published
from mmbal_colored_mnist.source import SAMPLE, ColouredSource, Colours

SIDE = 28  # pixels


class IdxSource(ColouredSource):
    """70,000 gray images of 28x28 pixels: four IDX files, or what TFDS has prepared.

    Attributes:
        name: of the mmbal dataset.
        tfds_name: of the same images in TFDS.
    """

    name: str
    tfds_name: str

    def read(self, data_dir: Path | None, seed: int) -> GrayData:
        """Return the images of `data_dir`, else of TFDS; nothing is downloaded."""
        prepared = self._prepared(data_dir)
        if prepared is not None:
            return read_prepared(prepared)
        if data_dir is None:
            raise MmbalError(self._absent())
        return read_folder(data_dir)

    def check(self, data_dir: Path | None) -> list[str]:
        """Return every problem of the four files, or why TFDS's copy cannot be read."""
        if data_dir is not None and self._prepared(data_dir) is None:
            data, problems = inspect_folder(data_dir)
            return problems if data is None else self.check_colours(data, data_dir)
        try:
            return self.check_colours(self.read(data_dir, 0), data_dir)
        except MmbalError as problem:
            return [str(problem)]

    def check_colours(self, data: GrayData, data_dir: Path | None) -> list[str]:
        """Return every problem of colour files that belong to sound gray images."""
        return []

    def sample(self, directory: Path, seed: int) -> list[Path]:
        """Write 200 and 50 drawn digits as four IDX files, two of them compressed."""
        claim(directory)
        rng = generator(seed, SAMPLE)
        data = GrayData(draw_digits(200, SIDE, rng), draw_digits(50, SIDE, rng), {})
        return write_folder(directory, data)

    def prepare(self, data_dir: Path | None) -> str:
        """Download the images by TFDS, unless they are there."""
        if data_dir is not None and holds_idx(data_dir):
            return f"{self.name}: nothing to do, {data_dir} holds IDX files"
        prepared = self._prepared(data_dir)
        if prepared is not None:
            return f"{self.name}: nothing to do, {prepared} is there"
        return f"{self.name}: prepared {download(self.tfds_name, data_dir)}"

    def _prepared(self, data_dir: Path | None) -> Path | None:
        if data_dir is not None and holds_idx(data_dir):
            return None
        return prepared_folder(self.tfds_name, data_dir)

    def _absent(self) -> str:
        return (
            f"{self.name}: no data under {tfds_root(None) / self.tfds_name}, and nothing is "
            f"downloaded unasked; run `mmbal data prepare {self.name}` (downloads by "
            "tensorflow-datasets), or give --data-dir a folder with the four IDX files, or take "
            "`--plugin colored-digits`, which needs no download"
        )


class ColoredMnist(IdxSource):
    """MNIST, with colours drawn here or read from the published file."""

    options: MnistOptions
    name, tfds_name = "colored-mnist", "mnist"

    def colours(self, data: GrayData, data_dir: Path | None, seed: int) -> tuple[Colours, Colours]:
        """Return drawn colours, or the published images when the options ask for them."""
        if self.options.colours == "drawn":
            return super().colours(data, data_dir, seed)
        path = self._published(data_dir)
        return read_published(path, data, self.options.palette, self.options.allow_pickle)

    def check_colours(self, data: GrayData, data_dir: Path | None) -> list[str]:
        """Return every problem of the published file when the options ask for it."""
        if self.options.colours == "drawn":
            return []
        try:
            path = self._published(data_dir)
            return inspect_published(path, data, self.options.allow_pickle)[1]
        except MmbalError as problem:
            return [str(problem)]

    def _published(self, data_dir: Path | None) -> Path:
        if data_dir is None:
            raise ConfigError('colours = "published" needs --data-dir with the published .npy file')
        return published_path(data_dir, self.options.colour_variance)


class ColoredFashionMnist(IdxSource):
    """Fashion-MNIST, coloured like MNIST."""

    options: FashionOptions
    name, tfds_name = "colored-fashion-mnist", "fashion_mnist"
    class_names = (
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    )
