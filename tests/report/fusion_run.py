"""A made-up fusion task with sounds, pictures and curves, and its page."""

import numpy as np
import soundfile
from fusion.toy_judged import DAMAGES, write_toy_evaluation

from soundmill.audio.perturbation_options import read_augmentation
from soundmill.corpus.decode_options import MANIFEST_COLUMNS
from soundmill.files import read_json
from soundmill.fusion.outputs import read_outputs
from soundmill.report.fusion_page import write_fusion_page
from soundmill.report.fusion_samples import SoundSource, show_samples
from soundmill.status import write_table

RATE = 8000
HOSTILE = "<img src=x onerror=alert(1)>"


def sound_source(root, outputs):
    """Write WAV files of all sounds in test pairs, and return where they are."""
    (root / "wav").mkdir(exist_ok=True)
    ids = sorted({str(i) for folder in outputs["audio"] for i in read_outputs(folder).ids})
    time = np.arange(RATE // 2) / RATE
    rows = []
    for number, name in enumerate(ids):
        tone = np.sin(2 * np.pi * (200 + 10 * number) * time) * np.hanning(len(time))
        soundfile.write(root / "wav" / f"{name}.wav", 0.5 * tone, RATE)
        rows.append({"id": name, "source": f"{HOSTILE}/{name}{HOSTILE.replace('/', '')}.wav",
                     "bucket": "00", "status": "ok"})  # fmt: skip
    write_table(root / "manifest.csv", rows, MANIFEST_COLUMNS)
    changes = {
        name: read_augmentation({"kind": "noise", "low": level, "high": level})
        for name, level in zip(DAMAGES["audio"], (10, 0), strict=True)
    }
    return SoundSource({"00": root / "wav"}, root / "manifest.csv", RATE, changes)


def write_curves(root):
    """Write the curves of two folds' fusions, and those of the practical."""
    paths = []
    for fold in range(2):
        paths.append(root / f"curves-{fold}.csv")
        rows = [
            {"fusion": name, "seed": seed, "epoch": epoch, "train_loss": 1 / epoch,
             "valid_loss": 1.2 / epoch, "valid_accuracy": 1 - 0.5 / epoch}
            for name in ("gate", "early") for seed in (1, 2) for epoch in range(1, 6)
        ]  # fmt: skip
        write_table(paths[-1], rows, list(rows[0]))
    rows = [
        {"split": split, "epoch": epoch, "train_loss": 2 / epoch, "train_accuracy": 1 - 1 / epoch,
         "test_loss": 2 / epoch + (split != "random"),
         "test_accuracy": 1 - 1 / epoch - 0.2 * (split != "random")}
        for split in ("random", "0", "1") for epoch in range(1, 11)
    ]  # fmt: skip
    write_table(root / "practical_curves.csv", rows, list(rows[0]))
    return paths, root / "practical_curves.csv"


def write_fusion_run(root, samples=4, **changed):
    """Write a task's evaluation and its page; return the page's folder."""
    evaluation = write_toy_evaluation(root, **changed)
    data = read_json(evaluation)
    predictions = {p.name[12:]: p for p in sorted(root.glob("predictions-*"))}
    outputs = {"audio": sorted(root.glob("audio-*")), "image": [root / "image"]}
    curves, practical = write_curves(root)
    shown = show_samples(
        root / "report", predictions=predictions, outputs=outputs,
        sounds={"audio": sound_source(root, outputs)}, manifests={},
        named=data["named"], use=data["use"], count=samples, seed=1,
    )  # fmt: skip
    write_fusion_page(
        root / "report", name="spoken_and_written", evaluation=evaluation,
        curves={"The fusions that learn, by fold": curves}, samples=shown,
        practical_curves=practical if data["practical"] else None,
    )  # fmt: skip
    return root / "report"
