"""A content-addressed cache: what was computed once from the same bytes is never computed again.

An entry's key is a hash of the recording's bytes, the stage, its options and the fingerprint of
its code. Its payload file is written first and its meta file (with the payload's checksum) last,
both by rename: an entry is whole or absent, on NFS and with several writers too.
"""

import hashlib
import json
import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from soundmill.files import atomic_path, link_or_copy, sha256_file, write_json

logger = logging.getLogger(__name__)
Meta = dict[str, Any]


class Cache:
    """The entries of one stage under one set of options and one version of its code.

    Parameters
    ----------
    root : folder of the whole cache; entries lie in ``root/stage/<2 hex>/``.
    stage : name of the stage, such as ``decode``.
    options : the options that change the result; plain JSON values.
    code : fingerprint of the code that computes the result.
    """

    def __init__(
        self, root: str | os.PathLike[str], stage: str, options: Mapping[str, Any], code: str
    ) -> None:
        self.folder = Path(root) / stage
        self._salt = json.dumps([stage, options, code], sort_keys=True)
        self.hits = 0
        self.misses = 0

    def fetch(self, content: str, target: Path, build: Callable[[Path], Meta]) -> Meta:
        """Put the result for ``content`` at ``target`` and return its meta.

        Parameters
        ----------
        content : SHA-256 of the recording's bytes.
        target : where the payload is wanted; a hard link to the cached file where possible.
        build : called on a miss with a temporary path of target's suffix. It writes the payload
            there, or nothing (a rejection has only meta), and returns JSON-able meta.

        A damaged entry (missing payload, other checksum, unreadable meta) is logged and computed
        again. What ``build`` raises is raised, and nothing is stored.
        """
        key = hashlib.sha256(f"{self._salt}\x1f{content}".encode()).hexdigest()
        payload = self.folder / key[:2] / f"{key}{target.suffix}"
        entry = self.folder / key[:2] / f"{key}.json"
        record = _read_entry(entry, payload)
        if record is None:
            self.misses += 1
            record = _build_entry(entry, payload, build)
        else:
            self.hits += 1
        if record["sha256"] is not None:
            link_or_copy(payload, target)
        return dict(record["meta"])


def _build_entry(entry: Path, payload: Path, build: Callable[[Path], Meta]) -> Meta:
    """Compute one entry, store payload and meta in this order, and return the record."""
    digest = None
    with atomic_path(payload) as temporary:
        temporary.unlink()  # so that a build that writes nothing can be told from an empty file
        meta = build(temporary)
        if temporary.exists():
            digest = sha256_file(temporary)
        else:
            temporary.touch()
    if digest is None:
        payload.unlink()
    record = {"sha256": digest, "meta": meta}
    write_json(entry, record)
    return record


def _read_entry(entry: Path, payload: Path) -> Meta | None:
    """Return the stored record when it and its payload are whole, else None."""
    try:
        record: Meta = json.loads(entry.read_bytes())
        wanted = record["sha256"]
        if isinstance(record["meta"], dict) and (wanted is None or sha256_file(payload) == wanted):
            return record
    except FileNotFoundError:
        if not entry.exists():
            return None
    except (ValueError, KeyError, TypeError):
        pass  # logged below: the entry is damaged
    logger.warning("cache entry %s is damaged and is computed again", entry)
    return None


def summarise(root: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """Return stage, entries and bytes for each stage of a cache folder."""
    stages = sorted(path for path in Path(root).iterdir() if path.is_dir())
    rows = []
    for stage in stages:
        files = [path for path in stage.rglob("*") if path.is_file()]
        entries = sum(path.suffix == ".json" for path in files)
        size = sum(path.stat().st_size for path in files)
        rows.append({"stage": stage.name, "entries": entries, "bytes": size})
    return rows
