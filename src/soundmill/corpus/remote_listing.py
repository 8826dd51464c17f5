"""Listing of remote sources: which objects are recordings, and which buckets changed.

The main process of Snakemake asks the server, page by page, each time it starts. What it found is
kept, a table a bucket of the corpus, for the jobs, which ask no listing of the server again.
"""

import difflib
import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from soundmill.corpus.listing import (
    HIDDEN,
    RECORDING_FOLDER,
    no_recording,
    nothing_found,
    source_folders,
    source_prefixes,
)
from soundmill.corpus.names import audio_suffix, bucket_names, bucket_of, slug
from soundmill.corpus.remote import is_remote, split_uri
from soundmill.corpus.store import error_code, open_store, store_error
from soundmill.errors import InputError
from soundmill.files import read_json, write_json
from soundmill.status import IGNORED, OK, REJECTED, read_table, write_table

DIGESTS = "digests.json"
PAGE = 1000
"""Objects a request; servers give no more."""
_UNREAD = re.compile(rb"<(LastModified|StorageClass|ChecksumAlgorithm|ChecksumType)>[^<]*</\1>")


class RemoteEntry(NamedTuple):
    """One object of a remote source: a recording, or a row that says why it is none."""

    path: str
    """Path relative to the source, as `soundmill.corpus.listing.Entry` has it."""
    source: str
    """Its address: ``s3://bucket/key``."""
    size: int = 0
    etag: str = ""
    """The server's mark of its content, with its quotes."""
    status: str = OK
    reason: str = ""


class Listed(NamedTuple):
    """An object as the server lists it."""

    key: str
    size: int
    etag: str


def list_remote(source: str | Sequence[str], place: str = "source") -> list[RemoteEntry]:
    """List the remote ones among the sources of a corpus, sorted by path.

    Parameters
    ----------
    source : ``s3://bucket/prefix`` or a list; folders in it are left to `list_source`. A prefix is
        taken for a folder: ``s3://bucket/a`` holds ``a/b.wav``, not ``ab.wav``.
    place : the option that named it, for messages.

    Objects are sorted into recordings and others as files of a folder are.

    Raises
    ------
    InputError
        When the server, the bucket or the credentials are not there or wrong, a source is given
        twice, or no recording is in any of them.
    """
    sources = source_folders(source)
    remote = [one for one in sources if is_remote(one)]
    for one in remote:
        if remote.count(one) > 1:
            raise InputError(f"{place}: {one!r} is given twice")
    client = open_store(place)
    entries: list[RemoteEntry] = []
    for prefix, one in zip(source_prefixes(sources), sources, strict=True):
        if is_remote(one):
            entries.extend(sort_objects(_list_objects(client, one, place), one, prefix))
    entries.sort()
    if not any(entry.status != IGNORED for entry in entries):
        hints = "".join(_hint(client, one, place) for one in remote if not entries)
        raise InputError(nothing_found([entry.path for entry in entries], remote, place) + hints)
    return entries


def _list_objects(client: Any, source: str, place: str) -> Iterator[Listed]:
    """Yield what lies under a prefix."""
    from botocore.exceptions import BotoCoreError, ClientError

    bucket, key = split_uri(source)
    prefix = f"{key}/" if key else ""
    client.meta.events.register("before-parse.s3.ListObjectsV2", _drop_unread, unique_id="lean")
    pages = client.get_paginator("list_objects_v2")
    try:
        for page in pages.paginate(
            Bucket=bucket, Prefix=prefix, PaginationConfig={"PageSize": PAGE}
        ):
            for item in page.get("Contents", ()):
                yield Listed(item["Key"], item["Size"], item["ETag"])
    except (BotoCoreError, ClientError) as error:
        raise store_error(error, source, place) from error


def _hint(client: Any, source: str, place: str) -> str:
    """Return what may have been meant by a prefix under which there is nothing."""
    from botocore.exceptions import BotoCoreError, ClientError

    bucket, key = split_uri(source)
    parent, slash, name = key.rpartition("/")
    above = parent + slash
    try:
        page = client.list_objects_v2(Bucket=bucket, Prefix=above, Delimiter="/")
    except (BotoCoreError, ClientError) as error:
        raise store_error(error, source, place) from error
    if any(item["Key"] == key for item in page.get("Contents", ())):
        return f" {source!r} is an object; give the prefix it lies under."
    names = [item["Prefix"][len(above) : -1] for item in page.get("CommonPrefixes", ())]
    close = difflib.get_close_matches(name, names, 1, 0.5)
    return f" Or did you mean 's3://{bucket}/{above}{close[0]}'?" if close else ""


def _drop_unread(response_dict: dict[str, Any], **_: Any) -> None:
    """Take out of a page what nobody reads: time stamps alone took three quarters of a listing."""
    response_dict["body"] = _UNREAD.sub(b"", response_dict["body"])


