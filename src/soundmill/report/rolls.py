"""Piano rolls and spectrograms of one piece, on the same two axes: time and pitch."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from soundmill.files import atomic_path
from soundmill.notes import Notes
from soundmill.report.style import BLUE, GRID, INK, VERMILLION, canvas, save_figure

SAMPLE_RATE = 22_050
HOP = 1024
BINS_PER_SEMITONE = 2
SHORTEST = 1 << 15
LOWEST, HIGHEST = 21, 108
"""The piano's pitches, as MIDI numbers; the spectrogram covers the same."""

ROLL_WIDTH, ROLL_HEIGHT = 1200, 220
ROLL_STYLE = """
.grid{stroke:#8a94a3;stroke-opacity:.28;stroke-width:1}
.n{fill:none;stroke:#0b6672}.p{stroke:#a8480b}
.edge{stroke:#a8480b;stroke-width:2;stroke-dasharray:5 4}
@media (prefers-color-scheme:dark){.n{stroke:#7fd0d4}.p{stroke:#f2a35e}.edge{stroke:#f2a35e}}
"""

PITCH_CLASSES = ("C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B")

Spectrum = npt.NDArray[np.float32]


def pitch_name(pitch: int) -> str:
    """Return the name of a MIDI pitch: 60 is ``C4``."""
    return f"{PITCH_CLASSES[pitch % 12]}{pitch // 12 - 1}"


