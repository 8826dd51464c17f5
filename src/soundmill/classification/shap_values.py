"""SHAP values of learners made of trees (Lundberg et al., "From local explanations to global
understanding with explainable AI for trees", 2020).
"""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from soundmill.classification.estimators import BoostedTrees, OneForEach
from soundmill.classification.fitting import Learner
from soundmill.classification.forest import Forest
from soundmill.log import progress

Floats = npt.NDArray[np.float64]
ROWS = 32
"""Recordings explained in one call, in which no other thread runs and no log is written; the
values of one depend on no other."""


def is_tree_learner(learner: Learner) -> bool:
    """Tell whether a learner is made of trees."""
    last = learner.pipeline.steps[-1][1]
    inner = last.learner if isinstance(last, OneForEach) else last
    return isinstance(inner, Forest | BoostedTrees)


def explain_trees(learner: Learner, x: npt.NDArray[np.floating[Any]]) -> Floats:
    """Return what each descriptor adds to each decision (n, d, c), and each class's rest is fixed.

    Parameters
    ----------
    x : descriptors (n, d).

    The sums over d are, up to a constant for each class, what the trees answer: probabilities or
    values (forests), log odds (boosting of classes), values (boosting of values).
    """
    seen, kept = np.asarray(x, np.float64), np.arange(x.shape[1])
    for name, step in learner.pipeline.steps[:-1]:
        seen = step.transform(seen)
        if name == "select":
            kept = kept[step.kept_]
    last = learner.pipeline.steps[-1][1]
    values = np.zeros((len(x), x.shape[1], learner.classes))
    if isinstance(last, OneForEach):
        for number, one in enumerate(last.learners_):
            if one is not None:
                scale = last.spreads_[number] if last.kind == "regression" else 1.0
                values[:, kept, number] = scale * _values(one, seen)[:, :, -1]
    else:
        found = _values(last, seen)
        if found.shape[2] == 1 and len(learner.present) == 2:  # one score, that of the second class
            found = np.concatenate([-found, found], axis=2)
        values[np.ix_(np.arange(len(x)), kept, learner.present)] = found
    return values


def _values(learner: Any, x: Floats) -> Floats:
    """Return SHAP values (n, d, c) of a learner of trees."""
    import shap

    model = learner.booster() if isinstance(learner, BoostedTrees) else {"trees": _trees(learner)}
    if isinstance(model, dict):
        x = x.astype(np.float32).astype(np.float64)  # as the trees see it
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "LightGBM binary classifier")  # its list is expected here
        explainer = shap.TreeExplainer(model)
        parts = []
        for rows in progress(_chunks(x), total=-(-len(x) // ROWS), unit="parts", label="explain"):
            found = explainer.shap_values(rows, check_additivity=False)
            if isinstance(found, list):
                found = np.stack(found, axis=2)
            found = np.asarray(found, np.float64)
            parts.append(found[:, :, None] if found.ndim == 2 else found)
    return np.concatenate(parts)


def _chunks(x: Floats) -> Iterator[Floats]:
    """Yield a few rows at a time."""
    for first in range(0, len(x), ROWS):
        yield x[first : first + ROWS]


def _trees(forest: Forest) -> list[dict[str, Any]]:
    """Return a forest as shap takes trees from elsewhere."""
    ends = [*forest.roots_[1:].tolist(), len(forest.left_)]
    count = len(forest.roots_)
    trees = []
    for root, end in zip(forest.roots_.tolist(), ends, strict=True):
        own = slice(root, end)
        left, right = (
            np.where(nodes < 0, -1, nodes - root).astype(np.int32)
            for nodes in (forest.left_[own], forest.right_[own])
        )
        trees.append(
            {
                "children_left": left, "children_right": right, "children_default": right,
                "features": np.where(left < 0, -2, forest.feature_[own]).astype(np.int32),
                "thresholds": forest.threshold_[own], "values": forest.answers_[own] / count,
                "node_sample_weight": forest.cover_[own],
            }
        )  # fmt: skip
    return trees
