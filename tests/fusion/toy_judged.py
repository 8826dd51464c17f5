"""A made-up fusion task, judged: outputs and predictions of a few folds, and what they come to."""

import dataclasses

import numpy as np
from fusion.toy_outputs import write_toy_outputs, write_toy_predictions

from soundmill.files import write_json
from soundmill.fusion.evaluation import evaluate_fusion
from soundmill.fusion.options import FusionTaskOptions
from soundmill.fusion.predictions import write_predictions

DAMAGES = {"audio": ["noise_10", "noise_0"], "image": ["energy_25", "noise"]}
FUSIONS = ("mean", "product", "gate")
PRACTICAL = {
    "parameters": 6000,
    "epochs": 30,
    "learning_rate": 0.001,
    "momentum": 0.9,
    "random": {
        "accuracy": {"value": 0.97, "interval": [0.95, 0.99], "n": 300},
        "shared_groups": {"tested": 3, "also_trained": 3},
    },
    "honest": {
        "accuracy": {"value": 0.70, "interval": [0.55, 0.82], "n": 1200},
        "groups": {"speaker 0": {"value": 0.61, "n": 400}},
    },
}


def toy_options(**changed):
    return FusionTaskOptions.model_validate({
        "modalities": {
            "audio": {"kind": "sound", "task": "spoken", "learner": "net",
                      "damages": DAMAGES["audio"]},
            "image": {"kind": "image", "images": "written",
                      "damages": {"energy_25": {"energy": 0.25}, "noise": {"noise": 1}}},
        },
        "fusions": {"mean": {}, "product": {}, "gate": {}},
        "seeds": 2,
        "evaluation": {"resamples": 200},
        **changed,
    })  # fmt: skip


def write_toy_folds(root, folds=3, pairs=40, skill=None, rename=True, fusions=FUSIONS):
    """Write outputs and predictions; return their folders as `evaluate_fusion` takes them."""
    outputs = {"audio": [], "image": [root / "image"]}
    image = write_toy_outputs(root / "image", "image", ("clean", *DAMAGES["image"]))
    predictions = {}
    for number in range(folds):
        fold = str(number)
        outputs["audio"].append(root / f"audio-{fold}")
        audio = write_toy_outputs(
            outputs["audio"][-1], "audio", ("clean", *DAMAGES["audio"]), seed=number
        )
        predictions[fold] = root / f"predictions-{fold}"
        made = write_toy_predictions(
            predictions[fold], DAMAGES, fusions, seed=number, pairs=pairs,
            skill={"gate": 5, "product": 4, "image alone": 2.5, "audio alone": 2, **(skill or {})},
        )  # fmt: skip
        if rename:
            write_predictions(predictions[fold], _tested(made, audio, image, fold))
    return predictions, outputs


def _tested(made, audio, image, fold):
    """Let the pairs hold samples of the test parts."""
    names, lies = {}, {}
    other = (made.targets + 1) % len(made.classes)
    for name, found in (("audio", audio), ("image", image)):
        rows = found.rows("test")
        own = [rows[found.targets[rows] == t] for t in range(len(made.classes))]
        names[name] = found.ids[[own[t][i % len(own[t])] for i, t in enumerate(made.targets)]]
        lies[name] = found.ids[[own[t][i % len(own[t])] for i, t in enumerate(other)]]
    groups = np.array([f"speaker {fold}"] * len(made.targets))
    return dataclasses.replace(made, ids=names, lying=lies, groups=groups)


def write_toy_evaluation(root, practical=PRACTICAL, asked=None, **changed):
    """Write ``evaluation.json`` of a made-up task; return its path."""
    predictions, outputs = write_toy_folds(root, **changed)
    path = root / "practical.json"
    if practical:
        write_json(path, practical)
    evaluate_fusion(
        predictions, outputs, root / "evaluation.json", task="digits", options=toy_options(),
        seed=1, practical=path if practical else None, asked=asked,
    )  # fmt: skip
    return root / "evaluation.json"
