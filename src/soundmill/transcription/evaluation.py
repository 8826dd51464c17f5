"""Evaluate a transcriber on the recordings of a corpus whose true notes are known."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from soundmill.errors import InputError
from soundmill.files import write_json
from soundmill.log import progress
from soundmill.notes import NOTE, Notes, make_notes, read_midi, read_notes_csv
from soundmill.status import OK, read_table
from soundmill.transcription.scores import METRICS, onset_lag, score_piece, shift

MIDI_SUFFIXES = (".mid", ".midi")
RESAMPLES = 2000
PUBLISHED = {
    "what": "Onsets and Frames (2018), 60 piano recordings of MAPS",
    "frame": 0.783, "note": 0.823, "note_offset": 0.502,
}  # fmt: skip


def evaluate_transcription(
    tables: Sequence[str | os.PathLike[str]],
    midi: Sequence[str | os.PathLike[str]],
    truth: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    seed: int = 1,
) -> None:
    """Score transcriptions against true notes and write JSON.

    Parameters
    ----------
    tables : recording tables of the buckets (id, source, status).
    midi : folders of ``<id>.csv`` note events, in the same order. A recording without one counts
        as a transcription without notes: its scores are 0.
    truth : folder of .mid, or .tsv as in MAPS, named like the stem of the recordings' file names.
    seed : of the bootstrap.

    Writes ``scores`` (mean F1 over pieces with its 95 % bootstrap interval), ``lag_removed`` (the
    same after the median onset lag of each piece is taken out), ``floor`` (each transcription
    against the notes of another piece), ``ceiling``, ``onset_lag_ms``, ``pieces``, and
    ``without_truth``, the recordings that could not be scored.

    Raises
    ------
    InputError
        When no recording has a truth, or a truth file cannot be read.
    """
    known = _truth_files(Path(truth))
    recordings = list(_recordings(tables, midi))
    rated = [(row, notes) for row, notes in recordings if Path(row["source"]).stem in known]
    if not rated:
        raise InputError(
            f"{truth} holds no true notes of a recording: name the .mid or .tsv files like the "
            f"recordings, such as {_example(recordings)}"
        )
    truths = [read_truth(known[Path(row["source"]).stem]) for row, _ in rated]
    pieces, floors = [], []
    for i in progress(range(len(rated)), total=len(rated), unit="pieces", label="scoring"):
        row, notes = rated[i]
        pieces.append(_score(row, truths[i], notes))
        if len(rated) > 1:
            floors.append(score_piece(truths[i - 1], notes))
    rng = np.random.default_rng(seed)
    used = {Path(row["source"]).stem for row, _ in rated}
    write_json(
        output,
        {
            "scores": _means([piece["scores"] for piece in pieces], rng),
            "lag_removed": _means([piece["lag_removed"] for piece in pieces], rng),
            "floor": _means(floors, rng),
            "ceiling": {"what": "the true notes themselves", "value": 1.0},
            "published": PUBLISHED,
            "onset_lag_ms": mean_interval([piece["onset_lag_ms"] for piece in pieces], rng),
            "pieces": pieces,
            "without_truth": [
                _readable(row["source"]) for row, _ in recordings
                if Path(row["source"]).stem not in used
            ],
            "without_recording": [_readable(stem) for stem in sorted(set(known) - used)],
        },
    )  # fmt: skip


def read_truth(path: str | os.PathLike[str]) -> Notes:
    """Read true notes: MIDI (sustain pedal applied), or onset, offset, pitch, velocity as .tsv.

    Raises
    ------
    InputError
        When the file is neither.
    """
    path = Path(path)
    if path.suffix.lower() in MIDI_SUFFIXES:
        return read_midi(path)
    try:
        lines = path.read_text(encoding="utf-8-sig").replace(",", "\t").splitlines()
        rows = np.loadtxt([line for line in lines if line[:1].isdigit()] or ["no rows"], ndmin=2)
        onset, offset, pitch, velocity = rows[:, :4].T
    except ValueError as error:
        raise InputError(
            f"{path} is no table of true notes ({error}); it needs the columns onset, offset "
            "(in seconds), pitch and velocity (0 to 127)"
        ) from error
    long = offset > onset
    return make_notes(onset[long], offset[long], pitch[long], velocity[long])


def mean_interval(values: Sequence[float | None], rng: np.random.Generator) -> dict[str, Any]:
    """Return the mean, its 95 % interval (percentile bootstrap over pieces) and the count."""
    kept = np.array([value for value in values if value is not None])
    if not len(kept):
        return {"value": None, "interval": None, "items": 0}
    means = kept[rng.integers(len(kept), size=(RESAMPLES, len(kept)))].mean(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    interval = [round(float(low), 4), round(float(high), 4)] if len(kept) > 1 else None
    return {"value": round(float(kept.mean()), 4), "interval": interval, "items": len(kept)}


def _means(scores: Sequence[dict[str, float]], rng: np.random.Generator) -> dict[str, Any]:
    names = (*METRICS, "note_precision", "note_recall")
    return {name: mean_interval([score[name] for score in scores], rng) for name in names}


def _score(row: dict[str, str], truth: Notes, notes: Notes) -> dict[str, Any]:
    lag = onset_lag(truth, notes)
    scores = score_piece(truth, notes)
    removed = score_piece(truth, shift(notes, -lag)) if lag is not None else scores
    return {
        "id": row["id"],
        "source": _readable(row["source"]),
        "notes": len(notes),
        "true_notes": len(truth),
        "onset_lag_ms": None if lag is None else round(lag * 1000, 2),
        "scores": {name: round(value, 4) for name, value in scores.items()},
        "lag_removed": {name: round(value, 4) for name, value in removed.items()},
    }


def _recordings(
    tables: Sequence[str | os.PathLike[str]], folders: Sequence[str | os.PathLike[str]]
) -> Iterator[tuple[dict[str, str], Notes]]:
    for table, folder in zip(tables, folders, strict=True):
        for row in read_table(table):
            path = Path(folder, f"{row['id']}.csv")
            if row["status"] == OK:
                yield row, read_notes_csv(path) if path.exists() else np.zeros(0, NOTE)


def _truth_files(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise InputError(f"{folder}, the folder of true notes, is not there; check 'truth'")
    wanted = (*MIDI_SUFFIXES, ".tsv")
    return {path.stem: path for path in sorted(folder.iterdir()) if path.suffix.lower() in wanted}


def _readable(name: str) -> str:
    """Return a file name that JSON can hold: bytes that are no UTF-8 become U+FFFD."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _example(recordings: Sequence[tuple[dict[str, str], Notes]]) -> str:
    return f"{Path(_readable(recordings[0][0]['source'])).stem}.mid" if recordings else "name.mid"
