"""Images in arrays: .npz and IDX files read block by block, and scikit-learn's digits."""

import gzip
import math
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from soundmill.corpus.image_options import ImageCorpusOptions
from soundmill.corpus.image_sources import Kind, idx_pairs
from soundmill.corpus.listing import source_folders
from soundmill.corpus.names import slug
from soundmill.errors import InputError

BLOCK_BYTES = 1 << 24
IDX_TYPES = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
"""Numbers in the third byte of an IDX file (http://yann.lecun.com/exdb/mnist)."""
NPZ_PARTS = (("train", "x_train", "y_train"), ("test", "x_test", "y_test"),
             ("", "images", "labels"))  # fmt: skip
BROKEN = (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, struct.error)


class ArrayBlock(NamedTuple):
    """Some images in a row, with what is known of them."""

    prefix: str
    """Start of their ids, such as ``train``."""
    source: str
    """File, and in it the array."""
    part: str
    """train, test or nothing."""
    first: int
    """Number of the first one in its array, from 0."""
    images: npt.NDArray[Any]
    """(b, height, width) or (b, height, width, channels)."""
    labels: list[str]
    margin: int = 0
    """Pixels of paper put around each image."""


def array_blocks(options: ImageCorpusOptions, kind: Kind) -> Iterator[ArrayBlock]:
    """Yield all images of array sources, the training part first.

    Raises
    ------
    InputError
        When an array is missing, truncated, of a wrong shape, or labels do not fit.
    """
    if kind == "demo":
        yield _demo()
    elif kind == "idx":
        for pair in idx_pairs(options.source):
            labels = _labels(_whole_idx(pair.labels), pair.labels)
            images = _idx_blocks(pair.images)
            prefix = slug(pair.name or "image")
            yield from _joined(images, labels, prefix, pair.images, pair.part)
    else:
        files = source_folders(options.source)
        names = [slug(Path(path).stem) for path in files]
        if len(set(names)) < len(names):
            raise InputError(f"{' and '.join(files)}: two are named alike; rename one")
        for path, name in zip(files, names, strict=True):
            yield from _npz(path, f"{name}-" if len(files) > 1 else "")


