"""What encoders and fusions say, made up: classes are points, samples lie around them."""

import zlib

import numpy as np
from scipy.special import softmax

from soundmill.fusion.conditions import LYING, MISSING, all_cases
from soundmill.fusion.outputs import PICTURE, Outputs, read_outputs, write_outputs
from soundmill.fusion.predictions import Entry, Predictions, alone_name, write_predictions

SIZE, TOKENS, TOKEN = 12, 5, 8
SPREAD = 0.45
"""Of the clean samples around the point of their class; neighbouring points are about 2 apart."""


def write_toy_outputs(
    folder, modality="audio", conditions=("clean", "noise"), seed=0, classes=4,
    train=24, valid=16, test=12, groups=3, spread=SPREAD, noise=1.2,
):  # fmt: skip
    """Write an outputs folder and return it read.

    ``train``, ``valid``, ``test`` are samples of each class. Each group belongs to one part. The
    i-th damage, from 1, adds noise i * ``noise`` wide; the encoder is one that knows the points
    but not of the noise, so that it errs boldly under damage. The points are those of the modality,
    for any seed.
    """
    rng = np.random.default_rng([seed, zlib.crc32(modality.encode())])
    points = np.random.default_rng(zlib.crc32(modality.encode()))
    centre = points.normal(size=(classes, SIZE)) / np.sqrt(SIZE) * 2
    token = points.normal(size=(classes, TOKENS, TOKEN))
    picture = points.uniform(0, 200, (classes, PICTURE, PICTURE))
    parts, targets, group = [], [], []
    for part, count in {"train": train, "valid": valid, "test": test}.items():
        for number in range(count * classes):
            parts.append(part)
            targets.append(number % classes)
            group.append(f"{part}-{number // classes % groups}")
    targets = np.array(targets)
    own = rng.normal(scale=spread, size=(len(targets), SIZE))
    arrays = {name: [] for name in ("logits", "embeddings", "tokens", "pictures")}
    for number in range(len(conditions)):
        wide = number * noise
        found = centre[targets] + own + rng.normal(scale=wide, size=own.shape)
        arrays["embeddings"].append(found.astype(np.float16))
        distance = ((found[:, None] - centre) ** 2).sum(axis=2)
        arrays["logits"].append(-2 * distance.astype(np.float32))
        where = rng.normal(scale=spread + wide, size=(len(targets), TOKENS, TOKEN))
        arrays["tokens"].append((token[targets] + where).astype(np.float16))
        dust = rng.normal(scale=20 + 60 * wide, size=(len(targets), PICTURE, PICTURE))
        arrays["pictures"].append(np.clip(picture[targets] + dust, 0, 255).astype(np.uint8))
    outputs = Outputs(
        modality=modality,
        classes=[f"c{i}" for i in range(classes)],
        conditions=list(conditions),
        ids=np.array([f"{modality}-{i:04d}" for i in range(len(targets))]),
        parts=np.array(parts),
        groups=np.array(group),
        targets=targets,
        facts={"parameters": 1234, "milliseconds": 0.5},
        **{name: np.stack(values) for name, values in arrays.items()},
    )
    write_outputs(folder, outputs)
    return read_outputs(folder)


def write_toy_predictions(
    folder, damages=None, fusions=("product", "gate"), seeds=2, seed=0, classes=4, pairs=60,
    groups=3, skill=None,
):  # fmt: skip
    """Write a predictions folder and return what was written.

    ``damages`` by modality, default audio: noise, image: energy. ``skill`` by entry name (default
    3): how far the true class stands out; damage halves it, a lie makes the other class stand out.
    Modalities alone know one modality, fusions the better one, and the gate has weights.
    """
    damages = damages or {"audio": ["noise"], "image": ["energy"]}
    names, cases = list(damages), all_cases(damages)
    rng = np.random.default_rng(seed)
    targets = np.arange(pairs) % classes
    lies = (targets + 1 + rng.integers(0, classes - 1, pairs)) % classes
    entries = [Entry(alone_name(name), "alone", 1, 1000, 0.5) for name in names]
    entries += [
        Entry(f, f, n + 1, 50 * i, 0.1 * i) for i, f in enumerate(fusions, 1) for n in range(seeds)
    ]  # fmt: skip
    probabilities = np.full((len(entries), len(cases), pairs, classes), np.nan, np.float16)
    weights = np.full((len(entries), len(cases), pairs, len(names)), np.nan, np.float16)
    for e, entry in enumerate(entries):
        for k, case in enumerate(cases):
            own = [case[names.index(entry.name.split()[0])]] if entry.kind == "alone" else case
            if set(own) == {MISSING}:
                continue
            best = max(_worth(name) for name in own)
            strong = (skill or {}).get(entry.name, 3.0) * (best or 1)
            told = lies if set(own) - {MISSING} == {LYING} else targets
            logits = rng.normal(size=(pairs, classes)) + strong * np.eye(classes)[told]
            probabilities[e, k] = softmax(logits, axis=1)
            if entry.kind == "gate":
                there = np.array([name != MISSING for name in case])
                trust = np.array([0.1 + _worth(name) for name in case])
                raw = (trust + rng.uniform(0, 0.2, (pairs, len(case)))) * there
                weights[e, k] = raw / raw.sum(axis=1, keepdims=True)
    found = Predictions(
        classes=[f"c{i}" for i in range(classes)],
        modalities=names,
        cases=cases,
        temperatures={name: 1.5 for name in names},
        entries=entries,
        targets=targets,
        groups=np.array([f"g{i // classes % groups}" for i in range(pairs)]),
        ids={name: np.array([f"{name}-{i:03d}" for i in range(pairs)]) for name in names},
        lying={name: np.array([f"{name}-{i + 1:03d}" for i in range(pairs)]) for name in names},
        probabilities=probabilities,
        weights=weights,
    )
    write_predictions(folder, found)
    return found


def _worth(condition):
    """How much a condition leaves: 1 clean, 0.5 damaged, 0 nothing or a lie."""
    return {"clean": 1.0, MISSING: 0.0, LYING: 0.0}.get(condition, 0.5)
