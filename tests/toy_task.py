"""Small tasks and learners that know as much of the truth as they are told."""

import numpy as np
import pandas as pd
from scipy.special import expit, softmax

from soundmill.classification.predictions import make_predictions
from soundmill.classification.task import Task


def make_task(kind="single", items=96, classes=8, folds=4, group_size=0, valid=0, leaky=0, seed=0):
    """Folds test every example once; the ``valid`` examples after the test part are validation."""
    rng = np.random.default_rng(seed)
    names = [f"c{i}" for i in range(classes)]
    numbers = np.arange(items) % classes
    if kind == "single":
        targets = numbers
    elif kind == "multi":
        targets = (rng.random((items, classes)) < 0.3).astype(np.float32)
        targets[:classes] = np.eye(classes)
    else:
        targets = rng.normal(size=(items, classes)).astype(np.float32)
    group = [f"g{i // (classes * max(1, group_size))}-{i % classes}" for i in range(items)]
    examples = [
        {
            "id": f"r{i:04d}",
            "source": f"folder/r{i:04d}.wav",
            "bucket": "00",
            "seconds": "5",
            "group": group[i] if group_size else "",
        }
        for i in range(items)
    ]
    if group_size:
        number = np.unique(group, return_inverse=True)[1] // classes % folds
    else:
        number = np.arange(items) // classes % folds
    parts = {}
    for fold in range(folds):
        part = np.where(number == fold, "test", "train").astype("<U5")
        train = np.flatnonzero(part == "train")
        part[train[:valid]] = "valid"
        parts[str(fold)] = part
    shuffled = rng.permutation(items)
    for fold in range(leaky):
        test = shuffled % leaky == fold if leaky > 1 else np.arange(items) % 4 == 0
        parts[f"random-{fold}"] = np.where(test, "test", "train").astype("<U5")
    parts["all"] = np.full(items, "train")
    return Task(kind, names, examples, np.asarray(targets), parts, {"protocol": "a test"})


def draw(task, rows, skill, seed, bold=1.0):
    """Predictions (n, c) of rows with noise around the truth."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(len(task), len(task.classes)))
    if task.kind == "single":
        logits = noise + skill * np.eye(len(task.classes))[task.targets]
        return softmax(bold * logits, axis=1)[rows]
    if task.kind == "multi":
        return expit(bold * (noise + skill * (2 * task.targets - 1)))[rows]
    return (task.targets + noise / skill)[rows]


def predict(task, skill=2.0, seed=0, seeds=(1,), segments=0, bold=1.0, folds=None):
    """The predictions table of a learner of some skill, on validation and test parts."""
    tables = []
    for fold in folds or [*task.honest_folds, *task.leaky_folds]:
        for number in seeds:
            for part in ("valid", "test"):
                rows = task.rows(fold, part)
                if not len(rows):
                    continue
                ids = [task.ids[row] for row in rows]
                keys = {"fold": fold, "part": part, "seed": number}
                better = skill + fold.startswith("random")
                values = draw(task, rows, better, seed * 1000 + number, bold)
                if segments and part == "test":
                    values = np.zeros_like(values)
                    for k in range(segments):
                        own = draw(task, rows, better, seed * 1000 + number * 50 + k, bold)
                        values += own / segments
                        tables.append(
                            make_predictions(
                                ids,
                                own,
                                **keys,
                                segments=[k] * len(ids),
                                starts=[2.0 * k] * len(ids),
                            )
                        )
                tables.append(make_predictions(ids, values, **keys))
    return pd.concat(tables, ignore_index=True)
