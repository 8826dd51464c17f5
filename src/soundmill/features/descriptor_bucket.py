"""The descriptors of a bucket as Parquet tables: one row a recording, one row a segment."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from soundmill.cache import Cache
from soundmill.features.bank import describe_file
from soundmill.features.columns import SCHEMA_VERSION, columns
from soundmill.features.descriptor_options import DescriptorOptions
from soundmill.features.processing import Done, accepted, content_of, process_rows
from soundmill.files import atomic_path
from soundmill.log import logger
from soundmill.status import OK, Row, write_table

COLUMNS = ("id", "source", "status", "reason", "segments")
BATCH = 256
"""Recordings written at once, a row group of the tables."""
OWN_SEGMENT_COLUMNS = [
    pa.field("segment", pa.int32()),
    pa.field("start", pa.float64(), metadata={"unit": "s"}),
    pa.field("seconds", pa.float64(), metadata={"unit": "s"}),
]


def describe_bucket(
    recordings: str | os.PathLike[str],
    wav: str | os.PathLike[str],
    features: str | os.PathLike[str],
    segments: str | os.PathLike[str],
    table: str | os.PathLike[str],
    *,
    cache: str | os.PathLike[str],
    options: DescriptorOptions,
    code: str,
    threads: int = 1,
) -> None:
    """Describe the recordings of a bucket; those known to the cache are not read again.

    Parameters
    ----------
    recordings : table of the bucket's recordings; rows with status ok are described.
    wav : folder of their ``<id>.wav``.
    features : Parquet, one row a recording: ``id`` and the float32 columns of `columns.columns`.
    segments : Parquet, one row a segment: ``id``, ``segment`` (from 0), ``start`` and ``seconds``
        in s, and the same columns.
    table : status table (`COLUMNS`). A recording that fails is a row with the reason, and in
        neither Parquet table; it stops nothing.
    cache, code : root of the cache, fingerprint of this code.
    threads : recordings described at once; the results do not depend on it.

    Both Parquet files carry ``soundmill.schema_version`` and ``soundmill.options`` as metadata,
    and each column its unit, family and meaning. A bucket of any size needs the memory of
    `BATCH` recordings' descriptors.
    """
    store = Cache(cache, "descriptors", options.model_dump(mode="json"), code)
    Path(features).parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".tmp-", dir=Path(features).parent) as folder:

        def work(row: Row) -> Done:
            source = Path(wav, f"{row['id']}.wav")
            target = Path(folder, f"{row['id']}.npz")
            return store.fetch(content_of(source), target, _build(source, options))

        rows = process_rows(accepted(recordings), work, threads=threads, label="description")
        names = [str(row["id"]) for row in rows if row["status"] == OK]
        _write_tables(Path(features), Path(segments), names, Path(folder), options)
    write_table(table, [{name: row.get(name) for name in COLUMNS} for row in rows], COLUMNS)
    logger.info("descriptors: %d recordings computed, %d known already", store.misses, store.hits)


def _build(source: Path, options: DescriptorOptions) -> Callable[[Path], Done]:
    def write(target: Path) -> Done:
        found = describe_file(source, options)
        with open(target, "wb") as file:
            np.savez(file, **found._asdict())
        return {"segments": len(found.segments)}

    return write


def _write_tables(
    features: Path, segments: Path, names: Sequence[str], folder: Path, options: DescriptorOptions
) -> None:
    described = [
        pa.field(
            column.name,
            pa.float32(),
            metadata={"unit": column.unit, "family": column.family, "meaning": column.meaning},
        )
        for column in columns(options)
    ]
    metadata = {
        "soundmill.schema_version": str(SCHEMA_VERSION),
        "soundmill.options": json.dumps(options.model_dump(mode="json"), sort_keys=True),
    }
    name = pa.field("id", pa.string())
    wide = pa.schema([name, *described], metadata)
    long = pa.schema([name, *OWN_SEGMENT_COLUMNS, *described], metadata)
    with ExitStack() as stack:
        paths = [stack.enter_context(atomic_path(path)) for path in (features, segments)]
        writers = [
            stack.enter_context(pq.ParquetWriter(path, schema))
            for path, schema in zip(paths, (wide, long), strict=True)
        ]
        for batch, parts in _batches(names, folder):
            counts = [len(part["segments"]) for part in parts]
            recorded = np.stack([part["recording"] for part in parts])
            writers[0].write_table(_table([pa.array(batch)], recorded, wide))
            own = [
                pa.array(np.repeat(np.array(batch, object), counts), pa.string()),
                pa.array(np.concatenate([np.arange(n, dtype=np.int32) for n in counts])),
                pa.array(np.concatenate([part["starts"] for part in parts])),
                pa.array(np.concatenate([part["seconds"] for part in parts])),
            ]
            segmented = np.concatenate([part["segments"] for part in parts])
            writers[1].write_table(_table(own, segmented, long))


def _batches(
    names: Sequence[str], folder: Path
) -> Iterator[tuple[list[str], list[dict[str, npt.NDArray[Any]]]]]:
    """Yield ids and their stored descriptions, some at a time."""
    for start in range(0, len(names), BATCH):
        batch = list(names[start : start + BATCH])
        parts = []
        for name in batch:
            with np.load(folder / f"{name}.npz") as stored:
                parts.append(dict(stored))
        yield batch, parts


def _table(own: list[pa.Array], values: npt.NDArray[np.float32], schema: pa.Schema) -> pa.Table:
    """Join a table's own columns and the descriptors (rows, columns)."""
    described = [pa.array(np.ascontiguousarray(column)) for column in values.T]
    return pa.Table.from_arrays([*own, *described], schema=schema)
