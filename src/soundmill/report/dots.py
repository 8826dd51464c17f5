"""Dot plots: measured figures with their intervals, several kinds a row, told apart by shape."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from soundmill.report.results import Measure
from soundmill.report.style import MUTED


@dataclass(frozen=True)
class Kind:
    """How one kind of figure is drawn in every row: its name, colour and marker."""

    name: str
    colour: str
    marker: str


def draw_dots(
    axes: Any,
    rows: Sequence[tuple[str, Sequence[Measure]]],
    kinds: Sequence[Kind],
    *,
    values_of: int = 0,
) -> None:
    """Draw rows of measures between 0 and 1, first row on top.

    Parameters
    ----------
    rows : name of the row and one measure for each kind, in the order of ``kinds``.
    values_of : the kind whose values are written out at the right.
    """
    spread = 0.2 if len(kinds) > 1 else 0.0
    for place, kind in enumerate(kinds):
        shift = spread * (place - (len(kinds) - 1) / 2)
        labelled = False
        for row, (_, measures) in enumerate(rows):
            measure = measures[place]
            if measure.value is None:
                continue
            bar = None
            if measure.low is not None and measure.high is not None:
                # the bootstrap's interval need not hold the mean exactly
                bar = [
                    [max(measure.value - measure.low, 0)],
                    [max(measure.high - measure.value, 0)],
                ]
            axes.errorbar(
                measure.value, row + shift, xerr=bar, fmt=kind.marker, color=kind.colour,
                markersize=6.5, elinewidth=1.6, capsize=0, clip_on=False,
                label=None if labelled else kind.name,
            )  # fmt: skip
            labelled = True
    for row, (_, measures) in enumerate(rows):
        value = measures[values_of].value
        if value is not None:
            axes.annotate(
                f"{value:.2f}", (1.01, row), xycoords=("axes fraction", "data"),
                va="center", color=kinds[values_of].colour, fontweight="bold",
            )  # fmt: skip
    axes.set_yticks(range(len(rows)), [name for name, _ in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(0, 1)
    axes.grid(axis="x")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.spines["bottom"].set_color(MUTED)
    if not axes.get_legend_handles_labels()[0]:
        axes.text(0.5, (len(rows) - 1) / 2, "too few pieces to measure", ha="center", color=MUTED)
        return
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=len(kinds), borderaxespad=0.2)
