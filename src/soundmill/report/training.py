"""Learning curves of a music model beside their floors, and its figures on unseen pieces."""

import os
from collections.abc import Sequence
from typing import Any

from soundmill.files import read_json
from soundmill.report.pages import write_page
from soundmill.report.results import Measure, read_columns
from soundmill.report.scores import SPLITS, learned_rows
from soundmill.report.style import BLUE, INK, MUTED, VERMILLION, canvas, save_figure

Points = tuple[list[float], list[float]]


def plot_training(
    curves: str | os.PathLike[str],
    metrics: str | os.PathLike[str],
    figure_path: str | os.PathLike[str],
    table_path: str | os.PathLike[str],
    *,
    name: str,
) -> None:
    """Plot the learning curves (.svg) and write the figures of each split as a page.

    Parameters
    ----------
    curves : ``curves.csv`` with columns step, train_nll and validation_nll (nats an event).
    metrics : ``metrics.json`` with the figures of the model and its floors for each split.
    """
    columns = read_columns(curves)
    data = read_json(metrics)
    with canvas(8, 4.2) as figure:
        axes = figure.subplots()
        train, valid = points(columns, "train_nll"), points(columns, "validation_nll")
        axes.plot(*train, color=MUTED, lw=1.4, marker="s", ms=3.5, label="pieces it learns from")
        axes.plot(*valid, color=BLUE, lw=2, marker="o", ms=4.5, label="validation pieces")
        if valid[1]:
            best = min(range(len(valid[1])), key=valid[1].__getitem__)
            axes.plot(valid[0][best], valid[1][best], "o", ms=12, mfc="none", mec=INK, mew=1.5,
                      ls="", label="the weights kept")  # fmt: skip
        floors = learned_rows(data, "validation")[1:]
        _draw_floors(axes, [(label, measures[0]) for label, measures in floors])
        axes.set_ylim(0, 1.06 * axes.get_ylim()[1])
        axes.set_xlim(0, None)
        axes.grid(axis="y")
        axes.set_xlabel("training step")
        axes.set_ylabel("surprise (nats an event)")
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=3, borderaxespad=0.2)
        save_figure(figure, figure_path)
    tables = [(title, learned_rows(data, split)) for split, title in SPLITS.items()]
    write_page(table_path, "training.html", name=name, tables=tables, metrics=data)


def points(columns: dict[str, list[float | None]], name: str) -> Points:
    """Return steps and values of a column where it has any: validations are rarer than steps."""
    pairs = zip(columns["step"], columns[name], strict=True)
    known = [(step, value) for step, value in pairs if step is not None and value is not None]
    return [step for step, _ in known], [value for _, value in known]


def _draw_floors(axes: Any, floors: Sequence[tuple[str, Measure]]) -> None:
    """Draw each floor as a dashed line with its name on it."""
    for (label, measure), dashes in zip(floors, ("--", ":"), strict=False):
        if measure.value is None:
            continue
        axes.axhline(measure.value, color=VERMILLION, ls=dashes, lw=1.4)
        axes.annotate(
            f"floor: {label}, {measure.value:.2f}", (0.995, measure.value), va="bottom", ha="right",
            xycoords=("axes fraction", "data"), color="#9c4400", xytext=(0, 2),
            textcoords="offset points",
        )  # fmt: skip
