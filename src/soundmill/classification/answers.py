"""Decisions on unlabelled recordings: ``predictions.csv`` and how common each class became."""

import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from soundmill.classification.naming import title_of
from soundmill.classification.predictions import read_predictions, recordings_of, values_of
from soundmill.classification.task import SEPARATOR
from soundmill.errors import InputError
from soundmill.files import read_json, write_json
from soundmill.log import logger
from soundmill.status import IGNORED, OK, Row, read_table, write_table

PREDICTED, COPIED, PRIOR = "predicted", "copied", "prior"
COLUMNS = ("id", "source", "title", "status", "answered", "reason", "class", "confidence")
Z = 1.959964
"""Of the 95 % interval."""
THRESHOLD = 0.5
Values = npt.NDArray[np.float64]


@dataclass
class Answers:
    """What is answered for each of n recordings of a corpus, in the order of its manifest.

    Attributes
    ----------
    kind, classes : of the task; c classes.
    rows : of the manifest, without ignored files.
    values : (n, c) probabilities, or values of a regression.
    answered : where they come from: ``predicted``; ``copied`` from a recording with the same
        content; or ``prior``, the shares (means) in the training data, for what was not heard.
    prior : (c,) that.
    """

    kind: str
    classes: list[str]
    rows: list[Row]
    values: Values
    answered: list[str]
    prior: Values

    def names(self, i: int) -> list[str]:
        """Return the class, or the tags, answered for a recording."""
        if self.kind == "single":
            return [self.classes[int(self.values[i].argmax())]]
        if self.kind == "multi":
            return [self.classes[c] for c in np.flatnonzero(self.values[i] >= THRESHOLD)]
        return []


def collect_answers(
    manifest: str | os.PathLike[str],
    predictions: Iterable[str | os.PathLike[str]],
    task: str | os.PathLike[str],
) -> Answers:
    """Return an answer for every recording of a corpus, the rejected ones too.

    Parameters
    ----------
    manifest : of the corpus to answer for; its labels, if any, are not read.
    predictions : tables of `soundmill.classification.predictions`; several of a recording
        (seeds, learners) are averaged; segments do not count.
    task : folder of the task that was learnt.

    Raises
    ------
    InputError
        When predictions and task do not fit, or no recording was predicted.
    """
    facts = read_json(Path(task) / "task.json")
    classes = facts["classes"]
    rows = [row for row in read_table(manifest) if row["status"] != IGNORED]
    table = recordings_of(read_predictions(predictions))
    predicted = values_of(table)
    if predicted.shape[1] != len(classes):
        raise InputError(
            f"the predictions are of {predicted.shape[1]} classes, the task {task} has "
            f"{len(classes)}; predict again with a model of this task"
        )
    found: dict[str, list[Values]] = {}
    for name, value in zip(table["id"], predicted, strict=True):
        if np.isfinite(value).all():
            found.setdefault(name, []).append(value)
    known = {row["id"]: np.mean(found[row["id"]], axis=0) for row in rows if row["id"] in found}
    if not known:
        raise InputError(f"{manifest}: none of its recordings was predicted")
    prior = training_prior(facts)
    contents = {row["sha256"]: row["id"] for row in rows if row["sha256"] and row["id"] in known}
    values, answered = [], []
    for row in rows:
        twin = contents.get(row["sha256"])
        how = PREDICTED if row["id"] in known else COPIED if twin else PRIOR
        answered.append(how)
        name = row["id"] if how == PREDICTED else twin
        values.append(prior if name is None else known[name])
    return Answers(facts["kind"], classes, rows, np.array(values), answered, prior)


def training_prior(facts: dict[str, Any]) -> Values:
    """Return what a task's training data say without listening (c,).

    The share of each class, the share of examples with each tag, or the mean of each value.
    """
    counts = [facts["counts"][name] for name in facts["classes"]]
    if facts["kind"] == "regression":
        return np.array([count["mean"] for count in counts], np.float64)
    total = sum(counts) if facts["kind"] == "single" else facts["examples"]
    return np.array(counts, np.float64) / max(total, 1)


