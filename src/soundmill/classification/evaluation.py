"""Judge the learners of a task: figures with intervals, calibration, comparisons, mistakes.

``evaluation.json`` holds, in this order:

task, kind, classes : the task's name, its kind and its classes, tags or targets.
items, groups : recordings tested by the honest folds, and groups among them (0: no groups).
protocol : how the folds were made, as the task says.
interval : what the intervals are, "95 % percentile bootstrap over <recordings|groups>".
main_metric, metrics, lower_is_better : the metric that ranks; all metrics in the order of tables;
    those of which less is better.
floors : names of the learners that any other must beat.
best : ``learner`` (best that is neither floor nor ensemble) and ``overall``, by the main metric.
learners : by name:
    kind, family : kind of learner; ``floor``, ``classical``, ``network`` or ``ensemble``.
    recording : by metric ``value`` (mean over trainings), ``interval`` and ``items``. A value that
        is not defined is null, and so is an interval with nothing to resample.
    segment : the same by segment, drawn by recording (or group); null without segments.
    aggregations : the main metric, in the same form, when the segments become the recording's
        decision by ``mean``, ``log_mean``, ``vote`` or ``max``; ``own`` is what the learner does.
    seeds, seeds_std : by metric the value of each training, and their standard deviation (null
        for one).
    cost : ``parameters``, ``train_seconds`` (its trainings on the honest
        folds), ``seconds_a_recording`` (mean).
    confusion : counts, rows true, columns decided, all trainings together (so rows sum to
        trainings x examples); null unless single-label.
    per_class : ``precision``, ``recall``, ``f1``, ``auc``, ``ap``, ``support`` (mean over
        trainings; tags at one half); null for regressions, which have ``per_target`` instead.
    roc : by class ``fpr``, ``tpr``, ``auc``; pr : ``recall``, ``precision``, ``ap``; without the
        classes that were not tested.
    calibration : ``ece_before``, ``ece_after``, ``log_loss_before``, ``log_loss_after``,
        ``temperature`` and ``sources`` by fold (what it was fitted on: ``validation``, ``other
        folds``, ``none``), ``use`` (temperature for new recordings), ``binning``, ``bins_before``,
        ``bins_after`` with ``confidence``, ``accuracy``, ``count``. Null for regressions.
    abstention : ``coverage``, ``accuracy``, ``aurc``.
    scatter : by target ``true`` and ``predicted``; regressions only.
    members : ensembles only: by fold where the weights come from and what they are.
comparisons : ``a``, ``b``, ``metric``, ``difference`` (a - b), ``interval``, ``p``, ``p_holm``,
    ``test``, ``items``; McNemar also ``only_a``, ``only_b``.
leaky : ``folds``, ``paired`` and ``learners``: by name and metric ``honest``, ``leaky``, ``gap``;
    null without leaky folds.
notes : remarks for people.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from soundmill.classification.bootstrap import FEW_CLUSTERS, Resamples, resample
from soundmill.classification.comparing import compare, leaks, tested_rows
from soundmill.classification.ensemble_options import EnsembleOptions
from soundmill.classification.ensembles import Ensemble, build_ensemble
from soundmill.classification.evaluation_options import ClassificationEvaluationOptions
from soundmill.classification.judging import Json, Judged, judge
from soundmill.classification.metrics import LOWER_IS_BETTER, membership, metric_names
from soundmill.classification.mistakes import confident_mistakes, decision_text, truth_text
from soundmill.classification.predictions import read_predictions
from soundmill.classification.task import Task, read_task
from soundmill.errors import InputError
from soundmill.files import read_json, write_json
from soundmill.log import logger
from soundmill.options import nearest
from soundmill.seeds import derive
from soundmill.status import write_table

FLOOR, CLASSICAL, NETWORK, ENSEMBLE = "floor", "classical", "network", "ensemble"
COSTS = ("parameters", "train_seconds", "seconds_a_recording")
SCORE_COLUMNS = {"single": "probability", "multi": "agreement", "regression": "error"}


@dataclass(frozen=True)
class Learner:
    """A learner to be judged.

    Attributes
    ----------
    kind : kind of learner (``random_forest``, ``cnn``).
    family : `FLOOR`, `CLASSICAL` or `NETWORK`.
    predictions, training : its ``predictions.parquet`` and ``training.json`` files.
    """

    kind: str
    family: str
    predictions: Sequence[Path]
    training: Sequence[Path]


def sort_files(
    known: Mapping[str, Mapping[str, Any]], predictions: Sequence[str], training: Sequence[str]
) -> dict[str, Learner]:
    """Return the learners with their files, which lie under ``.../learners/<name>/``.

    Parameters
    ----------
    known : by learner ``kind`` and ``family``.
    """

    def own(paths: Sequence[str], name: str) -> list[Path]:
        return [path for path in map(Path, paths) if _learner_of(path) == name]

    return {
        name: Learner(facts["kind"], facts["family"], own(predictions, name), own(training, name))
        for name, facts in known.items()
    }


def _learner_of(path: Path) -> str:
    parts = path.parts
    return parts[len(parts) - 1 - parts[::-1].index("learners") + 1]


def evaluate_task(
    folder: Path,
    learners: Mapping[str, Learner],
    output: Path,
    *,
    name: str,
    ensembles: Mapping[str, EnsembleOptions] | None = None,
    options: ClassificationEvaluationOptions | None = None,
    descriptors: Sequence[Path] = (),
    seed: int = 1,
) -> None:
    """Write the evaluation of a task.

    Parameters
    ----------
    folder : of the task, see `soundmill.classification.task`.
    learners : by name.
    output : folder for ``evaluation.json``, ``held_out.csv`` (one row a tested recording: id,
        source, fold, true, and each learner's decision with the probability of the true class,
        tags: the share of tags that agree, regression: the mean absolute error), ``mistakes.json``
        and ``ensembles.json`` (how each ensemble combines its members, for use).
    name : of the task.
    ensembles : by name; they are judged like any learner.
    descriptors : Parquet tables of descriptors in which neighbours of mistakes are sought.

    Raises
    ------
    InputError
        When an option names an unknown metric, learner or member, or a learner tested nothing.
    """
    options, ensembles = options or ClassificationEvaluationOptions(), ensembles or {}
    task = read_task(folder)
    metrics = metric_names(task.kind, len(task.classes))
    main = _main_metric(task, metrics, options)
    _check_names(learners, ensembles, options)
    tables = {key: read_predictions(learner.predictions) for key, learner in learners.items()}
    built = {
        key: build_ensemble(key, task, tables, chosen, options.least_valid)
        for key, chosen in ensembles.items()
    }
    tables |= {key: ensemble.table for key, ensemble in built.items()}
    honest, leaky = _resamples(task, options.resamples, derive(seed, "resamples"))
    judged = {}
    for key, table in tables.items():
        judged[key] = judge(task, key, table, honest, main, options)
        logger.info("%s: %s %s", key, main, judged[key].entry["recording"][main]["value"])
    entries = _entries(task, learners, ensembles, built, judged)
    best = _best(entries, main)
    write_json(
        output / "evaluation.json",
        {
            "task": name,
            "kind": task.kind,
            "classes": task.classes,
            "items": len(tested_rows(task, task.honest_folds)),
            "groups": _count_groups(task),
            "protocol": task.facts.get("protocol"),
            "interval": f"95 % percentile bootstrap over {honest.over}",
            "main_metric": main,
            "metrics": list(metrics),
            "lower_is_better": [metric for metric in metrics if metric in LOWER_IS_BETTER],
            "floors": [key for key, entry in entries.items() if entry["family"] == FLOOR],
            "best": best,
            "learners": entries,
            "comparisons": compare(task, list(judged.values()), honest, main),
            "leaky": leaks(task, tables, judged, honest, leaky or honest),
            "notes": _notes(task, judged, built, honest),
            "options": options.model_dump(mode="json"),
            "seed": seed,
        },
    )
    _write_held_out(output / "held_out.csv", task, judged)
    chosen = options.mistakes_of or best["overall"]
    table = _read_descriptors(descriptors)
    rows = confident_mistakes(
        task, judged[chosen].test.averaged(), options.mistakes, table, options.neighbours
    )
    write_json(output / "mistakes.json", {"learner": chosen, "kind": task.kind, "rows": rows})
    combinations = {key: ensemble.use.to_json() for key, ensemble in built.items()}
    write_json(output / "ensembles.json", combinations)


def _main_metric(
    task: Task, metrics: Sequence[str], options: ClassificationEvaluationOptions
) -> str:
    main = options.metric or metrics[0]
    if main not in metrics:
        raise InputError(
            f"evaluation.metric: {main!r} is not a metric of a {task.kind} task "
            f"(there are: {', '.join(metrics)}){nearest(main, metrics)}."
        )
    return main


def _check_names(
    learners: Mapping[str, Learner],
    ensembles: Mapping[str, EnsembleOptions],
    options: ClassificationEvaluationOptions,
) -> None:
    both = sorted(set(learners) & set(ensembles))
    if both:
        raise InputError(f"{both[0]!r} names a learner and an ensemble; rename one.")
    chosen = options.mistakes_of
    if chosen and chosen not in (*learners, *ensembles):
        hint = nearest(chosen, [*learners, *ensembles])
        raise InputError(f"evaluation.mistakes_of: there is no learner {chosen!r}{hint}.")


def _resamples(task: Task, count: int, seed: int) -> tuple[Resamples, Resamples | None]:
    """Return resamples for the honest and, where they test other examples, for the leaky folds."""
    rows, others = (tested_rows(task, folds) for folds in (task.honest_folds, task.leaky_folds))
    if not len(rows):
        raise InputError("the task has no fold with a test part; check its 'split'.")
    honest = resample(task.ids, task.groups, rows, count, seed)
    if not len(others) or np.array_equal(rows, others):
        return honest, None
    return honest, resample(task.ids, task.groups, others, count, derive(seed, "leaky"))


def _count_groups(task: Task) -> int:
    groups = task.groups[tested_rows(task, task.honest_folds)]
    return len(set(groups[groups != ""]))


def _entries(
    task: Task,
    learners: Mapping[str, Learner],
    ensembles: Mapping[str, EnsembleOptions],
    built: Mapping[str, Ensemble],
    judged: Mapping[str, Judged],
) -> dict[str, Json]:
    entries: dict[str, Json] = {}
    for key, learner in learners.items():
        cost = _cost([path for path in learner.training if _counts(path, task)], task)
        entries[key] = {"kind": learner.kind, "family": learner.family, "cost": cost}
    for key, chosen in ensembles.items():
        cost = {
            what: _total([entries[member]["cost"][what] for member in chosen.members])
            for what in COSTS
        }
        entries[key] = {"kind": chosen.method, "family": ENSEMBLE, "cost": cost}
        entries[key]["members"] = built[key].folds
    return {key: entry | judged[key].entry for key, entry in entries.items()}


def _counts(path: Path, task: Task) -> bool:
    """Tell whether a training is behind the figures: not of a leaky fold, nor of all examples."""
    parts = path.parts
    return len(parts) < 3 or parts[-3] != "folds" or parts[-2] in task.honest_folds


def _cost(training: Sequence[Path], task: Task) -> dict[str, float | None]:
    """Return a learner's cost: most parameters, seconds of all honest trainings, mean of use."""
    facts = [read_json(path) for path in training]
    for one in facts:  # one file for all folds: those that are not honest do not count
        if isinstance(one.get("folds"), Mapping):
            honest = [one["folds"][fold] for fold in task.honest_folds if fold in one["folds"]]
            one["train_seconds"] = round(sum(fold["seconds"] for fold in honest), 3)
    known = {what: [f[what] for f in facts if f.get(what) is not None] for what in COSTS}
    used = known["seconds_a_recording"]
    return {
        "parameters": max(known["parameters"], default=None),
        "train_seconds": _total(known["train_seconds"]) if known["train_seconds"] else None,
        "seconds_a_recording": round(float(np.mean(used)), 6) if used else None,
    }


