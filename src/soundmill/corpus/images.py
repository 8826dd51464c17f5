"""Reading an image corpus: all images at one size in one array, and what became of each."""

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from soundmill.corpus.decode_options import MANIFEST_COLUMNS
from soundmill.corpus.image_arrays import ArrayBlock, array_blocks
from soundmill.corpus.image_options import IMAGE_COLUMNS, ImageCorpusOptions
from soundmill.corpus.image_preparation import Pixels, prepare_array, prepare_image, prepared
from soundmill.corpus.image_sources import (
    image_suffix,
    list_images,
    source_kind,
    without_image_suffix,
)
from soundmill.corpus.labels import find_csv, make_labels
from soundmill.corpus.listing import Entry
from soundmill.corpus.manifest import reject_duplicates
from soundmill.corpus.names import normalise_names
from soundmill.corpus.options import LabelOptions
from soundmill.errors import InputError
from soundmill.files import atomic_path
from soundmill.log import logger, progress
from soundmill.spreadsheets import read_csv
from soundmill.status import IGNORED, OK, REJECTED, Row, write_table

COLUMNS = (*MANIFEST_COLUMNS, *IMAGE_COLUMNS)
BATCH = 1024
"""Images in memory at once."""
Result = tuple[Row, Pixels | None]
"""The row of one image, and its pixels when it is usable."""


def read_images(
    output_array: str | os.PathLike[str],
    output_manifest: str | os.PathLike[str],
    options: ImageCorpusOptions,
    threads: int = 1,
    place: str = "source",
) -> dict[str, int]:
    """Prepare all images of a corpus, block by block in constant memory, and write its manifest.

    Parameters
    ----------
    output_array : gets uint8 (n, size, size), ink bright on black: the images whose row has
        status ``ok``, in the order of the rows.
    output_manifest : gets a row an image, `COLUMNS` (seconds, sample_rate, channels and bucket
        are empty) and a column a label; of arrays also ``part`` where it is known. Files are
        sorted by source, arrays keep their order: the id ``train-00017`` is number 17, from 0.
        ``sha256`` is that of the file or, in an array, of the prepared pixels.
    threads : image files decoded at once.
    place : the option that named the source, for messages.

    Returns
    -------
    Number of rows by status. Images that cannot be used, or repeat an earlier one, are rejected
    with a reason.

    Raises
    ------
    InputError
        When the source cannot be read at all, or labels do not fit.
    """
    kind = source_kind(options, place)
    with atomic_path(output_array) as final:
        draft = final.with_suffix(".draft")
        try:
            if kind == "files":
                rows, columns = _read_files(draft, options, threads, place)
            else:
                rows = _drain(_array_results(array_blocks(options, kind), options), draft)
                columns = [options.label_column]
                columns += ["part"] if any(row["part"] for row in rows) else []
            before = [row["status"] == OK for row in rows]
            rows = reject_duplicates(rows)
            keep = [row["status"] == OK for row, was in zip(rows, before, strict=True) if was]
            _compact(draft, final, np.array(keep, bool), options.size)
        finally:
            draft.unlink(missing_ok=True)
        wanted = [*COLUMNS, *columns]
        write_table(output_manifest, ({c: row.get(c, "") for c in wanted} for row in rows), wanted)
    counts = Counter(row["status"] for row in rows)
    for row in rows:
        if row["status"] == REJECTED and not row["reason"].startswith("same content"):
            logger.warning("rejected: %r: %s", row["source"], row["reason"])
    logger.info("%d images ok, %d rejected, %d ignored",
                *(counts[status] for status in (OK, REJECTED, IGNORED)))  # fmt: skip
    return {status: counts[status] for status in (OK, REJECTED, IGNORED)}


def _drain(results: Iterable[Result], draft: Path) -> list[Row]:
    """Append the pixels of usable images to a raw file; return all rows."""
    rows = []
    with draft.open("wb") as file:
        for row, pixels in results:
            rows.append(row)
            if pixels is not None:
                file.write(pixels.tobytes())
    return rows


def _compact(draft: Path, final: Path, keep: npt.NDArray[np.bool_], size: int) -> None:
    """Write those images of a raw file that are kept as one .npy file."""
    shape = (int(keep.sum()), size, size)
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    with final.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        if not len(keep):
            return
        images = np.memmap(draft, np.uint8, "r", shape=(len(keep), size, size))
        for start in range(0, len(keep), BATCH):
            chosen = images[start : start + BATCH][keep[start : start + BATCH]]
            file.write(chosen.tobytes())


def _array_results(blocks: Iterable[ArrayBlock], options: ImageCorpusOptions) -> Iterator[Result]:
    for block in blocks:
        if block.images.ndim not in (3, 4) or 0 in block.images.shape[1:]:
            raise InputError(
                f"{block.source} has shape (n, {str(block.images.shape[1:])[1:]}; images need "
                "(n, height, width), or channels as a fourth axis"
            )
        for start in range(0, len(block.images), BATCH):
            yield from _batch(block, start, block.images[start : start + BATCH], options)


