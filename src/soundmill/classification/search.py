"""Search of a learner's options inside one training part (nested validation)."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from soundmill.classification.classical_options import AutoOptions, FixedOptions, SelectOptions
from soundmill.classification.fitting import Matrix, check_options, decide_recordings, fit_learner
from soundmill.classification.inner_folds import inner_folds
from soundmill.classification.metrics import measure
from soundmill.errors import InputError
from soundmill.log import logger, progress
from soundmill.seeds import derive

FIGURE = {"single": "accuracy", "multi": "map", "regression": "r2"}
LOSS = {"single": "log_loss", "multi": "log_loss", "regression": "rmse"}


@dataclass(frozen=True)
class Found:
    """What a search found.

    Attributes
    ----------
    options : the best setting. summary : for ``training.json``; None where nothing was searched.
    """

    options: FixedOptions
    summary: dict[str, Any] | None


def choose(
    options: FixedOptions | AutoOptions,
    kind: str,
    classes: int,
    x: Matrix,
    y: npt.NDArray[Any],
    ids: npt.NDArray[np.str_],
    groups: npt.NDArray[np.str_],
    *,
    seed: int,
    threads: int = 1,
) -> Found:
    """Return the options that do best on inner folds of a training part.

    Parameters
    ----------
    x, y, ids, groups : descriptors (n, d), targets, recording and group of each row of the training
        part; rows of one group stay together, and settings are compared by their decisions on
        recordings. Nothing else is looked at.
    seed, threads : as `soundmill.classification.fitting.fit_learner`.

    The sampler is optuna's TPE, seeded (Bergstra et al., "Algorithms for hyper-parameter
    optimization", 2011). When ``trials`` ends the search the same call gives the same options;
    when ``seconds`` does, the machine's speed has its say. A setting that cannot be fitted counts
    as the worst and is named in the summary.
    """
    start = _starts(options)
    for first in start:
        check_options(first, kind)
    search = options.search
    if search is None or options.kind == "majority":
        return Found(start[0], None)
    folds = inner_folds(y, groups, search.folds, derive(seed, "inner"))
    if not folds:
        logger.warning("too few groups to search: the options are taken as they are")
        return Found(start[0], {"trials": 0, "remark": "too few groups for two inner folds"})
    figure = (FIGURE if search.objective == "figure" else LOSS)[kind]

    def score(trial: FixedOptions) -> float:
        values = [
            _held_out(trial, kind, classes, x, y, ids, groups, fold, figure, seed, threads)
            for fold in folds
        ]
        weights = [len(np.unique(ids[test])) for _, test in folds]
        known = np.isfinite(values)
        if not known.any():
            return -np.inf
        value = float(np.average(np.array(values)[known], weights=np.array(weights)[known]))
        return value if search.objective == "figure" else -value

    return _search(options, start, score, figure, derive(seed, "search") % 2**32)


def _starts(options: FixedOptions | AutoOptions) -> list[FixedOptions]:
    if isinstance(options, AutoOptions):
        return [options.start(kind) for kind in options.kinds]
    return [options]


def _held_out(
    options: FixedOptions,
    kind: str,
    classes: int,
    x: Matrix,
    y: npt.NDArray[Any],
    ids: npt.NDArray[np.str_],
    groups: npt.NDArray[np.str_],
    fold: tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]],
    figure: str,
    seed: int,
    threads: int,
) -> float:
    train, test = fold
    learner = fit_learner(
        options, kind, classes, x[train], y[train], groups[train], seed=seed, threads=threads
    )
    order, first = np.unique(ids[test], return_index=True)
    values = learner.predict(x[test])
    values = decide_recordings(values, ids[test], order, options.aggregation, kind)
    ones = np.ones((len(order), 1))
    return float(measure(kind, y[test][first], values, ones, names=[figure])[figure][0])


def _search(
    options: FixedOptions | AutoOptions,
    starts: list[FixedOptions],
    score: Callable[[FixedOptions], float],
    figure: str,
    seed: int,
) -> Found:
    import optuna

    search = options.search
    assert search is not None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=8)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    began = time.monotonic()
    tried: list[tuple[float, FixedOptions]] = []
    failed: list[str] = []
    count = max(search.trials, len(starts))
    for number in progress(range(count), total=count, unit="trials", label="search"):
        late = search.seconds is not None and time.monotonic() - began > search.seconds
        if tried and late:
            break
        if number < len(starts):
            setting, trial = starts[number], None
        else:
            trial = study.ask()
            setting = suggest(trial, _chosen(trial, starts))
        try:
            value = score(setting)
        except InputError:
            raise
        except (ValueError, ArithmeticError, np.linalg.LinAlgError) as error:
            value = -np.inf
            failed.append(f"{setting.model_dump(mode='json')}: {error}")
            logger.warning("setting %s cannot be fitted: %s", setting, error)
        tried.append((value, setting))
        if trial is not None:
            study.tell(trial, value if np.isfinite(value) else -1e9)
    best = int(np.argmax([value for value, _ in tried]))
    if not np.isfinite(tried[best][0]):
        raise InputError(f"no setting could be fitted; the first: {(failed or ['no score'])[0]}")
    sign = 1 if search.objective == "figure" else -1
    summary = {
        "trials": len(tried), "figure": figure, "first": _number(sign * tried[0][0]),
        "best": _number(sign * tried[best][0]), "best_trial": best,
        "history": [_number(sign * value) for value, _ in tried], "failed": failed,
        "ended_by": "trials" if len(tried) >= search.trials else "seconds",
        "seconds": round(time.monotonic() - began, 2),
    }  # fmt: skip
    return Found(tried[best][1], summary)


def _number(value: float) -> float | None:
    return round(value, 5) if np.isfinite(value) else None


def _chosen(trial: Any, starts: list[FixedOptions]) -> FixedOptions:
    if len(starts) == 1:
        return starts[0]
    by_kind = {start.kind: start for start in starts}
    return by_kind[trial.suggest_categorical("kind", sorted(by_kind))]


def suggest(trial: Any, options: FixedOptions) -> FixedOptions:
    """Return options with values drawn by an optuna trial, within ranges that suit descriptors."""
    name = options.kind
    changes: dict[str, Any] = {}

    def draw(how: str, option: str, *limits: Any, **more: Any) -> None:
        changes[option] = getattr(trial, f"suggest_{how}")(f"{name}.{option}", *limits, **more)

    if name in ("knn", "linear", "svm", "gmm"):
        draw("categorical", "scale", ["standard", "robust", "quantile"])
    if name == "knn":
        draw("int", "neighbours", 1, 30, log=True)
        draw("categorical", "weights", ["uniform", "distance"])
    elif name == "linear":
        draw("float", "strength", 1e-3, 30.0, log=True)
        if options.balance != "class_weight":
            draw("categorical", "method", ["logistic", "discriminant"])
    elif name == "svm":
        draw("float", "strength", 0.3, 100.0, log=True)
        draw("float", "width", 0.05, 5.0, log=True)
    elif name == "random_forest":
        draw("categorical", "features", ["sqrt", 0.05, 0.2, 0.5])
        draw("int", "leaf", 1, 5)
        draw("categorical", "extra", [False, True])
    elif name == "gmm":
        draw("int", "components", 1, 8, log=True)
        draw("categorical", "dimensions", [10, 20, 40])
        draw("float", "floor", 1e-2, 3.0, log=True)
    elif name == "boosting":
        draw("int", "rounds", 30, 300, log=True)
        draw("float", "learning_rate", 0.02, 0.3, log=True)
        draw("int", "leaves", 3, 31, log=True)
        draw("int", "leaf", 2, 20, log=True)
        draw("float", "features", 0.03, 1.0, log=True)
        draw("float", "penalty", 0.1, 30.0, log=True)
    draw("categorical", "select", ["given", 50, 200])
    kept = changes.pop("select")
    if kept != "given":
        changes["select"] = SelectOptions(count=kept)
    return options.model_copy(update=changes)
