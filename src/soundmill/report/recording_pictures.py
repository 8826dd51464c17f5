"""One recording as a picture: waveform and mel spectrogram side by side, in seconds and hertz."""

import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from soundmill.audio.files import read_audio
from soundmill.features.spectra import spectrum
from soundmill.features.spectra_options import SpectraOptions
from soundmill.report.style import BLUE, GRID, canvas, save_figure

COLUMNS = 1500
"""Steps in time of the picture; of a longer recording each shows the extremes of a stretch."""
BANDS = 96
WINDOW = 0.046
"""Length of a window of the spectrogram, seconds."""
RANGE = 80.0
"""Levels further below the loudest are drawn as silence, dB."""
SILENT = -99.0
"""A spectrogram nowhere above this level holds digital silence, dB."""
TICKS = (200, 500, 1000, 2000, 5000, 10_000, 20_000)
"""Frequencies named on the axis, Hz."""

Floats = npt.NDArray[np.float32]


def draw_recording(
    recording: str | os.PathLike[str], picture: str | os.PathLike[str], *, title: str | None = None
) -> None:
    """Draw waveform (left) and mel spectrogram (right) of a recording.

    Parameters
    ----------
    recording : a file that can be decoded; several channels are drawn as their mean.
    picture : .png or .svg.
    title : default the file's name without its suffix.

    Raises
    ------
    InputError
        When the recording cannot be read or holds nothing.
    """
    samples, rate = read_audio(recording)
    n_fft = max(64, 2 ** round(math.log2(WINDOW * rate)))
    hop = max(1, min(n_fft // 4, samples.shape[1] // COLUMNS))
    options = SpectraOptions(sample_rate=rate, n_fft=n_fft, hop=hop, bands=BANDS, fmin=20.0)
    with canvas(11, 3.4) as figure:
        left, right = figure.subplots(1, 2)
        figure.suptitle(Path(recording).stem if title is None else title, x=0.01, ha="left")
        draw_waveform(left, samples[0], rate)
        image = draw_mel(right, spectrum(samples[0], options), options)
        figure.colorbar(image, ax=right, label="level (dB below the loudest)", pad=0.01)
        for axes in (left, right):
            axes.set_xlim(0, max(samples.shape[1], 2) / rate)
            axes.set_xlabel("time (s)")
        save_figure(figure, picture)


def draw_waveform(axes: Any, samples: Floats, sample_rate: int) -> None:
    """Draw samples (n,) against seconds; of long recordings the extremes of each stretch."""
    step = max(1, len(samples) // COLUMNS)
    if step == 1:
        axes.plot(np.arange(len(samples)) / sample_rate, samples, color=BLUE, lw=0.8)
    else:
        stretches = samples[: len(samples) // step * step].reshape(-1, step)
        seconds = (np.arange(len(stretches)) + 0.5) * step / sample_rate
        axes.fill_between(seconds, stretches.min(1), stretches.max(1), color=BLUE, lw=0.4)
    axes.set_ylabel("amplitude (full scale = 1)")
    axes.set_title("waveform")
    highest = max(float(np.abs(samples).max(initial=0)), 1e-4)
    axes.set_ylim(-1.05 * highest, 1.05 * highest)
    axes.grid(axis="y")


def draw_mel(axes: Any, levels: Floats, options: SpectraOptions) -> Any:
    """Draw a log-mel spectrum (frames, bands) in dB; return the image, for a scale of colours."""
    from librosa import mel_frequencies

    stretch = max(1, len(levels) // COLUMNS)
    loudest = levels.max()
    if loudest < SILENT:
        loudest = 0
    # the loudest frame of a stretch: a click must not vanish from a long recording
    shown = np.maximum.reduceat(levels, np.arange(0, len(levels), stretch))
    image = axes.imshow(
        shown.T - loudest,
        origin="lower",
        aspect="auto",
        cmap="magma",
        vmin=-RANGE,
        vmax=0,
        # frame n stands for the time around n hops
        extent=(
            -0.5 / options.frames_per_second,
            (len(shown) * stretch - 0.5) / options.frames_per_second,
            -0.5,
            options.bands - 0.5,
        ),
        interpolation="nearest",
    )
    centres = mel_frequencies(options.bands + 2, fmin=options.fmin, fmax=options.highest)[1:-1]
    ticks = [tick for tick in TICKS if centres[0] <= tick <= centres[-1]]
    axes.set_yticks(np.interp(ticks, centres, np.arange(len(centres))), [str(t) for t in ticks])
    axes.set_ylabel("frequency (Hz, mel scale)")
    axes.set_title("mel spectrogram")
    axes.tick_params(color=GRID)
    return image
