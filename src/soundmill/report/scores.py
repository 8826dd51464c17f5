"""What the JSON files of figures say: transcription scores, training metrics, evaluations.

The one place that knows their keys; figures and pages take what these functions return.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from soundmill.report.results import Measure, read_measure, split_folder

TRANSCRIPTION_METRICS = {
    "frame": "frames",
    "note": "notes: onset and pitch",
    "note_offset": "notes with offset",
    "note_offset_velocity": "notes with offset and velocity",
}
PREDICTORS = {"model": "this model", "previous_event": "knowing the event before",
              "unigram": "knowing how often events occur"}  # fmt: skip
"""The model first, then its floors, the better one first."""
SPLITS = {"test": "Test pieces, never looked at before",
          "validation": "Validation pieces, which decided when to stop"}  # fmt: skip


def transcription_rows(
    data: Mapping[str, Any],
) -> list[tuple[str, tuple[Measure, Measure, Measure]]]:
    """Return for each metric its mean F1 as heard, with the constant delay removed, and the floor.

    The floor is the transcription of one recording held against the notes of another.
    """
    return [
        (label, (read_measure(data["scores"][key]), read_measure(data["lag_removed"][key]),
                 read_measure(data["floor"][key])))
        for key, label in TRANSCRIPTION_METRICS.items()
    ]  # fmt: skip


def published_scores(data: Mapping[str, Any]) -> tuple[str, list[float | None]]:
    """Return published scores to stand beside: whose they are, and their F1 by metric."""
    published = data["published"]
    return published["what"], [published.get(key) for key in TRANSCRIPTION_METRICS]


def transcription_pieces(data: Mapping[str, Any]) -> list[tuple[str, list[float | None]]]:
    """Return each recording's original name and its F1 as heard, by metric."""
    _, names = split_folder([row["source"] for row in data["pieces"]])
    return [
        (name, [row["scores"].get(key) for key in TRANSCRIPTION_METRICS])
        for name, row in zip(names, data["pieces"], strict=True)
    ]


def transcription_score(data: Mapping[str, Any]) -> Measure:
    """Return the mean note F1 (onset and pitch) as heard."""
    return read_measure(data["scores"]["note"])


def learned_rows(
    metrics: Mapping[str, Any], split: str
) -> list[tuple[str, tuple[Measure, Measure, Measure]]]:
    """Return nats an event, nats a note and accuracy of the model, then of each floor.

    Empty where the split, ``validation`` or ``test``, has no piece.
    """
    figures = metrics[split]
    if figures is None:
        return []
    rows = []
    for who, label in PREDICTORS.items():
        per_event, per_note = figures[who]["nll_per_event"], figures[who]["nll_per_note"]
        entries = read_measure(per_event), read_measure(per_note)
        rows.append((label, (*entries, read_measure(figures[who]["accuracy"]))))
    return rows


def likelihoods(metrics: Mapping[str, Any]) -> list[tuple[str, Measure]]:
    """Return nats an event of the model, then of each floor, on the test split.

    A corpus too small for a test split is judged by its validation split.
    """
    rows = learned_rows(metrics, "test") or learned_rows(metrics, "validation")
    return [(label, measures[0]) for label, measures in rows]


@dataclass(frozen=True)
class Feature:
    """One feature of generated music beside floor (Markov chain) and ceiling (the corpus)."""

    name: str
    measures: tuple[Measure, Measure, Measure]
    unit: str = ""


FEATURES = {
    "pitch_class": "pitch classes", "note_density": "note density", "polyphony": "polyphony",
    "note_length": "note lengths", "inter_onset": "gaps between onsets",
    "scale_consistency": "scale consistency", "groove": "groove",
}  # fmt: skip


def likeness(evaluation: Mapping[str, Any], measure: str) -> list[Feature]:
    """Return ``overlap_area`` or ``kl`` of each feature: generated, floor, ceiling."""
    return [
        Feature(FEATURES.get(key, key), _beside(entries[measure]))
        for key, entries in evaluation["similarity"].items()
    ]


def overall_overlap(evaluation: Mapping[str, Any]) -> tuple[Measure, Measure, Measure]:
    """Return the overlap area averaged over all features: generated, floor, ceiling."""
    return _beside(evaluation["overall"]["overlap_area"])


def _beside(entry: Mapping[str, Any]) -> tuple[Measure, Measure, Measure]:
    return read_measure(entry), read_measure(entry["floor"]), read_measure(entry["ceiling"])


def statistics(evaluation: Mapping[str, Any]) -> list[Feature]:
    """Return the mean of each feature that has a unit: generated, Markov chain, corpus."""
    return [
        Feature(
            FEATURES.get(key, key),
            (read_measure(row["generated"]), read_measure(row["markov"]),
             read_measure(row["corpus"])),
            row["unit"],
        )
        for key, row in evaluation["statistics"].items()
    ]  # fmt: skip


def pitch_classes(evaluation: Mapping[str, Any]) -> dict[str, list[float]]:
    """Return the shares of the twelve pitch classes in each set that has notes, by its name."""
    histogram = evaluation["histograms"]["pitch_class"]
    return {name: histogram[name] for name in ("generated", "corpus") if histogram[name]}


READINGS = {"timed": "melody and rhythm", "melodic": "melody alone"}


@dataclass(frozen=True)
class CopySummary:
    """Runs of notes shared with training pieces: of generated pieces, and of pieces held out."""

    reading: str
    generated: Measure
    generated_longest: int
    held_out: Measure
    held_out_longest: int


@dataclass(frozen=True)
class CopyRow:
    """The longest runs a piece shares with training pieces and with its primer, in notes."""

    id: str
    notes: int
    training: list[tuple[int, str]]
    """For each of `READINGS` the length of the run and the recording it is shared with."""
    primer: list[int | None]
    suspected: bool


def copy_summary(evaluation: Mapping[str, Any]) -> list[CopySummary]:
    """Return the copy check as a whole, by reading."""
    return [
        CopySummary(
            label,
            read_measure(entry),
            entry["longest"],
            read_measure(entry["reference"]),
            entry["reference"]["longest"],
        )
        for key, label in READINGS.items()
        for entry in [evaluation["copying"][key]]
    ]


def copy_rows(evaluation: Mapping[str, Any]) -> list[CopyRow]:
    """Return the copy check of each generated piece."""
    copying = evaluation["copying"]
    return [
        CopyRow(
            id=row["id"],
            notes=row["notes"],
            training=[(row[key]["run"], row[key]["recording"]) for key in READINGS],
            primer=[row["primer"][key] if row["primer"] else None for key in READINGS],
            suspected=row["id"] in copying["suspected"],
        )
        for row in copying["pieces"]
    ]
