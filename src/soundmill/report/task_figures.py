"""The figures of a classification task: one function a figure, each from result files alone."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from soundmill.report.dots import Kind, draw_dots
from soundmill.report.pages import readable
from soundmill.report.results import Measure, read_measure
from soundmill.report.style import (
    BLUE,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    PURPLE,
    SERIES,
    SKY,
    VERMILLION,
    canvas,
    save_figure,
)
from soundmill.report.task_results import Gap, LearnerRow, metric_name

FAMILIES = {"floor": (VERMILLION, "X"), "classical": (BLUE, "o"), "network": (GREEN, "s"),
            "ensemble": (PURPLE, "D")}  # fmt: skip
DASHES = ("-", "--", "-.", ":")
MOST_TICKS = 8
MOST_CLASSES = 12
"""Curves are drawn for this many classes at most: those with the most examples."""


def plot_learners(path: Path, rows: Sequence[LearnerRow], place: int, metric: str) -> None:
    """Plot the main metric of each learner with its interval; its segments' beside it."""
    with canvas(8, 0.9 + 0.42 * len(rows)) as figure:
        axes = figure.subplots()
        for y, row in enumerate(rows):
            colour, marker = FAMILIES[row.family]
            _whisker(axes, row.measures[place], y, colour, marker)
            if row.segment is not None and row.segment.value is not None:
                axes.plot(row.segment.value, y + 0.25, "|", color=MUTED, ms=9, mew=2)
            value = row.measures[place].value
            if value is not None:
                axes.annotate(f"{value:.3f}", (1.01, y), xycoords=("axes fraction", "data"),
                              va="center", color=colour, fontweight="bold")  # fmt: skip
        axes.set_yticks(range(len(rows)), [row.name for row in rows])
        axes.set_ylim(len(rows) - 0.5, -0.5)
        if _are_shares([row.measures[place] for row in rows]):
            axes.set_xlim(0, 1.01)
        axes.grid(axis="x")
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        for family, (colour, marker) in FAMILIES.items():
            if any(row.family == family for row in rows):
                axes.plot([], [], marker, color=colour, label=family)
        if any(row.segment is not None for row in rows):
            axes.plot([], [], "|", color=MUTED, ms=9, mew=2, label="by segment")
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=5, borderaxespad=0.2)
        axes.set_xlabel(f"{metric_name(metric)}, by recording, with 95 % interval", color=MUTED)
        save_figure(figure, path)


def _are_shares(measures: Sequence[Measure]) -> bool:
    """Tell whether all lie between 0 and 1 with their intervals, as accuracies do."""
    values = [value for m in measures for value in (m.value, m.low, m.high) if value is not None]
    return all(0 <= value <= 1 for value in values)


def _whisker(axes: Any, measure: Measure, y: float, colour: str, marker: str) -> None:
    if measure.value is None:
        return
    if measure.low is not None and measure.high is not None:
        axes.plot([measure.low, measure.high], [y, y], color=colour, lw=1.8, solid_capstyle="butt")
    axes.plot(measure.value, y, marker, color=colour, ms=7, clip_on=False)


def plot_confusion(path: Path, matrix: Sequence[Sequence[int]], classes: Sequence[str]) -> None:
    """Plot a confusion matrix: counts in the cells, rates within the true class as colour."""
    counts = np.asarray(matrix, float)
    totals = counts.sum(axis=1, keepdims=True)
    rates = np.divide(counts, totals, out=np.zeros_like(counts), where=totals > 0)
    many = len(classes) > 12
    cell = max(0.2, 6.5 / len(classes)) if many else 0.52
    size = max(4.2, cell * len(classes) + 2.2)
    with canvas(size + 0.6, size) as figure:
        axes = figure.subplots()
        image = axes.imshow(rates, cmap="Blues", vmin=0, vmax=1)
        for (i, j), count in np.ndenumerate(counts):
            if count and len(classes) <= 30:
                text = f"{count:.0f}" if i != j else f"{count:.0f}\n{100 * rates[i, j]:.0f} %"
                text = text if cell > 0.45 else f"{count:.0f}"
                axes.text(j, i, text, ha="center", va="center", fontsize=min(8.5, 22 * cell),
                          color="white" if rates[i, j] > 0.55 else INK)  # fmt: skip
        names = [short(name) for name in classes]
        look = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"}
        axes.set_xticks(range(len(classes)), names, **({"rotation": 90} if many else look))
        axes.set_yticks(range(len(classes)), names)
        axes.set_xlabel("decided", color=MUTED)
        axes.set_ylabel("true", color=MUTED)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
        bar = figure.colorbar(image, ax=axes, shrink=0.7)
        bar.set_label("share of the true class", color=MUTED)
        save_figure(figure, path)


