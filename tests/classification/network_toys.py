"""A task whose classes are bands with sound in them, and a store that holds spectra in memory."""

from pathlib import Path

import numpy as np

from soundmill.classification.network_data import Material
from soundmill.classification.task import Task, write_task
from soundmill.features.spectra_options import SpectraOptions
from soundmill.status import write_table

SPECTRA = SpectraOptions(sample_rate=8000, hop=400, n_fft=512, bands=16, fmin=50)  # 20 frames/s
INDEX = ("id", "source", "status", "reason", "first", "frames", "seconds")


class MemoryStore(dict):
    """Spectra by id, as `SpectraStore` gives them."""

    def __init__(self, spectra, copies=None):
        super().__init__(spectra)
        self._copies = copies or {}

    def copies(self, name):
        return self._copies.get(name, [])


def toy_spectra(count=24, classes=3, frames=48, seed=0):
    """(spectra, class numbers): class k is loud in four bands from 4 k on."""
    random = np.random.default_rng(seed)
    numbers = np.arange(count) % classes
    spectra = []
    for number in numbers:
        spectrum = random.normal(-60, 3, (frames + int(random.integers(8)), 16))
        spectrum[:, 4 * number : 4 * number + 4] += 25
        spectra.append(spectrum.astype(np.float16))
    return spectra, numbers


def toy_targets(kind, numbers, classes=3):
    one = np.eye(classes, dtype=np.float32)[numbers]
    if kind == "multi":
        return np.maximum(one, np.roll(one, 1, axis=1) * (numbers[:, None] % 2)).astype(np.float32)
    return (one @ np.array([[0.0, 5], [2, 5], [4, 7]], np.float32)) if kind == "regression" else one


def toy_material(kind="single", count=24, valid=6, **changes):
    spectra, numbers = toy_spectra(count + valid)
    names = [f"r{i}" for i in range(count + valid)]
    targets = toy_targets(kind, numbers)
    values = {
        "kind": kind, "outputs": targets.shape[1], "copies": {},
        "store": MemoryStore(zip(names, spectra, strict=True)),
        "train": names[:count], "train_targets": targets[:count],
        "valid": names[count:], "valid_targets": targets[count:], "frame_rate": 20.0,
    }  # fmt: skip
    return Material(**{**values, **changes})


def write_toy_task(folder: Path, kind="single", count=30, name="task"):
    """Write spectra and task; folds ``0`` (with valid and test) and ``all``; return the pair."""
    spectra, numbers = toy_spectra(count)
    first, rows = 0, []
    for i, spectrum in enumerate(spectra):
        rows.append(
            {"id": f"r{i}", "source": f"r{i}.wav", "status": "ok", "first": first,
             "frames": len(spectrum), "seconds": len(spectrum) / 20}
        )  # fmt: skip
        first += len(spectrum)
    pair = (folder / "b.npy", folder / "b.csv")
    np.save(pair[0], np.concatenate(spectra))
    write_table(pair[1], rows, INDEX)
    examples = [
        {"id": row["id"], "source": row["source"], "bucket": "b", "seconds": "2", "group": ""}
        for row in rows
    ]
    place = np.arange(count)
    part = np.where(place < count - 12, "train", np.where(place < count - 6, "valid", "test"))
    folds = {"0": part, "all": np.where(part == "test", "train", part)}
    targets = numbers if kind == "single" else toy_targets(kind, numbers)
    classes = ["low", "middle", "high"] if kind != "regression" else ["arousal", "valence"]
    write_task(folder / name, Task(kind, classes, examples, targets, folds))
    return pair
