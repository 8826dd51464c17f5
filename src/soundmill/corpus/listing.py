"""Listing: what lies in a source folder, and which buckets changed since the last look.

Snakemake reads this at parse time, in every job again: only light imports, one pass over the
folder, no file is opened unless its time stamp changed and its size did not.
"""

import difflib
import hashlib
import logging
import os
import stat
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from soundmill.corpus.names import audio_suffix, bucket_names, bucket_of, normalise_names, slug
from soundmill.corpus.remote import is_remote
from soundmill.errors import InputError
from soundmill.files import sha256_file
from soundmill.log import progress
from soundmill.status import IGNORED, OK, REJECTED, Row, read_table, write_table

logger = logging.getLogger(__name__)

NAME_COLUMNS = ("id", "source", "status", "reason", "bytes", "sha256")
INDEX_COLUMNS = ("path", "size", "mtime_ns", "stamp_ns", "sha256")
FETCHED_COLUMNS = ("path", "source", "file", "status", "reason")
"""What is known of objects of a remote source once they are here; rejected ones have no file."""
HIDDEN = "hidden file or folder"
RECORDING_FOLDER = "is a folder with the name of a recording; it was searched like any folder"
REHASH_BUDGET = 1 << 30
"""Bytes that `bucket_digests` reads at most to see that touched files hold what they held."""


class Entry(NamedTuple):
    """One thing found in a source: a recording, or a row that says why it is none."""

    path: str
    """Path relative to the source, with ``/``; of several folders, the folder's name first."""
    source: str
    """Path as the user would find it: the configured folder joined with the relative path."""
    size: int = 0
    mtime_ns: int = 0
    status: str = OK
    reason: str = ""


class _Folder(NamedTuple):
    path: str
    source: str


def source_folders(source: str | Sequence[str]) -> list[str]:
    """Return the configured folders and addresses as a list, without trailing slashes."""
    folders = [source] if isinstance(source, str) else list(source)
    return [
        folder.rstrip("/") if is_remote(folder) else str(Path(folder).expanduser())
        for folder in folders
    ]


def list_source(source: str | Sequence[str], place: str = "source") -> list[Entry]:
    """List a folder, or several, with everything in it, sorted by path.

    Parameters
    ----------
    source : folder or list of folders, sub-folders included; links are followed, once each.
        Remote sources among them are left to `soundmill.corpus.remote_listing`.
    place : the option that named it, for messages.

    Recordings have status ``ok``. Files that are no audio by their extension, and hidden ones,
    are ``ignored``; links that lead nowhere or in circles, folders without permission and
    folders named like recordings are ``rejected``; each with its reason.

    Raises
    ------
    InputError
        When a folder is missing, given twice, or no recording is in any of them.
    """
    sources = source_folders(source)
    folders = [folder for folder in sources if not is_remote(folder)]
    roots = [
        _Folder(prefix, folder)
        for prefix, folder in zip(source_prefixes(sources), sources, strict=True)
        if not is_remote(folder)
    ]
    searched: dict[str, str] = {}
    for folder in folders:
        _check_folder(folder, place)
        real = os.path.realpath(folder)
        if real in searched:
            raise InputError(f"{place}: {folder!r} and {searched[real]!r} are one folder")
        searched[real] = folder
    entries: list[Entry] = []
    links: list[_Folder] = []
    for root in roots:
        _walk(root, entries, links)
    while links:  # after the folders themselves, so that a link back into them is known as one
        batch, links = sorted(links), []
        for link in batch:
            _follow(link, searched, entries, links)
    entries.sort()
    if len(folders) == len(sources) and all(entry.status == IGNORED for entry in entries):
        raise InputError(nothing_found([entry.path for entry in entries], folders, place))
    return entries


def source_prefixes(folders: Sequence[str]) -> list[str]:
    """Return what stands before paths: nothing for one folder, else names that tell them apart."""
    if len(folders) < 2:
        return ["" for _ in folders]
    names = [Path(folder).name for folder in folders]
    return [f"{name}/" for name in (names if len(set(names)) == len(names) else folders)]


