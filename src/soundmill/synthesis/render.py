"""Render notes to finished audio: instruments, effects, tail, level."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from soundmill.audio.files import Samples, write_audio
from soundmill.audio.levels import normalise_loudness
from soundmill.log import logger, progress
from soundmill.notes import Notes, read_midi
from soundmill.status import read_table
from soundmill.synthesis.effects import apply_effects, high_pass
from soundmill.synthesis.options import RenderOptions
from soundmill.synthesis.presets import HighPass, preset
from soundmill.synthesis.soundfont import play

FADE_IN_SECONDS = 0.001
FADE_OUT_SECONDS = 1.0
TAIL_END = 1e-3
"""The tail ends where it stays below this share of the peak (-60 dB)."""
AUDIO_FORMATS = (".wav", ".mp3")


class Layer(NamedTuple):
    """Notes and the instrument that plays them, among others at the same time."""

    notes: Notes
    instrument: str | int
    level: float = 0.0
    """Beside the other layers, dB: all are brought to the same RMS first."""


def render_notes(notes: Notes, options: RenderOptions, turn: int = 0) -> Samples:
    """Render notes to audio at ``options.sample_rate``.

    Parameters
    ----------
    notes : the piece; sample 0 is time 0 of the notes.
    turn : whose turn it is among ``options.instruments`` (counted round and round).

    Returns
    -------
    float32 samples (2, n): no offset, no click at either end, tail faded out, loudness and peak
    as the options say. A piece without notes is one second of silence.
    """
    instrument = options.instruments[turn % len(options.instruments)]
    return render_layers([Layer(notes, instrument)], options)


def render_layers(layers: Sequence[Layer], options: RenderOptions) -> Samples:
    """Render layers that sound together; ``options.instrument`` is not used. See `render_notes`."""
    rate = options.sample_rate
    layers = [layer for layer in layers if len(layer.notes)]
    if not layers:
        return np.zeros((2, rate), np.float32)
    parts = [play(layer.notes, layer.instrument, options.soundfont, rate) for layer in layers]
    mixed = np.zeros((2, max(part.shape[1] for part in parts)), np.float32)
    for layer, part in zip(layers, parts, strict=True):
        rms = max(float(np.sqrt(np.mean(part**2))), 1e-9)
        mixed[:, : part.shape[1]] += part * np.float32(0.1 * 10 ** (layer.level / 20) / rms)
    # sampled instruments carry offsets of up to 1 %; nothing below 25 Hz is meant to sound
    mixed = high_pass(mixed, rate, HighPass(frequency=25))
    wet = apply_effects(mixed, rate, (*preset(options.preset), *options.effects))
    return normalise_loudness(_fade(wet, rate), rate, options.loudness, options.peak)


def _fade(samples: Samples, sample_rate: int) -> Samples:
    """Cut where the tail has died away, and fade both ends to nothing."""
    level = np.abs(samples).max(axis=0)
    audible = np.flatnonzero(level > TAIL_END * level.max(initial=0.0))
    fade = round(FADE_OUT_SECONDS * sample_rate)
    end = min(samples.shape[1], (audible[-1] + 1 if len(audible) else 0) + fade)
    faded = samples[:, :end].copy()
    fade = min(fade, end)
    faded[:, end - fade :] *= np.cos(np.linspace(0, np.pi / 2, fade, dtype=np.float32)) ** 2
    start = min(round(FADE_IN_SECONDS * sample_rate), end)
    faded[:, :start] *= np.linspace(0, 1, start, dtype=np.float32)
    return faded


def render_file(
    midi: str | os.PathLike[str],
    output: str | os.PathLike[str],
    options: RenderOptions,
    turn: int = 0,
) -> None:
    """Render a MIDI file to an audio file; the suffix (.wav, .mp3, .flac, ...) is its format.

    Raises
    ------
    InputError : the MIDI file, the SoundFont or the format cannot be used.
    """
    write_audio(output, render_notes(read_midi(midi), options, turn), options.sample_rate)


def render_pieces(
    generated: Path, output: Path, options: RenderOptions, *, threads: int = 1
) -> None:
    """Render every piece of a folder to ``<piece>.wav`` and ``<piece>.mp3`` in another.

    Parameters
    ----------
    generated : holds ``pieces.csv`` (columns ``id`` and ``primer`` at least) and ``<id>.mid``.
        Instruments take turns in the order of the table; a primer and its continuations share
        one, so that they compare.
    threads : pieces rendered at once.

    Raises
    ------
    InputError : as `render_file`.
    """
    turns = _turns(generated / "pieces.csv")

    def render(piece: str) -> None:
        notes = read_midi(generated / f"{piece}.mid")
        if not len(notes):
            logger.warning("%s has no notes: it becomes one second of silence", piece)
        audio = render_notes(notes, options, turns[piece])
        for suffix in AUDIO_FORMATS:
            write_audio(output / f"{piece}{suffix}", audio, options.sample_rate)

    with ThreadPoolExecutor(threads) as pool:
        done = pool.map(render, turns)
        for _ in progress(done, total=len(turns), unit="pieces", label="render"):
            pass


def _turns(table: Path) -> dict[str, int]:
    """Return piece -> turn, one turn for each new piece and for each primer with its followers."""
    leaders: dict[str, int] = {}
    return {
        row["id"]: leaders.setdefault(row["primer"] or row["id"], len(leaders))
        for row in read_table(table)
    }