def write_answers(path: str | os.PathLike[str], answers: Answers) -> None:
    """Write ``predictions.csv``: one row a recording, with every probability (``p_<class>``).

    A regression has a column ``value_<target>`` for each of its targets instead, and neither
    class nor confidence. Tags are those of at least .5, their confidence is the largest.
    """
    regression = answers.kind == "regression"
    prefix = "value_" if regression else "p_"
    table = []
    for i, row in enumerate(answers.rows):
        values = answers.values[i]
        shown = {f"{prefix}{c}": f"{v:.6f}" for c, v in zip(answers.classes, values, strict=True)}
        table.append(
            {
                **{name: row[name] for name in ("id", "source", "status")},
                "title": title_of(row["source"]),
                "answered": answers.answered[i],
                "reason": reason_of(answers, i),
                "class": SEPARATOR.join(answers.names(i)),
                "confidence": "" if regression else f"{values.max():.6f}",
                **shown,
            }
        )
    write_table(path, table, [*COLUMNS, *(f"{prefix}{name}" for name in answers.classes)])
    unheard = answers.answered.count(PRIOR)
    if unheard:
        logger.warning("%d of %d recordings are answered by the prior", unheard, len(table))


def reason_of(answers: Answers, i: int) -> str:
    """Return why a recording was not predicted itself, or nothing."""
    row = answers.rows[i]
    if answers.answered[i] == PREDICTED:
        return ""
    return row["reason"] if row["status"] != OK else "it has no features"


def write_prior(path: str | os.PathLike[str], answers: Answers) -> dict[str, Any]:
    """Write how common each class is among the answers, beside the training data (JSON).

    Only recordings that were heard count. ``predicted`` are shares of decisions with their 95 %
    interval (Wilson), ``probability`` the mean probabilities, ``difference`` half the sum of the
    absolute differences of the training and predicted shares (total variation; single-label
    tasks only). Of a regression the means are compared.
    """
    heard = [i for i, how in enumerate(answers.answered) if how != PRIOR]
    values = answers.values[heard]
    facts: dict[str, Any] = {
        "recordings": len(answers.rows),
        "heard": len(heard),
        "answered_by_prior": len(answers.rows) - len(heard),
        "interval": "95 %, Wilson",
        "classes": {},
    }
    predicted = np.zeros(len(answers.classes))
    for c, name in enumerate(answers.classes):
        entry = {"training": float(answers.prior[c]), "probability": float(values[:, c].mean())}
        if answers.kind == "regression":
            entry = {"training": entry["training"], "predicted": entry["probability"]}
        else:
            count = sum(name in answers.names(i) for i in heard)
            predicted[c] = count / len(heard)
            entry |= {"count": count, "predicted": predicted[c]}
            entry |= dict(zip(("low", "high"), wilson(count, len(heard)), strict=True))
        facts["classes"][name] = {key: round(value, 6) for key, value in entry.items()}
    if answers.kind == "single":
        facts["difference"] = round(float(np.abs(predicted - answers.prior).sum() / 2), 6)
    if answers.kind == "regression":
        del facts["interval"]
    write_json(path, facts)
    return facts


def wilson(count: int, total: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson, "Probable inference", 1927)."""
    share = count / total
    middle = (share + Z**2 / (2 * total)) / (1 + Z**2 / total)
    half = Z * math.sqrt(share * (1 - share) / total + Z**2 / (4 * total**2)) / (1 + Z**2 / total)
    return max(0.0, middle - half), min(1.0, middle + half)


def sources(answers: Answers, rows: Sequence[int]) -> str:
    """Return the files of some rows for a message."""
    return " and ".join(repr(answers.rows[i]["source"]) for i in rows[:2])