def _demo() -> ArrayBlock:
    """Return 1,797 digits, 8x8, of 43 people whom the set does not tell apart.

    E. Alpaydin, C. Kaynak, "Optical recognition of handwritten digits", UCI 1998, its test part.
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    grey = np.rint(digits.images * (255 / 16)).astype(np.uint8)  # ink is counted from 0 to 16
    margin = 2  # they fill their frames: without paper around, ink could be taken for it
    grey = np.pad(grey, ((0, 0), (margin, margin), (margin, margin)))
    labels = [str(number) for number in digits.target]
    return ArrayBlock("digit", "demo:digits", "", 0, grey, labels, margin)


def _joined(
    blocks: Iterator[npt.NDArray[Any]], labels: list[str], prefix: str, source: str, part: str
) -> Iterator[ArrayBlock]:
    first = 0
    for images in blocks:
        if first + len(images) > len(labels):
            raise InputError(f"{source} holds more images than there are labels, {len(labels)}")
        yield ArrayBlock(prefix, source, part, first, images, labels[first : first + len(images)])
        first += len(images)
    if first != len(labels):
        raise InputError(f"{source} holds {first} images, but there are {len(labels)} labels")


def _labels(values: npt.NDArray[Any], place: str) -> list[str]:
    if values.ndim == 2 and 1 in values.shape:
        values = values.ravel()
    if values.ndim != 1:
        raise InputError(f"{place} has shape {values.shape}; labels need one number or name each")
    if values.dtype.kind == "f" and (values == np.rint(values)).all():
        values = values.astype(np.int64)
    if values.dtype.kind == "S":
        values = np.char.decode(values, "utf-8")
    return [str(value) for value in values]


def _npz(path: str, name: str) -> Iterator[ArrayBlock]:
    try:
        archive = zipfile.ZipFile(path)
    except BROKEN as error:
        raise InputError(f"{path} is no .npz file that can be read ({error})") from error
    with archive:
        members = {member.removesuffix(".npy") for member in archive.namelist()}
        parts = [entry for entry in NPZ_PARTS if entry[1] in members]
        if not parts:
            held = ", ".join(sorted(members)) or "nothing"
            raise InputError(
                f"{path} holds {held}; it needs x_train, y_train, x_test, y_test, or images, labels"
            )
        for part, images, labels in parts:
            if labels not in members:
                raise InputError(f"{path} holds {images!r}, but no {labels!r}")
            known = _labels(np.concatenate(list(_npz_blocks(archive, path, labels))), labels)
            blocks = _npz_blocks(archive, path, images)
            prefix = name + (part or "image")
            yield from _joined(blocks, known, prefix, f"{path}/{images}", part)


def _npz_blocks(archive: zipfile.ZipFile, path: str, name: str) -> Iterator[npt.NDArray[Any]]:
    """Yield an array of an .npz in blocks along its first axis."""
    place = f"{path}/{name}"
    try:
        with archive.open(f"{name}.npy") as file:
            version = np.lib.format.read_magic(file)
            read = (
                np.lib.format.read_array_header_1_0
                if version == (1, 0)
                else np.lib.format.read_array_header_2_0
            )
            shape, fortran, dtype = read(file)
            if dtype.hasobject or not shape or (fortran and len(shape) > 1):
                raise InputError(
                    f"{place} has type {dtype}, shape {shape}: save a plain array in C order"
                )
            yield from _read_blocks(file, shape, dtype, place)
    except BROKEN as error:
        raise InputError(f"{place} is broken ({error}); copy the file again") from error


def _read_blocks(
    file: IO[bytes], shape: tuple[int, ...], dtype: np.dtype[Any], place: str
) -> Iterator[npt.NDArray[Any]]:
    item = max(1, math.prod(shape[1:]) * dtype.itemsize)
    count, done = max(1, BLOCK_BYTES // item), 0
    if not shape[0]:
        yield np.empty(shape, dtype)
    while done < shape[0]:
        wanted = min(count, shape[0] - done)
        data = file.read(wanted * item)
        if len(data) < wanted * item:
            raise InputError(
                f"{place} is truncated: it announces {shape[0]} items and ends in number "
                f"{done + len(data) // item + 1}; copy it again from its origin"
            )
        yield np.frombuffer(data, dtype).reshape(wanted, *shape[1:])
        done += wanted


def _open(path: str) -> IO[bytes]:
    with open(path, "rb") as file:
        packed = file.read(2) == b"\x1f\x8b"  # a browser may have unpacked it, name unchanged
    return gzip.open(path) if packed else open(path, "rb")  # type: ignore[return-value]


def _idx_arrays(path: str, axes: tuple[int, ...]) -> Iterator[npt.NDArray[Any]]:
    try:
        with _open(path) as file:
            head = file.read(4)
            if len(head) < 4 or head[:2] != b"\0\0" or head[2] not in IDX_TYPES:
                raise InputError(
                    f"{path} is no IDX file: it begins with {head.hex(' ') or 'nothing'}"
                )
            if head[3] not in axes:
                raise InputError(
                    f"{path} is an IDX file of {head[3]} axes where {axes[0]} belong; are images "
                    "and labels swapped?"
                )
            sizes = file.read(4 * head[3])
            if len(sizes) < 4 * head[3]:
                raise InputError(f"{path} is truncated in its header; copy it again")
            shape = struct.unpack(f">{head[3]}I", sizes)
            yield from _read_blocks(file, shape, np.dtype(IDX_TYPES[head[2]]), path)
            if file.read(1):
                raise InputError(f"{path} goes on after the {shape[0]} items it announces")
    except BROKEN as error:
        raise InputError(f"{path} is broken ({error}); copy it again from its origin") from error


def _idx_blocks(path: str) -> Iterator[npt.NDArray[Any]]:
    return _idx_arrays(path, (3, 4))


def _whole_idx(path: str) -> npt.NDArray[Any]:
    return np.concatenate(list(_idx_arrays(path, (1,))))
