"""The sounds of a soundscape model's page: MP3 files and spectrograms, of pieces and of clips."""

import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from soundmill.audio.files import Channels, Samples, open_source, stream_audio, write_audio
from soundmill.errors import InputError
from soundmill.files import write_json
from soundmill.report.pages import NARROW, clock, readable
from soundmill.report.soundscape_figures import mel_picture, plot_spectrogram
from soundmill.report.soundscape_results import KIND_NAMES, figures
from soundmill.status import Row, read_table

Floats = npt.NDArray[np.float32]

MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
WHOLE_SECONDS = 180.0
"""A piece up to this long is heard whole; of a longer one beginning, middle and end."""
EXCERPT_SECONDS = 30.0
LOOP_SECONDS = 30.0
"""A loop up to this long is heard twice; of a longer one the end and then the beginning."""
MOST_ROWS, FEWEST_ROWS = 8, 4
PEAK = 0.9
"""Peak to which the sounds of a row are turned up together, full scale is 1."""
MOST_GAIN = 100.0
HELD_OUT_ROW = ("real", "reconstruction", "phase", "variation")
LABEL_ROW = ("real", "sample", "granular", "noise")
PIECE_KINDS = {
    "new": "new, from nothing",
    "variation": "variation of a recording",
    "interpolation": "from one place to another",
    "script": "script: wishes change with time",
    "loop": "loop; dashed: its end meets its start",
}
"""What a piece is, in words, in the order of the page."""


@dataclass(frozen=True)
class Sound:
    """Samples (channels, n) at a rate MP3 knows."""

    samples: Samples
    rate: int

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.samples.shape[1] / self.rate

    def picture(self) -> Floats:
        """Return the mel spectrogram (bands, frames) of the mean of all channels, as power."""
        return mel_picture([self.samples.mean(axis=0)], self.rate)