def _total(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(sum(known), 6) if len(known) == len(values) else None


def _best(entries: Mapping[str, Json], main: str) -> dict[str, str]:
    sign = -1 if main in LOWER_IS_BETTER else 1

    def rank(key: str) -> tuple[bool, float]:
        value = entries[key]["recording"][main]["value"]
        return value is not None, sign * (value or 0.0)

    own = [key for key, entry in entries.items() if entry["family"] in (CLASSICAL, NETWORK)]
    return {"learner": max(own or entries, key=rank), "overall": max(entries, key=rank)}


def _notes(
    task: Task,
    judged: Mapping[str, Judged],
    built: Mapping[str, Ensemble],
    honest: Resamples,
) -> list[str]:
    rows = tested_rows(task, task.honest_folds)
    notes = []
    if task.kind != "regression":
        targets = task.targets[rows]
        member = membership(targets, len(task.classes)) if task.kind == "single" else targets
        empty = np.flatnonzero(member.sum(axis=0) == 0)
        untested = [task.classes[i] for i in empty]
        if untested:
            notes.append(
                f"no tested recording has {', '.join(untested)}: their figures are empty, and "
                "macro means leave them out"
            )
    if honest.clusters < FEW_CLUSTERS:
        notes.append(f"the intervals rest on {honest.clusters} {honest.over} only and are rough")
    for key, one in judged.items():
        lost = len(rows) - one.scores.items
        if lost:
            notes.append(f"{key}: {lost} of {len(rows)} tested recordings have no prediction")
        notes += one.notes
    return notes + [note for ensemble in built.values() for note in ensemble.notes]


def _write_held_out(path: Path, task: Task, judged: Mapping[str, Judged]) -> None:
    rows: dict[tuple[int, str], dict[str, Any]] = {}
    word = SCORE_COLUMNS[task.kind]
    columns = ["id", "source", "fold", "true"]
    for key, one in judged.items():
        columns += [key, f"{key}_{word}"]
        mean = one.test.averaged()
        for item, (row, fold) in enumerate(zip(mean.rows.tolist(), mean.folds, strict=True)):
            place = rows.setdefault((row, str(fold)), {})
            place[key] = decision_text(task, mean.values[item])
            place[f"{key}_{word}"] = f"{_agreement(task, mean.values[item], row):.6f}"
    table = [
        {
            "id": task.ids[row],
            "source": task.examples[row]["source"],
            "fold": fold,
            "true": truth_text(task, row),
            **rows[row, fold],
        }
        for row, fold in sorted(rows)
    ]
    write_table(path, table, columns)


def _agreement(task: Task, values: Any, row: int) -> float:
    target = task.targets[row]
    if task.kind == "single":
        return float(values[target])
    if task.kind == "multi":
        return float(((values >= 0.5) == (target > 0)).mean())
    return float(np.abs(values - target).mean())


def _read_descriptors(paths: Sequence[Path]) -> pd.DataFrame | None:
    tables = [table for table in (pd.read_parquet(path) for path in paths) if len(table)]
    return pd.concat(tables, ignore_index=True) if tables else None
