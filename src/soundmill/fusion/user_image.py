"""An image that someone gives: checked, and brought into the form a network learned from."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from soundmill.corpus.image_options import Method
from soundmill.corpus.image_preparation import prepare_array, prepare_image
from soundmill.errors import InputError
from soundmill.fusion.user_sound import NothingThereError

EMPTY = "is uniform"
"""How `soundmill.corpus.image_preparation` says that there is nothing on the background."""


def see_user(
    source: str | os.PathLike[str] | npt.NDArray[Any], size: int, method: Method
) -> npt.NDArray[np.uint8]:
    """Return an image (size, size), ink bright on black, as those of a corpus are stored.

    Parameters
    ----------
    source : a file that Pillow reads; or pixels (height, width), of any polarity, or
        (height, width, 3 or 4) uint8 in colour.
    method : as the corpus was prepared.

    Raises
    ------
    NothingThereError
        When there is nothing on its background.
    InputError
        When it cannot be read.
    """
    what = "the image" if isinstance(source, np.ndarray) else Path(source).name
    try:
        if isinstance(source, np.ndarray):
            image = _see_array(source, size, method)
        else:
            image, _, _ = prepare_image(Path(source), size, method)
    except InputError as error:
        if EMPTY in str(error):
            raise NothingThereError(_nothing(what)) from error
        raise
    if not np.ptp(image):  # a method that only resizes does not mind
        raise NothingThereError(_nothing(what))
    return image


def _nothing(what: str) -> str:
    return f"nothing was seen in {what} (it is uniform, or nothing but noise)"


def _see_array(pixels: npt.NDArray[Any], size: int, method: Method) -> npt.NDArray[np.uint8]:
    if pixels.ndim not in (2, 3) or not pixels.size:
        raise InputError(
            f"pixels of shape {pixels.shape} are no image; give (height, width) or (height, "
            "width, 3)"
        )
    try:
        return prepare_array(pixels, size, method)
    except InputError as error:
        raise InputError(f"the image {error}") from error
