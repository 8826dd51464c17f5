"""Judge generated music beside its corpus: what it is like, how alike, and whether it is copied."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from soundmill.errors import InputError
from soundmill.files import write_json
from soundmill.log import logger
from soundmill.music.copying import Line, Run, longest_runs, make_line
from soundmill.music.evaluation_options import EvaluationOptions
from soundmill.music.events import decode
from soundmill.music.likeness import resample_likeness
from soundmill.music.markov import MarkovChain
from soundmill.music.shards import Piece, ShardReader
from soundmill.music.splits import SPLITS
from soundmill.music.statistics import (
    FEATURES,
    TIME_EDGES,
    UNITS,
    Vector,
    describe,
    excerpt,
    summarise,
)
from soundmill.music.vocabulary import STEPS_PER_SECOND
from soundmill.notes import Notes, read_midi
from soundmill.seeds import derive
from soundmill.status import read_table

Described = Mapping[str, list[dict[str, Vector]]]
"""Feature vectors of the pieces of each set."""
HELD_OUT = SPLITS[1:]
MOST_HELD_OUT = 50
"""Held-out pieces whose own longest runs serve as the reference."""


@dataclass(frozen=True)
class Generated:
    """A generated piece: the notes the model played itself, and those of the primer."""

    id: str
    kind: str
    notes: Notes
    seconds: float
    primer: Notes | None


def evaluate_music(
    generated: Path, shards: Path, output: Path, options: EvaluationOptions, seed: int
) -> None:
    """Write the evaluation of generated pieces as JSON.

    New pieces and continuations (without their primer) are compared with excerpts of the corpus of
    the same length, the median of the generated ones. The floor is a first-order Markov chain over
    the events of the training split; the ceiling is one half of the corpus against the other. The
    copy check compares with all training pieces, their stretched copies included, and does the
    same for the pieces held out.

    Parameters
    ----------
    generated : folder with ``pieces.csv`` and ``<id>.mid``.
    shards : folder written by `soundmill.music.sharding.build_shards`.

    Raises
    ------
    InputError
        When nothing was generated, or a listed MIDI file is missing.
    """
    pieces = read_generated(generated)
    seconds = float(np.median([piece.seconds for piece in pieces if len(piece.notes)]))
    corpus = _corpus_excerpts(shards, SPLITS, seconds, options.corpus_pieces, seed)
    logger.info("%d generated and %d corpus pieces of %.0f s", len(pieces), len(corpus), seconds)
    chain = MarkovChain(piece.tokens for piece in ShardReader(shards, "train"))
    random = np.random.default_rng(derive(seed, "markov"))
    sets = {
        "generated": [excerpt(piece.notes, 0, seconds) for piece in pieces],
        "corpus": list(corpus.values()),
        "markov": [excerpt(decode(chain.sample(seconds, random)), 0, seconds) for _ in pieces],
    }
    bars = options.bar_seconds, options.groove_steps
    described = {name: [describe(n, *bars) for n in notes] for name, notes in sets.items()}
    held_out = _corpus_excerpts(shards, HELD_OUT, seconds, MOST_HELD_OUT, seed)
    similarity = _similarity(described, options.draws, derive(seed, "draws"))
    write_json(
        output,
        {
            "seconds": round(seconds, 3),
            "sets": {name: len(notes) for name, notes in sets.items()}
            | {"held_out": len(held_out)},
            "options": options.model_dump(),
            "seed": seed,
            "statistics": _statistics(sets, described, derive(seed, "means")),
            "overall": similarity.pop("overall"),
            "similarity": similarity,
            "histograms": _histograms(described),
            "copying": _copying(pieces, held_out, shards, options, derive(seed, "means")),
        },
    )


def read_generated(folder: Path) -> list[Generated]:
    """Read the new pieces and continuations that ``pieces.csv`` lists, in its order."""
    rows = read_table(folder / "pieces.csv")
    found = []
    for row in rows:
        if row["kind"] not in ("new", "continuation"):
            continue
        primed = float(row["primer_seconds"] or 0) if row["kind"] == "continuation" else 0.0
        start = round(primed * STEPS_PER_SECOND) / STEPS_PER_SECOND
        notes = _read_midi(folder / f"{row['id']}.mid")
        seconds = float(notes["offset"].max()) - start if len(notes) else 0.0
        own = excerpt(notes, start, max(seconds, 0.0))
        primer = _read_midi(folder / f"{row['primer']}.mid") if row["primer"] else None
        found.append(Generated(row["id"], row["kind"], own, seconds, primer))
    if not any(len(piece.notes) for piece in found):
        raise InputError(
            f"{folder} holds no generated notes to evaluate. Raise the number or the length of the "
            "pieces in the generation options."
        )
    return found


def _read_midi(path: Path) -> Notes:
    if not path.exists():
        raise InputError(
            f"{path} is missing, though pieces.csv lists it. Generate the music again."
        )
    return read_midi(path)


def _unchanged(shards: Path, splits: Sequence[str]) -> Iterator[Piece]:
    for split in splits:
        yield from (p for p in ShardReader(shards, split) if (p.transpose, p.stretch) == (0, 1.0))


def _corpus_excerpts(
    shards: Path, splits: Sequence[str], seconds: float, most: int, seed: int
) -> dict[str, Notes]:
    """Draw pieces and a random stretch of each; a piece's draw does not depend on the others."""
    names = sorted(
        (piece.recording for piece in _unchanged(shards, splits)),
        key=lambda name: derive(seed, "excerpt", name),
    )
    chosen = set(names[:most])
    excerpts = {}
    for piece in _unchanged(shards, splits):
        if piece.recording in chosen:
            notes = decode(piece.tokens)
            random = np.random.default_rng(derive(seed, "excerpt", piece.recording))
            spare = max(float(notes["offset"].max()) - seconds, 0.0)
            excerpts[piece.recording] = excerpt(notes, random.uniform(0, spare), seconds)
    return excerpts


