"""Sounds and a bucket of recordings that the tests of spectra and descriptors share."""

import numpy as np
import soundfile

from soundmill.status import write_table

RATE = 22_050
COLUMNS = ("id", "source", "bucket", "status", "reason", "seconds")


def music(seconds, seed=0):
    """A chord with decaying strokes and a little noise, (n,) float32."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE)) / RATE
    pitches = 110 * 2 ** (rng.integers(0, 36, 4)[:, None] / 12)
    chord = np.sin(2 * np.pi * pitches * time).sum(0) * np.exp(-4 * (time % 0.5))
    return (0.15 * chord + 0.003 * rng.standard_normal(len(time))).astype(np.float32)


def write_bucket(folder, names, table):
    """Write recordings ``<name>.wav`` and the table that lists them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, samples in names.items():
        if samples is not None:
            path = folder / f"{name}.wav"
            # RF64, because libsndfile stamps the time of writing into a WAV file of floats.
            soundfile.write(path, samples, RATE, subtype="FLOAT", format="RF64")
    rows = [
        {"id": name, "source": f"{name}.mp3", "bucket": "00", "status": "ok", "seconds": "9"}
        for name in names
    ]
    rows.append({"id": "refused", "source": "r.mp3", "status": "rejected", "reason": "empty"})
    write_table(table, rows, COLUMNS)
