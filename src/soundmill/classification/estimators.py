"""Estimators that scikit-learn lacks, each with one job and plain arrays inside.

They follow scikit-learn's manners, so that they work in its pipelines; every fitted attribute is
an array, a number or a stock estimator, so that skops can write them without pickle.
"""

import re
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin, clone

Matrix = npt.NDArray[np.floating[Any]]


def class_weights(y: npt.NDArray[Any]) -> Matrix:
    """Return a weight for each example (n,) by which all classes weigh the same; mean 1."""
    counts = np.bincount(y)
    return np.asarray(len(y) / ((counts > 0).sum() * counts[y]), np.float64)


class Prior(ClassifierMixin, RegressorMixin, BaseEstimator):
    """Answers with the training shares of the classes, or the mean of the targets, to anything."""

    def fit(self, x: Matrix, y: npt.NDArray[Any]) -> Self:
        """Learn from class numbers (n,) or targets (n, c)."""
        self.values_ = np.bincount(y) / len(y) if y.ndim == 1 else y.mean(axis=0, dtype=np.float64)
        return self

    def predict(self, x: Matrix) -> Matrix:
        """Return (n, c)."""
        return np.tile(self.values_, (len(x), 1))

    predict_proba = predict


class CalibratedSvm(ClassifierMixin, BaseEstimator):
    """A support vector machine whose scores become probabilities.

    The scores s of the classes (one-vs-one votes refined by confidence, scikit-learn's ``ovr``
    shape) become softmax(a s + b). Slope a and offsets b are fitted to the scores of inner folds,
    each scored by a machine that did not see it and none of its groups: Platt ("Probabilistic
    outputs for support vector machines", 1999) for several classes at once, with one slope so that
    few examples suffice.

    Parameters
    ----------
    kernel, strength : as `SvmOptions`; gamma is width / (columns x variance).
    balanced : classes weigh the same. folds, seed : the inner folds and how they are drawn.
    """

    def __init__(
        self,
        kernel: str = "rbf",
        strength: float = 1.0,
        width: float = 1.0,
        balanced: bool = False,
        folds: int = 5,
        seed: int = 0,
    ) -> None:
        self.kernel, self.strength, self.width = kernel, strength, width
        self.balanced, self.folds, self.seed = balanced, folds, seed

    def fit(self, x: Matrix, y: npt.NDArray[Any], groups: npt.NDArray[Any] | None = None) -> Self:
        """Learn class numbers (n,) from (n, d); ``groups`` (n,) stay together in inner folds."""
        from sklearn.svm import SVC

        from soundmill.classification.inner_folds import inner_folds

        gamma = _gamma(self.width, x)
        weight = "balanced" if self.balanced else None
        machine = SVC(C=self.strength, kernel=self.kernel, gamma=gamma, class_weight=weight)
        self.machine_ = clone(machine).fit(x, y)
        scores = np.zeros((len(y), len(np.unique(y))))
        seen = np.zeros(len(y), bool)
        for train, test in inner_folds(y, groups, self.folds, self.seed):
            if len(np.unique(y[train])) > 1:
                scores[test] = _scores(clone(machine).fit(x[train], y[train]), x[test], scores)
                seen[test] = True
        weights: Any = class_weights(y) if self.balanced else np.ones(len(y))
        self.offsets_: Matrix = np.zeros(scores.shape[1])
        self.slope_ = 1.0
        if not seen.any():  # one group: nothing is held out, and the scores stand as they are
            return self
        self.slope_, self.offsets_ = _calibrate(scores[seen], y[seen], weights[seen])
        return self

    def predict_proba(self, x: Matrix) -> Matrix:
        """Return probabilities (n, c)."""
        count = len(self.offsets_)
        scores = _scores(self.machine_, x, np.zeros((0, count)))
        return np.asarray(softmax(self.slope_ * scores + self.offsets_, axis=1))


class SvmValues(RegressorMixin, BaseEstimator):
    """A support vector machine for values (epsilon .1), its width in the same units."""

    def __init__(self, kernel: str = "rbf", strength: float = 1.0, width: float = 1.0) -> None:
        self.kernel, self.strength, self.width = kernel, strength, width

    def fit(self, x: Matrix, y: Matrix) -> Self:
        """Learn values (n,) from (n, d)."""
        from sklearn.svm import SVR

        machine = SVR(C=self.strength, kernel=self.kernel, gamma=_gamma(self.width, x))
        self.machine_ = machine.fit(x, y)
        return self

    def predict(self, x: Matrix) -> Matrix:
        """Return values (n,)."""
        return np.asarray(self.machine_.predict(x))


