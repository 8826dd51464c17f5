"""The result files of a soundscape model, made without training anything."""

import numpy as np
import soundfile
from scipy.signal import lfilter

from soundmill.files import write_json
from soundmill.status import write_table

RATE = 22_050
LABELS = ("rain", "wind", "<b>surf</b> & $s_1$")
KINDS = {"reconstruction": 1.02, "phase": 1.0, "variation": 1.3, "noise": 3.0}
PIECES = (
    # kind, condition, seconds
    ("new", "rain", 3.0),
    ("new", "wind 0.3, rain 0.7", 3.0),
    ("variation", "rain, 0.5 of the way", 2.0),
    ("interpolation", "rain to wind", 3.0),
    ("script", "hour 5, at 0:02 hour 22", 3.0),
    ("loop", "wind", 2.0),
)


def measured(value, spread=0.1, n=24):
    if value is None:
        return {"value": None, "interval": None, "n": 0, "reason": "too few <i>clips</i>"}
    return {"value": value, "interval": [value - spread * value, value + spread * value], "n": n}


def noise(seconds, seed, rate=RATE, channels=1):
    """Return filtered noise (channels, n): each seed has a colour of its own."""
    random = np.random.default_rng(seed)
    white = random.normal(size=(channels, round(seconds * rate)))
    return (0.05 * lfilter([1.0], [1.0, -0.2 - 0.7 * random.random()], white)).astype("f4")


def write_soundscape_run(
    root, *, name="weather_1", labels=LABELS, held_out="recordings", judge=True, fidelity=True,
    collapsed=False, sound=noise, rate=RATE, channels=1, source="r.mp3", pieces=PIECES, each=2,
    clip_seconds=1.0,
):  # fmt: skip
    """Write all that the page reads into ``root``, and return the evaluation."""
    write_recordings(root, labels, source)
    clips = write_clips(root, labels, sound, rate, channels, each, clip_seconds)
    rows = []
    for number, (kind, condition, seconds) in enumerate(pieces):
        file = f"{kind}-{number} <x> $.wav"
        write_sound(root / "generated" / file, sound(seconds, 50 + number, rate, channels), rate)
        rows.append({"name": f"{kind}-{number} {source}", "file": file, "kind": kind,
                     "seconds": seconds, "seed": 7 + number, "condition": condition,
                     "label": labels[0] if labels else "", "sample_rate": rate,
                     "channels": channels, "loudness": -23.0, "peak": -1.0,
                     "factor": 8.25})  # fmt: skip
    columns = ("name", "file", "kind", "seconds", "seed", "condition", "label", "sample_rate",
               "channels", "loudness", "peak", "factor")  # fmt: skip
    write_table(root / "generated/pieces.csv", rows, columns)
    write_training(root, labels)
    data = evaluation(name, labels, held_out, judge, fidelity, collapsed, clips, clip_seconds)
    write_json(root / "long.json", data["long"])
    write_json(root / "evaluation.json", data)
    return data


def write_recordings(root, labels, source):
    rows = [
        {"id": f"{part}-{place}", "source": f"folder/{part} {place} {source}", "bucket": "00",
         "wav": "x.wav", "split": part, "start": 0, "stop": 30, "label": label}
        for part in ("train", "valid", "test") for place, label in enumerate(labels or ("",))
    ]  # fmt: skip
    write_table(root / "recordings.csv", rows, list(rows[0]))


def write_sound(path, samples, rate):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples.T, rate)


def write_clips(root, labels, sound, rate, channels, each, seconds):
    """Write ``clips.csv`` and its sounds; return how many there are of each kind."""
    rows = []

    def add(kind, place, number, label, reference=""):
        file = f"{kind}-{place}-{number}.wav"
        seed = 1000 * list(KINDS).index(kind) if kind in KINDS else 5000
        samples = sound(seconds, seed + 10 * place + number, rate, channels)
        write_sound(root / "clips" / file, KINDS.get(kind, 1.0) * 0.3 * samples, rate)
        real = kind in ("train", "real", *KINDS)
        part = "train" if kind == "train" else "test"
        rows.append({"kind": kind, "file": file, "source": f"{part}-{place}" if real else "",
                     "label": label, "reference": reference})  # fmt: skip
        return file

    for place, label in enumerate(labels or ("",)):
        for number in range(each):
            for kind in ("train", "sample", "granular"):
                add(kind, place, number, label)
            real = add("real", place, number, label)
            for kind in KINDS:
                add(kind, place, number, label, real)
    write_table(root / "clips/clips.csv", rows, list(rows[0]))
    kinds = list(dict.fromkeys(row["kind"] for row in rows))
    return {kind: sum(row["kind"] == kind for row in rows) for kind in kinds}


