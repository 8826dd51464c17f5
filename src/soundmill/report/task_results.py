"""What the result files of a classification task say, as its page needs it.

The one place that knows their keys (see `soundmill.classification.evaluation`); figures and the
page take what these functions return.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from soundmill.report.results import Measure, read_measure

Json = Mapping[str, Any]

METRIC_NAMES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro F1",
    "macro_f1_fitted": "macro F1, fitted thresholds",
    "log_loss": "log-loss (nats)",
    "top3_accuracy": "top-3 accuracy",
    "macro_auc": "macro AUC",
    "micro_auc": "micro AUC",
    "map": "mean AP",
    "exact_match": "exact match",
    "hamming": "Hamming loss",
    "r2": "R²",
    "mae": "MAE",
    "rmse": "RMSE",
    "pearson": "Pearson r",
    "ccc": "concordance (CCC)",
}


def metric_name(key: str) -> str:
    """Return a metric's name for people."""
    return METRIC_NAMES.get(key, key.replace("_", " "))


@dataclass(frozen=True)
class LearnerRow:
    """One learner in the table of results."""

    name: str
    family: str
    kind: str
    measures: list[Measure]
    segment: Measure | None
    seeds: list[float]
    parameters: int | None
    train_seconds: float | None
    seconds_a_recording: float | None

    @property
    def spread(self) -> str:
        """Return the main metric of each seed, where there are several."""
        return ", ".join(f"{value:.3f}" for value in self.seeds) if len(self.seeds) > 1 else ""


def learner_rows(evaluation: Json) -> list[LearnerRow]:
    """Return the learners by the main metric, the best first; the floors stand last."""
    main = evaluation["main_metric"]
    rows = []
    for name, entry in evaluation["learners"].items():
        segment = entry.get("segment")
        cost = entry.get("cost") or {}
        rows.append(
            LearnerRow(
                name=name,
                family=str(entry["family"]),
                kind=str(entry["kind"]),
                measures=[read_measure(entry["recording"].get(m)) for m in evaluation["metrics"]],
                segment=read_measure(segment.get(main)) if segment else None,
                seeds=list((entry.get("seeds") or {}).get(main) or []),
                parameters=cost.get("parameters"),
                train_seconds=cost.get("train_seconds"),
                seconds_a_recording=cost.get("seconds_a_recording"),
            )
        )
    place = list(evaluation["metrics"]).index(main)
    sign = 1 if main in evaluation["lower_is_better"] else -1

    def order(row: LearnerRow) -> tuple[bool, float]:
        value = row.measures[place].value
        return (row.family == "floor", sign * value if value is not None else float("inf"))

    return sorted(rows, key=order)


def best_learner(evaluation: Json) -> str:
    """Return the best learner of all, ensembles included."""
    return str(evaluation["best"]["overall"])


@dataclass(frozen=True)
class ClassRow:
    """One class of the best learner."""

    name: str
    support: int
    values: list[float | None]


CLASS_FIGURES = ("precision", "recall", "f1", "auc", "ap")


def class_rows(evaluation: Json, learner: str) -> list[ClassRow]:
    """Return precision, recall, F1, AUC and AP of each class."""
    per_class = evaluation["learners"][learner].get("per_class") or {}
    return [
        ClassRow(name, int(entry["support"]), [entry.get(key) for key in CLASS_FIGURES])
        for name, entry in per_class.items()
    ]


@dataclass(frozen=True)
class Gap:
    """A learner under the honest split and under the leaky one."""

    name: str
    honest: Measure
    leaky: Measure
    gap: Measure


def leaky_rows(evaluation: Json) -> list[Gap]:
    """Return what a split that ignores groups would have claimed, by learner."""
    leaky: Json = evaluation.get("leaky") or {}
    main = evaluation["main_metric"]
    entries: Json = leaky.get("learners") or {}
    return [
        Gap(name, *(read_measure(entry[main][key]) for key in ("honest", "leaky", "gap")))
        for name, entry in entries.items()
        if entry.get(main)
    ]


def comparison_rows(evaluation: Json, most: int = 12) -> list[Mapping[str, Any]]:
    """Return paired comparisons that include the best learner, the closest first."""
    best = best_learner(evaluation)
    rows = [row for row in evaluation.get("comparisons") or () if best in (row["a"], row["b"])]
    return sorted(rows, key=lambda row: abs(row["difference"]))[:most]


def fold_counts(facts: Json) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Return the folds, and for each part a row: its name, its number of examples in each fold."""
    counts: Mapping[str, Mapping[str, Any]] = facts.get("folds") or {}
    tests: Json = facts.get("tests") or {}
    folds = [name for name in counts if name != "all" and not name.startswith("random-")]
    parts = ("train", "valid", "test")
    names = [f"{name}: {tests[name]}" if tests.get(name) else f"fold {name}" for name in folds]
    rows = [(part, *(int(counts[name].get(part) or 0) for name in folds)) for part in parts]
    return names, rows
