"""The one look of all figures: colours that colour-blind readers can tell apart, same bytes always.

Colours: Okabe and Ito, "Color universal design" (2008). No figure tells things apart by colour
alone: lines differ in dashes, bars and marks carry names.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib
from cycler import cycler

matplotlib.use("Agg")

from matplotlib.figure import Figure

from soundmill.files import atomic_path

BLUE, ORANGE, GREEN, VERMILLION, PURPLE, SKY = (
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9",
)  # fmt: skip
INK, MUTED, GRID = "#1d2430", "#596372", "#dfe3e8"
SERIES = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)

SETTINGS: dict[str, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": 9.5,
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.prop_cycle": cycler(color=SERIES),
    "axes.grid": False,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "svg.hashsalt": "soundmill",  # element ids, and so the bytes, do not change from run to run
    "svg.fonttype": "none",  # text stays text: it can be searched and read aloud
    "path.simplify": True,
}


@contextmanager
def canvas(width: float, height: float, **layout: Any) -> Iterator[Figure]:
    """Yield an empty figure of ``width`` by ``height`` inches in the house style."""
    with matplotlib.rc_context(SETTINGS):
        yield Figure(figsize=(width, height), layout="constrained", **layout)


def save_figure(figure: Figure, path: str | os.PathLike[str], *, dpi: int = 110) -> None:
    """Write a figure atomically as the suffix says (.svg or .png), without date or version."""
    with atomic_path(path) as temporary:
        suffix = temporary.suffix.lower()
        metadata = {"Date": None, "Creator": None} if suffix == ".svg" else {"Software": None}
        figure.savefig(temporary, dpi=dpi, metadata=metadata)
