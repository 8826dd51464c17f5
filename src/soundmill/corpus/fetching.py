"""Fetching: the recordings of one bucket of a remote corpus become local files."""

import hashlib
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from soundmill.cache import Cache
from soundmill.corpus.listing import FETCHED_COLUMNS
from soundmill.corpus.names import audio_suffix, normalise_names
from soundmill.corpus.remote import split_uri
from soundmill.corpus.remote_listing import RemoteEntry, read_entries
from soundmill.corpus.store import error_code, open_store, store_error
from soundmill.errors import InputError
from soundmill.files import atomic_folder, atomic_path
from soundmill.log import logger, progress
from soundmill.status import IGNORED, OK, REJECTED, Row, write_table

CONNECTIONS = 8
"""Objects fetched at once; they wait for the network, not for a core."""
ATTEMPTS = 5
"""Times a transfer is taken up again where it broke off; requests are repeated by the client."""
CHUNK = 1 << 20

_MENDED = "then run the pipeline again with --forcerun fetch_recordings"
_GONE = "the object is gone since it was listed; run the pipeline again"
_CHANGED = "the object changed since it was listed; run the pipeline again"
_FORBIDDEN = f"the object may not be read with these credentials; allow it, {_MENDED}"
_REASONS = {
    "NoSuchKey": _GONE,
    "404": _GONE,
    "PreconditionFailed": _CHANGED,
    "412": _CHANGED,
    "AccessDenied": _FORBIDDEN,
    "403": _FORBIDDEN,
    "InvalidObjectState": f"the object is archived; restore it on the server, {_MENDED}",
}
"""What becomes a row, by the server's answer; any other answer stops the run."""


class FetchCounts(NamedTuple):
    """What a run over a bucket did: objects transferred now, known already, rejected."""

    fetched: int
    known: int
    rejected: int


class _RefusedError(Exception):
    """One object cannot be had; the message is the reason in its row."""


def fetch_bucket(
    listed_csv: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    table_csv: str | os.PathLike[str],
    cache_root: str | os.PathLike[str],
    place: str = "source",
) -> FetchCounts:
    """Bring the recordings of one bucket here, in constant memory each.

    Parameters
    ----------
    listed_csv : the bucket's table of `soundmill.corpus.remote_listing.remote_digests`.
    folder : gets ``<id>.<extension>`` for each recording.
    table_csv : gets the columns `soundmill.corpus.listing.FETCHED_COLUMNS`, with what was found
        besides recordings, and with the reason of each object that is gone or may not be read.
    cache_root : see `soundmill.cache.Cache`; objects that it holds, by address, size and ETag, are
        linked, not fetched, so an interrupted run goes on where it was.
    place : the option that named the source, for messages.

    Raises
    ------
    InputError
        When the server cannot be reached or refuses the credentials.
    """
    entries = read_entries(listed_csv)
    ids = normalise_names(entry.path for entry in entries if entry.status != IGNORED)
    recordings = [entry for entry in entries if entry.status == OK]
    client = open_store(place) if recordings else None
    cache = Cache(cache_root, "fetched", {}, "")  # whatever the code: an object is an object
    counts = {"fetched": 0, REJECTED: 0}
    rows: dict[str, Row] = {}

    with atomic_folder(folder) as fresh:

        def fetch(entry: RemoteEntry) -> tuple[Row, bool]:
            name = f"{ids[entry.path]}.{audio_suffix(entry.path.rpartition('/')[2])}"
            return _fetch_entry(client, entry, fresh / name, cache, place)

        results = _in_parallel(fetch, recordings)
        label = f"fetching bucket {Path(folder).name}"
        for row, transferred in progress(results, total=len(recordings), label=label):
            rows[row["path"]] = row
            counts["fetched"] += transferred
            counts[REJECTED] += row["status"] == REJECTED
        table = []
        for entry in entries:
            row = rows.get(entry.path) or _row(entry)
            file = str(Path(folder) / row["file"]) if row["file"] else ""
            table.append({**row, "file": file})
    write_table(table_csv, table, FETCHED_COLUMNS)
    for row in table:
        if row["status"] == REJECTED:
            logger.warning("rejected: %r: %s", row["source"], row["reason"])
    fetched, rejected = counts["fetched"], counts[REJECTED]
    done = FetchCounts(fetched, len(recordings) - fetched - rejected, rejected)
    logger.info("%d fetched, %d known already, %d rejected", *done)
    return done