def _statistics(sets: Mapping[str, list[Notes]], described: Described, seed: int) -> dict[str, Any]:
    """Return the mean over pieces of each feature that has a unit, for each set."""
    values = {
        name: [summarise(n, d) for n, d in zip(notes, described[name], strict=True)]
        for name, notes in sets.items()
    }
    return {
        feature: {"unit": unit}
        | {name: mean_entry([row[feature] for row in rows], seed) for name, rows in values.items()}
        for feature, unit in UNITS.items()
    }


def _similarity(described: Described, draws: int, seed: int) -> dict[str, Any]:
    """Return overlap and divergence of each feature, and of their mean as ``overall``."""
    results = {}
    for feature in FEATURES:
        rows = {name: np.stack([d[feature] for d in ds]) for name, ds in described.items()}
        others = {name: rows[name] for name in ("generated", "markov")}
        results[feature] = resample_likeness(rows["corpus"], others, draws, seed)
    known = [r for r in results.values() if not any(np.isnan(v).any() for v in r.values())]
    unknown = np.full((1, draws, 2), np.nan)
    results["overall"] = {
        name: np.mean([r[name] for r in known] or unknown, axis=0) for name in described
    }
    items = {name: len(ds) for name, ds in described.items()}
    return {feature: _likeness_entries(result, items) for feature, result in results.items()}


def _likeness_entries(result: Mapping[str, Vector], items: Mapping[str, int]) -> dict[str, Any]:
    """Return the entries of the generated pieces with the Markov floor and ceiling beside."""

    def entry(name: str, column: int) -> dict[str, Any]:
        return draws_entry(result[name][:, column], items[name])

    return {
        measure: entry("generated", column)
        | {"floor": entry("markov", column), "ceiling": entry("corpus", column)}
        for column, measure in enumerate(("overlap_area", "kl"))
    }


def _histograms(described: Described) -> dict[str, Any]:
    """Return the mean histogram of each set, for plots; None for a set without any."""
    edges = {"pitch_class": np.arange(13), "note_length": TIME_EDGES, "inter_onset": TIME_EDGES}
    return {
        feature: {"unit": "" if feature == "pitch_class" else "s", "edges": numbers.tolist()}
        | {name: _mean_histogram([d[feature] for d in ds]) for name, ds in described.items()}
        for feature, numbers in edges.items()
    }


