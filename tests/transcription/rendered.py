"""Notes and their sound, so that onsets are known exactly."""

import numpy as np
import soundfile
import tinysoundfont

from soundmill.notes import make_notes
from soundmill.synthesis.soundfont import default_soundfont

RATE = 44100


def render(notes, program=0):
    """Return mono samples of notes played by General MIDI ``program``, with 2 s to ring out."""
    synth = tinysoundfont.Synth(samplerate=RATE, gain=-6)
    synth.program_select(0, synth.sfload(str(default_soundfont())), 0, program)
    events = [(round(n["onset"] * RATE), int(n["pitch"]), int(n["velocity"])) for n in notes]
    events += [(round(n["offset"] * RATE), int(n["pitch"]), 0) for n in notes]
    events.sort()
    parts, now = [], 0
    for time, pitch, velocity in [*events, (events[-1][0] + 2 * RATE, 0, 0)]:
        while now < time:
            count = min(time - now, 4096)
            block = np.frombuffer(bytes(synth.generate(count)), np.float32)
            parts.append(block.reshape(-1, 2).mean(axis=1))
            now += count
        synth.noteon(0, pitch, velocity) if velocity else synth.noteoff(0, pitch)
    return np.concatenate(parts)


def melody(count=24, seed=3, length=0.4, step=0.5):
    """Return a line of struck notes, no pitch twice in a row."""
    rng = np.random.default_rng(seed)
    pitch = 60 + np.cumsum(rng.choice([-5, -4, -2, 2, 3, 5], count)) % 24
    onset = 0.5 + step * np.arange(count)
    return make_notes(onset, onset + length, pitch, rng.integers(60, 110, count))


def write(path, notes, program=0):
    """Write the sound of notes as 16-bit WAV at 22,050 Hz, as the pipeline decodes recordings."""
    import soxr

    samples = soxr.resample(render(notes, program), RATE, 22050)
    soundfile.write(path, 0.7 * samples / np.abs(samples).max(), 22050)
    return path
