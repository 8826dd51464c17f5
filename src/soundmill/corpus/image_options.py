"""Options of an image corpus: where its images lie, what labels them, how they are prepared."""

from typing import Literal, Self

from pydantic import Field, model_validator

from soundmill.corpus.options import LabelOptions
from soundmill.corpus.remote import check_local
from soundmill.options import Options

IMAGE_COLUMNS = ("width", "height")
"""What the manifest of images holds besides that of recordings: pixels of the original."""
DEMO_DIGITS = "demo:digits"
Method = Literal["digit", "resize"]


class ImageCorpusOptions(Options):
    """One corpus of images, all brought to one size."""

    source: str | list[str] = Field(min_length=1)
    """An .npz file (`x_train`, `y_train`, `x_test`, `y_test`, or `images`, `labels`); an IDX file
    of images (`train-images-idx3-ubyte`, also .gz) or the folder of such; a folder of image files
    (PNG, JPEG, BMP, GIF, TIFF, WebP), or a list of these; or `demo:digits`, the 8x8 digits that
    come with scikit-learn, of whose writers nothing is known."""
    labels: LabelOptions | None = None
    """Labels of image files, from a CSV, from folders or from file names; arrays bring theirs."""
    target: str | None = Field(None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    """Column that the labels of arrays get; default `label`, of the demo `digit`."""
    size: int = Field(28, ge=8, le=1024)
    """Rows and columns of a prepared image."""
    prepare: Method = "digit"
    """`digit`: ink becomes bright on black, is cut out, scaled into 20/28 of the size and centred
    by its mass, as MNIST's digits were. `resize`: the whole picture in grey, scaled, its sides
    padded."""
    max_rejected: float = Field(0.25, ge=0, le=1)
    """Largest share of rejected images to go on with."""

    @model_validator(mode="after")
    def _no_demo_in_list(self) -> Self:
        parts = [self.source] if isinstance(self.source, str) else self.source
        for part in parts:
            check_local(part)
            if part.startswith("demo:") and (len(parts) > 1 or part != DEMO_DIGITS):
                raise ValueError(f"source: {part!r}: there is only {DEMO_DIGITS!r}, by itself")
        check_local((self.labels and self.labels.csv) or "")
        return self

    @property
    def label_column(self) -> str:
        """The column that the labels of arrays get."""
        return self.target or ("digit" if self.source in (DEMO_DIGITS, [DEMO_DIGITS]) else "label")