def _mean_histogram(rows: Sequence[Vector]) -> list[float] | None:
    known = [row for row in rows if not np.isnan(row).any()]
    return [round(float(share), 6) for share in np.mean(known, axis=0)] if known else None


def _copying(
    pieces: Sequence[Generated],
    held_out: Mapping[str, Notes],
    shards: Path,
    options: EvaluationOptions,
    seed: int,
) -> dict[str, Any]:
    """Return the copy check: over all pieces, and of each."""
    queries = [piece.notes for piece in pieces] + list(held_out.values())
    copying: dict[str, Any] = {"primer": {}}
    rows: list[dict[str, Any]] = [
        {
            "id": piece.id,
            "kind": piece.kind,
            "notes": len(piece.notes),
            "primer": None if piece.primer is None else {},
        }
        for piece in pieces
    ]
    suspected: set[str] = set()
    for reading, step in (("timed", options.copy_step_seconds), ("melodic", None)):
        lines = [make_line("", notes, step) for notes in queries]
        found = longest_runs(lines, _training_lines(shards, step))
        runs, reference = found[: len(pieces)], _run_entry(found[len(pieces) :], seed)
        primed = {
            p.id: _primer_run(p.notes, p.primer, step) for p in pieces if p.primer is not None
        }
        copying[reading] = _run_entry(runs, seed) | {"unit": "notes", "reference": reference}
        copying["primer"][reading] = _run_entry(list(primed.values()), seed)
        least = max(options.copy_warning, reference["longest"] + 1)
        for row, run in zip(rows, runs, strict=True):
            row[reading] = _describe_run(run)
            if row["id"] in primed:
                row["primer"][reading] = primed[row["id"]].notes
            if run.notes >= least:
                suspected.add(row["id"])
    return copying | {"suspected": sorted(suspected), "pieces": rows}


def _training_lines(shards: Path, step_seconds: float | None) -> Iterator[Line]:
    """Yield what was trained on; transposed copies read the same, so one of each stretch does."""
    seen = set()
    for piece in ShardReader(shards, "train"):
        key = (piece.recording, piece.stretch if step_seconds is not None else 1.0)
        if key not in seen:
            seen.add(key)
            yield make_line(piece.recording, decode(piece.tokens), step_seconds)


def _primer_run(notes: Notes, primer: Notes, step_seconds: float | None) -> Run:
    pair = [make_line("", part, step_seconds) for part in (notes, primer)]
    return longest_runs(pair[:1], pair[1:])[0]


def _describe_run(run: Run) -> dict[str, Any]:
    """Return a run's length in notes, its recording, and where it begins here and there.

    Times in the recording count from its first note.
    """
    return {
        "run": run.notes,
        "recording": run.name,
        "seconds": round(run.seconds, 2),
        "at_seconds": round(run.at_seconds, 2),
    }


def _run_entry(runs: Sequence[Run], seed: int) -> dict[str, Any]:
    lengths = [float(run.notes) for run in runs]
    return mean_entry(lengths, seed) | {"longest": int(max(lengths, default=0))}


def mean_entry(values: Sequence[float], seed: int, resamples: int = 1000) -> dict[str, Any]:
    """Return the mean with its 95 % bootstrap interval; NaN values do not count.

    One value has no interval, none has no mean: both are None.
    """
    known = np.array([value for value in values if np.isfinite(value)])
    value = round(float(known.mean()), 6) if len(known) else None
    interval = None
    if len(known) >= 2:
        drawn = np.random.default_rng(seed).integers(0, len(known), (resamples, len(known)))
        interval = _percentiles(known[drawn].mean(axis=1))
    return {"value": value, "interval": interval, "items": len(known)}


def draws_entry(draws: Vector, items: int) -> dict[str, Any]:
    """Return the median of resampled values and the interval that holds 95 % of them."""
    if not np.isfinite(draws).all():
        return {"value": None, "interval": None, "items": items}
    value = round(float(np.median(draws)), 6)
    return {"value": value, "interval": _percentiles(draws), "items": items}


def _percentiles(values: Vector) -> list[float]:
    return [round(float(bound), 6) for bound in np.percentile(values, (2.5, 97.5))]
