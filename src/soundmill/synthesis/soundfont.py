"""Play notes through a SoundFont, to the sample.

The synthesizer is TinySoundFont: it plays TimGM6mb at the right pitches (a test compares them
with the MIDI numbers), which not every SoundFont player does.
"""

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tinysoundfont

from soundmill.audio.files import Samples
from soundmill.errors import InputError
from soundmill.notes import Notes
from soundmill.synthesis.instruments import program_number

RELEASE_SECONDS = 8.0
"""Longest sound after the last note's end: some bells never fall silent by themselves."""
SILENCE = 1e-4
"""A block below this share of the peak so far (-80 dB) is silence."""
BLOCK_SECONDS = 0.25


def default_soundfont() -> Path:
    """Return the path of TimGM6mb.sf2 (General MIDI, 6 MB), which pretty_midi carries."""
    package = importlib.util.find_spec("pretty_midi")  # found, not imported: that takes a second
    if package is None or package.origin is None:
        raise InputError("no default SoundFont: install pretty_midi, or set 'soundfont'.")
    return Path(package.origin).parent / "TimGM6mb.sf2"


def play(
    notes: Notes, instrument: str | int, soundfont: Path | None = None, sample_rate: int = 44100
) -> Samples:
    """Play notes with one instrument and let the last ones ring out.

    Parameters
    ----------
    notes : any number of notes; a note whose pitch sounds already starts a voice of its own.
    instrument : see `soundmill.synthesis.instruments.program_number`.
    soundfont : a .sf2 file; by default `default_soundfont`.
    sample_rate : Hz.

    Returns
    -------
    float32 samples (2, n) from time 0 of the notes; full scale may be exceeded.

    Raises
    ------
    InputError : the SoundFont is missing or damaged, or has no such instrument.
    """
    synth = _open(soundfont, instrument, sample_rate)
    blocks, now = [np.zeros((0, 2), np.float32)], 0
    for moment, is_onset, pitch, velocity in _events(notes, sample_rate):
        if moment > now:  # render up to the event, so that it falls on its own sample
            blocks.append(_render(synth, moment - now))
            now = moment
        if is_onset:
            synth.noteon(0, pitch, velocity)
        else:
            synth.noteoff(0, pitch)
    blocks.extend(_ring_out(synth, max(np.abs(b).max(initial=0) for b in blocks), sample_rate))
    return np.ascontiguousarray(np.concatenate(blocks).T)


def _open(soundfont: Path | None, instrument: str | int, sample_rate: int) -> tinysoundfont.Synth:
    path = soundfont or default_soundfont()
    if not path.is_file():
        raise InputError(f"the SoundFont {path} does not exist. Check 'soundfont'.")
    synth = tinysoundfont.Synth(samplerate=sample_rate)
    try:
        font = synth.sfload(str(path))
    except RuntimeError as error:
        raise InputError(
            f"{path} is not a readable SoundFont (.sf2): it is damaged or of another format."
        ) from error
    # the default has all of General MIDI; asking 16,384 places for names would take .1 s a piece
    names = _preset_names(synth, font) if soundfont else {}
    bank, program = program_number(instrument, names)
    if synth.sfpreset_name(font, bank, program) is None:
        raise InputError(
            f"the SoundFont {path} has no instrument {instrument!r} (bank {bank}, program "
            f"{program}). It has: {', '.join(list(names)[:12])}{', ...' if len(names) > 12 else ''}"
        )
    synth.program_select(0, font, bank, program)
    return synth


def _preset_names(synth: tinysoundfont.Synth, font: int) -> dict[str, tuple[int, int]]:
    """Return name -> (bank, program) of all presets; of two with one name the lower bank stays."""
    places = [(bank, program) for bank in range(128) for program in range(128)]
    names: dict[str, tuple[int, int]] = {}
    for place in places:
        name = synth.sfpreset_name(font, *place)
        if name is not None:
            names.setdefault(name, place)
    return names


def _events(notes: Notes, sample_rate: int) -> list[tuple[int, bool, int, int]]:
    """Return (sample, is onset, pitch, velocity) in order; at one sample, ends before onsets."""
    events = []
    for note in notes:
        onset = round(float(note["onset"]) * sample_rate)
        offset = max(round(float(note["offset"]) * sample_rate), onset + 1)
        pitch, velocity = int(note["pitch"]), int(note["velocity"])
        events += [(onset, True, pitch, velocity), (offset, False, pitch, 0)]
    return sorted(events)


def _render(synth: tinysoundfont.Synth, n: int) -> Samples:
    return np.frombuffer(synth.generate(n), np.float32).reshape(-1, 2)


def _ring_out(synth: tinysoundfont.Synth, peak: float, sample_rate: int) -> Iterator[Samples]:
    """Yield blocks until the sound has fallen silent, at most `RELEASE_SECONDS`."""
    for _ in range(round(RELEASE_SECONDS / BLOCK_SECONDS)):
        block = _render(synth, round(BLOCK_SECONDS * sample_rate))
        yield block
        if np.abs(block).max() <= SILENCE * peak:
            return