def write_training(root, labels):
    rows = []
    for phase, epochs in (("autoencoder", 20), ("prior", 12)):
        rows += [
            {"phase": phase, "epoch": epoch, "step": epoch * 40, "seconds": epoch * 3.1,
             "train_loss": 2 + 3 * np.exp(-epoch / 5),
             "valid_loss": "" if epoch % 2 else 2.2 + 3 * np.exp(-epoch / 5)}
            for epoch in range(1, epochs + 1)
        ]  # fmt: skip
    write_table(root / "curves.csv", rows, list(rows[0]))
    write_json(root / "metrics.json", {
        "parameters": {"autoencoder": 1_234_567, "prior": 345_678},
        "seconds": {"autoencoder": 61.5, "prior": 37.0}, "latents": {}, "controls": [],
    })  # fmt: skip


def distances(scale, variation=True):
    kinds = {"floor": 1.0, "phase": 1.1, "reconstruction": 2.6, "variation": 3.1, "sample": 4.0,
             "granular": 3.0, "noise": 13.0}  # fmt: skip
    found = {kind: measured(scale * value) for kind, value in kinds.items()}
    return found if variation else found | {"variation": measured(None)}


def evaluation(name, labels, held_out, judge, fidelity, collapsed, clips, clip_seconds):
    random = np.random.default_rng(1)
    size = len(labels)
    confusion = {
        kind: (random.integers(0, 2, (size, size)) + right * np.eye(size, dtype=int)).tolist()
        for kind, right in (("real", 9), ("sample", 5))
    }
    three = {"real": measured(1.0), "sample": measured(0.8), "granular": measured(0.9)}
    reconstruction = {
        "log_spectral_distance": ("dB", 4.2, 1.5, 6.1, 9.4),
        "multi_scale_stft": ("", 0.8, 0.2, 1.1, 2),
        "mel_l1": ("dB", 2.3, 0.4, 3.0, 7.7), "loudness_error": ("LU", 0.4, 0.01, 0.9, 0.0),
    }  # fmt: skip
    kinds = ("reconstruction", "phase", "variation", "noise")
    return {
        "model": name, "corpus": "field_1", "held_out": held_out, "clip_seconds": clip_seconds,
        "sample_rate": RATE, "clips": clips, "labels": list(labels),
        "recordings": {"train": 12, "valid": 3, "test": 3},
        "reconstruction": {
            key: {"unit": unit, **dict(zip(kinds, map(measured, values), strict=True))}
            for key, (unit, *values) in reconstruction.items()
        },
        "distribution": {
            "texture": {"fad": distances(10.0), "kad": distances(0.002, variation=False)},
            "judge": {"fad": distances(1.5), "kad": distances(0.05)} if judge else None,
            "reasons": {} if judge else {"judge": "no classifier is <i>configured</i>"},
        },
        "fidelity": {
            "judge": "forest of <i>style</i>, trained on other recordings", "classes": list(labels),
            "real": measured(0.9), "sample": measured(0.75), "granular": measured(0.95, 0.02),
            "confusion": confusion,
        } if fidelity else None,
        "fidelity_reason": "no labels",
        "diversity": three | {"within_label": {k: measured(0.5) for k in three}},
        "copying": three | {"share_nearer_than_real": {"sample": measured(0.12),
                                                       "granular": measured(0.6)}},
        "long": {
            "piece": {
                "seconds": 3600.0, "peak_dbfs": -1.2, "clipped_samples": 0,
                "drift": {
                    "loudness": {"unit": "LU", "per_hour": -0.31, "change": -0.31,
                                 "real_spread": 2.2, "beyond": False},
                    "brightness": {"unit": "octaves", "per_hour": None, "change": None,
                                   "real_spread": None, "beyond": None},
                },
                "seams": {"boundaries": 450, "click": {"largest": 1.2, "detected": False},
                          "detected": False},
                "repetition": {"stretch_seconds": 2.0, "highest": 0.62, "at": [7.25, 1204.5],
                               "typical": 0.4, "beyond_real": False,
                               "real": {"recordings": 12, "highest": 0.71}},
            },
            "factor": 11.3, "memory_mb": 612.0,
            "loop": {"loop_seam": {"boundaries": 1, "detected": True}, "level_db": 0.7,
                     "spread": measured(None)},
        },
        "latents": {"active": 1 if collapsed else 11, "dimensions": 16, "global_active": 3,
                    "global_dimensions": 8, "collapsed": collapsed},
        "controls": [
            {"name": f"latent {n}", "loudness": float(np.cos(n)), "brightness": float(np.sin(n)),
             "roughness": float(np.cos(3 * n)) / 2, "events": None if n == 2 else 0.1}
            for n in range(6)
        ],
    }  # fmt: skip
