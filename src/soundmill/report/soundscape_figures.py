"""The figures of a soundscape model: one function a figure, each from result files alone."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from soundmill.report.pages import NARROW
from soundmill.report.soundscape_results import (
    DISTANCES,
    KIND_NAMES,
    PROPERTIES,
    Control,
    Distance,
    Told,
    minus,
    percent,
)
from soundmill.report.style import (
    BLUE,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    SKY,
    VERMILLION,
    canvas,
    save_figure,
)
from soundmill.report.task_figures import short
from soundmill.status import Row

Floats = npt.NDArray[np.float32]

COLOURS = {"floor": GREEN, "phase": SKY, "reconstruction": SKY, "variation": SKY,
           "sample": BLUE, "granular": ORANGE, "noise": VERMILLION}  # fmt: skip
BANDS, COLUMNS = 80, 700
WINDOW = 0.046
"""Length of a window of the spectrogram, seconds."""
RANGE = 80.0
"""Levels further below the loudest are drawn as silence, dB."""
TICKS = (200, 1000, 5000, 20_000)
AXES = (0.19, 0.25, 0.76, 0.69)
"""Left, bottom, width and height of a spectrogram in its picture; the page's style knows them too,
for the line that moves over it."""
MOST_CONTROLS = 24
MOST_NUMBERS = 14
"""Classes up to which a confusion matrix shows its numbers."""


def mel_picture(blocks: Iterable[Floats], rate: int, length: int = 0) -> Floats:
    """Return a mel spectrogram (bands, columns) as power, of samples that come in blocks (n,).

    Parameters
    ----------
    length : samples in all. Of a long recording each of about `COLUMNS` columns shows the mean of
        a stretch, and memory stays constant; 0 keeps every frame.
    """
    import librosa
    from librosa.filters import mel

    n_fft = max(64, 2 ** round(math.log2(WINDOW * rate)))
    hop = n_fft // 4
    stretch = max(1, length // hop // COLUMNS)
    weights = mel(sr=rate, n_fft=n_fft, n_mels=BANDS)
    columns, held = [], np.zeros((0, BANDS), np.float32)
    for framed in _framed(blocks, n_fft, hop):
        power = np.abs(librosa.stft(framed, n_fft=n_fft, hop_length=hop, center=False)) ** 2
        held = np.concatenate([held, (weights @ power).T.astype(np.float32)])
        whole = len(held) // stretch * stretch
        columns.append(held[:whole].reshape(-1, stretch, BANDS).mean(axis=1))
        held = held[whole:]
    if len(held):
        columns.append(held.mean(axis=0, keepdims=True))
    return np.concatenate(columns).T


def _framed(blocks: Iterable[Floats], n_fft: int, hop: int) -> Iterator[Floats]:
    """Yield blocks such that the frames of each, one after the other, are those of the whole."""
    rest, some = np.zeros(0, np.float32), False
    for block in blocks:
        rest = np.concatenate([rest, block])
        frames = (len(rest) - n_fft) // hop + 1
        if frames > 0:
            yield rest[: (frames - 1) * hop + n_fft]
            rest, some = rest[frames * hop :], True
    if not some:
        yield np.pad(rest, (0, n_fft - len(rest)))


def plot_spectrogram(
    path: Path,
    picture: Floats,
    rate: int,
    seconds: float,
    *,
    loudest: float | None = None,
    mark: float | None = None,
    wide: bool = False,
    small: bool = False,
) -> None:
    """Plot a mel spectrogram (bands, columns) of power, axes in seconds and hertz.

    Parameters
    ----------
    loudest : power that is 0 dB; default the picture's own highest.
    mark : a moment (s) that gets a dashed line.
    wide : a picture of its own line on the page; small : one of four in a line.
    """
    from librosa import mel_frequencies, power_to_db
    from matplotlib.ticker import MaxNLocator

    top = float(picture.max()) if loudest is None else loudest
    levels = power_to_db(picture, ref=max(top, 1e-10), amin=1e-12, top_db=None)
    unit, name = (60.0, "minutes") if seconds >= 600 else (1.0, "seconds")
    with canvas(*((10, 2.2) if wide else (3.1, 1.9) if small else (4.2, 2.1))) as figure:
        figure.set_layout_engine(None)  # the place of the axes is AXES, always
        axes = figure.add_axes((0.065, AXES[1], 0.92, AXES[3]) if wide else AXES)
        axes.imshow(levels, origin="lower", aspect="auto", cmap="magma", vmin=-RANGE, vmax=0,
                    extent=(0, seconds / unit, 0, BANDS), interpolation="nearest")  # fmt: skip
        if mark is not None:
            axes.axvline(mark / unit, color="white", lw=1.3, ls="--")
        edges = mel_frequencies(BANDS + 1, fmax=rate / 2)
        ticks = [tick for tick in TICKS if tick < rate / 2]
        names = [f"{tick // 1000}k" if tick >= 1000 else str(tick) for tick in ticks]
        axes.set_yticks(np.interp(ticks, edges, range(BANDS + 1)), names)
        axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        axes.set_xlabel(name, labelpad=2)
        axes.set_ylabel("hertz", labelpad=2)
        axes.spines[:].set_visible(False)
        save_figure(figure, path, dpi=110)


def plot_distances(path: Path, found: Sequence[Distance]) -> None:
    """Plot how far each kind of clip is from held-out real ones, a panel a distance."""
    columns = min(2, len(found))
    rows = -(-len(found) // columns)
    with canvas(10.4 if columns > 1 else 7, 3.0 * rows) as figure:
        grid = figure.subplots(rows, columns, squeeze=False)
        for number, axes in enumerate(grid.ravel()):
            if number >= len(found):
                axes.set_visible(False)
                continue
            _draw_distance(axes, found[number])
            if number % columns:
                axes.set_yticklabels([])
        save_figure(figure, path)


def _draw_distance(axes: Any, distance: Distance) -> None:
    highest = max((m.high if m.high is not None else m.value or 0.0
                   for m in distance.measures.values()), default=1.0)  # fmt: skip
    for y, kind in enumerate(DISTANCES):
        measure = distance.measures[kind]
        if measure.value is None:
            axes.text(0, y, " not measured", va="center", color=MUTED, fontsize=8.5,
                      bbox={"color": "white", "pad": 1})  # fmt: skip
            continue
        axes.barh(y, measure.value, 0.66, color=COLOURS[kind])
        end = measure.value
        if measure.low is not None and measure.high is not None:
            axes.plot([measure.low, measure.high], [y, y], color=INK, lw=1.4)
            end = max(end, measure.high)
        place = distance.place(kind)
        share = "" if place is None or kind in ("floor", "noise") else f"  ({percent(place)})"
        axes.text(max(end, 0) + 0.015 * highest, y, f"{measure.text}{share}", va="center",
                  fontsize=8.5, fontweight="bold" if kind == "sample" else "normal",
                  bbox={"color": "white", "pad": 0.8})  # fmt: skip
    floor, noise = distance.measures["floor"].value, distance.measures["noise"].value
    if floor is not None and noise is not None and noise > floor:
        axes.axvline(floor, color=GREEN, lw=1, ls="--", zorder=0)
        axes.axvline((floor + noise) / 2, color=MUTED, lw=1, ls=":", zorder=0)
        axes.annotate("halfway", ((floor + noise) / 2, -0.55), fontsize=8, color=MUTED,
                      ha="center", va="bottom", annotation_clip=False)  # fmt: skip
    axes.set_yticks(range(len(DISTANCES)), [KIND_NAMES[kind] for kind in DISTANCES])
    axes.set_ylim(len(DISTANCES) - 0.5, -0.6)
    axes.set_xlim(min(0, axes.get_xlim()[0]), 1.25 * max(highest, 1e-9))
    axes.set_title(distance.title, pad=16)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def plot_confusions(
    path: Path, matrices: Mapping[str, Sequence[Sequence[float]]], classes: Sequence[str]
) -> None:
    """Plot what a classifier decided of real clips and of new ones, beside each other."""
    names = [short(name, 18) for name in classes]
    side = max(3.2, 0.36 * len(classes) + 1.4)
    with canvas(2 * side + 0.9, side) as figure:
        panels = figure.subplots(1, len(matrices), squeeze=False)[0]
        for number, (axes, (title, matrix)) in enumerate(
            zip(panels, matrices.items(), strict=True)
        ):
            counts = np.asarray(matrix, float)
            totals = counts.sum(axis=1, keepdims=True)
            rates = np.divide(counts, totals, out=np.zeros_like(counts), where=totals > 0)
            image = axes.imshow(rates, cmap="Blues", vmin=0, vmax=1)
            for (i, j), count in np.ndenumerate(counts):
                if count and len(classes) <= MOST_NUMBERS:
                    axes.text(j, i, f"{count:g}" if count >= 1 else f"{count:.2f}", ha="center",
                              va="center", fontsize=8,
                              color="white" if rates[i, j] > 0.55 else INK)  # fmt: skip
            axes.set_title(title)
            axes.set_xticks(range(len(names)), names, rotation=45, ha="right",
                            rotation_mode="anchor")  # fmt: skip
            axes.set_yticks(range(len(names)), names if not number else [])
            axes.set_xlabel("heard as", color=MUTED)
            axes.set_ylabel("labelled, or asked for" if not number else "", color=MUTED)
            axes.spines[:].set_visible(False)
            axes.tick_params(length=0)
        figure.colorbar(image, ax=list(panels), shrink=0.7, label="share of the row")
        save_figure(figure, path)


def plot_curves(path: Path, rows: Sequence[Row], phases: Sequence[str]) -> None:
    """Plot the training and validation loss of each phase over its epochs."""
    from matplotlib.ticker import MaxNLocator

    with canvas(4.9 * len(phases) if len(phases) > 1 else 6, 3.2) as figure:
        panels = figure.subplots(1, len(phases), squeeze=False)[0]
        for axes, phase in zip(panels, phases, strict=True):
            for column, label, colour, marker in (
                ("train_loss", "recordings it learns from", MUTED, "s"),
                ("valid_loss", "validation recordings", BLUE, "o"),
            ):
                points = [(float(row["epoch"]), float(row[column])) for row in rows
                          if row["phase"] == phase and row.get(column)]  # fmt: skip
                size = 3.5 if len(points) < 60 else 0
                axes.plot([x for x, _ in points], [y for _, y in points], color=colour, lw=1.6,
                          marker=marker, ms=size, label=label)  # fmt: skip
            axes.set_title(short(phase))
            axes.set_xlabel("epoch", color=MUTED)
            axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
            axes.grid(axis="y")
        panels[0].set_ylabel("loss", color=MUTED)
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper left", ncols=2)
        save_figure(figure, path)


def plot_controls(path: Path, rows: Sequence[Control]) -> None:
    """Plot the correlation of each latent with each property of sound."""
    shown = rows[:MOST_CONTROLS]
    values = np.array([[np.nan if r is None else r for r in row.correlations] for row in shown])
    with canvas(6.2, 1.0 + 0.29 * len(shown)) as figure:
        axes = figure.subplots()
        image = axes.imshow(values, cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto")
        for (i, j), value in np.ndenumerate(values):
            text = "–" if np.isnan(value) else minus(value)
            axes.text(j, i, text, ha="center", va="center", fontsize=8.5,
                      color="white" if abs(np.nan_to_num(value)) > 0.6 else INK)  # fmt: skip
        axes.set_xticks(range(len(PROPERTIES)), PROPERTIES)
        axes.xaxis.tick_top()
        axes.set_yticks(range(len(shown)), [short(row.name) for row in shown])
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
        figure.colorbar(image, ax=axes, shrink=0.8, label="correlation r")
        save_figure(figure, path)


def plot_accuracies(path: Path, rows: Sequence[tuple[str, Told]]) -> None:
    """Plot how often a classifier is right about each kind of clip, with intervals."""
    looks = (GREEN, BLUE, ORANGE)
    with canvas(7, 0.75 + 0.42 * len(rows)) as figure:
        axes = figure.subplots()
        for y, (_, measure) in enumerate(rows):
            if measure.value is None:
                axes.text(0, y, " not measured", va="center", color=MUTED)
                continue
            axes.barh(y, measure.value, 0.6, color=looks[y % len(looks)])
            if measure.low is not None and measure.high is not None:
                axes.plot([measure.low, measure.high], [y, y], color=INK, lw=1.4)
            axes.annotate(f"{100 * measure.value:.0f}{NARROW}%", (1.01, y), va="center",
                          xycoords=("axes fraction", "data"), fontweight="bold")  # fmt: skip
        axes.set_yticks(range(len(rows)), [name for name, _ in rows])
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xlim(0, 1)
        axes.set_xlabel("share of clips recognised, with 95 % interval", color=MUTED)
        axes.grid(axis="x")
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        save_figure(figure, path)
