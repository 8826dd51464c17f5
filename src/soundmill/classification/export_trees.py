"""Trees as ONNX's TreeEnsembleRegressor wants them: one flat list of nodes."""

from typing import Any

import numpy as np

from soundmill.classification.forest import Forest


class _Nodes:
    """Lists of the operator's attributes."""

    def __init__(self) -> None:
        self.lists: dict[str, list[Any]] = {
            name: []
            for name in (
                "nodes_treeids", "nodes_nodeids", "nodes_featureids", "nodes_modes",
                "nodes_values", "nodes_truenodeids", "nodes_falsenodeids",
                "target_treeids", "target_nodeids", "target_ids", "target_weights",
            )
        }  # fmt: skip

    def branch(
        self, tree: int, node: int, column: int, limit: float, below: int, above: int
    ) -> None:
        """Add a node that goes ``below`` when the column is at most ``limit``."""
        self._node(tree, node, column, "BRANCH_LEQ", rounded_down(limit), below, above)

    def leaf(self, tree: int, node: int, values: dict[int, float]) -> None:
        """Add a leaf with what it adds to each target."""
        self._node(tree, node, 0, "LEAF", 0.0, 0, 0)
        for target, value in (values or {0: 0.0}).items():  # the operator wants one at least
            self.lists["target_treeids"].append(tree)
            self.lists["target_nodeids"].append(node)
            self.lists["target_ids"].append(target)
            self.lists["target_weights"].append(float(value))

    def attributes(self, targets: int) -> dict[str, Any]:
        """Return the attributes of the operator."""
        return {**self.lists, "n_targets": targets, "post_transform": "NONE"}

    def _node(self, *values: Any) -> None:
        for name, value in zip(list(self.lists)[:7], values, strict=True):
            self.lists[name].append(value)


def rounded_down(limit: float) -> float:
    """Return the largest float32 that is not above a double.

    A float32 is at most the one exactly when it is at most the other.
    """
    near = np.float32(limit)
    return float(np.nextafter(near, np.float32(-np.inf)) if near > limit else near)


def forest_trees(forest: Forest) -> dict[str, Any]:
    """Return the attributes of a forest: the mean of its trees' answers."""
    nodes = _Nodes()
    count = len(forest.roots_)
    ends = [*forest.roots_[1:], len(forest.left_)]
    for tree, (root, end) in enumerate(zip(forest.roots_.tolist(), ends, strict=True)):
        for node in range(root, int(end)):
            if forest.left_[node] < 0:
                shares = forest.answers_[node] / count
                nodes.leaf(tree, node - root, {int(i): shares[i] for i in np.flatnonzero(shares)})
            else:
                below, above = int(forest.left_[node]) - root, int(forest.right_[node]) - root
                limit = float(forest.threshold_[node])
                nodes.branch(tree, node - root, int(forest.feature_[node]), limit, below, above)
    return nodes.attributes(forest.answers_.shape[1])


def booster_trees(booster: Any) -> tuple[dict[str, Any], int]:
    """Return the attributes of a LightGBM booster, whose trees' answers are summed, and targets."""
    nodes = _Nodes()
    model = booster.dump_model()
    targets = int(model["num_tree_per_iteration"])
    for number, info in enumerate(model["tree_info"]):
        waiting = [(0, info["tree_structure"])]
        taken = 1
        while waiting:
            node, part = waiting.pop()
            if "split_index" not in part:
                nodes.leaf(number, node, {number % targets: part["leaf_value"]})
                continue
            if part["decision_type"] != "<=":
                raise ValueError(f"a tree splits by {part['decision_type']!r}, not by <=")
            nodes.branch(number, node, part["split_feature"], part["threshold"], taken, taken + 1)
            waiting += [(taken, part["left_child"]), (taken + 1, part["right_child"])]
            taken += 2
    return nodes.attributes(targets), targets