def _batch(
    block: ArrayBlock, start: int, images: npt.NDArray[Any], options: ImageCorpusOptions
) -> Iterator[Result]:
    plain = options.prepare == "digit" and images.dtype == np.uint8 and images.ndim == 3
    ready = prepared(images, options.size) if plain else np.zeros(len(images), bool)
    for offset, image in enumerate(images):
        number = block.first + start + offset
        row = {
            "id": f"{block.prefix}-{number:05d}",
            "source": f"{block.source}/{number}",
            "status": OK,
            "reason": "",
            "height": str(image.shape[0] - 2 * block.margin),
            "width": str(image.shape[1] - 2 * block.margin),
            "part": block.part,
            options.label_column: block.labels[start + offset],
        }
        try:
            pixels = image if ready[offset] else prepare_array(image, options.size, options.prepare)
        except InputError as error:
            yield row | {"status": REJECTED, "reason": str(error), "sha256": ""}, None
            continue
        yield row | {"sha256": hashlib.sha256(pixels.tobytes()).hexdigest()}, pixels


def _read_files(
    draft: Path, options: ImageCorpusOptions, threads: int, place: str
) -> tuple[list[Row], list[str]]:
    entries = list_images(options.source, place)
    entries.sort(key=lambda entry: entry.source)
    ids = _image_ids([entry.path for entry in entries if entry.status != IGNORED])

    def work(entry: Entry) -> Result:
        row = {"id": ids.get(entry.path, ""), "source": entry.source, "status": entry.status,
               "reason": entry.reason, "sha256": "", "width": "", "height": ""}  # fmt: skip
        return _read_file(row, options) if entry.status == OK else (row, None)

    def results() -> Iterator[Result]:
        waiting = iter(entries)
        with ThreadPoolExecutor(max(1, threads)) as pool:
            while batch := list(islice(waiting, BATCH)):
                yield from pool.map(work, batch)

    rows = _drain(progress(results(), total=len(entries), unit="images", label="read"), draft)
    if options.labels is None:
        return rows, []
    return _labelled(rows, options.labels, options.source)


def _read_file(row: Row, options: ImageCorpusOptions) -> Result:
    try:
        data = Path(row["source"]).read_bytes()
        row = row | {"sha256": hashlib.sha256(data).hexdigest()}
        pixels, (width, height), note = prepare_image(data, options.size, options.prepare)
    except OSError as error:
        reason = f"the file cannot be read ({error.strerror}); check its permissions"
        return row | {"status": REJECTED, "reason": reason}, None
    except InputError as error:
        reason = str(error).removeprefix("the file: ")
        return row | {"status": REJECTED, "reason": reason}, None
    return row | {"width": str(width), "height": str(height), "reason": note}, pixels


def _image_ids(paths: Sequence[str]) -> dict[str, str]:
    """Return ids from paths without extension, with it where ``a.png`` and ``a.jpg`` are both."""
    stems = Counter(without_image_suffix(path) for path in paths)
    names = {
        path: stem if stems[stem := without_image_suffix(path)] == 1 else path for path in paths
    }
    ids = normalise_names(names.values())
    return {path: ids[name] for path, name in names.items()}


def _labelled(
    rows: list[Row], options: LabelOptions, source: str | list[str]
) -> tuple[list[Row], list[str]]:
    """Return rows with their labels, and the label columns.

    What labels recordings knows the extensions of audio only: it is shown names without the
    extension of an image, or with it where the CSV writes it.
    """
    short = [row | {"source": without_image_suffix(row["source"])} for row in rows]
    columns: list[str] = []
    labelled = rows
    ways = {
        "csv": options.model_copy(update={"folders": False, "pattern": None}),
        "names": options.model_copy(update={"csv": None}),
    }
    if not options.csv:
        ways.pop("csv")
    if not (options.folders or options.pattern):
        ways.pop("names")
    for way, chosen in ways.items():
        shown = rows if way == "csv" and _csv_has_suffixes(options, source) else short
        found, names = make_labels(shown, chosen, source)
        clash = [name for name in names if name in columns or name in IMAGE_COLUMNS]
        if clash:
            raise InputError(f"labels: {clash[0]!r} comes from two places; rename one of them")
        columns += names
        empty = dict.fromkeys(names, "")
        labelled = [
            row | found.get(seen["source"], empty)
            for row, seen in zip(labelled, shown, strict=True)
        ]
    return labelled, columns


def _csv_has_suffixes(options: LabelOptions, source: str | list[str]) -> bool:
    """Tell whether the label CSV names images with their extensions."""
    header, lines = read_csv(find_csv(str(options.csv), source), "labels.csv")
    if options.key not in header:
        return True  # `make_labels` says so
    at = header.index(options.key)
    return any(image_suffix(cells[at].strip()) for _, cells in lines)