def pitch_range(notes: Notes, margin: int = 2, least: int = 24) -> tuple[int, int]:
    """Return lowest and highest pitch to draw: the notes' own range, two octaves at least."""
    if not len(notes):
        return 48, 84
    low, high = int(notes["pitch"].min()) - margin, int(notes["pitch"].max()) + margin
    missing = max(0, least - (high - low))
    return max(0, low - missing // 2), min(127, high + (missing + 1) // 2)


def write_roll(
    path: str | os.PathLike[str], notes: Notes, seconds: float, primer_seconds: float = 0.0
) -> None:
    """Write a piano roll as a small SVG that follows the reader's light or dark scheme.

    Parameters
    ----------
    seconds : length of the time axis, so that a player's position can be shown on it.
    primer_seconds : notes that begin before this belong to the primer: another colour, and a
        dashed line where it ends.

    Louder notes are more opaque. Lines mark the Cs.
    """
    low, high = pitch_range(notes)
    step = ROLL_HEIGHT / (high - low + 1)
    across = ROLL_WIDTH / max(seconds, 1e-3)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {ROLL_WIDTH} {ROLL_HEIGHT}" '
        f'preserveAspectRatio="none"><style>{ROLL_STYLE}</style>'
    ]
    for pitch in range(-(-low // 12) * 12, high + 1, 12):
        y = (high - pitch + 1) * step
        parts.append(f'<path class="grid" d="M0 {y:.1f}H{ROLL_WIDTH}"/>')
    primed = notes["onset"] < primer_seconds
    # four loudness classes: one path each is a tenth of the bytes of one element a note
    level = np.minimum(notes["velocity"].astype(int) // 32, 3)
    for name, chosen in (("n", ~primed), ("n p", primed)):
        for loud in range(4):
            path_data = "".join(
                f"M{note['onset'] * across:.1f} {(high - int(note['pitch']) + 0.5) * step:.1f}"
                f"h{max((note['offset'] - note['onset']) * across, 1.5):.1f}"
                for note in notes[chosen & (level == loud)]
            )
            if path_data:
                parts.append(
                    f'<path class="{name}" stroke-width="{step * 0.86:.1f}" '
                    f'stroke-opacity="{0.45 + 0.18 * loud:.2f}" d="{path_data}"/>'
                )
    if 0 < primer_seconds < seconds:
        parts.append(f'<path class="edge" d="M{primer_seconds * across:.1f} 0V{ROLL_HEIGHT}"/>')
    with atomic_path(path) as temporary:
        temporary.write_text("".join(parts) + "</svg>\n", encoding="utf-8")


def spectrum(samples: npt.NDArray[np.float32], sample_rate: int = SAMPLE_RATE) -> Spectrum:
    """Return the constant-Q spectrogram of mono samples (n,) in dB below its peak.

    Shape (176, frames): two bins a semitone from A0 to C8, one frame per 1024 samples
    (`librosa.cqt`; Schörkhuber and Klapuri, 2010).
    """
    import librosa

    # the lowest octave needs one and a half seconds: shorter sounds are padded, then cut again
    frames = 1 + len(samples) // HOP
    transformed = librosa.cqt(
        np.pad(samples, (0, max(0, SHORTEST - len(samples)))),
        sr=sample_rate,
        hop_length=HOP,
        fmin=float(librosa.midi_to_hz(LOWEST)),
        n_bins=(HIGHEST - LOWEST + 1) * BINS_PER_SEMITONE,
        bins_per_octave=12 * BINS_PER_SEMITONE,
    )
    magnitude = np.abs(transformed[:, :frames])
    if not magnitude.max() > 0:
        return np.full(magnitude.shape, -72.0, np.float32)
    return np.asarray(librosa.amplitude_to_db(magnitude, ref=np.max, top_db=72), np.float32)


def draw_spectrum(axes: Any, decibels: Spectrum, sample_rate: int = SAMPLE_RATE) -> None:
    """Draw a spectrogram from `spectrum` with pitch on the vertical axis."""
    seconds = decibels.shape[1] * HOP / sample_rate
    half = 0.5 / BINS_PER_SEMITONE
    axes.imshow(
        decibels,
        origin="lower",
        aspect="auto",
        cmap="magma",
        vmin=-72,
        vmax=0,
        extent=(0, seconds, LOWEST - half, HIGHEST + 1 - half),
        interpolation="nearest",
    )


def draw_roll(axes: Any, notes: Notes, colour: str = BLUE) -> None:
    """Draw notes as bars; louder ones are more opaque."""
    from matplotlib.collections import PolyCollection

    if not len(notes):
        return
    left, right = notes["onset"], np.maximum(notes["offset"], notes["onset"] + 0.02)
    low, high = notes["pitch"] - 0.43, notes["pitch"] + 0.43
    corners = np.stack(
        [np.stack([left, right, right, left], 1), np.stack([low, low, high, high], 1)], axis=2
    )
    opacity = 0.4 + 0.6 * notes["velocity"] / 127
    bars = PolyCollection(list(corners), facecolors=colour, alpha=opacity, linewidths=0)
    axes.add_collection(bars)


def set_axes(axes: Any, low: int, high: int, start: float, end: float) -> None:
    """Set the limits of a roll or spectrogram and name the Cs on its pitch axis."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    octaves = list(range(-(-low // 12) * 12, high + 1, 12))
    axes.set_yticks(octaves, [pitch_name(pitch) for pitch in octaves])
    axes.set_ylim(low - 0.5, high + 0.5)
    axes.set_xlim(start, end)
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10], integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{int(x) // 60}:{int(x) % 60:02d}"))


def plot_piece(
    path: Path,
    notes: Notes,
    samples: npt.NDArray[np.float32],
    title: str,
    primer_seconds: float = 0.0,
) -> None:
    """Plot a piece's piano roll above the spectrogram of its sound (mono, 22,050 Hz), as PNG."""
    low, high = pitch_range(notes)
    seconds = max(len(samples) / SAMPLE_RATE, 0.1)
    with canvas(9, 4.6) as figure:
        upper, lower = figure.subplots(2, 1, sharex=True)
        upper.grid(axis="y")
        draw_roll(upper, notes[notes["onset"] >= primer_seconds])
        draw_roll(upper, notes[notes["onset"] < primer_seconds], VERMILLION)
        upper.set_title(f"{title}: notes")
        draw_spectrum(lower, spectrum(samples))
        lower.set_title("sound (constant-Q spectrogram)")
        lower.set_xlabel("time (min:s)")
        # the spectrogram shows the overtones too: an octave and a half above the notes
        for axes, top, line in ((upper, high, INK), (lower, min(HIGHEST, high + 18), "white")):
            set_axes(axes, max(low, LOWEST), max(top, low + 12), 0, seconds)
            axes.set_ylabel("pitch")
            if 0 < primer_seconds < seconds:
                axes.axvline(primer_seconds, color=line, ls="--", lw=1)
        lower.tick_params(colors=GRID, which="both", labelcolor=INK)
        save_figure(figure, path, dpi=100)