def plot_curves(path: Path, learner: Mapping[str, Any]) -> None:
    """Plot ROC and precision-recall curves of each class, with AUC and AP in one legend."""
    roc, pr = learner.get("roc") or {}, learner.get("pr") or {}
    support = {name: entry["support"] for name, entry in (learner.get("per_class") or {}).items()}
    shown = sorted(roc, key=lambda name: -support.get(name, 0))[:MOST_CLASSES]
    with canvas(10.4, 4.3) as figure:
        left, right = figure.subplots(1, 2)
        left.plot([0, 1], [0, 1], color=MUTED, lw=1, ls=":")
        for number, name in enumerate(shown):
            look = {"color": SERIES[number % len(SERIES)], "ls": DASHES[number // len(SERIES) % 4],
                    "lw": 1.6}  # fmt: skip
            areas = f"{_figure(roc[name].get('auc'))}, {_figure(pr.get(name, {}).get('ap'))}"
            left.plot(roc[name]["fpr"], roc[name]["tpr"], **look, label=f"{short(name)} ({areas})")
            if name in pr:
                right.plot(pr[name]["recall"], pr[name]["precision"], **look)
        panels = (
            (left, "ROC", "false positive rate", "true positive rate"),
            (right, "Precision–recall", "recall", "precision"),
        )
        for axes, title, x, y in panels:
            axes.set_title(title)
            axes.set_xlabel(x, color=MUTED)
            axes.set_ylabel(y, color=MUTED)
            axes.set_xlim(-0.01, 1.01)
            axes.set_ylim(-0.01, 1.02)
            axes.grid()
        figure.legend(loc="outside right upper", fontsize=8.5, title="(AUC, AP)")
        save_figure(figure, path)


def short(name: str, most: int = 24) -> str:
    """Return a class's name as figures hold it: readable, and cut where it is too long.

    A dollar sign would start a formula.
    """
    name = readable(name).replace("$", r"\$")
    return name if len(name) <= most else f"{name[: most - 1]}…"


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def plot_calibration(path: Path, calibration: Mapping[str, Any]) -> None:
    """Plot the reliability of the probabilities before and after temperature scaling."""
    before = calibration.get("bins_before") or []
    after = calibration.get("bins_after") or []
    with canvas(5.6, 5) as figure:
        upper, lower = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": [4, 1]})
        upper.plot([0, 1], [0, 1], color=MUTED, lw=1, ls=":", label="perfect")
        looks = (("before", before, VERMILLION, "X", "--"), ("after", after, BLUE, "o", "-"))
        for word, bins, colour, marker, dashes in looks:
            kept = [b for b in bins if b["count"]]
            if kept:
                ece = calibration.get(f"ece_{word}")
                name = word if not after or word == "after" else "as it came"
                name = "after temperature" if word == "after" else name
                upper.plot([b["confidence"] for b in kept], [b["accuracy"] for b in kept], marker,
                           ls=dashes, color=colour, ms=5.5, lw=1.4, clip_on=False,
                           label=f"{name}: ECE {_figure(read_measure(ece).value)}")  # fmt: skip
        bins = [b for b in (after or before) if b["count"]]
        lower.bar([b["confidence"] for b in bins], [b["count"] for b in bins], 0.03, color=MUTED)
        upper.set_ylabel("share that is right", color=MUTED)
        lower.set_ylabel("items", color=MUTED)
        lower.set_xlabel("confidence", color=MUTED)
        upper.set_xlim(0, 1.01)
        upper.set_ylim(0, 1.02)
        upper.grid()
        upper.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=3, fontsize=8,
                     columnspacing=1.2, borderaxespad=0.2)  # fmt: skip
        save_figure(figure, path)