def show_pieces(folder: Path, generated: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """Write each generated piece to hear and to see, and ``pieces.json``; return what it says.

    By kind, in the order of `PIECE_KINDS`; pieces so long that excerpts are heard stand last.

    Parameters
    ----------
    folder : gets ``piece-<n>.mp3`` and ``.png``; of long pieces several of them.
    generated : folder of ``pieces.csv`` and the pieces.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shown = []
    for number, row in enumerate(read_table(Path(generated, "pieces.csv")), 1):
        path = Path(generated, row["file"])
        seconds, overview, parts = _heard(path, row["kind"])
        item: dict[str, Any] = {
            "id": f"piece-{number:02d}",
            "kind": row["kind"],
            "what": PIECE_KINDS.get(row["kind"], readable(row["kind"])),
            "title": readable(row.get("name") or Path(row["file"]).stem),
            "condition": readable(row.get("condition") or row.get("label") or ""),
            "seconds": round(seconds, 2),
            "seed": row.get("seed") or "",
            "factor": _factor(row.get("factor")),
            "file": readable(row["file"]),
            "overview": None,
            "parts": [],
        }
        if overview is not None:
            item["overview"] = f"{item['id']}.png"
            plot_spectrogram(folder / item["overview"], overview, _rate(path), seconds, wide=True)
        for place, (words, sound, mark) in enumerate(parts):
            name = f"{item['id']}-{place + 1}" if len(parts) > 1 else item["id"]
            write_audio(folder / f"{name}.mp3", sound.samples, sound.rate)
            plot_spectrogram(
                folder / f"{name}.png", sound.picture(), sound.rate, sound.seconds, mark=mark
            )
            item["parts"].append({"sound": f"{name}.mp3", "picture": f"{name}.png",
                                  "words": words, "seconds": round(sound.seconds, 2)})  # fmt: skip
        shown.append(item)
    places = {kind: place for place, kind in enumerate(PIECE_KINDS)}
    shown.sort(key=lambda piece: (len(piece["parts"]) > 1, places.get(piece["kind"], len(places))))
    write_json(folder / "pieces.json", shown)
    return shown


def _factor(cell: str | None) -> str:
    """Return the real-time factor for people, or "" when the cell is empty."""
    return f"{figures(float(cell))}{NARROW}×" if cell else ""


def _rate(path: Path) -> int:
    """Return the rate in which a recording can be written as MP3: its own, or the next above."""
    with open_source(path) as source:
        rate = source.sample_rate
    return next((known for known in MP3_RATES if known >= rate), MP3_RATES[-1])


def _blocks(path: Path, rate: int) -> Iterator[Samples]:
    with open_source(path) as source:
        channels: Channels = "stereo" if source.channels > 1 else "mono"
    return stream_audio(path, sample_rate=rate, channels=channels)


def read_sound(path: Path) -> Sound:
    """Read a short recording whole.

    Raises
    ------
    InputError
        When it cannot be read or holds nothing.
    """
    rate = _rate(path)
    blocks = list(_blocks(path, rate))
    if not sum(block.shape[1] for block in blocks):
        raise InputError(f"{path} holds no samples; make it again")
    return Sound(np.concatenate(blocks, axis=1), rate)


Part = tuple[str, Sound, float | None]
"""What is heard in words, the sound, and a moment to mark (s) or None."""


def _heard(path: Path, kind: str) -> tuple[float, Floats | None, list[Part]]:
    """Return a piece's length, a picture of the whole if it is long, and what is heard of it."""
    rate = _rate(path)
    length = sum(block.shape[1] for block in _blocks(path, rate))
    seconds = length / rate
    if kind == "loop":
        sound, mark = _looped(path, rate, length)
        words = "twice in a row" if seconds <= LOOP_SECONDS else "the end, then the beginning"
        return seconds, None, [(words, sound, mark)]
    if seconds <= WHOLE_SECONDS:
        return seconds, None, [("", read_sound(path), None)]
    some = round(EXCERPT_SECONDS * rate)
    starts = (0, (length - some) // 2, length - some)
    parts: list[Part] = []
    for start, word in zip(starts, ("beginning", "middle", "end"), strict=True):
        words = f"{word}, from {clock(start / rate)}"
        parts.append((words, Sound(_cut(path, rate, start, start + some), rate), None))
    overview = mel_picture((block.mean(axis=0) for block in _blocks(path, rate)), rate, length)
    return seconds, overview, parts


def _looped(path: Path, rate: int, length: int) -> tuple[Sound, float]:
    """Return a loop's end followed by its beginning, and when they meet (s)."""
    part = min(length, round(LOOP_SECONDS * rate))
    ends = (_cut(path, rate, length - part, length), _cut(path, rate, 0, part))
    return Sound(np.concatenate(ends, axis=1), rate), part / rate


def _cut(path: Path, rate: int, start: int, stop: int) -> Samples:
    """Return the samples from ``start`` to ``stop`` of a recording, read block by block."""
    kept: deque[Samples] = deque()
    at = 0
    for block in _blocks(path, rate):
        kept.append(block[:, max(start - at, 0) : max(stop - at, 0)])
        at += block.shape[1]
        if at >= stop:
            break
    if not sum(block.shape[1] for block in kept):
        raise InputError(f"{path} holds no samples; make it again")
    return np.concatenate(list(kept), axis=1)


def show_rows(
    folder: Path, clips: str | os.PathLike[str], names: Mapping[str, str]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Write the clips to hear side by side, and return the rows: held-out clips, and labels.

    Parameters
    ----------
    folder : gets ``row-<n>-<kind>.mp3`` and ``.png`` of the first, ``label-<n>-...`` of the second.
    clips : folder of ``clips.csv`` and the clips.
    names : original name of each recording, by id.
    """
    table = sorted(read_table(Path(clips, "clips.csv")), key=lambda row: row["file"])
    chosen = choose_clips(table)
    held_out, labels = [], []
    for number, real in enumerate(chosen, 1):
        found = {"real": real} | {kind: _made_from(table, kind, real) for kind in HELD_OUT_ROW[1:]}
        source = names.get(real["source"], real["source"])
        row = {"title": readable(Path(source).name), "label": readable(real["label"])}
        cells = _cells(folder, f"row-{number:02d}", Path(clips), found)
        held_out.append({**row, "cells": cells})
    first = {real["label"]: real for real in reversed(chosen)}
    for number, label in enumerate(sorted(first), 1):
        same = {kind: [row for row in table if row["kind"] == kind and row["label"] == label]
                for kind in ("sample", "granular")}  # fmt: skip
        found = {"real": first[label], "noise": _made_from(table, "noise", first[label])}
        found |= {kind: rows[0] if rows else None for kind, rows in same.items()}
        if found["sample"] is None and found["granular"] is None:
            continue
        ordered = {kind: found[kind] for kind in LABEL_ROW}
        cells = _cells(folder, f"label-{number:02d}", Path(clips), ordered)
        labels.append({"title": readable(label) or "without a label", "label": "", "cells": cells})
    return held_out, labels


def choose_clips(table: Sequence[Row]) -> list[Row]:
    """Choose the held-out clips to show: one a label, `MOST_ROWS` at most.

    Of a model with few labels more of each are shown, of different recordings where there are,
    until there are `FEWEST_ROWS`. The first by file name come first; those that the model has
    reconstructed go before others.
    """
    made = {row["reference"] for row in table if row["kind"] == "reconstruction"}
    real = [row for row in table if row["kind"] == "real"]
    real.sort(key=lambda row: (row["file"] not in made, row["file"]))
    by_label: dict[str, list[Row]] = {}
    for label in sorted({row["label"] for row in real}):
        rows = [row for row in real if row["label"] == label]
        first = list({row["source"]: row for row in reversed(rows)}.values())[::-1]
        by_label[label] = [*first, *(row for row in rows if row not in first)]
    turns = zip_longest(*by_label.values())
    order = [row for row in chain.from_iterable(turns) if row is not None]
    return order[: min(MOST_ROWS, max(FEWEST_ROWS, len(by_label)))]


def _made_from(table: Iterable[Row], kind: str, real: Row) -> Row | None:
    """Return the clip of a kind that was made from a real one, else the label's first."""
    same = [row for row in table if row["kind"] == kind]
    for row in same:
        if row["reference"] == real["file"]:
            return row
    if kind == "noise":
        return next((row for row in same if row["label"] == real["label"]), next(iter(same), None))
    return None


def _cells(
    folder: Path, name: str, clips: Path, row: Mapping[str, Row | None]
) -> list[dict[str, Any]]:
    """Write the clips of a row, turned up together; levels and colours can be compared in it."""
    sounds = {kind: read_sound(clips / clip["file"]) for kind, clip in row.items() if clip}
    peak = max(float(np.abs(sound.samples).max(initial=0)) for sound in sounds.values())
    gain = np.float32(min(PEAK / peak, MOST_GAIN) if peak > 0 else 1.0)
    pictures = {kind: sound.picture() for kind, sound in sounds.items()}
    loudest = max(float(picture.max()) for picture in pictures.values())
    cells: list[dict[str, Any]] = []
    for kind in row:
        cell: dict[str, Any] = {"kind": kind, "words": KIND_NAMES[kind], "sound": None}
        if kind in sounds:
            sound, cell["sound"] = sounds[kind], f"{name}-{kind}.mp3"
            cell["picture"] = f"{name}-{kind}.png"
            write_audio(folder / cell["sound"], sound.samples * gain, sound.rate)
            plot_spectrogram(folder / cell["picture"], pictures[kind], sound.rate, sound.seconds,
                             loudest=loudest, small=True)  # fmt: skip
        cells.append(cell)
    return cells
