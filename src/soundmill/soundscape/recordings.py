"""The recordings of a soundscape model: which are learned, which are held out, and how loud."""

import hashlib
import math
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from soundmill.audio.files import Samples
from soundmill.errors import InputError
from soundmill.log import logger
from soundmill.options import nearest
from soundmill.soundscape.condition_options import ConditionOptions
from soundmill.soundscape.recordings_options import HeldOutOptions
from soundmill.status import OK, Row, read_table, write_table

LEVEL = 0.1
"""Root mean square that each recording is brought to: what is learned is not how loud it was."""
SILENT = 1e-5
"""A recording below this root mean square (-100 dBFS) holds nothing to learn."""
SHORTEST_PART = 1.0
"""Least length of a held-out end, s."""
OWN = ("id", "source", "bucket", "wav", "split", "start", "stop", "gain", "reason")
LEFT_OUT = "left out"


@dataclass(frozen=True)
class Recording:
    """A part of a recording: ``frames`` samples from ``start``, to be multiplied by ``gain``."""

    id: str
    source: str
    wav: str
    sample_rate: int
    start: int
    frames: int
    gain: float
    labels: Mapping[str, str]

    def read(self, first: int, count: int, channels: int) -> Samples:
        """Return samples (channels, count) from ``first`` of the part; fewer at its end."""
        first = min(first, self.frames)
        count = min(count, self.frames - first)
        with soundfile.SoundFile(self.wav) as file:
            file.seek(self.start + first)
            samples = file.read(count, dtype="float32", always_2d=True).T
        return match_channels(samples, channels) * np.float32(self.gain)


def match_channels(samples: Samples, channels: int) -> Samples:
    """Return samples (n, ...) as so many channels: as they are, else copies of their mean."""
    if len(samples) == channels:
        return samples
    return np.repeat(samples.mean(axis=0, keepdims=True), channels, axis=0)


def prepare_recordings(
    manifest: str | os.PathLike[str],
    wav: Mapping[str, str],
    output: str | os.PathLike[str],
    *,
    conditions: Mapping[str, ConditionOptions],
    held_out: HeldOutOptions,
    seed: int,
) -> None:
    """Write the table of recordings, a row for each part.

    Parameters
    ----------
    manifest : of the corpus; rows with status ok are used.
    wav : folder of the WAV files of each bucket.
    output : CSV: `OWN` and the labels. ``split`` is train, valid, test or "left out" (with the
        reason: silence); ``start`` and ``stop`` in s; ``gain`` brings the recording to `LEVEL`.

    Raises
    ------
    InputError
        When no recording has anything to learn from, or a label does not exist.
    """
    rows = [row for row in read_table(manifest) if row["status"] == OK]
    if not rows:
        raise InputError(f"{manifest}: the corpus has no usable recording to learn from")
    for name in [*conditions, *filter(None, [held_out.group])]:
        if name not in rows[0]:
            raise InputError(
                f"{manifest}: the recordings have no label {name!r}{nearest(name, rows[0])}"
            )
    usable: list[Row] = []
    table: list[Row] = []
    for row in rows:
        path = Path(wav[row["bucket"]], f"{row['id']}.wav")
        level, seconds = _level(path)
        entry = {**row, "wav": os.fspath(path), "start": "0", "stop": f"{seconds:.6f}"}
        if level < SILENT:
            table.append({**entry, "split": LEFT_OUT, "gain": "1", "reason": "silence"})
            logger.warning("%s is silent and is left out", row["source"])
        else:
            usable.append({**entry, "gain": f"{LEVEL / level:.6g}", "reason": ""})
    if not usable:
        raise InputError(f"{manifest}: all {len(rows)} recordings are silent; nothing to learn")
    category = next((n for n, o in conditions.items() if o.kind == "category"), None)
    method = held_out.method
    if method == "auto":
        method = "recordings" if _enough(usable, held_out.group, category) else "ends"
    if method == "recordings":
        table += _split_recordings(usable, held_out, category, seed)
    else:
        table += [part for row in usable for part in _split_ends(row, held_out)]
    table.sort(key=lambda row: (row["id"], float(row["start"])))
    labels = [name for name in rows[0] if name not in OWN]
    write_table(output, table, [*OWN, *labels])
    counts = {split: sum(row["split"] == split for row in table) for split in ("train", "test")}
    logger.info("held out: %s; %s", method, counts)


