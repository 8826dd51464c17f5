"""A task to be heard: three classes of sounds by four artists, their features, some learners."""

import numpy as np
import soundfile

from soundmill.classification.classical import train_classical
from soundmill.classification.classical_options import read_options
from soundmill.classification.network_options import ClassifierOptions
from soundmill.classification.network_training import Outputs, train_network
from soundmill.classification.task import Task, write_task
from soundmill.features.descriptor_bucket import describe_bucket
from soundmill.features.descriptor_options import DescriptorOptions
from soundmill.features.spectra_bucket import compute_spectra_bucket
from soundmill.features.spectra_options import SpectraOptions
from soundmill.status import write_table

RATE = 16_000
CLASSES = ("bass", "flute", "noise")
ARTISTS = ("ann", "bob", "cem", "dan")
DESCRIPTORS = DescriptorOptions(sample_rate=RATE, families=("mfcc",), segment_seconds=0.5)
SPECTRA = SpectraOptions(sample_rate=RATE, bands=24)
NETWORK = ClassifierOptions(
    kind="cnn1d", width=8, depth=2, epochs=12, seeds=1, chunk_seconds=0.6, batch=6,
    learning_rate=0.01,
)  # fmt: skip
CLASSICAL = {
    "forest": {"kind": "random_forest", "trees": 15},
    "parts": {"kind": "linear", "level": "segment", "aggregation": "log_mean"},
}


def sound(kind, seed, seconds=1.2):
    """Samples (n,) float32 of a class; no two are equal."""
    random = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE)) / RATE
    hiss = random.normal(0, 1, len(time))
    if kind == "noise":
        return (0.1 * hiss).astype(np.float32)
    pitch = {"bass": 110, "flute": 1200}[kind] * 2 ** random.uniform(-0.2, 0.2)
    beat = 1 + 0.4 * np.sin(2 * np.pi * random.uniform(2, 4) * time)
    return (0.2 * beat * np.sin(2 * np.pi * pitch * time) + 0.004 * hiss).astype(np.float32)


def build(folder, classical=("forest", "parts"), network=True):
    """Lay out a corpus ``songs`` as the workflow does, a task, and learners of it.

    Fold 0 tests artist dan, fold 1 artist cem. Returns the ids in the order of the task.
    """
    corpus = folder / "songs"
    wav = corpus / "wav/0"
    wav.mkdir(parents=True)
    examples = []
    for artist in ARTISTS:
        for number, kind in enumerate(CLASSES):
            name = f"{artist}-{kind}"
            samples = sound(kind, len(examples))
            soundfile.write(wav / f"{name}.wav", samples, RATE, subtype="PCM_16")
            examples.append({"id": name, "source": f"{name}.mp3", "bucket": "0", "seconds": "1.2",
                             "group": artist, "class": number})  # fmt: skip
    rows = [{"id": row["id"], "source": row["source"], "status": "ok"} for row in examples]
    write_table(corpus / "recordings.csv", rows, ["id", "source", "status", "reason"])
    paths = {kind: corpus / f"{kind}/default/0.parquet" for kind in ("features", "segments")}
    pair = (corpus / "spectra/default/0.npy", corpus / "spectra/default/0.csv")
    for path in (*paths.values(), *pair):
        path.parent.mkdir(parents=True, exist_ok=True)
    common = {"cache": folder / "cache", "code": ""}
    describe_bucket(
        corpus / "recordings.csv", wav, *paths.values(), corpus / "d.csv", options=DESCRIPTORS,
        **common,
    )  # fmt: skip
    compute_spectra_bucket(corpus / "recordings.csv", wav, *pair, options=SPECTRA, **common)
    targets = np.array([row.pop("class") for row in examples])
    groups = np.array([row["group"] for row in examples])
    tested = {"0": "dan", "1": "cem", "all": ""}
    folds = {fold: np.where(groups == who, "test", "train") for fold, who in tested.items()}
    write_task(folder / "task", Task("single", list(CLASSES), examples, targets, folds))
    for name in classical:
        out = folder / "learners" / name
        options = read_options(CLASSICAL[name])
        train_classical(
            folder / "task", [paths["segments" if options.level == "segment" else "features"]],
            out / "predictions.parquet", out / "training.json", out / "model", options, seed=1,
            descriptors=DESCRIPTORS.model_dump(mode="json"),
        )  # fmt: skip
    for fold in folds if network else ():
        out = folder / "learners/net/folds" / fold
        outputs = Outputs(
            out / "predictions.parquet", out / "training.json", out / "curves.csv", out / "model"
        )
        train_network(
            folder / "task", fold, [pair], {}, outputs, folder / "state", NETWORK, SPECTRA, 1
        )
    return [row["id"] for row in examples]
