"""How generated music compares with its corpus: a figure, a table, and the copy check."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from soundmill.files import read_json
from soundmill.report.dots import Kind, draw_dots
from soundmill.report.pages import write_page
from soundmill.report.rolls import PITCH_CLASSES
from soundmill.report.scores import (
    READINGS,
    copy_rows,
    copy_summary,
    likeness,
    pitch_classes,
    statistics,
)
from soundmill.report.style import BLUE, GREEN, MUTED, VERMILLION, canvas, save_figure

KINDS = (
    Kind("generated", BLUE, "o"),
    Kind("floor: Markov chain", VERMILLION, "X"),
    Kind("ceiling: corpus against itself", GREEN, "s"),
)
LIKENESS_HEADS = tuple(kind.name for kind in KINDS)


def plot_music_evaluation(
    evaluation: str | os.PathLike[str],
    figure_path: str | os.PathLike[str],
    table_path: str | os.PathLike[str],
    *,
    name: str,
) -> None:
    """Plot overlaps and pitch classes (.svg), and write all figures and the copy check as a page.

    Parameters
    ----------
    evaluation : ``evaluation.json`` of `soundmill.music.evaluation`.
    """
    data = read_json(evaluation)
    overlaps = likeness(data, "overlap_area")
    with canvas(8.6, 4.2 + 0.42 * len(overlaps)) as figure:
        upper, lower = figure.subplots(
            2, 1, gridspec_kw={"height_ratios": [max(0.42 * len(overlaps), 1), 1.7]}
        )
        draw_dots(upper, [(row.name, row.measures) for row in overlaps], KINDS)
        upper.set_xlabel("overlap with the corpus (1: the same distribution)", color=MUTED)
        draw_pitch_classes(lower, pitch_classes(data))
        save_figure(figure, figure_path)
    write_page(
        table_path,
        "music_evaluation.html",
        name=name,
        tables=[
            ("Overlap with the corpus (1 is the same)", LIKENESS_HEADS, overlaps),
            ("Divergence from the corpus in nats (0 is the same)", LIKENESS_HEADS,
             likeness(data, "kl")),
            ("What the music is like", ("generated", "Markov chain", "corpus"), statistics(data)),
        ],
        readings=list(READINGS.values()),
        summary=copy_summary(data),
        pieces=copy_rows(data),
        evaluation=data,
    )  # fmt: skip


def draw_pitch_classes(axes: Any, shares: Mapping[str, Sequence[float]]) -> None:
    """Draw how often each pitch class occurs: bars side by side, with different hatching."""
    looks = (("generated", BLUE, ""), ("corpus", GREEN, "////"))
    for place, (kind, colour, hatch) in enumerate(looks):
        if kind not in shares:
            continue
        x = np.arange(12) + 0.4 * (place - 0.5)
        axes.bar(
            x, shares[kind], 0.38, label=kind, facecolor=colour if not hatch else "white",
            edgecolor=colour, hatch=hatch, linewidth=1,
        )  # fmt: skip
    axes.set_xticks(range(12), PITCH_CLASSES)
    axes.set_xlim(-0.6, 11.6)
    axes.set_ylabel("share of notes")
    axes.set_title("pitch classes")
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1.0), ncols=2, borderaxespad=0.2)
