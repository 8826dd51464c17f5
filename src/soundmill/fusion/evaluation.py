"""How good the fusions of a task are: every entry in every case, with intervals and answers."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from soundmill.classification.bootstrap import FEW_CLUSTERS, holm, mcnemar
from soundmill.errors import InputError
from soundmill.files import read_json, write_json
from soundmill.fusion.answers import Json, Tallies, checks, fusions_of, gain, reliability
from soundmill.fusion.clusters import Clusters
from soundmill.fusion.conflict import judge_conflict
from soundmill.fusion.named_cases import case_key, named_cases, pure_noise
from soundmill.fusion.options import FusionTaskOptions
from soundmill.fusion.parts import Alone, by_fold
from soundmill.fusion.predictions import read_predictions
from soundmill.fusion.tallies import Pooled, answers_of, case_entry, pool, tally
from soundmill.seeds import derive

Folder = str | os.PathLike[str]
NO_ENCODERS = ("early", "alone")
"""Kinds of entries that run without the encoders of the others; those alone are the encoders."""


def evaluate_fusion(
    predictions: Mapping[str, Folder],
    outputs: Mapping[str, Sequence[Folder]],
    output: Folder,
    *,
    task: str,
    options: FusionTaskOptions,
    seed: int,
    practical: Folder | None = None,
    asked: Mapping[str, float] | None = None,
) -> None:
    """Judge a task's fusions on the test pairs of all folds and write ``evaluation.json``.

    Figures are pooled over folds and are means over the trainings of an entry. A measure is
    ``{"value", "interval", "n"}``; intervals are those of a bootstrap over the groups (speakers) of
    the first modality, tests those of its draws, corrected by Holm for their number.

    Parameters
    ----------
    predictions : folder of each fold (`soundmill.fusion.predictions`).
    outputs : by modality its outputs folder, or one a fold in the order of ``predictions``.
    task : its name. options : its options: which fusion is in use, the modalities' damages.
    seed : of the draws.
    practical : ``practical.json``, if the network of the practical was trained.
    asked : least accuracy asked of the fusion in use, by name of case.

    Raises
    ------
    InputError
        When a sample or a group is in two parts of a fold, a pair holds a sample that is not
        tested, the folds do not fit each other, or the fusion in use was not learned.
    """
    folds = {name: read_predictions(folder) for name, folder in predictions.items()}
    pooled = pool(folds)
    if options.use not in pooled.rows:
        known = ", ".join(fusions_of(pooled))
        raise InputError(f"use: the fusion {options.use!r} was not learned, only {known}")
    alone = {
        name: Alone(name, by_fold(name, outputs[name], list(folds))) for name in pooled.modalities
    }
    for fold, found in folds.items():
        for name, encoder in alone.items():
            for ids in (found.ids[name], found.lying[name]):
                encoder.check(fold, [str(one) for one in ids], predictions[fold])
    resamples = options.evaluation.resamples
    clusters = Clusters(pooled.ids, pooled.groups, resamples, derive(seed, "fusion", "bootstrap"))
    tallies = [
        {name: tally(pooled, name, number, clusters) for name in pooled.rows}
        for number in range(len(pooled.cases))
    ]
    named = named_cases(pooled.modalities, pooled.cases, pure_noise(options))
    modalities = {
        name: _modality(encoder, options.modalities[name].kind, resamples, derive(seed, name))
        for name, encoder in alone.items()
    }
    result = {
        "task": task,
        "use": options.use,
        "classes": pooled.classes,
        "modalities": modalities,
        "folds": _folds(pooled, alone),
        "pairs": len(pooled.truth),
        "seeds": options.seeds,
        "interval": clusters.texts(),
        "notes": _notes(clusters),
        "entries": [_entry(pooled, name, modalities) for name in pooled.rows],
        "cases": [
            case_entry(pooled, number, tallies[number], clusters)
            for number in range(len(pooled.cases))
        ],
        "named": named,
        "reliability": _bins(pooled, tallies, named),
        "comparisons": compare(pooled, tallies, clusters, named, options.use),
        "conflict": judge_conflict(pooled, clusters),
        "checks": checks(pooled, tallies, clusters, named, options.use, asked or {}),
        "answers": {
            "random_split": None if practical is None else _random_split(read_json(practical)),
            "reliable": reliability(pooled, tallies, clusters),
            "gain": gain(pooled, tallies, clusters, named, options.use),
        },
        "practical": None if practical is None else read_json(practical),
    }
    write_json(Path(output), result)


def _folds(pooled: Pooled, alone: Mapping[str, Alone]) -> dict[str, Json]:
    """Return for each fold the pairs, the groups tested, and each modality's counts by part."""
    return {
        fold: {
            "pairs": len(found.targets),
            "tests": sorted({str(group) for group in found.groups} - {""}),
            "parts": {name: encoder.folds[fold] for name, encoder in alone.items()},
        }
        for fold, found in pooled.folds.items()
    }


