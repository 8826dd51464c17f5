"""The spectra of a bucket: one memory-mappable array and its index."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from soundmill.audio.files import stream_audio
from soundmill.cache import Cache
from soundmill.errors import InputError
from soundmill.features.processing import (
    Done,
    accepted,
    content_of,
    join_arrays,
    place_rows,
    process_rows,
)
from soundmill.features.spectra import spectrum_blocks
from soundmill.features.spectra_options import SpectraOptions
from soundmill.log import logger
from soundmill.status import OK, Row, write_table

COLUMNS = ("id", "source", "status", "reason", "first", "frames", "seconds")


def compute_spectra_bucket(
    recordings: str | os.PathLike[str],
    wav: str | os.PathLike[str],
    array: str | os.PathLike[str],
    index: str | os.PathLike[str],
    *,
    cache: str | os.PathLike[str],
    options: SpectraOptions,
    code: str,
    threads: int = 1,
) -> None:
    """Compute the spectra of a bucket's recordings; those known to the cache are not read again.

    Parameters
    ----------
    recordings : table of the bucket's recordings; rows with status ok are used.
    wav : folder of their ``<id>.wav``.
    array : .npy of float16 (frames of all recordings, ``options.columns``), in the table's order.
    index : table (`COLUMNS`): the first frame of each recording, its frames and seconds. A
        recording that fails is a row with the reason and without frames; it stops nothing.
    cache, code : root of the cache, fingerprint of this code.
    threads : recordings computed at once; the results do not depend on it.

    A bucket of any size needs the memory of one recording's spectrum a thread.
    """
    store = Cache(cache, "spectra", options.model_dump(mode="json"), code)
    Path(array).parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".tmp-", dir=Path(array).parent) as folder:

        def work(row: Row) -> Done:
            source = Path(wav, f"{row['id']}.wav")
            return store.fetch(
                content_of(source), Path(folder, f"{row['id']}.npy"), _build(source, options)
            )

        rows = process_rows(accepted(recordings), work, threads=threads, label="spectrum")
        frames = place_rows(rows)
        parts = (Path(folder, f"{row['id']}.npy") for row in rows if row["status"] == OK)
        join_arrays(array, parts, frames, options.columns)
    write_table(index, [{name: row.get(name) for name in COLUMNS} for row in rows], COLUMNS)
    logger.info("spectra: %d recordings computed, %d known already", store.misses, store.hits)


def _build(source: Path, options: SpectraOptions) -> Callable[[Path], Done]:
    def write(target: Path) -> Done:
        n = 0

        def blocks() -> Iterator[npt.NDArray[np.float32]]:
            nonlocal n
            for block in stream_audio(source, sample_rate=options.sample_rate):
                n += block.shape[1]
                yield finite(block[0], source)

        parts = [half(part) for part in spectrum_blocks(blocks(), options)]
        if not n:
            raise InputError(f"{source} holds no samples")
        return save_part(target, np.concatenate(parts), n / options.sample_rate)

    return write


def finite(samples: npt.NDArray[Any], source: Path) -> npt.NDArray[Any]:
    """Return samples that are all numbers.

    Raises
    ------
    InputError
        When one is infinite or not a number.
    """
    if not np.isfinite(samples).all():
        raise InputError(f"{source} holds values that are not finite numbers; decode it again")
    return samples


def half(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float16]:
    """Return values as float16; those beyond its range become its largest."""
    limit = np.finfo(np.float16).max
    return np.clip(values, -limit, limit).astype(np.float16)


def save_part(target: Path, values: npt.NDArray[np.float16], seconds: float) -> Done:
    """Write one recording's spectrum and return what the index says of it."""
    with open(target, "wb") as file:
        np.save(file, values)
    return {"frames": len(values), "seconds": round(seconds, 6)}
