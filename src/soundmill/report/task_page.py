"""The page of a classification task: a report one could hand in, with figures and sounds."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from soundmill.files import read_json
from soundmill.report.pages import write_page
from soundmill.report.results import read_measure
from soundmill.report.task_figures import (
    MOST_CLASSES,
    plot_abstention,
    plot_calibration,
    plot_confusion,
    plot_curves,
    plot_gap,
    plot_learners,
    plot_scatter,
)
from soundmill.report.task_results import (
    LearnerRow,
    best_learner,
    class_rows,
    comparison_rows,
    fold_counts,
    leaky_rows,
    learner_rows,
    metric_name,
)
from soundmill.status import read_table

HEADINGS = {
    "single": {"errors": "Right and wrong, by class", "mistakes": "The most confident mistakes"},
    "multi": {"errors": "Right and wrong, by tag", "mistakes": "The most confident mistakes"},
    "regression": {"errors": "Predicted and true values", "mistakes": "The largest errors"},
}
AGGREGATIONS = {"own": "as the learner does", "log_mean": "log mean"}
Figures = list[tuple[str, str]]
"""File name beside the page, and what it shows."""
LONGEST_TABLE = 100
MOST_ABSTENTION = 6
"""Learners in the figure of abstention."""


def write_task_page(
    folder: str | os.PathLike[str],
    *,
    name: str,
    corpus: str,
    group: str,
    task: str | os.PathLike[str],
    evaluation: str | os.PathLike[str],
    importance: Sequence[Mapping[str, Any]] = (),
    mistakes: Sequence[Mapping[str, Any]] = (),
    studies: Sequence[Mapping[str, Any]] = (),
    card: Sequence[tuple[str, Sequence[str]]] = (),
) -> None:
    """Write ``index.html`` and its figures into a folder that needs nothing outside it.

    Parameters
    ----------
    task : the task's folder; evaluation : its ``evaluation.json``.
    importance, mistakes, studies : what `soundmill.report.task_studies` and
        `soundmill.report.task_mistakes` drew into the same folder.
    card : headings and paragraphs of the model card.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    data = read_json(evaluation)
    facts = read_json(Path(task) / "task.json")
    rows = learner_rows(data)
    best = best_learner(data)
    place = list(data["metrics"]).index(data["main_metric"])
    plot_learners(folder / "learners.svg", rows, place, data["main_metric"])
    gaps = leaky_rows(data)
    if gaps:
        plot_gap(folder / "leak.svg", gaps, data["main_metric"], group or "copy")
    errors = _error_figures(folder, data, best)
    trust = _trust_figures(folder, data, rows, best)
    studies, headings = list(studies), HEADINGS[data["kind"]]
    write_page(
        folder / "index.html",
        "task.html",
        name=name,
        corpus=corpus,
        group=group,
        lead=lead(data, rows, place),
        kind=data["kind"],
        headings=headings,
        contents=_contents(headings, gaps, trust, importance, mistakes, studies),
        protocol=data["protocol"],
        interval=data["interval"],
        remarks=[*facts.get("remarks", ()), *data.get("notes", ())],
        folds=fold_counts(facts),
        class_counts=_class_counts(Path(task)),
        left_out=_left_out(facts),
        metrics=[metric_name(key) for key in data["metrics"]],
        main=place,
        rows=rows,
        best=best,
        segmented=any(row.segment is not None for row in rows),
        seeded=any(row.spread for row in rows),
        comparisons=[_comparison(row, best) for row in comparison_rows(data)],
        aggregations=_aggregations(data),
        gaps=[(gap.name, gap.honest, gap.leaky, gap.gap) for gap in gaps],
        error_figures=errors,
        classes=[(row.name, row.support, *row.values) for row in class_rows(data, best)],
        trust_figures=trust,
        importance=importance,
        mistakes=mistakes,
        studies=studies,
        card=card,
        longest=LONGEST_TABLE,
    )


def lead(data: Mapping[str, Any], rows: Sequence[LearnerRow], place: int) -> str:
    """Return the page's first paragraph: the answer, its interval, and the floor beside it."""
    best = best_learner(data)
    metric = metric_name(data["main_metric"])
    by_name = {row.name: row for row in rows}
    measure = by_name[best].measures[place]
    words = (
        f"Best of {len(rows)} learners: {best}, with {metric} {measure} on {data['items']:,} "
        "recordings that it did not learn from."
    )
    floors = [f"{row.name} {row.measures[place]}" for row in rows if row.family == "floor"]
    return f"{words} The floors: {'; '.join(floors)}." if floors else words


