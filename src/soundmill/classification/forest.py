"""A random forest kept as flat arrays: quick to store and to read."""

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

Matrix = npt.NDArray[np.floating[Any]]
CELLS = 2_000_000
"""Rows times trees decided at once, to bound the memory."""


class Forest(ClassifierMixin, RegressorMixin, BaseEstimator):
    """scikit-learn's random forest or extremely randomised trees.

    Parameters
    ----------
    values : learn targets (n, c) as values, in place of class numbers (n,).
    trees, leaf, features, extra : as `RandomForestOptions`.
    balanced : classes weigh the same. threads : results do not depend on it.

    Attributes
    ----------
    roots_ : first node of each tree (t,).
    left_, right_ : next node (m,) when the feature is at most the threshold, and when it is above;
        -1 at leaves.
    feature_, threshold_ : of each branch (m,). answers_ : of each node (m, c).
    cover_ : training examples of each node (m,), which SHAP weighs branches by.
    """

    def __init__(
        self,
        values: bool = False,
        trees: int = 300,
        leaf: int = 1,
        features: float | str = "sqrt",
        extra: bool = False,
        balanced: bool = False,
        seed: int = 0,
        threads: int = 1,
    ) -> None:
        self.values, self.trees, self.leaf, self.features = values, trees, leaf, features
        self.extra, self.balanced, self.seed, self.threads = extra, balanced, seed, threads

    def fit(self, x: Matrix, y: npt.NDArray[Any]) -> Self:
        """Learn from (n, d)."""
        from sklearn import ensemble

        kind = "Regressor" if self.values else "Classifier"
        make = getattr(ensemble, f"{'ExtraTrees' if self.extra else 'RandomForest'}{kind}")
        more = {} if self.values else {"class_weight": "balanced" if self.balanced else None}
        grown = make(
            self.trees, min_samples_leaf=self.leaf, max_features=self.features,
            random_state=self.seed, n_jobs=self.threads, **more,
        ).fit(x, y)  # fmt: skip
        parts = [one.tree_ for one in grown.estimators_]
        sizes = [part.node_count for part in parts]
        self.roots_ = np.cumsum([0, *sizes[:-1]]).astype(np.int64)
        starts = np.repeat(self.roots_, sizes)
        for name, source in (("left_", "children_left"), ("right_", "children_right")):
            nodes = np.concatenate([getattr(part, source) for part in parts])
            setattr(self, name, np.where(nodes < 0, -1, nodes + starts).astype(np.int32))
        branch = self.left_ >= 0
        feature = np.concatenate([part.feature for part in parts])
        self.feature_ = np.where(branch, feature, 0).astype(np.int32)
        threshold = np.concatenate([part.threshold for part in parts])
        self.threshold_ = np.where(branch, threshold, 0.0)
        self.cover_ = np.concatenate([part.weighted_n_node_samples for part in parts])
        answers = np.concatenate([part.value for part in parts])
        self.answers_ = answers[:, :, 0] if self.values else answers[:, 0]
        if not self.values:
            self.answers_ = self.answers_ / self.answers_.sum(axis=1, keepdims=True)
        return self

    def predict(self, x: Matrix) -> Matrix:
        """Return values or probabilities (n, c), the mean of the trees' answers."""
        x = np.asarray(x, np.float32)  # as scikit-learn's trees see it
        step = max(1, CELLS // len(self.roots_))
        parts = [self._decide(x[start : start + step]) for start in range(0, len(x), step)]
        return np.concatenate([np.zeros((0, self.answers_.shape[1])), *parts])

    predict_proba = predict

    def _decide(self, x: npt.NDArray[np.float32]) -> Matrix:
        nodes = np.tile(self.roots_, (len(x), 1))
        places = np.arange(nodes.size)  # of the trees that are not at a leaf yet
        flat = nodes.ravel()
        while len(places):
            places = places[self.left_[flat[places]] >= 0]
            own = flat[places]
            below = x[places // len(self.roots_), self.feature_[own]] <= self.threshold_[own]
            flat[places] = np.where(below, self.left_[own], self.right_[own])
        answers = np.zeros((len(x), self.answers_.shape[1]))
        for column in flat.reshape(nodes.shape).T:
            answers += self.answers_[column]
        return answers / len(self.roots_)