def _notes(clusters: Clusters) -> list[str]:
    if len(clusters) >= FEW_CLUSTERS:
        return []
    return [
        f"Only {len(clusters)} {clusters.over} were tested: intervals and p values are rough, and "
        "cannot speak for others unlike them."
    ]


def _modality(encoder: Alone, kind: str, resamples: int, seed: int) -> Json:
    """Return cost, and accuracy on all test samples, paired or not, under each condition."""
    clusters = Clusters(encoder.ids, encoder.groups, resamples, seed)
    accuracy = [clusters.measure(clusters.sums(row)) for row in encoder.right]
    times = encoder.milliseconds
    return {
        "kind": kind,
        "conditions": encoder.conditions,
        "parameters": encoder.facts.get("parameters"),
        "milliseconds": round(float(np.mean(times)), 4) if times else None,
        "accuracy": dict(zip(encoder.conditions, accuracy, strict=True)),
    }


def _entry(pooled: Pooled, name: str, modalities: Mapping[str, Json]) -> Json:
    """Return an entry with its cost, its own and with the encoders it needs."""
    entry: Json = {
        "name": name,
        "kind": pooled.kinds[name],
        "parameters": pooled.parameters[name],
        "milliseconds": pooled.milliseconds[name],
        "seeds": len(pooled.rows[name]),
    }
    for cost in ("parameters", "milliseconds"):
        others = [] if pooled.kinds[name] in NO_ENCODERS else [m[cost] for m in modalities.values()]
        entry[f"{cost}_all"] = None if None in others else entry[cost] + sum(others)
    return entry


def _bins(pooled: Pooled, tallies: Tallies, named: Mapping[str, str]) -> dict[str, Json]:
    """Return how often each entry is right at each level of confidence, in the named cases."""
    return {
        case_key(case): {name: found.bins for name, found in tallies[number].items() if found.bins}
        for number, case in enumerate(pooled.cases)
        if case_key(case) in named.values()
    }


def compare(
    pooled: Pooled, tallies: Tallies, clusters: Clusters, named: Mapping[str, str], use: str
) -> list[Json]:
    """Compare the fusion in use with each other entry in the named cases, pair by pair.

    ``difference`` and ``p`` are those of the draws; ``mcnemar`` is the exact test on the answers of
    each entry's first training, which takes pairs for independent, though those of one speaker are
    not. Holm's correction is for all rows together.
    """
    places = {case_key(case): number for number, case in enumerate(pooled.cases)}
    rows: list[Json] = []
    for name, key in named.items():
        number = places[key]
        own = tallies[number][use].right
        own_answers = answers_of(pooled, use, number)
        for other, found in tallies[number].items():
            if other == use or found.right is None or own is None:
                continue
            difference, p = clusters.difference(own, found.right)
            only_a, only_b, exact = mcnemar(own_answers, answers_of(pooled, other, number))
            rows.append({
                "case": key,
                "name": name,
                "a": use,
                "b": other,
                "difference": difference,
                "p": p,
                "mcnemar": {"only_a": only_a, "only_b": only_b, "p": exact},
            })  # fmt: skip
    for row, corrected in zip(rows, holm([row["p"] for row in rows]), strict=True):
        row["p_holm"] = corrected
    return rows


def _random_split(practical: Json) -> Json | None:
    """Return the accuracy the practical's network seems to have, and has on strangers."""
    random, honest = practical.get("random"), practical.get("honest")
    if not random or not honest:
        return None
    found = {"random": random["accuracy"], "honest": honest["accuracy"]}
    values = [entry["value"] for entry in found.values()]
    return {**found, "gap": round(values[0] - values[1], 6)}
