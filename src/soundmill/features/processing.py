"""What all stages of this line share: recordings of a bucket in parallel, arrays joined on disk."""

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.lib import format as npy

from soundmill.errors import InputError
from soundmill.files import atomic_path, sha256_file
from soundmill.log import logger, progress
from soundmill.status import OK, REJECTED, Row, read_table

Done = dict[str, Any]


def accepted(recordings: str | os.PathLike[str]) -> list[Row]:
    """Return the rows of a bucket's table whose recordings were decoded."""
    return [row for row in read_table(recordings) if row["status"] == OK]


def content_of(source: Path) -> str:
    """Return the checksum of a recording.

    Raises
    ------
    InputError
        When it cannot be read.
    """
    try:
        return sha256_file(source)
    except OSError as error:
        raise InputError(f"{source} cannot be read: {error.strerror or error}") from error


def process_rows(
    rows: Sequence[Row], work: Callable[[Row], Done], *, threads: int, label: str
) -> list[Done]:
    """Return each row, in order, with what ``work`` says of it and a new status and reason.

    Rows are worked on in threads, each computing with one: results depend on no number of
    threads. Where ``work`` fails the row gets status rejected and the reason; nothing stops.
    """

    def attempt(row: Row) -> Done:
        try:
            return {**row, **work(row), "status": OK, "reason": ""}
        except InputError as error:
            reason = str(error)
        except Exception as error:
            logger.exception("%s: %s failed", row["id"], label)
            reason = f"{label} failed ({type(error).__name__}: {error})"
        return {**row, "status": REJECTED, "reason": reason}

    def one_thread() -> None:
        torch.set_num_threads(1)

    with ThreadPoolExecutor(max(1, threads), initializer=one_thread) as pool:
        return list(progress(pool.map(attempt, rows), total=len(rows), label=label))


def join_arrays(
    path: str | os.PathLike[str], parts: Iterable[Path], frames: int, columns: int
) -> None:
    """Write float16 arrays (n, columns) one below the other as one .npy, atomically.

    One part at a time is in memory. ``frames`` is the sum of their rows.
    """
    header = {"descr": "<f2", "fortran_order": False, "shape": (frames, columns)}
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        npy.write_array_header_1_0(file, header)
        for part in parts:
            file.write(np.load(part).astype("<f2", copy=False).data)


def place_rows(rows: Iterable[Done]) -> int:
    """Set ``first`` of each accepted row to the frames before it; return the sum of all frames."""
    total = 0
    for row in rows:
        if row["status"] == OK:
            row["first"] = total
            total += row["frames"]
    return total
