"""The result files of a classification task, of each kind, made without training anything."""

import json

import numpy as np
import pandas as pd
import soundfile
from toy_task import make_task, predict

from soundmill.classification.ensemble_options import EnsembleOptions
from soundmill.classification.evaluation import Learner, evaluate_task
from soundmill.classification.evaluation_options import ClassificationEvaluationOptions
from soundmill.classification.model_card import write_model_card
from soundmill.classification.model_card_options import ModelCardOptions
from soundmill.classification.predictions import make_predictions, write_predictions
from soundmill.classification.task_files import write_prepared
from soundmill.files import write_json

RATE = 22_050
NAMES = {
    "single": (
        "bossa nova",
        "<b>rock</b> & $r_1$",
        "a class with a very long name, for what it is",
    ),
    "multi": ("drums", "<i>organ</i>", "strings & $s$", "synthesiser", "voice", "guitar", "bass"),
    "regression": ("valence", "<u>arousal</u>"),
}


def floor(task):
    tables = []
    for fold in [*task.honest_folds, *task.leaky_folds]:
        rows = task.rows(fold, "test")
        level = 0.0 if task.kind == "regression" else 1 / len(task.classes)
        shape = (len(rows), len(task.classes))
        ids = [task.ids[row] for row in rows]
        tables.append(make_predictions(ids, np.full(shape, level), fold=fold, part="test"))
    return pd.concat(tables, ignore_index=True)


def write_task_run(root, kind, *, source="r.mp3", leaky=True, network=True, sound=True, items=60):
    """Write ``task``, ``evaluation.json``, ``mistakes.json``, ``model_card.json``, ``wav``."""
    names = NAMES[kind]
    task = make_task(kind, items, len(names), folds=3, group_size=2, leaky=1 if leaky else 0)
    task.classes[:] = names
    for number, row in enumerate(task.examples):
        row["source"] = f"folder/{number} {source}"
    task.facts.update(
        protocol="3 folds drawn stratified by group",
        remarks=["'bass' (3) and 'brass' (4) are nearly alike"],
        left_out={"reasons": {"no label": 3, "the same content as another": 1}},
    )
    left_out = [{"id": "x", "source": source, "reason": "no label"}]
    write_prepared(root / "task", task, left_out)
    tables = {"majority": floor(task), "forest": predict(task, 1, 1)}
    if network:
        tables["cnn"] = predict(task, 0.8, 2, seeds=(1, 2, 3), segments=3)
    ensembles = {"both": EnsembleOptions(members=("forest", "cnn"))} if network else {}
    families = {"majority": "floor", "forest": "classical", "cnn": "network"}
    learners = {}
    for name, table in tables.items():
        folder = root / "learners" / name
        write_predictions(folder / "predictions.parquet", [table])
        cost = {"parameters": 12_345, "train_seconds": 61.5, "seconds_a_recording": 0.0025}
        (folder / "training.json").write_text(json.dumps(cost if name != "majority" else {}))
        paths = [folder / "predictions.parquet"], [folder / "training.json"]
        learners[name] = Learner(name, families[name], *paths)
    random = np.random.default_rng(1)
    described = pd.DataFrame(random.normal(size=(items, 3)).astype("f4"), columns=list("abc"))
    described.assign(id=task.ids).to_parquet(root / "d.parquet")
    options = ClassificationEvaluationOptions(resamples=200, mistakes=4)
    evaluate_task(
        root / "task", learners, root, name="style", ensembles=ensembles, options=options,
        descriptors=[root / "d.parquet"], seed=1,
    )  # fmt: skip
    write_model_card(
        root / "evaluation.json", root / "task", root / "card.md", root / "model_card.json",
        ModelCardOptions(),
    )  # fmt: skip
    (root / "wav/00").mkdir(parents=True)
    for name in task.ids if sound else ():
        tone = np.sin(np.arange(RATE // 2) / random.uniform(3, 40)) * 0.2
        soundfile.write(root / f"wav/00/{name}.wav", tone, RATE)
    return task


def measured(value):
    return {"value": value, "interval": [value - 0.1, value + 0.1], "items": 40}


def write_studies(root, kind="single"):
    """Write what studies leave behind, and return the paths in the order of the workflow."""
    drops = [
        {"name": name, "drop": {"value": v, "low": v - 0.03, "high": v + 0.03}}
        for name, v in (("mfcc", 0.2), ("<b>rhythm</b> $x$", 0.05), ("energy", -0.01))
    ]
    write_json(root / "importance/forest.json", {
        "figure": "accuracy", "recordings": 40, "remarks": ["Read the families first."],
        "families": drops, "features": drops,
        "shap": {"unit": "probability", "features": [{"name": "h", "value": 0.01}]},
    })  # fmt: skip
    random = np.random.default_rng(1)
    arrays = {"ids": np.array(["r1", "r2", "r3"]), "classes": np.array(["a", "<b>", "c"]),
              "frame_rate": np.array(20.0)}  # fmt: skip
    for n in range(3):
        arrays |= {
            f"spectrum_{n}": random.normal(-40, 9, (60, 24)).astype("f2"),
            f"drop_{n}": random.normal(0, 0.1, (6, 3)).astype("f4"),
            f"frames_{n}": np.arange(0, 61, 10), f"bands_{n}": np.arange(0, 25, 8),
            f"probability_{n}": np.array(0.93),
        }  # fmt: skip
    np.savez(root / "occlusion.npz", **arrays)
    rows = [{"learner": name, "kind": change, "value": value, "measure": measured(level)}
            for name, level in (("forest", 0.8), ("cnn", 0.7))
            for change, values in ((None, (0,)), ("noise", (30, 20, 10, 0)), ("pitch", (-1, 1)),
                                   ("tempo", (0.9, 1.1)), ("mp3", (128, 16)))
            for value in values]  # fmt: skip
    units = {"noise": "signal-to-noise ratio, dB", "pitch": "semitones", "tempo": "tempo factor",
             "mp3": "kbit/s"}  # fmt: skip
    write_json(root / "robustness.json", {"metric": "accuracy", "items": 40, "over": "recordings",
                                          "units": units, "rows": rows})  # fmt: skip
    rows = [
        {
            "method": method,
            "clips": clips,
            "examples": clips * 4,
            **measured(level),
            "difference": None if method == "scratch" else 0.1,
            "difference_interval": None if method == "scratch" else [0.02, 0.2],
        }
        for clips in (2, 5, 10)
        for method, level in (("scratch", 0.4), ("frozen", 0.5), ("fine_tuned", 0.6))
    ]
    write_json(root / "transfer.json", {"metric": "accuracy", "seeds": 3, "freeze": 2,
                                        "rate_factor": 0.1, "rows": rows})  # fmt: skip
    rows = [
        {"variant": name, **measured(0.7), "difference": d, "difference_interval": i}
        for name, d, i in (("all", None, None), ("without mixup", -0.05, [-0.1, 0.01]))
    ]
    write_json(root / "ablation.json", {"metric": "accuracy", "seeds": 1, "rows": rows})
    classes = {"a": {"training": 0.5, "predicted": 0.7}, "<b>": {"training": 0.5, "predicted": 0.3}}
    prior = {"recordings": 12, "heard": 11, "classes": classes}
    write_json(root / "prior.json", prior | ({} if kind == "regression" else {"interval": "95 %"}))
    return [str(root / name) for name in ("importance/forest.json", "occlusion.npz",
            "robustness.json", "transfer.json", "ablation.json", "prior.json")]  # fmt: skip
