"""A tiny corpus of recordings and a tiny model of it, trained in seconds."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from soundmill.files import sha256_file
from soundmill.soundscape.autoencoder_options import AutoencoderOptions
from soundmill.soundscape.autoencoder_training import train_autoencoder
from soundmill.soundscape.condition_options import ConditionOptions
from soundmill.soundscape.model import SoundscapeModel, load_model
from soundmill.soundscape.prior_options import PriorOptions
from soundmill.soundscape.prior_training import train_prior
from soundmill.soundscape.recordings import prepare_recordings
from soundmill.soundscape.recordings_options import HeldOutOptions
from soundmill.status import write_table

RATE = 8000
COLUMNS = (
    "id",
    "source",
    "bucket",
    "status",
    "reason",
    "seconds",
    "sha256",
    "kind",
    "hour",
    "site",
)
CONDITIONS = {"kind": ConditionOptions(), "hour": ConditionOptions(kind="circle")}
HELD_OUT = HeldOutOptions()
AUTOENCODER = AutoencoderOptions(
    n_fft=256, width=16, blocks=1, latents=4, global_latents=4, crop_seconds=1, batch=4, steps=60,
    epoch_steps=20, learning_rate=3e-3, accelerator="cpu",
)  # fmt: skip
PRIOR = PriorOptions(
    width=24, mixtures=32, steps=80, epoch_steps=40, batch=8, sequence_seconds=1.5,
    learning_rate=5e-3,
)  # fmt: skip


def hiss(seconds, seed, bright=True):
    """Noise (n,) whose spectrum falls or rises by 12 dB an octave, full scale 1."""
    rng = np.random.default_rng(seed)
    n = round(seconds * RATE)
    spectrum = np.fft.rfft(rng.standard_normal(n))
    share = np.linspace(0.02, 1, len(spectrum))
    wave = np.fft.irfft(spectrum * (share**2 if bright else (1.02 - share) ** 4), n)
    return (0.2 * wave / wave.std()).astype(np.float32)


def pulses(seconds, seed, rate=4.0):
    """Short strokes of noise, so many a second, over a quiet floor."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE)) / RATE
    return (rng.standard_normal(len(time)) * (0.4 * np.exp(-40 * (time * rate % 1) / rate) + 0.002)
            ).astype(np.float32)  # fmt: skip


def sounds():
    """Return nine recordings: name to (samples, kind, hour, site)."""
    found = {}
    for k, seconds in enumerate((2.0, 3.0, 4.0)):
        found[f"hiss{k}"] = (hiss(seconds, k), "hiss", str(5 + k), f"site{k}")
        found[f"rumble{k}"] = (hiss(seconds, 10 + k, False), "rumble", str(17 + k), f"site{k}")
        found[f"pulses{k}"] = (pulses(seconds, 20 + k), "pulses", "", f"site{k}")
    return found


def write_corpus(folder, recordings, rate=RATE):
    """Write WAVs and the manifest; return it and the folders that `prepare_recordings` wants."""
    wav = folder / "wav" / "00"
    wav.mkdir(parents=True)
    rows = []
    for name, (samples, kind, hour, site) in recordings.items():
        soundfile.write(wav / f"{name}.wav", samples.T, rate, subtype="PCM_16")
        rows.append({
            "id": name, "source": f"{name}.mp3", "bucket": "00", "status": "ok", "reason": "",
            "seconds": f"{samples.shape[-1] / rate:.3f}",
            "sha256": sha256_file(wav / f"{name}.wav"), "kind": kind, "hour": hour, "site": site,
        })  # fmt: skip
    write_table(folder / "manifest.csv", rows, COLUMNS)
    return folder / "manifest.csv", {"00": str(wav)}


def prepare(folder, recordings, conditions=CONDITIONS, held_out=HELD_OUT, seed=1):
    """Write a corpus and its recordings.csv; return the path of this."""
    manifest, wav = write_corpus(folder, recordings)
    table = folder / "recordings.csv"
    prepare_recordings(
        manifest, wav, table, conditions=conditions, held_out=held_out, seed=seed
    )  # fmt: skip
    return table


def train_first(
    table, folder, options=AUTOENCODER, conditions=CONDITIONS, channels=1, seed=3
):  # fmt: skip
    """Train an autoencoder into ``folder / "autoencoder"``."""
    train_autoencoder(
        table, folder / "autoencoder", folder / "first.json", folder / "first.csv",
        folder / "state-first", options, conditions, channels=channels, seed=seed, code="abc",
    )  # fmt: skip


def train_second(table, folder, options=PRIOR, seed=3):
    """Train the prior of ``folder / "autoencoder"`` and write ``folder / "model"``."""
    train_prior(
        table, folder / "autoencoder", folder / "model", folder / "metrics.json",
        folder / "curves.csv", folder / "state", options, first_metrics=folder / "first.json",
        first_curves=folder / "first.csv", seed=seed, code="abc",
    )  # fmt: skip


@dataclass(frozen=True)
class Tiny:
    """A trained model and what it has learned from; read only."""

    folder: Path
    table: Path
    model: SoundscapeModel


def build(folder, recordings=None, channels=1, conditions=CONDITIONS, **held_out):
    """Write a corpus into a folder and train a model of it."""
    table = prepare(
        folder, recordings or sounds(), conditions, HeldOutOptions(**held_out)
    )  # fmt: skip
    train_first(table, folder, channels=channels, conditions=conditions)
    train_second(table, folder)
    return Tiny(folder, table, load_model(folder / "model"))