def _check_folder(folder: str, place: str) -> None:
    path = Path(folder).absolute()
    try:
        if path.is_dir():
            return
        if path.exists():
            raise InputError(f"{place}: {folder!r} is a file; give the folder it lies in")
    except PermissionError as error:
        raise InputError(f"{place}: no permission to look into {folder!r}") from error
    while not path.parent.is_dir():
        path = path.parent
    try:
        siblings = [item.name for item in os.scandir(path.parent) if item.is_dir()]
    except OSError:
        siblings = []
    close = difflib.get_close_matches(path.name, siblings, 1, 0.5)
    hint = f"; did you mean {str(path.parent / close[0])!r}?" if close else ""
    raise InputError(
        f"{place}: the folder {folder!r} does not exist: "
        f"there is no {path.name!r} in {str(path.parent)!r}{hint}"
    )


def _walk(folder: _Folder, entries: list[Entry], links: list[_Folder]) -> None:
    """List one real folder tree; links to folders are put off into ``links``."""
    pending = [folder]
    while pending:
        here = pending.pop()
        try:
            with os.scandir(here.source) as items:
                for item in items:
                    _sort_item(item, here, entries, pending, links)
        except OSError as error:
            reason = f"the folder cannot be opened ({error.strerror}); check its permissions"
            path = here.path.rstrip("/") or "."
            entries.append(Entry(path, here.source, status=REJECTED, reason=reason))


def _sort_item(
    item: os.DirEntry[str],
    here: _Folder,
    entries: list[Entry],
    folders: list[_Folder],
    links: list[_Folder],
) -> None:
    """Decide what one directory entry is."""
    name, path, source = item.name, here.path + item.name, item.path
    if name[0] == ".":
        entries.append(Entry(path, source, status=IGNORED, reason=HIDDEN))
        return
    audio = bool(audio_suffix(name))
    try:
        state = item.stat()
    except OSError as error:
        recording = audio or "." not in name
        reason = _stat_reason(source, error)
        entries.append(
            Entry(path, source, status=REJECTED if recording else IGNORED, reason=reason)
        )
        return
    if stat.S_ISDIR(state.st_mode):
        if audio:
            entries.append(Entry(path, source, status=REJECTED, reason=RECORDING_FOLDER))
        (links if item.is_symlink() else folders).append(_Folder(path + "/", source))
    elif not audio:
        entries.append(Entry(path, source, status=IGNORED, reason=no_recording(name)))
    elif not stat.S_ISREG(state.st_mode):
        reason = "not a regular file (a pipe, socket or device)"
        entries.append(Entry(path, source, status=REJECTED, reason=reason))
    else:
        entries.append(Entry(path, source, state.st_size, state.st_mtime_ns))


def no_recording(name: str) -> str:
    """Return why a file of this name is ignored."""
    return f"not a recording by its extension ({Path(name).suffix or 'none'})"


def _stat_reason(source: str, error: OSError) -> str:
    if not Path(source).is_symlink():
        return f"cannot be read ({error.strerror}); check its permissions"
    if isinstance(error, FileNotFoundError):
        return f"a link to {str(Path(source).readlink())!r}, which does not exist"
    return f"a link that cannot be followed ({error.strerror})"


def _follow(
    link: _Folder, searched: dict[str, str], entries: list[Entry], links: list[_Folder]
) -> None:
    """List a linked folder unless that would list files twice or never end."""
    path, source = link.path.rstrip("/"), link.source
    real = os.path.realpath(source)
    here = os.path.realpath(Path(source).parent)
    if _inside(here, real) or any(_inside(known, real) for known in searched if known != real):
        reason = f"a link in a loop: it leads to {real!r}, which holds what is searched already"
        entries.append(Entry(path, source, status=REJECTED, reason=reason))
    elif known := next((known for known in searched if _inside(real, known)), None):
        reason = f"a link into {searched[known]!r}, whose files are listed there"
        entries.append(Entry(path, source, status=IGNORED, reason=reason))
    else:
        searched[real] = source
        _walk(link, entries, links)