def read_recordings(table: str | os.PathLike[str], split: str) -> list[Recording]:
    """Return the parts of a split, in the table's order."""
    found = []
    for row in read_table(table):
        if row["split"] != split:
            continue
        rate = soundfile.info(row["wav"]).samplerate
        start, stop = (round(float(row[name]) * rate) for name in ("start", "stop"))
        labels = {name: value for name, value in row.items() if name not in OWN}
        labels["source"] = row["source"]
        found.append(
            Recording(
                row["id"], row["source"], row["wav"], rate, start, stop - start,
                float(row["gain"]), labels,
            )
        )  # fmt: skip
    return found


def _level(path: Path) -> tuple[float, float]:
    """Return root mean square and seconds of a WAV file, read block by block."""
    total, count = 0.0, 0
    with soundfile.SoundFile(path) as file:
        for block in file.blocks(1 << 18, dtype="float32", always_2d=True):
            total += float(np.square(block, dtype=np.float64).sum())
            count += block.size
        seconds = file.frames / file.samplerate
    return math.sqrt(total / max(count, 1)), seconds


def _groups(rows: Sequence[Row], column: str | None) -> dict[str, list[Row]]:
    """Return rows that must stay together: of one group, or of the same bytes.

    Two groups that share a recording are one.
    """
    above: dict[str, str] = {}

    def top(key: str) -> str:
        while above.setdefault(key, key) != key:
            above[key] = above[above[key]]
            key = above[key]
        return key

    for row in rows:
        name = (row.get(column) or "").strip() if column else ""
        for key in (name and f"group {name}", row.get("sha256") and f"bytes {row['sha256']}"):
            if key:
                above[top(key)] = top(f"id {row['id']}")
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[top(f"id {row['id']}")].append(row)
    return groups


def _strata(
    rows: Sequence[Row], group: str | None, category: str | None
) -> dict[str, list[list[Row]]]:
    """Return the groups of each label; a group belongs to the label of its first recording."""
    strata: dict[str, list[list[Row]]] = defaultdict(list)
    for members in _groups(rows, group).values():
        strata[members[0][category].strip() if category else ""].append(members)
    return strata


def _enough(rows: Sequence[Row], group: str | None, category: str | None) -> bool:
    strata = _strata(rows, group, category)
    if not any(strata):  # no label at all
        return len(strata[""]) >= 3
    # what has no label is learned from, but there is nothing to hold out of it
    return all(len(groups) >= 2 for label, groups in strata.items() if label)


def _split_recordings(
    rows: Sequence[Row], options: HeldOutOptions, category: str | None, seed: int
) -> list[Row]:
    """Hold out whole groups of each label; at least one to learn from stays."""
    found = []
    for groups in _strata(rows, options.group, category).values():
        groups.sort(key=lambda members: _order(members, seed))
        tested = min(max(round(options.test * len(groups)), options.test > 0), len(groups) - 1)
        left = len(groups) - tested
        valid = min(max(round(options.valid * len(groups)), options.valid > 0), max(left - 2, 0))
        for number, members in enumerate(groups):
            split = "test" if number < tested else "valid" if number < tested + valid else "train"
            found += [{**row, "split": split} for row in members]
    return found


def _order(members: Sequence[Row], seed: int) -> str:
    return hashlib.sha256(f"{seed}\x1f{members[0]['id']}".encode()).hexdigest()


def _split_ends(row: Row, options: HeldOutOptions) -> list[Row]:
    """Cut a recording in time: the beginning is learned; too short a one is learned whole."""
    seconds = float(row["stop"])
    shares = [
        share if seconds * share >= SHORTEST_PART else 0.0
        for share in (options.valid, options.test)
    ]
    marks = [0.0, 1 - sum(shares), 1 - shares[1], 1.0]
    return [
        {**row, "split": split, "start": f"{seconds * a:.6f}", "stop": f"{seconds * b:.6f}"}
        for split, a, b in zip(("train", "valid", "test"), marks, marks[1:], strict=False)
        if b > a
    ]
