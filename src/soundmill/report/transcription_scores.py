"""The scores of a transcriber: a figure of the means, a table by recording."""

import os

from soundmill.files import read_json
from soundmill.report.dots import Kind, draw_dots
from soundmill.report.pages import write_page
from soundmill.report.scores import (
    TRANSCRIPTION_METRICS,
    published_scores,
    transcription_pieces,
    transcription_rows,
)
from soundmill.report.style import BLUE, GREEN, MUTED, VERMILLION, canvas, save_figure

KINDS = (
    Kind("as heard", BLUE, "o"),
    Kind("constant delay removed", GREEN, "D"),
    Kind("floor: notes of another recording", VERMILLION, "X"),
)
LONGEST_TABLE = 200


def plot_transcription_scores(
    scores: str | os.PathLike[str],
    figure_path: str | os.PathLike[str],
    table_path: str | os.PathLike[str],
    *,
    corpus: str,
    transcriber: str,
    longest: int = LONGEST_TABLE,
) -> None:
    """Plot the mean F1 of each metric with its interval (.svg) and write all of them as a page.

    Parameters
    ----------
    scores : ``results/<corpus>/transcription/<transcriber>.json``.
    longest : recordings the page lists at most; it says how many there are and where.
    """
    data = read_json(scores)
    rows = transcription_rows(data)
    with canvas(8, 3.2) as figure:
        axes = figure.subplots()
        draw_dots(axes, rows, KINDS)
        axes.set_xlabel("F1, mean over recordings with 95 % interval", color=MUTED)
        save_figure(figure, figure_path)
    write_page(
        table_path,
        "transcription_scores.html",
        corpus=corpus,
        transcriber=transcriber,
        kinds=[kind.name for kind in KINDS],
        rows=rows,
        metrics=list(TRANSCRIPTION_METRICS.values()),
        published=published_scores(data),
        pieces=transcription_pieces(data),
        scores=data,
        longest=longest,
        source=os.fspath(scores),
    )