def _inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def nothing_found(paths: Iterable[str], folders: Sequence[str], place: str) -> str:
    """Return what to say of sources without any recording, and what else they hold."""
    where = ", ".join(map(repr, folders))
    kinds = Counter(Path(path).suffix or "no extension" for path in paths)
    found = ", ".join(f"{count} x {kind}" for kind, count in kinds.most_common(4))
    return (
        f"{place}: no recording in {where}; it holds {found or 'no file at all'}. "
        "Put audio files (wav, flac, mp3, ogg, m4a, ...) there or name another folder."
    )


def bucket_digests(
    entries: Iterable[Entry], buckets: int, state_dir: str | os.PathLike[str]
) -> dict[str, str]:
    """Return for each bucket a digest of what lies in it; a job reruns when its digest changes.

    Parameters
    ----------
    entries : the whole listing.
    buckets : number of buckets.
    state_dir : folder of one index a bucket, as `normalise_bucket` writes them.

    The digest covers path, size and stamp of each recording, where the stamp is the time of
    modification when the present content was first seen. A file whose time changed, but not
    its size, is hashed (up to 1 GiB in all): with the old content it keeps its old stamp.
    Each such verdict is kept in the index, so that the next look needs no hashing and says the
    same, and a file beyond the budget counts as changed, now and later.
    """
    members: dict[str, list[Entry]] = {name: [] for name in bucket_names(buckets)}
    for entry in entries:
        members[bucket_of(slug(entry.path), buckets)].append(entry)
    budget = REHASH_BUDGET
    digests = {}
    for bucket, mine in members.items():
        index_csv = Path(state_dir) / f"{bucket}.csv"
        index = _read_index(index_csv)
        touched = [entry for entry in mine if _touched(entry, index.get(entry.path))]
        for entry in sorted(touched):
            allowed = entry.size <= budget
            budget -= entry.size if allowed else 0
            index[entry.path] = _judge(entry, index[entry.path], allowed)
        if touched:
            try:
                write_table(index_csv, index.values(), INDEX_COLUMNS)
            except OSError as error:  # the digest is right all the same
                logger.debug("%s cannot be kept: %s", index_csv, error)
        digests[bucket] = _digest(mine, index)
    return digests


def _read_index(path: Path) -> dict[str, Row]:
    """Read an index; a missing or damaged one is empty, which only costs a rerun."""
    try:
        rows = read_table(path)
        return {row["path"]: row for row in rows if int(row["mtime_ns"]) and int(row["stamp_ns"])}
    except (OSError, KeyError, TypeError, ValueError):
        return {}


def _touched(entry: Entry, known: Row | None) -> bool:
    """Whether the time of modification changed and the size did not."""
    same_size = known is not None and known["size"] == str(entry.size)
    return same_size and entry.status == OK and not _unchanged(entry, known)


def _judge(entry: Entry, known: Row, allowed: bool) -> Row:
    """Return the new index row of a touched file."""
    try:
        sha256 = sha256_file(entry.source) if allowed else ""
    except OSError:
        sha256 = ""
    same = sha256 != "" and sha256 == known["sha256"]
    return _index_row(entry, sha256, known["stamp_ns"] if same else str(entry.mtime_ns))


def _index_row(entry: Entry, sha256: str, stamp_ns: str) -> Row:
    values = (entry.path, str(entry.size), str(entry.mtime_ns), stamp_ns, sha256)
    return dict(zip(INDEX_COLUMNS, values, strict=True))


def _unchanged(entry: Entry, known: Row | None) -> bool:
    return (
        known is not None
        and known["size"] == str(entry.size)
        and known["mtime_ns"] == str(entry.mtime_ns)
    )


