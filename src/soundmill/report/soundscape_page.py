"""The page of a soundscape model: what came out, to hear, and how good it is beside the real."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from soundmill.files import read_json
from soundmill.report.pages import duration, number, readable, write_page
from soundmill.report.soundscape_figures import (
    MOST_CONTROLS,
    plot_accuracies,
    plot_confusions,
    plot_controls,
    plot_curves,
    plot_distances,
)
from soundmill.report.soundscape_results import (
    COMPARED,
    DISTANCES,
    EMBEDDINGS,
    KIND_NAMES,
    RECONSTRUCTED,
    Json,
    comparison_rows,
    controls,
    copied,
    distances,
    diverse,
    lasting,
    long_rows,
    meanings,
    part_of,
    percent,
    recognised,
    reconstruction_rows,
    standing,
    told,
    why_not,
)
from soundmill.report.soundscape_sounds import show_pieces, show_rows
from soundmill.status import Row, read_table

HELD_OUT = {
    "recordings": "Whole recordings were held out: the model has heard nothing of those that the "
    "figures are measured on.",
    "ends": "There were too few recordings to hold whole ones out. Only the end of each was: the "
    "model has heard the beginning of the very same recordings. The figures say how well it knows "
    "these places, not how well it would do on others.",
}
HEADS = {
    "phase": "phases reconstructed (ceiling)",
    "noise": "pink noise (floor)",
}
"""What the columns of the table of reconstruction are, where the name alone does not say it."""
CLIP_NAMES = {"train": "real, learned from", **KIND_NAMES}
Figures = list[tuple[str, str]]
"""File name beside the page, and what it shows."""
LONGEST_TABLE = 100


def write_soundscape_page(
    folder: str | os.PathLike[str],
    *,
    evaluation: str | os.PathLike[str],
    metrics: str | os.PathLike[str],
    curves: str | os.PathLike[str],
    generated: str | os.PathLike[str],
    clips: str | os.PathLike[str],
    recordings: str | os.PathLike[str],
    long: str | os.PathLike[str] | None = None,
) -> None:
    """Write ``index.html``, its figures and its sounds into a folder that needs nothing outside.

    Parameters
    ----------
    evaluation, metrics, long : JSON files of the model; ``long`` is read where the evaluation
        holds nothing of the long piece.
    curves : ``curves.csv``: phase, epoch, train_loss, valid_loss.
    generated, clips : folders with ``pieces.csv`` and ``clips.csv``, and the sounds they name.
    recordings : ``recordings.csv``, which knows the original names.

    Raises
    ------
    InputError
        When a sound cannot be read.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    data, learned = read_json(evaluation), read_json(metrics)
    table = read_table(recordings)
    names = {row["id"]: row["source"] for row in table}
    pieces = show_pieces(folder, generated)
    held_out, labels = show_rows(folder, clips, names)
    found = distances(data)
    if found:
        plot_distances(folder / "distances.svg", found)
    rows = controls(data, learned)
    if rows:
        plot_controls(folder / "controls.svg", rows)
    long_piece = part_of(data, "long") or (read_json(long) if long else None) or {}
    write_page(
        folder / "index.html",
        "soundscape.html",
        name=data["model"],
        corpus=data["corpus"],
        lead=lead(data, len(pieces)),
        caution=HELD_OUT["ends"] if data.get("held_out") == "ends" else "",
        pieces=pieces,
        held_out=held_out,
        labels=labels,
        all_labels=len(data.get("labels") or ()),
        clip_seconds=data.get("clip_seconds"),
        reconstruction=reconstruction_rows(data),
        reconstruction_heads=[HEADS.get(kind, KIND_NAMES[kind]) for kind in RECONSTRUCTED],
        standing=standing(found),
        distances=[(each.title, list(each.measures.values())) for each in found],
        distance_heads=[KIND_NAMES[kind] for kind in DISTANCES],
        places=_places(found),
        unmeasured=_unmeasured(data),
        recognised=recognised(data),
        judge=readable(str(part_of(data, "fidelity").get("judge") or "")),
        fidelity=_fidelity_figures(folder, part_of(data, "fidelity")),
        heads=[KIND_NAMES[kind] for kind in COMPARED],
        diverse=diverse(data),
        diversity=comparison_rows(part_of(data, "diversity"), "all clips"),
        copied=copied(data),
        copying=comparison_rows(part_of(data, "copying"), "distance to the nearest clip"),
        long=long_rows(long_piece),
        lasting=lasting(long_piece),
        why={key: why_not(data, key) for key in ("fidelity", "diversity", "copying", "long",
                                                 "reconstruction", "distribution")},
        curves=_curves(folder, read_table(curves)),
        latents=part_of(data, "latents") or part_of(learned, "latents"),
        controls=len(rows),
        most_controls=MOST_CONTROLS,
        meanings=meanings(rows),
        facts=_facts(data, learned),
        clips=_clips(data.get("clips") or {}),
        left_out=[(readable(row["source"]), row["reason"]) for row in table if row.get("reason")],
        longest=LONGEST_TABLE,
    )  # fmt: skip