def _contents(
    headings: Mapping[str, str],
    gaps: Sequence[Any],
    trust: Figures,
    importance: Sequence[Any],
    mistakes: Sequence[Any],
    studies: Sequence[Mapping[str, Any]],
) -> list[tuple[str, str]]:
    chapters = [
        ("data", "Data and protocol", True),
        ("results", "Results", True),
        ("leak", "What a careless split would have claimed", bool(gaps)),
        ("errors", headings["errors"], True),
        ("trust", "Can its confidence be trusted?", bool(trust)),
        ("importance", "What the decisions rest on", bool(importance)),
        ("mistakes", headings["mistakes"], bool(mistakes)),
        *((study["anchor"], study["title"], True) for study in studies),
        ("card", "Model card", True),
    ]
    return [(anchor, title) for anchor, title, there in chapters if there]


def _error_figures(folder: Path, data: Mapping[str, Any], best: str) -> Figures:
    learner = data["learners"][best]
    figures: Figures = []
    if learner.get("confusion"):
        plot_confusion(folder / "confusion.svg", learner["confusion"], data["classes"])
        words = "Rows are the true classes, columns the decisions."
        trainings = max(map(len, (learner.get("seeds") or {"": [1]}).values()))
        if trainings > 1:
            words += f" The counts of its {trainings} trainings are added up."
        figures.append(("confusion.svg", words))
    if learner.get("roc"):
        plot_curves(folder / "curves.svg", learner)
        few = len(learner["roc"]) <= MOST_CLASSES
        shown = "Each" if few else f"Each of the {MOST_CLASSES} most frequent"
        what = "tag" if data["kind"] == "multi" else "class"
        against = "its absence" if data["kind"] == "multi" else "the others"
        figures.append(("curves.svg", f"{shown} {what} against {against}, over all thresholds."))
    if learner.get("scatter"):
        plot_scatter(folder / "scatter.svg", learner["scatter"])
        figures.append(("scatter.svg", "Each dot is a held-out recording."))
    return figures


def _trust_figures(
    folder: Path, data: Mapping[str, Any], rows: Sequence[LearnerRow], best: str
) -> Figures:
    learners = data["learners"]
    figures: Figures = []
    if learners[best].get("calibration"):
        plot_calibration(folder / "calibration.svg", learners[best]["calibration"])
        words = f"How often {best} is right at each level of confidence."
        figures.append(("calibration.svg", words))
    shown = [row.name for row in rows if row.family != "floor"][:MOST_ABSTENTION]
    curves = {name: learners[name]["abstention"] for name in shown
              if learners[name].get("abstention")}  # fmt: skip
    if curves:
        plot_abstention(folder / "abstention.svg", curves)
        words = "Accuracy when the least confident recordings are left to a person."
        figures.append(("abstention.svg", words))
    return figures


def _class_counts(task: Path) -> tuple[list[str], list[tuple[Any, ...]]] | None:
    path = task / "class_counts.csv"
    if not path.exists():
        return None
    rows = read_table(path)
    first = [row for row in rows if row["fold"] == rows[0]["fold"]]
    parts = ("train", "valid", "test")
    return list(parts), [(row["class"], *(int(row[part]) for part in parts)) for row in first]


def _left_out(facts: Mapping[str, Any]) -> list[tuple[str, int]]:
    reasons: Mapping[str, int] = (facts.get("left_out") or {}).get("reasons") or {}
    return sorted(reasons.items(), key=lambda pair: -pair[1])


def _comparison(row: Mapping[str, Any], best: str) -> tuple[str, ...]:
    """Return a comparison seen from the best learner."""
    sign = 1 if row["a"] == best else -1
    bounds = sorted(sign * bound for bound in row["interval"] or ())
    interval = f"[{bounds[0]:+.3f}, {bounds[1]:+.3f}]" if bounds else "–"
    other = row["b"] if row["a"] == best else row["a"]
    corrected = row.get("p_holm")
    return (
        other, f"{sign * row['difference']:+.3f}", interval,
        _p(row["p"]), _p(corrected), str(row["test"]),
    )  # fmt: skip


def _p(value: float | None) -> str:
    if value is None:
        return "–"
    return "< .001" if value < 0.001 else f"{value:.3f}"


def _aggregations(data: Mapping[str, Any]) -> tuple[list[str], list[tuple[Any, ...]]] | None:
    entries = {name: entry["aggregations"] for name, entry in data["learners"].items()
               if entry.get("aggregations")}  # fmt: skip
    if not entries:
        return None
    methods = sorted({method for entry in entries.values() for method in entry})
    rows = [
        (name, *(read_measure(entry.get(method)) for method in methods))
        for name, entry in entries.items()
    ]
    return ["learner", *(AGGREGATIONS.get(name, name) for name in methods)], rows
