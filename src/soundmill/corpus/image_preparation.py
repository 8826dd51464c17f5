"""Preparation: any picture of a digit becomes a small square, ink bright on black.

The form is that of MNIST (LeCun, Bottou, Bengio, Haffner 1998, "Gradient-based learning applied to
document recognition", section III.A): the ink's box is scaled, keeping its aspect, into 20 of 28
pixels and moved by whole pixels so that its centre of mass lies in the centre. MNIST's own images
come out as they are, and corpora and what people hand in at use go the same way.
"""

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError
from scipy import ndimage

from soundmill.corpus.image_options import Method
from soundmill.errors import InputError

Pixels = npt.NDArray[np.uint8]
Grey = npt.NDArray[np.float32]
"""Grey values, 0 black to 255 white, of shape (height, width)."""

MAX_PIXELS = 80_000_000
"""Larger pictures are refused unopened: they would fill the memory."""
WORK_SIDE = 800
"""Longer side to which large pictures are reduced before anything else."""
FORMATS = ("PNG", "JPEG", "BMP", "DIB", "GIF", "TIFF", "WEBP", "PPM")
"""Pillow's names of what is read; others start programs of their own."""
BROKEN = (OSError, SyntaxError, ValueError, LookupError, TypeError, OverflowError, struct.error)
"""What Pillow raises over damaged files."""
BOX_SHARE = 20 / 28
LEAST_CONTRAST = 16.0
"""Ink must differ from its background by so many of 255 levels ..."""
LEAST_NOISE_RATIO = 7.0
"""... and by so many standard deviations of the background's noise."""
EVEN = 5.0
"""Paper whose border stays within so many levels of its median has no shading to take out."""
THIN = 1.6
"""Strokes that would be thinner than so many pixels of 28 are thickened to that."""


def prepare_image(
    source: Path | bytes, size: int = 28, method: Method = "digit"
) -> tuple[Pixels, tuple[int, int], str]:
    """Prepare an image file.

    Parameters
    ----------
    source : path, or the bytes of a file: whatever Pillow reads.
    size : rows and columns of the result.
    method : as `soundmill.corpus.image_options.ImageCorpusOptions.prepare`.

    Returns
    -------
    uint8 (size, size), (width, height) of the original, and a note, such as that of several
    frames only the first was used, or nothing.

    Raises
    ------
    InputError
        When the file is empty, broken, no image, too large, or holds no ink.
    """
    what = str(source) if isinstance(source, Path) else "the file"
    try:
        data = source.read_bytes() if isinstance(source, Path) else source
    except OSError as error:
        raise InputError(f"{what} cannot be read ({error.strerror})") from error
    if not data:
        raise InputError(f"{what} is empty (0 bytes); copy it again from its origin")
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise Image.DecompressionBombError
            frames = getattr(image, "n_frames", 1)
            grey = _to_grey(image)
    except Image.DecompressionBombError as error:
        raise InputError(
            f"{what} has more than {MAX_PIXELS // 1_000_000} million pixels; scale it down"
        ) from error
    except UnidentifiedImageError as error:
        raise InputError(f"{what} is no image that can be read; save it again as PNG") from error
    except BROKEN as error:
        raise InputError(f"{what} is broken ({error}); copy it again from its origin") from error
    note = f"the first of {frames} frames" if frames > 1 else ""
    try:
        return prepare_array(grey, size, method), (width, height), note
    except InputError as error:
        raise InputError(f"{what}: {error}") from error