def lead(data: Json, pieces: int) -> str:
    """Return the page's first paragraph: what it learned from, what came out, how good it is."""
    counts: Mapping[str, int] = data.get("recordings") or {}
    learned = counts.get("train", 0)
    words = (
        f"A model learned from {number(learned)} recording{'' if learned == 1 else 's'} "
        f"of “{readable(data['corpus'])}” and made {number(pieces)} "
        f"piece{'' if pieces == 1 else 's'} that never were. "
    )
    return " ".join(filter(None, [words.strip(), standing(distances(data)), recognised(data)]))


def _places(found: Sequence[Any]) -> list[tuple[str, ...]]:
    """Return where each kind lies between real (0 %) and noise (100 %), a row a distance."""
    rows = [(each.title, *(percent(each.place(kind)) for kind in DISTANCES[1:-1]))
            for each in found]  # fmt: skip
    return [row for row in rows if any(cell != "–" for cell in row[1:])]


def _unmeasured(data: Json) -> list[tuple[str, str]]:
    """Return the embeddings without distances, and why."""
    part = part_of(data, "distribution")
    return [(name, why_not(part, key)) for key, name in EMBEDDINGS.items()
            if not part_of(part, key)]  # fmt: skip


def _fidelity_figures(folder: Path, part: Json) -> Figures:
    if not part:
        return []
    rows = [(KIND_NAMES[kind], told(part.get(kind))) for kind in COMPARED]
    plot_accuracies(folder / "fidelity.svg", rows)
    figures = [("fidelity.svg", "How often the classifier is right.")]
    matrices = part.get("confusion") or {}
    shown = {KIND_NAMES[kind]: matrices[kind] for kind in COMPARED if matrices.get(kind)}
    if shown:
        plot_confusions(folder / "confusion.svg", shown, part["classes"])
        words = "Rows: the label of the recording, or what was asked for. Columns: what was heard."
        figures.append(("confusion.svg", words))
    return figures


def _curves(folder: Path, rows: Sequence[Row]) -> Figures:
    phases = list(dict.fromkeys(row["phase"] for row in rows))
    if not phases:
        return []
    plot_curves(folder / "curves.svg", rows, phases)
    return [("curves.svg", "Loss over the passes through the recordings, by part of the model.")]


def _facts(data: Json, learned: Json) -> list[tuple[str, str]]:
    counts: Mapping[str, int] = data.get("recordings") or {}
    shown = ", ".join(f"{part} {number(count)}" for part, count in counts.items())
    rate, seconds = data.get("sample_rate"), data.get("clip_seconds")
    facts = [
        ("recordings", shown or "–"),
        ("held out", HELD_OUT.get(data.get("held_out", ""), str(data.get("held_out", "–")))),
        ("labels", ", ".join(map(readable, data.get("labels") or ())) or "none"),
        ("length of a clip in the figures", "–" if seconds is None else duration(float(seconds))),
        ("sample rate", "–" if rate is None else f"{number(rate)} Hz"),
        *_by_part("parameters", learned.get("parameters"), lambda value: number(int(value))),
        *_by_part("training took", learned.get("seconds"), duration),
    ]
    return [(name, text) for name, text in facts if text]


def _clips(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """Return how many clips there are of each kind, in the order of the figures."""
    kinds = [kind for kind in ("train", *KIND_NAMES) if kind in counts]
    rest = [kind for kind in counts if kind not in kinds]
    return [(CLIP_NAMES.get(kind, kind), counts[kind]) for kind in [*kinds, *rest]]


def _by_part(name: str, value: Any, shown: Any) -> list[tuple[str, str]]:
    """Return a figure, or one for each part of the model where the file tells them apart."""
    if isinstance(value, Mapping):
        return [(f"{name}, {readable(str(key))}", shown(each))
                for key, each in value.items() if each is not None]  # fmt: skip
    return [(name, "–" if value is None else shown(value))]
