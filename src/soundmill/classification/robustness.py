"""How decisions hold when recordings get worse: noise, another pitch or tempo, a poor MP3.

Held-out recordings are changed as sound, and the learner that did not learn from them hears them
anew.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from soundmill.audio.files import read_audio
from soundmill.audio.perturbation import MP3_RATES, Fixed, fixed_perturbation
from soundmill.classification.bootstrap import percentile_interval, resample
from soundmill.classification.deciding import Decider, Values, hear, load_decider
from soundmill.classification.metrics import METRICS, measure
from soundmill.classification.study_options import RobustnessOptions
from soundmill.classification.task import TEST, Task, read_task
from soundmill.errors import InputError
from soundmill.files import write_json
from soundmill.log import logger, progress
from soundmill.seeds import derive

UNITS: dict[Fixed, str] = {
    "noise": "signal-to-noise ratio, dB",
    "pitch": "semitones",
    "tempo": "tempo factor",
    "mp3": "kbit/s",
}
"""What a recording is changed by, in the order of the options and figures."""
RESAMPLES = 1000
SAMPLE_RATE = 22_050
"""At which recordings are changed, Hz, unless a learner hears more."""


@dataclass(frozen=True)
class Change:
    """One way a recording is made worse; kind None: it is left as it is."""

    kind: Fixed | None
    value: float = 0.0


@dataclass(frozen=True)
class Tested:
    """A held-out recording, its row in the task, and the fold that did not learn from it."""

    row: int
    fold: str
    path: Path


Loader = Callable[[str, str], Decider]
"""From the names of a learner and a fold to the learner that was trained in it."""


def measure_robustness(
    task_folder: str | os.PathLike[str],
    wav: Mapping[str, str],
    folders: Mapping[str, str],
    options: RobustnessOptions,
    output: str | os.PathLike[str],
    *,
    seed: int,
) -> None:
    """Write the main metric of each learner under each change of the recordings.

    Parameters
    ----------
    wav : folder of the WAV files by bucket.
    folders : model folder of each learner, with ``{fold}`` in it where each fold has its own.
    output : JSON: ``metric``, ``items``, ``over`` (what the intervals drew), ``units`` and
        ``rows`` with learner, kind (null: unchanged), value, and ``measure``.

    Raises
    ------
    InputError
        When a model is missing or cannot hear sound.
    """
    task = read_task(task_folder)
    tested = choose_recordings(task, wav, options.recordings, derive(seed, "robustness"))

    def load(learner: str, fold: str) -> Decider:
        folder = folders[learner]
        own = "{fold}" in folder
        return load_decider(folder.replace("{fold}", fold), None if own else fold)

    write_json(output, compare_changes(task, tested, options.learners, load, options, seed))


def choose_recordings(task: Task, wav: Mapping[str, str], most: int, seed: int) -> list[Tested]:
    """Return held-out recordings, at most ``most`` drawn at random, in the order of the task."""
    found = [
        Tested(int(row), fold, Path(wav[task.examples[row]["bucket"]], f"{task.ids[row]}.wav"))
        for fold in task.honest_folds
        for row in task.rows(fold, TEST)
    ]
    if not found:
        raise InputError("no fold has a test part, so there is nothing to test robustness on")
    drawn = np.random.default_rng(seed).permutation(len(found))[:most]
    return [found[i] for i in sorted(drawn)]


def changes(options: RobustnessOptions) -> Iterator[Change]:
    """Yield no change, then each that the options ask for."""
    yield Change(None)
    for kind in UNITS:
        for value in getattr(options, kind):
            yield Change(kind, float(value))


def compare_changes(
    task: Task,
    tested: Sequence[Tested],
    learners: Sequence[str],
    load: Loader,
    options: RobustnessOptions,
    seed: int,
) -> dict[str, Any]:
    """Return what `measure_robustness` writes."""
    folds = sorted({item.fold for item in tested})
    deciders = {(name, fold): load(name, fold) for name in learners for fold in folds}
    every = list(changes(options))
    heard: dict[tuple[str, Change], list[Values]] = {}
    for item in progress(tested, total=len(tested), unit="recordings", label="robustness"):
        mine = {name: deciders[name, item.fold] for name in learners}
        for change, decisions in _decide_on(item, mine, every, seed, task):
            for name, values in decisions.items():
                heard.setdefault((name, change), []).append(values)
    rows = np.array([item.row for item in tested])
    resamples = resample(
        task.ids, task.groups, np.unique(rows), RESAMPLES, derive(seed, "bootstrap")
    )
    metric = METRICS[task.kind][0]

    def entry(values: npt.NDArray[np.float64]) -> dict[str, Any]:
        def score(weights: npt.NDArray[np.float64]) -> dict[str, npt.NDArray[np.float64]]:
            return measure(task.kind, task.targets[rows], values, weights, names=[metric])

        value = float(score(np.ones((len(rows), 1)))[metric][0])
        interval = percentile_interval(resamples.draws(rows, score)[metric])
        return {"value": round(value, 6) if np.isfinite(value) else None, "interval": interval,
                "items": len(rows)}  # fmt: skip

    table = [
        {"learner": name, "kind": change.kind, "value": change.value,
         "measure": entry(np.stack(heard[name, change]))}
        for name in learners
        for change in every
    ]  # fmt: skip
    logger.info("%d recordings, %d changes, %d learners", len(tested), len(every), len(learners))
    return {"metric": metric, "items": len(rows), "over": resamples.over, "units": UNITS,
            "rows": table}  # fmt: skip


def _decide_on(
    item: Tested, deciders: Mapping[str, Decider], every: Sequence[Change], seed: int, task: Task
) -> Iterator[tuple[Change, dict[str, Values]]]:
    """Yield the decision of each learner on a recording under each change."""
    rate = max(SAMPLE_RATE, *(decider.hearing.sample_rate for decider in deciders.values()))
    rate = min((known for known in MP3_RATES if known >= rate), default=MP3_RATES[-1])
    samples = read_audio(item.path, sample_rate=rate)[0][0]
    for change in every:
        changed = samples
        if change.kind is not None:
            draw = derive(seed, "noise", task.ids[item.row])
            changed = fixed_perturbation(change.kind, change.value, draw)(samples, rate)
        taken: dict[str, Any] = {}  # learners that hear alike share what they hear
        decisions = {}
        for name, decider in deciders.items():
            key = json.dumps([type(decider.hearing).__name__, decider.hearing.model_dump()])
            if key not in taken:
                taken[key] = hear(changed, rate, decider.hearing)
            decisions[name] = decider.decide(taken[key])
        yield change, decisions
