"""The manifest: every recording of a corpus, what became of it, and its labels."""

import os
from collections.abc import Iterable, Sequence

from soundmill.corpus.decode_options import MANIFEST_COLUMNS
from soundmill.corpus.labels import make_labels
from soundmill.corpus.options import LabelOptions
from soundmill.log import logger
from soundmill.status import OK, REJECTED, Row, read_table, write_table


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