def _gamma(width: float, x: Matrix) -> float:
    spread = float(x.var())
    return width / (x.shape[1] * spread) if spread > 0 else 1.0


def _scores(machine: Any, x: Matrix, like: Matrix) -> Matrix:
    """Return a machine's scores of all classes (n, c); a class it never saw gets the least."""
    found = machine.decision_function(x)
    if found.ndim == 1:
        found = np.stack([-found / 2, found / 2], axis=1)
    scores = np.repeat(found.min(axis=1, keepdims=True) - 1, like.shape[1], axis=1)
    scores[:, machine.classes_] = found
    return scores


def _calibrate(scores: Matrix, y: npt.NDArray[Any], weights: Matrix) -> tuple[float, Matrix]:
    """Return slope and offsets of least log loss; offsets cost a little, so rare classes keep 0."""
    count = scores.shape[1]
    truth = np.eye(count)[y]

    def loss(point: Matrix) -> tuple[float, Matrix]:
        slope, offsets = np.exp(point[0]), point[1:]
        logits = slope * scores + offsets
        total = logsumexp(logits, axis=1)
        wrong = weights[:, None] * (np.exp(logits - total[:, None]) - truth)
        value = weights @ (total - (logits * truth).sum(axis=1)) + 0.5 * offsets @ offsets
        gradient = np.r_[slope * (wrong * scores).sum(), wrong.sum(axis=0) + offsets]
        return float(value), gradient

    bounds = [(-4.0, 4.0), *[(None, None)] * count]
    found = minimize(loss, np.zeros(count + 1), jac=True, method="L-BFGS-B", bounds=bounds).x
    return float(np.exp(found[0])), np.asarray(found[1:])


class Components(TransformerMixin, BaseEstimator):
    """Principal components, as many as there are examples and columns for at most."""

    def __init__(self, count: int = 20) -> None:
        self.count = count

    def fit(self, x: Matrix, y: Any = None) -> Self:
        """Learn the axes of (n, d); their signs are settled, so that runs agree."""
        self.mean_ = x.mean(axis=0)
        _, _, axes = np.linalg.svd(x - self.mean_, full_matrices=False)
        axes = axes[: min(self.count, max(1, len(x) - 1))]
        largest = axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)]
        self.axes_ = axes.T * np.where(largest < 0, -1.0, 1.0)
        return self

    def transform(self, x: Matrix) -> Matrix:
        """Return (n, k)."""
        return np.asarray((x - self.mean_) @ self.axes_)