def _to_grey(image: Image.Image) -> npt.NDArray[Any]:
    """Return luminance (or deeper values as they are), upright, over white where transparent."""
    scale = WORK_SIDE / max(image.size)
    wanted = (int(image.width * scale) or 1, int(image.height * scale) or 1)
    # a JPEG decodes several times faster when reduced, and holds luminance as it is
    image.draft("L" if image.mode == "RGB" else None, wanted)
    orientation = image.getexif().get(0x0112, 1)
    image.load()
    if orientation != 1:
        image = ImageOps.exif_transpose(image)
    factor = _factor(image.size)
    if image.mode.startswith(("I", "F")):
        return np.asarray(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        if factor > 1:
            image = image.reduce(factor)
        over_white = _luminance(_over(image, "white"))
        # white ink on nothing would vanish
        return over_white if np.ptp(over_white) else _luminance(_over(image, "black"))
    if image.mode not in ("L", "RGB"):
        image = image.convert("L" if image.mode in ("1", "L") else "RGB")
    return _luminance(image.reduce(factor) if factor > 1 else image)


def _over(image: Image.Image, colour: str) -> Image.Image:
    background = Image.new("RGBA", image.size, colour)
    return Image.alpha_composite(background, image).convert("RGB")


def _luminance(image: Image.Image) -> Pixels:
    return np.asarray(image.convert("L"))


def _deep_grey(values: npt.NDArray[Any]) -> Grey:
    """Bring integers of 16 bits and more, or floats, to 0 .. 255."""
    if values.dtype == np.uint8:
        return values.astype(np.float32)
    if values.dtype == bool:
        return values.astype(np.float32) * 255
    wide = values.astype(np.float64)
    if not np.isfinite(wide).all():
        raise InputError("holds pixels that are not numbers (NaN or infinite)")
    if values.dtype.kind in "iu":
        top = 65535.0 if wide.max() > 255 else 255.0
    else:
        top = next((limit for limit in (1.0, 255.0, 65535.0) if wide.max() <= limit), wide.max())
    return np.asarray(np.clip(wide * (255 / top), 0, 255), np.float32)


def _factor(shape: tuple[int, ...]) -> int:
    """Return by how much a large picture is reduced."""
    return max(1, round(max(shape) / WORK_SIDE))


def _reduce(grey: Grey, factor: int) -> Grey:
    if factor == 1:
        return grey
    height, width = (side // factor * factor for side in grey.shape)
    blocks = grey[:height, :width].reshape(height // factor, factor, width // factor, factor)
    return np.asarray(blocks.mean((1, 3)), np.float32)


def prepare_array(values: npt.NDArray[Any], size: int = 28, method: Method = "digit") -> Pixels:
    """Prepare pixels: (height, width) grey, or (height, width, 1, 3 or 4) of uint8 in colour.

    Returns
    -------
    uint8 (size, size).

    Raises
    ------
    InputError
        When nothing but background is there, with no file's name in it.
    """
    if values.ndim == 3:
        values = values[..., 0] if values.shape[2] == 1 else _to_grey(_as_image(values))
    grey = _deep_grey(values)
    if method == "resize":
        return _resize(grey, size)
    if grey.shape == (size, size):
        eight = _bytes(grey)
        if prepared(eight[None], size)[0]:
            return eight
    factor = _factor(grey.shape)
    if min(grey.shape) < 3 * factor:
        height, width = grey.shape
        raise InputError(f"is {width}x{height} pixels, too narrow to show a digit")
    return _normalise(_ink(_reduce(grey, factor)), size)


def _as_image(values: npt.NDArray[Any]) -> Image.Image:
    if values.dtype != np.uint8 or values.shape[2] not in (3, 4):
        raise InputError(
            f"has shape {values.shape} and type {values.dtype}; colour needs 3 or 4 uint8 channels"
        )
    return Image.fromarray(values)


def prepared(images: Pixels, size: int = 28) -> npt.NDArray[np.bool_]:
    """Tell which images (n, height, width) have the form already: (n,).

    That is: of the right size, black but for a box whose longer side is that wanted (or a pixel
    less), ink at full brightness, centre of mass within half a pixel of the centre.
    """
    n, height, width = images.shape
    if height != size or width != size:
        return np.zeros(n, bool)
    longer = np.maximum(_extent(images.max(2)), _extent(images.max(1)))
    box = round(size * BOX_SHARE)
    place = np.arange(size, dtype=np.float32)
    rows, columns = images.sum(2, dtype=np.float32), images.sum(1, dtype=np.float32)
    mass = np.maximum(rows.sum(1), 1)
    away = np.maximum(
        np.abs(rows @ place / mass - size / 2), np.abs(columns @ place / mass - size / 2)
    )
    peak = images.max((1, 2))
    return (longer <= box) & (longer >= box - 1) & (away <= 0.51) & (peak >= 250)


def _extent(profile: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
    """Return the distance from the first to the last entry of each row that is not 0."""
    there = profile > 0
    return there.shape[1] - there.argmax(1) - there[:, ::-1].argmax(1)


def _resize(grey: Grey, size: int) -> Pixels:
    """Scale the whole picture; its shorter side is padded with the colour of its border."""
    height, width = grey.shape
    scale = size / max(height, width)
    inner = _scaled(grey, max(1, round(height * scale)), max(1, round(width * scale)))
    out = np.full((size, size), np.median(_border(grey)), np.float32)
    top, left = (size - inner.shape[0]) // 2, (size - inner.shape[1]) // 2
    out[top : top + inner.shape[0], left : left + inner.shape[1]] = inner
    return _bytes(out)


def _ink(grey: Grey) -> Grey:
    """Return how much ink each pixel holds, 0 to 1, without the paper's shading.

    What is at the border is paper; ink is what differs most from it, darker or brighter.
    """
    height, width = grey.shape
    border = _border(grey)
    middle = np.float32(np.median(border))
    uneven = float(np.percentile(np.abs(border - middle), 90)) > EVEN
    shaded = uneven and min(height, width) >= 64
    paper = _paper(grey) if shaded else middle
    residue = grey - paper
    bottom, top = float(residue.min()), float(residue.max())
    if max(height, width) > 64:  # single specks do not settle it
        bottom, top = (float(v) for v in np.percentile(residue[::2, ::2], (0.1, 99.9)))
    bright = top >= -bottom
    ink = residue if bright else -residue
    if shaded:
        unevenness = _unevenness(ink)
        ink = ink - unevenness
        if not bright:  # in the shade ink differs less from paper; what it reflects is a share
            ink *= 255 / np.maximum(paper - unevenness, 32)
    noise = 1.4826 * float(np.median(np.abs(_border(ink))))
    strongest = _strongest(ink)
    blank = strongest < LEAST_CONTRAST or strongest < LEAST_NOISE_RATIO * noise
    if blank or (shaded and _sharpness(ink) < 0.45 * strongest):  # a shadow has no edges
        raise InputError(
            "is uniform: there is nothing on its background; write darker, or cut the picture "
            "closer to the digit"
        )
    faint = 0.35 if shaded else 0.08  # what is left of a shadow is no edge of a stroke
    kept = _connected(ink, 0.5 * strongest, max(faint * strongest, 3 * noise))
    floor = 0.25 * strongest if shaded else min(2 * noise, 0.3 * strongest)
    return np.where(kept, np.clip((ink - floor) / (strongest - floor), 0, 1), 0).astype(np.float32)


def _border(image: Grey) -> Grey:
    """Return the pixels along the four sides, a twentieth of them deep."""
    deep = max(1, min(image.shape) // 20)
    sides = (image[:deep], image[-deep:], image[deep:-deep, :deep], image[deep:-deep, -deep:])
    return np.concatenate([side.ravel() for side in sides])


def _paper(grey: Grey) -> Grey:
    """Return the brightness of the paper: a surface of second degree through the border."""
    height, width = grey.shape
    y, x = (np.linspace(-1, 1, side, dtype=np.float32) for side in (height, width))
    deep = max(1, min(height, width) // 20)
    rim = np.ones(grey.shape, bool)
    rim[deep:-deep, deep:-deep] = False
    rows, columns = np.nonzero(rim)
    rows, columns = rows[::5], columns[::5]
    terms = _terms(y[rows], x[columns])
    values = grey[rows, columns]
    fit = np.ones(len(values), bool)
    for _ in range(3):  # ink that touches the border is no paper
        weights, *_ = np.linalg.lstsq(terms[fit], values[fit], rcond=None)
        away = np.abs(values - terms @ weights)
        fit = away <= max(4.0, 3 * 1.4826 * float(np.median(away)))
    a, b, c, d, e, f = (np.float32(weight) for weight in weights)
    down = (a + b * y + d * y * y)[:, None] + c * x + e * x * x
    return np.asarray(down + f * y[:, None] * x, np.float32)


def _terms(y: Grey, x: Grey) -> Grey:
    return np.stack([np.ones_like(y), y, x, y * y, x * x, x * y], 1)


def _unevenness(ink: Grey) -> Grey:
    """Return what shading the surface left: what is broader than any stroke (a grey opening)."""
    small = _reduce(ink, max(1, max(ink.shape) // 64))
    side = max(small.shape) // 5
    opened = ndimage.gaussian_filter(ndimage.grey_opening(small, (side, side)), side / 6)
    return _scaled(opened.astype(np.float32), *ink.shape)


def _strongest(ink: Grey) -> float:
    """Return the level of full ink: the mean of the strongest 4 to 0.05 % pixels."""
    count = max(4, ink.size // 2000)
    return float(np.partition(ink, ink.size - count, axis=None)[-count:].mean())


def _sharpness(ink: Grey) -> float:
    """Return how far the steepest places rise above their neighbourhood of 3 % of the side."""
    around = ndimage.uniform_filter(ink, max(ink.shape) // 32 * 2 + 1)
    return _strongest(ink - around)


def _connected(ink: Grey, high: float, low: float) -> npt.NDArray[np.bool_]:
    """Return the ink above ``low`` that is connected to ink above ``high``, without specks.

    Two thresholds follow a stroke into its faint edge and leave the paper's grain out; what
    holds less than a fiftieth of the largest part's ink is a speck.
    """
    labels, count = ndimage.label(ink > min(low, high), np.ones((3, 3)))
    if count == 1:
        return np.asarray(labels > 0)
    strong = np.bincount(labels[ink > high], minlength=count + 1)
    strong[0] = 0
    return np.asarray((strong > strong.max() / 50)[labels])


def _normalise(ink: Grey, size: int) -> Pixels:
    """Scale the ink's box into the middle of a square and centre it by its mass."""
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    cut = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    box = round(size * BOX_SHARE)
    scale = box / max(cut.shape)
    cut = _thicken(cut, scale * 28 / size)
    scale = box / max(cut.shape)
    height, width = (max(1, round(side * scale)) for side in cut.shape)
    inner = np.clip(_scaled(cut, height, width), 0, None)
    inner *= 255 / inner.max()
    mass = inner.sum()
    out = np.zeros((size, size), np.float32)
    centre = (inner.sum(1) @ np.arange(height) / mass, inner.sum(0) @ np.arange(width) / mass)
    top, left = (
        min(max(round(size / 2 - float(place)), 0), size - side)
        for place, side in zip(centre, inner.shape, strict=True)
    )
    out[top : top + height, left : left + width] = inner
    return _bytes(out)


def _thicken(cut: Grey, scale: float) -> Grey:
    """Widen strokes of a fine pen, which would fade when scaled down."""
    if scale > 0.5:
        return cut
    solid = cut > 0.5
    depth = ndimage.distance_transform_edt(np.pad(solid, 1))
    # along the middle of a stroke of width w the depth is w / 2, on average over it w / 4
    stroke = 4 * float(depth[depth > 0].mean()) - 1
    missing = round((THIN / scale - stroke) / 2)
    if missing < 1:
        return cut
    wide = np.pad(cut, missing)
    return np.asarray(ndimage.maximum_filter(wide, size=2 * missing + 1), np.float32)


def _scaled(image: Grey, height: int, width: int) -> Grey:
    if image.shape == (height, width):
        return image
    shrinks = height * width < image.size
    method = Image.Resampling.HAMMING if shrinks else Image.Resampling.BICUBIC
    return np.asarray(Image.fromarray(image).resize((width, height), method), np.float32)


def _bytes(values: Grey) -> Pixels:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