def plot_abstention(path: Path, curves: Mapping[str, Mapping[str, Any]]) -> None:
    """Plot accuracy against the share of recordings answered, by learner."""
    with canvas(6.4, 4) as figure:
        axes = figure.subplots()
        for number, (name, curve) in enumerate(curves.items()):
            axes.plot(curve["coverage"], curve["accuracy"], color=SERIES[number % len(SERIES)],
                      ls=DASHES[number // len(SERIES) % 4], lw=1.7, label=name)  # fmt: skip
        axes.set_xlim(0, 1.01)
        axes.set_ylim(None, 1.01)
        axes.set_xlabel("share of recordings answered, the most confident first", color=MUTED)
        axes.set_ylabel("accuracy of the answers", color=MUTED)
        axes.grid()
        axes.legend(fontsize=8)
        save_figure(figure, path)


def plot_gap(path: Path, rows: Sequence[Gap], metric: str, groups: str) -> None:
    """Plot each learner under the honest split and under one that ignores groups."""
    kinds = (Kind(f"no {groups} in both", BLUE, "o"), Kind("groups ignored", VERMILLION, "X"))
    with canvas(8, 1.0 + 0.5 * len(rows)) as figure:
        axes = figure.subplots()
        draw_dots(axes, [(row.name, (row.honest, row.leaky)) for row in rows], kinds)
        if _are_shares([measure for row in rows for measure in (row.honest, row.leaky)]):
            axes.set_xlim(0, 1.03)  # a mark at 1 keeps off the figures beside it
        else:
            axes.set_xlim(auto=True)
            axes.autoscale(axis="x")
        axes.set_xlabel(metric_name(metric), color=MUTED)
        save_figure(figure, path)


def plot_importance(
    path: Path, rows: Sequence[tuple[str, Measure]], label: str, most: int = 30
) -> None:
    """Plot importances as bars with intervals, the largest on top."""
    known = [(name, measure) for name, measure in rows if measure.value is not None]
    shown = sorted(known, key=lambda row: -(row[1].value or 0))[:most]
    with canvas(8, 0.8 + 0.27 * len(shown)) as figure:
        axes = figure.subplots()
        axes.barh(range(len(shown)), [m.value or 0 for _, m in shown], color=SKY, height=0.7)
        for y, (_, measure) in enumerate(shown):
            if measure.low is not None and measure.high is not None:
                axes.plot([measure.low, measure.high], [y, y], color=INK, lw=1.3)
        axes.set_yticks(range(len(shown)), [short(name, 40) for name, _ in shown])
        axes.set_ylim(len(shown) - 0.4, -0.6)
        axes.axvline(0, color=MUTED, lw=0.8)
        axes.grid(axis="x")
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel(label, color=MUTED)
        save_figure(figure, path)


Lines = Mapping[str, tuple[Sequence[float], Sequence[Measure]]]


def plot_lines(
    path: Path, panels: Sequence[tuple[str, str, Lines]], y_label: str, *, log: bool = False
) -> None:
    """Plot measures against a quantity, one panel each: lines with bands for their intervals.

    Parameters
    ----------
    panels : title, label of the horizontal axis, and x values and measures by line.
    """
    columns = min(2, len(panels))
    rows = -(-len(panels) // columns)
    with canvas(4.6 * columns if columns > 1 else 6.4, 3.4 * rows) as figure:
        grid = np.atleast_1d(figure.subplots(rows, columns, sharey=True, squeeze=False)).ravel()
        for axes, (title, x_label, lines) in zip(grid, panels, strict=False):
            for number, (name, (x, measures)) in enumerate(lines.items()):
                _draw_line(axes, name, x, measures, number)
            axes.set_title(title)
            axes.set_xlabel(x_label, color=MUTED)
            if log:
                axes.set_xscale("log")
            ticks = sorted({value for x, _ in lines.values() for value in x})
            if len(ticks) <= MOST_TICKS:
                axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
                axes.minorticks_off()
            axes.grid()
        for axes in grid[len(panels) :]:
            axes.set_visible(False)
        grid[0].set_ylabel(y_label, color=MUTED)
        handles, labels = grid[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper left", ncols=4, fontsize=8.5)
        save_figure(figure, path)


def _draw_line(
    axes: Any, name: str, x: Sequence[float], measures: Sequence[Measure], number: int
) -> None:
    known = [(at, m) for at, m in zip(x, measures, strict=True) if m.value is not None]
    places = [at for at, _ in known]
    colour = SERIES[number % len(SERIES)]
    axes.plot(places, [m.value for _, m in known], marker="osD^vX"[number % 6], ms=5, lw=1.6,
              color=colour, ls=DASHES[number // len(SERIES) % 4], label=name)  # fmt: skip
    if all(m.low is not None for _, m in known):
        axes.fill_between(places, [m.low for _, m in known], [m.high for _, m in known],
                          color=colour, alpha=0.13, lw=0)  # fmt: skip


def plot_scatter(path: Path, scatter: Mapping[str, Mapping[str, Any]]) -> None:
    """Plot predicted against true values, one panel a target of a regression."""
    with canvas(4.3 * len(scatter), 4.1) as figure:
        panels = figure.subplots(1, len(scatter), squeeze=False)[0]
        for axes, (name, points) in zip(panels, scatter.items(), strict=True):
            true, predicted = np.asarray(points["true"]), np.asarray(points["predicted"])
            low, high = min(true.min(), predicted.min()), max(true.max(), predicted.max())
            axes.plot([low, high], [low, high], color=MUTED, lw=1, ls=":")
            axes.plot(true, predicted, "o", color=BLUE, ms=4, alpha=0.65, mew=0)
            axes.set_title(short(name))
            axes.set_xlabel("true", color=MUTED)
            axes.set_ylabel("predicted", color=MUTED)
            axes.grid()
        save_figure(figure, path)


def plot_shares(path: Path, rows: Sequence[tuple[str, float, float]]) -> None:
    """Plot the share of each class among the training recordings and among those predicted."""
    with canvas(7, 0.9 + 0.34 * len(rows)) as figure:
        axes = figure.subplots()
        places = np.arange(len(rows))
        axes.barh(places - 0.19, [row[1] for row in rows], 0.36, color=SKY, label="learned from")
        axes.barh(places + 0.19, [row[2] for row in rows], 0.36, color=ORANGE, label="predicted",
                  hatch="///", edgecolor="white")  # fmt: skip
        axes.set_yticks(places, [short(row[0]) for row in rows])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.set_xlabel("share of recordings", color=MUTED)
        axes.grid(axis="x")
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, borderaxespad=0.2)
        save_figure(figure, path)
