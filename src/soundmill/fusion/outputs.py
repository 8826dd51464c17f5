"""What an encoder says of every sample of its modality, clean and under each damage.

All fusions read this and nothing else, so that a modality is whatever writes it. A folder holds
``samples.csv`` (id, part, target, group), ``outputs.json`` (modality, classes, conditions, sizes,
cost) and four arrays, memory-mapped when read.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from soundmill.files import atomic_folder, read_json, write_json
from soundmill.status import read_table, write_table

ARRAYS = ("logits", "embeddings", "tokens", "pictures")
SAMPLE_COLUMNS = ("id", "part", "target", "group")
PICTURE = 28
"""Rows and columns of a sample as early fusion sees it."""


@dataclass(frozen=True)
class Outputs:
    """Of n samples, k conditions (``clean`` first, then the damages), c classes.

    Attributes
    ----------
    modality : its name. classes : names, alphabetically.
    conditions : k names.
    ids, parts, groups : (n,) strings; parts are train, valid or test.
    targets : (n,) class numbers.
    logits : (k, n, c) float32, log probabilities up to a constant.
    embeddings : (k, n, d) float16.
    tokens : (k, n, s, e) float16: what was heard or seen where, for cross-attention.
    pictures : (k, n, PICTURE, PICTURE) uint8, the sample itself, for early fusion.
    facts : ``parameters`` (of the encoder), ``milliseconds`` (a sample, one thread, batches of
        one), and what else is worth saying.
    """

    modality: str
    classes: list[str]
    conditions: list[str]
    ids: npt.NDArray[np.str_]
    parts: npt.NDArray[np.str_]
    groups: npt.NDArray[np.str_]
    targets: npt.NDArray[np.int64]
    logits: npt.NDArray[Any]
    embeddings: npt.NDArray[Any]
    tokens: npt.NDArray[Any]
    pictures: npt.NDArray[Any]
    facts: dict[str, Any]

    def rows(self, *parts: str) -> npt.NDArray[np.intp]:
        """Return the row numbers of the samples in some parts."""
        return np.flatnonzero(np.isin(self.parts, parts))


def write_outputs(folder: str | os.PathLike[str], outputs: Outputs) -> None:
    """Write the folder, replacing one that is there; readers see the old or the whole new one."""
    folder = Path(folder)
    with atomic_folder(folder) as draft:
        for name in ARRAYS:
            np.save(draft / f"{name}.npy", getattr(outputs, name))
        rows = [
            {"id": i, "part": p, "target": outputs.classes[t], "group": g}
            for i, p, t, g in zip(
                outputs.ids, outputs.parts, outputs.targets, outputs.groups, strict=True
            )
        ]
        write_table(draft / "samples.csv", rows, SAMPLE_COLUMNS)
        facts = {
            "modality": outputs.modality,
            "classes": outputs.classes,
            "conditions": outputs.conditions,
            **outputs.facts,
        }
        write_json(draft / "outputs.json", facts)


def read_outputs(folder: str | os.PathLike[str]) -> Outputs:
    """Read what `write_outputs` wrote; arrays are mapped, not loaded."""
    folder = Path(folder)
    facts = read_json(folder / "outputs.json")
    rows = read_table(folder / "samples.csv")
    classes = facts.pop("classes")
    number = {name: i for i, name in enumerate(classes)}
    arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in ARRAYS}
    return Outputs(
        modality=facts.pop("modality"),
        classes=classes,
        conditions=facts.pop("conditions"),
        ids=np.array([row["id"] for row in rows], str),
        parts=np.array([row["part"] for row in rows], str),
        groups=np.array([row["group"] for row in rows], str),
        targets=np.array([number[row["target"]] for row in rows], np.int64),
        facts=facts,
        **arrays,
    )
