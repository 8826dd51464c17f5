"""What each modality alone and each fusion says of the test pairs of one fold, in every case."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from soundmill.errors import InputError
from soundmill.files import atomic_folder, read_json, write_json
from soundmill.fusion.conditions import Case
from soundmill.status import read_table, write_table

ALONE = "alone"
"""Kind of the entries that are one modality without the others."""


@dataclass(frozen=True)
class Entry:
    """One that decides: a modality alone, or one training of a fusion.

    Attributes
    ----------
    name, kind : of the fusion, as the options have them; ``<modality> alone`` and `ALONE`.
    seed : number of the training, from 1.
    parameters : numbers learned; of a fusion those of its own, without the encoders.
    milliseconds : one pair, one thread, median; of a fusion without the encoders.
    """

    name: str
    kind: str
    seed: int
    parameters: int
    milliseconds: float


def alone_name(modality: str) -> str:
    """Return the name of the entry of a modality alone."""
    return f"{modality} {ALONE}"


@dataclass(frozen=True)
class Predictions:
    """Of e entries, k cases, p pairs, c classes, m modalities.

    Attributes
    ----------
    classes, modalities : names; the first modality brings the groups.
    cases : k tuples, what happens to each modality (`soundmill.fusion.conditions`).
    temperatures : by modality, fitted on the validation part.
    entries : e; those of modalities alone come first.
    targets : (p,) class numbers.
    groups : (p,) group of the first modality's sample.
    ids, lying : by modality (p,): its sample, and the one of another class it lies with.
    probabilities : (e, k, p, c) float16; NaN where a modality alone is missing.
    weights : (e, k, p, m) float16, on whom the entry leaned: 0 to 1, sum 1 over what is there; NaN
        for entries without weights.
    """

    classes: list[str]
    modalities: list[str]
    cases: list[Case]
    temperatures: dict[str, float]
    entries: list[Entry]
    targets: npt.NDArray[np.int64]
    groups: npt.NDArray[np.str_]
    ids: Mapping[str, npt.NDArray[np.str_]]
    lying: Mapping[str, npt.NDArray[np.str_]]
    probabilities: npt.NDArray[Any]
    weights: npt.NDArray[Any]


def pair_columns(modalities: Sequence[str]) -> list[str]:
    """Return the columns of ``pairs.csv``.

    Raises
    ------
    InputError
        when a modality's name is that of another column.
    """
    names = ["target", "group", *(c for m in modalities for c in (m, f"{m}_lying"))]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise InputError(
            f"modalities: the name {twice[0]!r} is taken by a column of pairs.csv; rename it"
        )
    return names


def write_predictions(folder: str | os.PathLike[str], found: Predictions) -> None:
    """Write the folder, replacing one that is there; readers see the old or the whole new one.

    Raises
    ------
    InputError
        when a modality's name cannot be a column of ``pairs.csv``.
    """
    folder, columns = Path(folder), pair_columns(found.modalities)
    sizes = (len(found.entries), len(found.cases), len(found.targets))
    if found.probabilities.shape != (*sizes, len(found.classes)):
        raise ValueError(f"probabilities {found.probabilities.shape} do not fit {sizes}")
    if found.weights.shape != (*sizes, len(found.modalities)):
        raise ValueError(f"weights {found.weights.shape} do not fit {sizes}")
    with atomic_folder(folder) as draft:
        write_table(draft / "pairs.csv", _pair_rows(found), columns)
        facts = {
            "classes": found.classes,
            "modalities": found.modalities,
            "cases": [list(case) for case in found.cases],
            "temperatures": {name: round(t, 6) for name, t in found.temperatures.items()},
            "entries": [asdict(entry) for entry in found.entries],
        }
        write_json(draft / "predictions.json", facts)
        np.save(draft / "probabilities.npy", found.probabilities.astype(np.float16))
        np.save(draft / "weights.npy", found.weights.astype(np.float16))


def _pair_rows(found: Predictions) -> list[dict[str, str]]:
    rows = []
    for number, target in enumerate(found.targets):
        row = {"target": found.classes[target], "group": str(found.groups[number])}
        for name in found.modalities:
            row[name] = str(found.ids[name][number])
            row[f"{name}_lying"] = str(found.lying[name][number])
        rows.append(row)
    return rows


def read_predictions(folder: str | os.PathLike[str]) -> Predictions:
    """Read what `write_predictions` wrote; arrays are mapped, not loaded."""
    folder = Path(folder)
    facts = read_json(folder / "predictions.json")
    rows = read_table(folder / "pairs.csv")
    number = {name: i for i, name in enumerate(facts["classes"])}

    def column(name: str) -> npt.NDArray[np.str_]:
        return np.array([row[name] for row in rows], str)

    return Predictions(
        classes=facts["classes"],
        modalities=facts["modalities"],
        cases=[tuple(case) for case in facts["cases"]],
        temperatures=facts["temperatures"],
        entries=[Entry(**entry) for entry in facts["entries"]],
        targets=np.array([number[row["target"]] for row in rows], np.int64),
        groups=column("group"),
        ids={name: column(name) for name in facts["modalities"]},
        lying={name: column(f"{name}_lying") for name in facts["modalities"]},
        probabilities=np.load(folder / "probabilities.npy", mmap_mode="r"),
        weights=np.load(folder / "weights.npy", mmap_mode="r"),
    )