def sort_objects(objects: Iterable[Listed], source: str, path: str = "") -> Iterator[RemoteEntry]:
    """Yield an entry for each object under a source, and for folders as a local listing has them.

    Parameters
    ----------
    source : ``s3://bucket/prefix``, without slash at its end.
    path : what stands before the relative paths.

    A key that ends with a slash stands for a folder and holds nothing; it gets no row.
    """
    start = len(split_uri(source)[1]) + 1 if split_uri(source)[1] else 0
    hidden: set[str] = set()
    folders: dict[str, str | None] = {"": None}  # and under which hidden folder it lies, if any
    recordings: set[str] = set()
    for item in objects:
        relative = item.key[start:]
        folder, _, name = relative.rpartition("/")
        if not name:
            continue
        if folder not in folders:
            _add_folder(folder, folders)
        under = folders[folder] or (relative if name[0] == "." else None)
        address = f"{source}/{under or relative}"
        if under:
            if under not in hidden:
                hidden.add(under)
                yield RemoteEntry(path + under, address, status=IGNORED, reason=HIDDEN)
        elif not audio_suffix(name):
            reason = no_recording(name)
            yield RemoteEntry(path + relative, address, status=IGNORED, reason=reason)
        else:
            recordings.add(relative)
            yield RemoteEntry(path + relative, address, item.size, item.etag)
    for folder, under in folders.items():
        if under is None and audio_suffix(folder.rpartition("/")[2]) and folder not in recordings:
            address, reason = f"{source}/{folder}", RECORDING_FOLDER
            yield RemoteEntry(path + folder, address, status=REJECTED, reason=reason)


def _add_folder(folder: str, folders: dict[str, str | None]) -> None:
    """Note a folder and those it lies in, with the hidden one among them."""
    under: str | None = None
    parts = folder.split("/")
    for depth, name in enumerate(parts, start=1):
        here = "/".join(parts[:depth])
        if under is None and name.startswith("."):
            under = here
        folders.setdefault(here, under)


def remote_digests(
    source: str | Sequence[str],
    buckets: int,
    state_dir: str | os.PathLike[str],
    place: str = "source",
) -> dict[str, str]:
    """List the remote sources and return a digest of what lies in each bucket of the corpus.

    Parameters
    ----------
    source, place : as `list_remote`.
    buckets : number of buckets of the corpus.
    state_dir : gets a table a bucket, where it changed, and the digests.

    The digest covers address, size and ETag of each recording, and the reason of others.

    Raises
    ------
    InputError
        As `list_remote`, and when ``state_dir`` cannot be written.
    """
    members: dict[str, list[RemoteEntry]] = {name: [] for name in bucket_names(buckets)}
    for entry in list_remote(source, place):
        members[bucket_of(slug(entry.path), buckets)].append(entry)
    digests = {bucket: _digest(mine) for bucket, mine in members.items()}
    state = Path(state_dir)
    known = read_digests(state)
    try:
        for bucket, mine in members.items():
            table = state / f"{bucket}.csv"
            if known.get(bucket) != digests[bucket] or not table.exists():
                write_table(table, (entry._asdict() for entry in mine), RemoteEntry._fields)
        if known != digests:
            write_json(state / DIGESTS, digests)
    except OSError as error:
        raise InputError(
            f"{place}: what was listed cannot be kept in {str(state)!r} ({error.strerror})"
        ) from error
    return digests


def remote_file_digest(uri: str, listed_csv: str | os.PathLike[str], place: str) -> str:
    """Ask for one object, such as a table of labels, and return a digest of what it is.

    Parameters
    ----------
    uri : ``s3://bucket/key``.
    listed_csv : gets the one entry, for `soundmill.corpus.fetching.fetch_file`.
    place : the option that named it, for messages.

    Raises
    ------
    InputError
        When it is not there, or the server cannot be asked.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    bucket, key = split_uri(uri)
    try:
        answer = open_store(place).head_object(Bucket=bucket, Key=key)
    except (BotoCoreError, ClientError) as error:
        if error_code(error) == "404":
            raise InputError(f"{place}: there is no {uri!r}; correct the name") from error
        raise store_error(error, uri, place) from error
    name = key.rpartition("/")[2]
    entry = RemoteEntry(name, uri, answer["ContentLength"], answer["ETag"])
    if not Path(listed_csv).exists() or read_entries(listed_csv) != [entry]:
        write_table(listed_csv, [entry._asdict()], RemoteEntry._fields)
    return _digest([entry])


def kept_digest(listed_csv: str | os.PathLike[str]) -> str:
    """Return the digest of what `remote_file_digest` found when it was last asked."""
    return _digest(read_entries(listed_csv))


def _digest(entries: Iterable[RemoteEntry]) -> str:
    digest = hashlib.sha256()
    for entry in entries:
        text = "\0".join(map(str, entry))
        digest.update(text.encode("utf-8", "surrogateescape") + b"\0\0")
    return digest.hexdigest()[:16]


def read_digests(state_dir: str | os.PathLike[str]) -> dict[str, str]:
    """Return the digests of the last listing; none where there was none, or it is damaged."""
    try:
        return {str(key): str(value) for key, value in read_json(Path(state_dir, DIGESTS)).items()}
    except (OSError, ValueError, AttributeError):
        return {}


def read_entries(table: str | os.PathLike[str]) -> list[RemoteEntry]:
    """Return the entries of one bucket as the last listing found them.

    Raises
    ------
    InputError
        When there was no listing.
    """
    try:
        rows = read_table(table)
    except FileNotFoundError as error:
        raise InputError(
            f"{os.fspath(table)} is missing: Snakemake's main process writes it when it starts; "
            "start it again in this folder"
        ) from error
    return [RemoteEntry(**{**row, "size": int(row["size"])}) for row in rows]  # type: ignore[arg-type]