def _digest(entries: Iterable[Entry], index: dict[str, Row]) -> str:
    digest = hashlib.sha256()
    for entry in sorted(entries):
        known = index.get(entry.path)
        stamp = known["stamp_ns"] if known and _unchanged(entry, known) else entry.mtime_ns
        text = "\0".join((entry.path, entry.status, entry.reason, str(entry.size), str(stamp)))
        digest.update(text.encode("utf-8", "surrogateescape") + b"\0\0")
    return digest.hexdigest()[:16]


def normalise_bucket(
    source: str | Sequence[str],
    bucket: str,
    buckets: int,
    output_csv: str | os.PathLike[str],
    index_csv: str | os.PathLike[str],
    place: str = "source",
    fetched_csv: str | os.PathLike[str] | None = None,
) -> list[Row]:
    """Give the recordings of one bucket their ids and hash their contents.

    Parameters
    ----------
    source, place : as `list_source`.
    bucket, buckets : which of how many.
    output_csv : id, source, status, reason, bytes, sha256; sorted by source. Ignored files
        have no id.
    index_csv : the bucket's index, see `bucket_digests`. Contents of known files (equal size
        and time) are not read again.
    fetched_csv : what of the bucket came from remote sources (`FETCHED_COLUMNS`). Its rows have the
        address as source, and one more column, ``file``, says where the recording lies.
    """
    entries = [
        entry
        for entry in list_source(source, place)
        if bucket_of(slug(entry.path), buckets) == bucket
    ]
    fetched = {row["path"]: row for row in read_table(fetched_csv)} if fetched_csv else {}
    entries += map(_fetched_entry, fetched.values())
    ids = normalise_names(entry.path for entry in entries if entry.status != IGNORED)
    known = _read_index(Path(index_csv))
    rows: list[Row] = []
    index: list[Row] = []
    for entry in progress(entries, total=len(entries), label=f"names of bucket {bucket}"):
        row, seen = _name_row(entry, known.get(entry.path))
        if fetched_csv:
            origin = fetched.get(entry.path, row)
            row |= {"source": origin["source"], "file": origin.get("file", entry.source)}
        rows.append({"id": ids.get(entry.path, ""), **row})
        index.extend([seen] if seen else [])
    rows.sort(key=lambda row: row["source"])
    write_table(output_csv, rows, (*NAME_COLUMNS, "file") if fetched_csv else NAME_COLUMNS)
    write_table(index_csv, index, INDEX_COLUMNS)
    return rows


def _fetched_entry(row: Row) -> Entry:
    """Return the entry of a remote recording: its file, or the reason why there is none."""
    if row["status"] != OK:
        return Entry(row["path"], row["source"], status=row["status"], reason=row["reason"])
    state = Path(row["file"]).stat()
    return Entry(row["path"], row["file"], state.st_size, state.st_mtime_ns)


def _name_row(entry: Entry, known: Row | None) -> tuple[Row, Row | None]:
    """Return the names row of an entry without its id, and its index row if it is a recording."""
    row = {"source": entry.source, "status": entry.status, "reason": entry.reason}
    if entry.status != OK:
        return row | {"bytes": "", "sha256": ""}, None
    stamp = known["stamp_ns"] if known and _unchanged(entry, known) else str(entry.mtime_ns)
    sha256 = known["sha256"] if known and _unchanged(entry, known) else ""
    reason = "" if entry.size else "the file is empty (0 bytes); copy it again from its origin"
    try:
        with open(entry.source, "rb"):  # permissions may have changed since it was hashed
            sha256 = sha256 or sha256_file(entry.source)
    except OSError as error:
        sha256 = ""
        reason = f"the file cannot be read ({error.strerror}); check its permissions"
    row |= {"bytes": str(entry.size), "sha256": sha256}
    if reason:
        row |= {"status": REJECTED, "reason": reason}
    return row, _index_row(entry, sha256, stamp)