class GaussianMixtures(ClassifierMixin, BaseEstimator):
    """A Gaussian mixture for each class and Bayes' rule (Reynolds, "Robust text-independent speaker
    identification using Gaussian mixture speaker models", 1995).

    Parameters
    ----------
    components, covariance, floor : as `GmmOptions`. seed : of the mixtures' starts.
    """

    def __init__(
        self,
        components: int = 1,
        covariance: str = "diag",
        floor: float = 0.1,
        seed: int = 0,
    ) -> None:
        self.components, self.covariance = components, covariance
        self.floor, self.seed = floor, seed

    def fit(self, x: Matrix, y: npt.NDArray[Any]) -> Self:
        """Learn class numbers (n,) from (n, d)."""
        from sklearn.mixture import GaussianMixture

        self.priors_ = np.bincount(y) / len(y)
        self.mixtures_: list[Any] = []
        for number in range(len(self.priors_)):
            own = x[y == number]
            own = np.repeat(own, 2, axis=0) if len(own) == 1 else own  # a mixture wants two
            count = max(1, min(self.components, len(own) // 2))
            mixture = GaussianMixture(
                count, covariance_type=self.covariance, reg_covar=self.floor, random_state=self.seed
            )
            self.mixtures_.append(mixture.fit(own))
        return self

    def predict_proba(self, x: Matrix) -> Matrix:
        """Return probabilities (n, c)."""
        scores = np.stack([mixture.score_samples(x) for mixture in self.mixtures_], axis=1)
        return np.asarray(softmax(scores + np.log(self.priors_), axis=1))


class BoostedTrees(ClassifierMixin, RegressorMixin, BaseEstimator):
    """LightGBM's gradient boosted trees, kept as its text.

    Parameters
    ----------
    objective : ``class`` or ``value``. The others as `BoostingOptions`.
    balanced : classes weigh the same. threads : results do not depend on it.
    """

    def __init__(
        self,
        objective: str = "class",
        rounds: int = 80,
        learning_rate: float = 0.1,
        leaves: int = 8,
        leaf: int = 5,
        features: float = 1.0,
        examples: float = 1.0,
        penalty: float = 1.0,
        balanced: bool = False,
        seed: int = 0,
        threads: int = 1,
    ) -> None:
        self.objective, self.rounds, self.learning_rate = objective, rounds, learning_rate
        self.leaves, self.leaf, self.features, self.examples = leaves, leaf, features, examples
        self.penalty, self.balanced, self.seed, self.threads = penalty, balanced, seed, threads

    def fit(self, x: Matrix, y: npt.NDArray[Any]) -> Self:
        """Learn class numbers or values (n,) from (n, d)."""
        import lightgbm

        self.classes_ = np.unique(y) if self.objective == "class" else np.zeros(0, int)
        count = len(self.classes_)
        name = {0: "regression", 2: "binary"}.get(count, "multiclass")
        parameters: dict[str, Any] = {
            "objective": name, "num_class": count if count > 2 else 1, "verbosity": -1,
            "learning_rate": self.learning_rate, "num_leaves": self.leaves,
            "min_data_in_leaf": self.leaf, "min_sum_hessian_in_leaf": 1e-3,
            "feature_fraction": self.features, "bagging_fraction": self.examples,
            "bagging_freq": 1 if self.examples < 1 else 0, "lambda_l2": self.penalty,
            "max_bin": 63, "seed": self.seed, "deterministic": True, "force_col_wise": True,
            "num_threads": self.threads, "feature_pre_filter": False,
        }  # fmt: skip
        weights = class_weights(y) if self.balanced and count else None
        data = lightgbm.Dataset(x, y, weight=weights, params=parameters, free_raw_data=True)
        booster = lightgbm.train(parameters, data, num_boost_round=self.rounds)
        text = booster.model_to_string(num_iteration=-1)
        # the one line that tells with how many threads it was trained
        self.text_ = re.sub(r"\[num_threads: \d+\]\n", "", text)
        return self

    def booster(self) -> Any:
        """Return LightGBM's own object."""
        import lightgbm

        return lightgbm.Booster(model_str=self.text_)

    def predict(self, x: Matrix) -> Matrix:
        """Return values (n,)."""
        return np.asarray(self.booster().predict(x, num_threads=self.threads))

    def predict_proba(self, x: Matrix) -> Matrix:
        """Return probabilities (n, c)."""
        found = self.predict(x)
        return np.stack([1 - found, found], axis=1) if found.ndim == 1 else found


class OneForEach(BaseEstimator):
    """A learner of its own for each tag or target.

    Parameters
    ----------
    learner : a classifier of two classes, or a regressor, which then learns values of mean 0 and
        deviation 1.
    kind : ``multi`` or ``regression``.

    A tag that all or no training examples have, or a constant target, is answered as it was.
    """

    def __init__(self, learner: Any, kind: str = "multi") -> None:
        self.learner, self.kind = learner, kind

    def fit(self, x: Matrix, y: Matrix, groups: npt.NDArray[Any] | None = None) -> Self:
        """Learn targets (n, c) from (n, d)."""
        y = np.asarray(y, np.float64)
        self.means_, self.spreads_ = y.mean(axis=0), y.std(axis=0)
        more = {"groups": groups} if isinstance(self.learner, CalibratedSvm) else {}
        self.learners_: list[Any] = []
        for number, column in enumerate(y.T):
            if np.ptp(column) == 0:
                self.learners_.append(None)
                continue
            target = column.astype(int)
            if self.kind == "regression":
                target = (column - self.means_[number]) / self.spreads_[number]
            self.learners_.append(clone(self.learner).fit(x, target, **more))
        return self

    def predict(self, x: Matrix) -> Matrix:
        """Return probabilities or values (n, c)."""
        columns = [self._column(number, x) for number in range(len(self.learners_))]
        return np.stack(columns, axis=1)

    def _column(self, number: int, x: Matrix) -> Matrix:
        learner = self.learners_[number]
        if learner is None:
            return np.full(len(x), self.means_[number])
        if self.kind == "multi":
            return np.asarray(learner.predict_proba(x)[:, 1])
        return np.asarray(learner.predict(x) * self.spreads_[number] + self.means_[number])
