"""Who is in which part of a fold, and the proof that no sample and no group is in two of them."""

import os
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from soundmill.errors import InputError
from soundmill.fusion.outputs import Outputs, read_outputs

PARTS = ("train", "valid", "test")
Folder = str | os.PathLike[str]


def by_fold(modality: str, folders: Sequence[Folder], folds: Sequence[str]) -> dict[str, Path]:
    """Return the outputs folder of each fold: one folder for all, or one a fold in their order."""
    if len(folders) == 1:
        return dict.fromkeys(folds, Path(folders[0]))
    if len(folders) != len(folds):
        raise InputError(
            f"modality {modality}: {len(folders)} folders of outputs for {len(folds)} folds; "
            "give one for all, or one a fold"
        )
    return dict(zip(folds, map(Path, folders), strict=True))


def count_parts(outputs: Outputs, where: Folder) -> dict[str, Any]:
    """Return samples and groups of each part, after checking that parts share neither.

    Raises
    ------
    InputError
        When a sample or a group (a speaker, a writer) is in two parts.
    """
    samples = {part: outputs.rows(part) for part in PARTS}
    for what, values in (("sample", outputs.ids), ("group", outputs.groups)):
        held = {part: set(map(str, values[rows])) - {""} for part, rows in samples.items()}
        for a, b in combinations(PARTS, 2):
            shared = sorted(held[a] & held[b])
            if shared:
                raise InputError(
                    f"{Path(where) / 'samples.csv'}: {what} {shared[0]!r} of modality "
                    f"{outputs.modality} is in {a} and in {b} ({len(shared)} are); what is tested "
                    "must not have been learned from: split the samples again"
                )
    return {
        part: {"samples": len(rows), "groups": len(set(map(str, outputs.groups[rows])) - {""})}
        for part, rows in samples.items()
    }


class Alone:
    """What one encoder does on all test samples of all folds, whether paired or not."""

    def __init__(self, modality: str, folders: Mapping[str, Path]) -> None:
        self.modality, self.folders = modality, dict(folders)
        self.folds: dict[str, dict[str, Any]] = {}
        self.facts: dict[str, Any] = {}
        self.conditions: list[str] = []
        self.classes: list[str] = []
        self.ids: list[str] = []
        self.groups: list[str] = []
        self._tested: dict[str, frozenset[str]] = {}
        self._right: list[np.ndarray[Any, Any]] = []
        self.milliseconds: list[float] = []
        known: dict[Path, Outputs] = {}
        for fold, folder in self.folders.items():
            fresh = folder not in known
            outputs = known.setdefault(folder, read_outputs(folder))
            self.folds[fold] = count_parts(outputs, folder)
            self._tested[fold] = frozenset(map(str, outputs.ids[outputs.rows("test")]))
            if fresh:
                self._add(outputs)

    def _add(self, outputs: Outputs) -> None:
        if self.conditions and outputs.conditions != self.conditions:
            raise InputError(
                f"modality {self.modality}: its folds were encoded under different conditions; "
                "encode them again"
            )
        self.conditions, self.classes = list(outputs.conditions), list(outputs.classes)
        self.facts = dict(outputs.facts)
        if outputs.facts.get("milliseconds") is not None:
            self.milliseconds.append(float(outputs.facts["milliseconds"]))
        rows = outputs.rows("test")
        self._right.append(
            np.stack([outputs.logits[k][rows].argmax(1) == outputs.targets[rows]
                      for k in range(len(outputs.conditions))])
        )  # fmt: skip
        self.ids += [str(name) for name in outputs.ids[rows]]
        self.groups += [str(name) for name in outputs.groups[rows]]

    @property
    def right(self) -> np.ndarray[Any, Any]:
        """Whether each test sample is recognised, (conditions, n)."""
        return np.concatenate(self._right, axis=1)

    def check(self, fold: str, ids: Sequence[str], where: Folder) -> None:
        """Raise `InputError` when a pair of a fold holds a sample that is not tested in it."""
        strangers = sorted(set(ids) - self._tested[fold])
        if strangers:
            raise InputError(
                f"{Path(where) / 'pairs.csv'}: sample {strangers[0]!r} of modality "
                f"{self.modality} is not in the test part of {self.folders[fold]} "
                f"({len(strangers)} are not); pair again"
            )