def fetch_file(
    listed_csv: str | os.PathLike[str], output: str | os.PathLike[str], place: str
) -> None:
    """Bring one object here.

    Parameters
    ----------
    listed_csv : its entry, as `soundmill.corpus.remote_listing.remote_file_digest` writes it.
    output : the file it becomes.
    place : the option that named it, for messages.

    Raises
    ------
    InputError
        When it cannot be had.
    """
    (entry,) = read_entries(listed_csv)
    with atomic_path(output) as path:
        try:
            _transfer(open_store(place), entry, path, place)
        except _RefusedError as error:
            raise InputError(f"{place}: {entry.source!r}: {error}") from error


def _in_parallel(fetch: Any, entries: list[RemoteEntry]) -> Iterator[tuple[Row, bool]]:
    """Yield results in order; the first error ends it, and what has not begun is not begun."""
    pool = ThreadPoolExecutor(max_workers=CONNECTIONS)
    try:
        yield from pool.map(fetch, entries)
    finally:
        pool.shutdown(cancel_futures=True)


def _row(entry: RemoteEntry) -> Row:
    row = {"path": entry.path, "source": entry.source, "file": "", "status": entry.status}
    return row | {"reason": entry.reason}


def _fetch_entry(
    client: Any, entry: RemoteEntry, target: Path, cache: Cache, place: str
) -> tuple[Row, bool]:
    """Put one object at ``target``; return its row and whether it was transferred."""
    transferred = False

    def build(path: Path) -> dict[str, Any]:
        nonlocal transferred
        transferred = True
        _transfer(client, entry, path, place)
        return {}

    mark = "\0".join((entry.source, str(entry.size), entry.etag))
    key = hashlib.sha256(mark.encode("utf-8", "surrogateescape")).hexdigest()
    try:
        cache.fetch(key, target, build)
    except _RefusedError as error:
        return _row(entry) | {"status": REJECTED, "reason": str(error)}, False
    return _row(entry) | {"file": target.name}, transferred


def _transfer(client: Any, entry: RemoteEntry, path: Path, place: str) -> None:
    """Write an object to ``path``, exactly as it was listed."""
    from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, IncompleteReadError

    bucket, key = split_uri(entry.source)
    path.touch()
    for attempt in range(1, ATTEMPTS + 1):
        have = path.stat().st_size
        wanted = {"Range": f"bytes={have}-"} if 0 < have < entry.size else {}
        try:
            answer = client.get_object(Bucket=bucket, Key=key, IfMatch=entry.etag, **wanted)
        except ClientError as error:
            reason = _REASONS.get(error_code(error))
            if reason is None:
                raise store_error(error, entry.source, place) from error
            raise _RefusedError(reason) from error
        except BotoCoreError as error:
            raise store_error(error, entry.source, place) from error
        try:
            # a server that knows no ranges sends the whole object
            with path.open("ab" if "ContentRange" in answer else "wb") as file:
                for chunk in answer["Body"].iter_chunks(CHUNK):
                    file.write(chunk)
        except (HTTPClientError, IncompleteReadError) as error:
            if attempt == ATTEMPTS:
                raise store_error(error, entry.source, place) from error
            logger.warning("%r broke off (%s); it is taken up again", entry.source, error)
            time.sleep(2.0 ** (attempt - 1))
            continue
        if path.stat().st_size != entry.size or answer["ETag"] != entry.etag:
            raise _RefusedError(_CHANGED)  # a server that knows no If-Match
        return
