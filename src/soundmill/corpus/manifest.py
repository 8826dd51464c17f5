"""The manifest: every recording of a corpus, what became of it, and its labels."""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from soundmill.corpus.decode_options import MANIFEST_COLUMNS
from soundmill.corpus.labels import make_labels
from soundmill.corpus.options import LabelOptions
from soundmill.files import write_json
from soundmill.log import logger
from soundmill.status import IGNORED, OK, REJECTED, Row, check_rejected, read_table, write_table


def write_manifest(
    tables: Iterable[str | os.PathLike[str]],
    output: str | os.PathLike[str],
    labels: LabelOptions | None = None,
    source: str | Sequence[str] = (),
) -> list[Row]:
    """Join the tables of all buckets with the labels, and settle equal contents.

    Parameters
    ----------
    tables : the buckets' tables of `soundmill.corpus.decode.decode_bucket`.
    output : gets the manifest, sorted by source: `MANIFEST_COLUMNS` and a column a label.
    labels : where labels come from; default none.
    source : the configured folder or folders, to which paths in labels are relative.

    Raises
    ------
    InputError
        When labels do not fit.
    """
    rows = sorted(
        (row for table in tables for row in read_table(table)), key=lambda row: row["source"]
    )
    rows = reject_duplicates(rows)
    columns: list[str] = []
    if labels is not None:
        found, columns = make_labels(rows, labels, source)
        empty = dict.fromkeys(columns, "")
        rows = [row | found.get(row["source"], empty) for row in rows]
    write_table(output, rows, [*MANIFEST_COLUMNS, *columns])
    return rows


def reject_duplicates(rows: Iterable[Row]) -> list[Row]:
    """Keep the first of recordings with equal bytes; the others name it in their reason."""
    first: dict[str, str] = {}
    settled: list[Row] = []
    for row in rows:
        if row["status"] == OK:
            known = first.setdefault(row["sha256"], row["source"])
            if known != row["source"]:
                row = row | {"status": REJECTED, "reason": f"same content as {known}"}
                logger.warning("%r has the same content as %r", row["source"], known)
        settled.append(row)
    return settled


def accept_corpus(
    manifest: Path, output: str | os.PathLike[str], max_rejected: float
) -> dict[str, Any]:
    """Count recordings by status into ``output`` (JSON), if the corpus is good enough to go on.

    It is a step of its own, so that the manifest with all reasons is there when it fails.

    Raises
    ------
    InputError
        When nothing is left or more than ``max_rejected`` (a share, 0 to 1) was rejected.
    """
    rows = read_table(manifest)
    check_rejected(rows, max_rejected, manifest)
    counts = Counter(row["status"] for row in rows)
    seconds = sum(float(row["seconds"]) for row in rows if row["status"] == OK)
    figures: dict[str, Any] = {status: counts[status] for status in (OK, REJECTED, IGNORED)}
    figures |= {"seconds": round(seconds, 3), "max_rejected": max_rejected}
    write_json(output, figures)
    return figures
