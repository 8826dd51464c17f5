"""How large a fitted classical learner is."""

from typing import Any

import numpy as np

from soundmill.classification.fitting import Learner


def describe_size(learner: Learner) -> dict[str, int]:
    """Return ``parameters``, the numbers a learner keeps to decide by, and what they belong to.

    Leaves and branches of trees count one each, a support vector or stored neighbour one for each
    of its descriptors and weights; the scales of the preparation do not count.
    """
    last = learner.pipeline.steps[-1][1]
    found: dict[str, int] = {"parameters": 0}
    for part in [p for p in getattr(last, "learners_", [last]) if p is not None]:
        for name, count in _parts(part).items():
            found[name] = found.get(name, 0) + count
    return found


def _parts(learner: Any) -> dict[str, int]:
    if hasattr(learner, "roots_"):
        leaves = int((learner.left_ < 0).sum())
        return {"parameters": len(learner.left_), "trees": len(learner.roots_), "leaves": leaves}
    if hasattr(learner, "text_"):
        booster = learner.booster()
        trees = booster.num_trees()
        leaves = sum(len(tree.split()) for tree in _lines(learner.text_, "leaf_value="))
        return {"parameters": 2 * leaves - trees, "trees": trees, "leaves": leaves}
    if hasattr(learner, "machine_"):
        machine = learner.machine_
        count = machine.support_vectors_.size + machine.dual_coef_.size + machine.intercept_.size
        offsets = len(getattr(learner, "offsets_", ())) + hasattr(learner, "slope_")
        vectors = len(machine.support_vectors_)
        return {"parameters": int(count + offsets), "support_vectors": vectors}
    if hasattr(learner, "_fit_X"):
        count = learner._fit_X.size + np.size(learner._y)
        return {"parameters": int(count), "neighbours_kept": len(learner._fit_X)}
    if hasattr(learner, "mixtures_"):
        mixtures = learner.mixtures_
        count = sum(m.means_.size + m.precisions_.size + m.weights_.size for m in mixtures)
        gaussians = sum(len(m.weights_) for m in mixtures)
        return {"parameters": int(count + len(mixtures)), "gaussians": gaussians}
    if hasattr(learner, "coef_"):
        return {"parameters": int(np.size(learner.coef_) + np.size(learner.intercept_))}
    return {"parameters": int(np.size(learner.values_))}


def _lines(text: str, start: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(start)]
