"""From options to a fitted classical learner: everything that looks at data happens in `fit`."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from soundmill.classification.aggregation import aggregate
from soundmill.classification.classical_options import FixedOptions
from soundmill.errors import InputError
from soundmill.seeds import derive

Matrix = npt.NDArray[np.floating[Any]]
NATIVE = ("majority", "knn", "random_forest")
"""Kinds that learn several targets at once; as regressors on 0 and 1 they give shares of examples,
which are the probabilities of tags. Ridge regression is one too."""


@dataclass(frozen=True)
class Learner:
    """A fitted learner.

    Attributes
    ----------
    pipeline : scikit-learn's, fitted.
    kind : of the task.
    present : single: numbers of the classes its training part had (m,).
    classes : number of classes, tags or targets of the task.
    """

    pipeline: Any
    kind: str
    present: npt.NDArray[np.int64]
    classes: int

    def predict(self, x: Matrix) -> npt.NDArray[np.float64]:
        """Return probabilities or values (n, c) of descriptors (n, d).

        A class that the training part lacked has probability 0.
        """
        if self.kind != "single":
            values = np.asarray(self.pipeline.predict(x), np.float64).reshape(len(x), -1)
            return np.clip(values, 0, 1) if self.kind == "multi" else values
        values = np.zeros((len(x), self.classes))
        values[:, self.present] = self.pipeline.predict_proba(x)
        return values


def fit_learner(
    options: FixedOptions,
    kind: str,
    classes: int,
    x: Matrix,
    y: npt.NDArray[Any],
    groups: npt.NDArray[np.str_],
    *,
    seed: int,
    threads: int = 1,
) -> Learner:
    """Fit a learner to a training part.

    Parameters
    ----------
    kind : of the task; classes : number of its classes, tags or targets.
    x : descriptors (n, d); what is not finite is missing and gets the training median.
    y : targets as `soundmill.classification.task.Task.targets`, of these rows.
    groups : (n,) what stays together where the fit itself holds rows out (calibration of an SVM).
    seed : of everything random. threads : they do not change the result.

    Raises
    ------
    InputError
        When the options do not fit the kind of task.
    """
    check_options(options, kind)
    if kind != "single":
        present = np.arange(classes)
    else:
        present, y = np.unique(y, return_inverse=True)
        rows = _oversampled(y, seed) if options.balance == "oversample" else np.arange(len(y))
        x, y, groups = x[rows], y[rows], groups[rows]
    alone = kind == "single" and len(present) == 1
    pipeline = build_pipeline(options, kind, len(x), seed, threads, prior=alone)
    from soundmill.classification.estimators import CalibratedSvm, OneForEach

    last = pipeline.steps[-1][1]
    grouped = isinstance(last, CalibratedSvm | OneForEach)
    more = {"learn__groups": groups} if grouped else {}
    pipeline.fit(np.asarray(x, np.float64), y, **more)
    _forget_threads(last)
    return Learner(pipeline, kind, present.astype(np.int64), classes)


def check_options(options: FixedOptions, kind: str) -> None:
    """Raise `InputError` when options do not fit the kind of task."""
    if kind == "regression" and options.kind == "gmm":
        raise InputError(
            "kind gmm tells classes apart and cannot predict values; choose knn, linear, svm, "
            "random_forest or boosting for a regression task"
        )
    if kind == "regression" and options.balance != "none":
        raise InputError(f"balance: {options.balance} is for classes; a regression task has none")
    if kind == "multi" and options.balance == "oversample":
        raise InputError(
            "balance: oversample is for tasks with one class each; for tags use class_weight"
        )


def build_pipeline(
    options: FixedOptions, kind: str, rows: int, seed: int, threads: int, *, prior: bool = False
) -> Any:
    """Return an unfitted pipeline: fill, scale, select, learn.

    Parameters
    ----------
    rows : number of training examples. prior : learn only how frequent the classes are.
    """
    from sklearn.pipeline import Pipeline

    from soundmill.classification.scaling import Fill, KeepBest, Scaler

    steps: list[tuple[str, Any]] = [("fill", Fill())]
    if options.scale != "none":
        steps.append(("scale", Scaler(options.scale)))
    if options.select:
        select = options.select
        steps.append(
            ("select", KeepBest(select.count, select.by, kind, derive(seed, "select") % 2**32))
        )
    if options.kind == "gmm" and options.dimensions and not prior:
        from soundmill.classification.estimators import Components

        steps.append(("reduce", Components(options.dimensions)))
    learner = _estimator(options, kind, rows, derive(seed, "learner") % 2**31, threads, prior)
    return Pipeline([*steps, ("learn", learner)])


def _estimator(
    options: FixedOptions, kind: str, rows: int, seed: int, threads: int, prior: bool
) -> Any:
    from soundmill.classification import estimators as own

    balanced = options.balance == "class_weight"
    values = kind == "regression"
    shares = kind != "single" and not (balanced and options.kind == "random_forest")
    if prior or options.kind == "majority":
        return own.Prior()
    learner: Any
    if options.kind == "knn":
        from sklearn import neighbors

        make = neighbors.KNeighborsRegressor if shares else neighbors.KNeighborsClassifier
        learner = make(min(options.neighbours, rows), weights=options.weights, algorithm="brute")
    elif options.kind == "linear":
        learner = _linear(options, values, balanced)
    elif options.kind == "svm":
        learner = _machine(options, values, balanced, seed)
    elif options.kind == "random_forest":
        learner = _forest(options, shares, balanced, seed, threads)
    elif options.kind == "gmm":
        learner = own.GaussianMixtures(options.components, options.covariance, options.floor, seed)
    else:
        learner = own.BoostedTrees(
            "value" if values else "class", options.rounds, options.learning_rate, options.leaves,
            options.leaf, options.features, options.examples, options.penalty, balanced, seed,
            threads,
        )  # fmt: skip
    native = (options.kind in NATIVE and shares) or (options.kind == "linear" and values)
    return learner if kind == "single" or native else own.OneForEach(learner, kind)


def _linear(options: Any, values: bool, balanced: bool) -> Any:
    if values:
        from sklearn.linear_model import Ridge

        return Ridge(alpha=1 / options.strength)
    if options.method == "discriminant":
        from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

        return LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    from sklearn.linear_model import LogisticRegression

    weight = "balanced" if balanced else None
    return LogisticRegression(C=options.strength, max_iter=options.iterations, class_weight=weight)


def _machine(options: Any, values: bool, balanced: bool, seed: int) -> Any:
    if not values:
        from soundmill.classification.estimators import CalibratedSvm

        return CalibratedSvm(
            options.kernel, options.strength, options.width, balanced,
            options.calibration_folds, seed,
        )  # fmt: skip
    from soundmill.classification.estimators import SvmValues

    return SvmValues(options.kernel, options.strength, options.width)


def _forest(options: Any, values: bool, balanced: bool, seed: int, threads: int) -> Any:
    from soundmill.classification.forest import Forest

    return Forest(
        values, options.trees, options.leaf, options.features, options.extra, balanced, seed,
        threads,
    )  # fmt: skip


def _forget_threads(learner: Any) -> None:
    """Make a learner the same however many threads it was fitted with."""
    inner = [*getattr(learner, "learners_", ()), getattr(learner, "learner", None)]
    for one in (learner, *inner):
        if hasattr(one, "threads"):
            one.threads = 1


def _oversampled(y: npt.NDArray[Any], seed: int) -> npt.NDArray[np.intp]:
    """Return row numbers in which every class is as frequent as the largest."""
    rng = np.random.default_rng(derive(seed, "oversample"))
    counts = np.bincount(y)
    rows = [np.arange(len(y))]
    for number, count in enumerate(counts):
        own = np.flatnonzero(y == number)
        missing = counts.max() - count
        whole, rest = divmod(int(missing), int(count))
        rows += [np.tile(own, whole), np.sort(rng.permutation(own)[:rest])]
    return np.concatenate(rows)


def decide_recordings(
    values: Matrix, ids: npt.NDArray[np.str_], order: npt.NDArray[np.str_], method: str, kind: str
) -> npt.NDArray[np.float64]:
    """Return the decisions (r, c) on recordings ``order`` from rows (n, c) of their segments."""
    sorting = np.argsort(ids, kind="stable")
    names, starts = np.unique(ids[sorting], return_index=True)
    parts = np.split(values[sorting], starts[1:])
    decided = {name: aggregate(part, method, kind) for name, part in zip(names, parts, strict=True)}
    return np.stack([decided[name] for name in order])
