"""A fitted learner as an ONNX graph, built from its numbers.

Everything is computed in double precision but for the trees, whose thresholds are rounded so that
float32 descriptors take the same branches: the graph gives the learner's own probabilities.
"""

import os
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from soundmill.classification import estimators as own
from soundmill.classification.export_trees import booster_trees, forest_trees
from soundmill.classification.fitting import Learner
from soundmill.classification.scaling import LIMIT
from soundmill.files import atomic_path

INPUT, OUTPUT = "descriptors", "values"
OPSET, ML_OPSET, IR = 17, 3, 8
TINY = 1e-24


class Graph:
    """Nodes and constants in the order they are made."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, value: Any, kind: Any = np.float64) -> str:
        """Add a constant and return its name."""
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, kind), name))
        return name

    def add(self, operator: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Add a node and return the name of its first output."""
        return self.add_many(operator, 1, *inputs, domain=domain, **attributes)[0]

    def add_many(
        self, operator: str, outputs: int, *inputs: str, domain: str = "", **attributes: Any
    ) -> list[str]:
        """Add a node with several outputs and return their names."""
        names = [f"n{len(self.nodes)}_{number}" for number in range(outputs)]
        node = helper.make_node(operator, inputs, names, domain=domain, **attributes)
        self.nodes.append(node)
        return names

    def total(self, x: str, axis: int, keep: bool = True) -> str:
        """Add a sum along an axis."""
        return self.add("ReduceSum", x, self.constant([axis], np.int64), keepdims=int(keep))


def save_onnx(path: str | os.PathLike[str], learner: Learner, columns: int) -> None:
    """Write a learner as ONNX: ``descriptors`` (n, d) float32 to ``values`` (n, c) float32.

    Parameters
    ----------
    columns : number of descriptors d.

    Gaps are filled as in training; infinities must be made NaN before.
    """
    graph = Graph()
    x = graph.add("Cast", INPUT, to=TensorProto.DOUBLE)
    for name, step in learner.pipeline.steps[:-1]:
        x = _PREPARATIONS[name](graph, step, x)
    values = _learner(graph, learner.pipeline.steps[-1][1], x)
    if learner.kind == "single" and len(learner.present) < learner.classes:
        spread = np.eye(learner.classes)[learner.present]
        values = graph.add("MatMul", values, graph.constant(spread))
    if learner.kind == "multi":
        values = graph.add("Clip", values, graph.constant(0.0), graph.constant(1.0))
    graph.nodes.append(helper.make_node("Cast", [values], [OUTPUT], to=TensorProto.FLOAT))
    shapes = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", count])
        for name, count in ((INPUT, columns), (OUTPUT, learner.classes))
    ]
    made = helper.make_graph(graph.nodes, "learner", shapes[:1], shapes[1:], graph.constants)
    sets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
    model = helper.make_model(made, opset_imports=sets, producer_name="soundmill", ir_version=IR)
    onnx.checker.check_model(model)
    with atomic_path(path) as temporary:
        temporary.write_bytes(model.SerializeToString(deterministic=True))


def _fill(graph: Graph, step: Any, x: str) -> str:
    return graph.add("Where", graph.add("IsNaN", x), graph.constant(step.medians_), x)


def _scale(graph: Graph, step: Any, x: str) -> str:
    if step.method != "quantile":
        x = graph.add("Sub", x, graph.constant(step.middle_))
        x = graph.add("Mul", x, graph.constant(step.factor_))
        return graph.add("Clip", x, graph.constant(-LIMIT), graph.constant(LIMIT))
    # how far along each piece of the curve, from 0 to 1, times how far the piece rises
    pieces, rises = np.diff(step.knots_), np.diff(step.values_)
    inverse = np.where(pieces > 0, 1 / np.where(pieces > 0, pieces, 1), 0.0)
    x = graph.add("Unsqueeze", x, graph.constant([2], np.int64))
    x = graph.add("Sub", x, graph.constant(step.knots_[:, :-1]))
    x = graph.add("Mul", x, graph.constant(inverse))
    x = graph.add("Clip", x, graph.constant(0.0), graph.constant(1.0))
    x = graph.add("Mul", x, graph.constant(np.where(pieces > 0, rises, 0.0)))
    return graph.add("Add", graph.total(x, 2, keep=False), graph.constant(step.values_[:, 0]))


def _select(graph: Graph, step: Any, x: str) -> str:
    return graph.add("Gather", x, graph.constant(step.kept_, np.int64), axis=1)


def _reduce(graph: Graph, step: Any, x: str) -> str:
    x = graph.add("Sub", x, graph.constant(step.mean_))
    return graph.add("MatMul", x, graph.constant(step.axes_))


_PREPARATIONS: dict[str, Any] = {
    "fill": _fill, "scale": _scale, "select": _select, "reduce": _reduce,
}  # fmt: skip


def _learner(graph: Graph, learner: Any, x: str) -> str:
    """Add a learner and return the name of its values (n, c)."""
    if isinstance(learner, own.OneForEach):
        return _one_for_each(graph, learner, x)
    name = type(learner).__name__
    for part, make in _LEARNERS.items():
        if part in name:
            return make(graph, learner, x)
    raise TypeError(f"no ONNX form of {name} is known")


def _one_for_each(graph: Graph, learner: own.OneForEach, x: str) -> str:
    columns = []
    for number, one in enumerate(learner.learners_):
        mean, spread = learner.means_[number], learner.spreads_[number]
        if one is None:
            columns.append(_constant(graph, np.array([mean]), x))
        elif learner.kind == "multi":
            both = _learner(graph, one, x)
            columns.append(graph.add("Gather", both, graph.constant([1], np.int64), axis=1))
        else:
            value = graph.add("Mul", _learner(graph, one, x), graph.constant(spread))
            columns.append(graph.add("Add", value, graph.constant(mean)))
    return graph.add("Concat", *columns, axis=1)


def _constant(graph: Graph, values: npt.NDArray[Any], x: str) -> str:
    zero = graph.add("Mul", graph.total(x, 1), graph.constant(0.0))
    return graph.add("Add", zero, graph.constant(values[None]))


def _prior(graph: Graph, learner: Any, x: str) -> str:
    return _constant(graph, learner.values_, x)


def _probabilities(graph: Graph, scores: str, columns: int) -> str:
    """Add what turns scores (n, c) into probabilities; one score is that of the second class."""
    if columns > 1:
        return graph.add("Softmax", scores, axis=1)
    second = graph.add("Sigmoid", scores)
    first = graph.add("Sub", graph.constant(1.0), second)
    return graph.add("Concat", first, second, axis=1)


def _linear(graph: Graph, learner: Any, x: str) -> str:
    weights = np.atleast_2d(learner.coef_).T
    scores = graph.add("MatMul", x, graph.constant(weights))
    scores = graph.add("Add", scores, graph.constant(np.reshape(learner.intercept_, (1, -1))))
    if not hasattr(learner, "predict_proba"):
        return scores
    return _probabilities(graph, scores, weights.shape[1])


def _squares(graph: Graph, x: str, points: npt.NDArray[Any]) -> str:
    """Add the squared distances (n, m) to points (m, d)."""
    double = graph.add("MatMul", x, graph.constant(-2 * points.T))
    length = graph.total(graph.add("Mul", x, x), 1)
    both = graph.add("Add", double, length)
    both = graph.add("Add", both, graph.constant((points**2).sum(axis=1)[None]))
    return graph.add("Max", both, graph.constant(0.0))


def _neighbours(graph: Graph, learner: Any, x: str) -> str:
    answers = np.asarray(learner._y, np.float64)
    if hasattr(learner, "predict_proba"):
        answers = np.eye(len(learner.classes_))[learner._y]
    answers = answers.reshape(len(answers), -1)
    squares = _squares(graph, x, np.asarray(learner._fit_X, np.float64))
    count = graph.constant([learner.n_neighbors], np.int64)
    near, which = graph.add_many("TopK", 2, squares, count, axis=1, largest=0, sorted=1)
    weights = graph.add("Sqrt", graph.add("Max", near, graph.constant(TINY)))
    weights = graph.add("Reciprocal", weights)
    if learner.weights == "uniform":
        weights = graph.add("Pow", weights, graph.constant(0.0))
    weights = graph.add("Div", weights, graph.total(weights, 1))
    weights = graph.add("Unsqueeze", weights, graph.constant([2], np.int64))
    votes = graph.add("Gather", graph.constant(answers), which, axis=0)
    return graph.total(graph.add("Mul", votes, weights), 1, keep=False)


def _kernel(graph: Graph, machine: Any, x: str) -> str:
    vectors = np.asarray(machine.support_vectors_, np.float64)
    if machine.kernel == "linear":
        return graph.add("MatMul", x, graph.constant(vectors.T))
    squares = _squares(graph, x, vectors)
    return graph.add("Exp", graph.add("Mul", squares, graph.constant(-machine._gamma)))


def _svm_values(graph: Graph, learner: Any, x: str) -> str:
    machine = learner.machine_
    scores = graph.add("MatMul", _kernel(graph, machine, x), graph.constant(machine.dual_coef_.T))
    return graph.add("Add", scores, graph.constant(machine.intercept_[None]))


def _svm(graph: Graph, learner: Any, x: str) -> str:
    """Add the duels of all pairs, their votes as scikit-learn counts them, and the softmax."""
    machine, count = learner.machine_, len(learner.offsets_)
    kernel = _kernel(graph, machine, x)
    if count == 2:
        half = np.stack([-machine.dual_coef_[0] / 2, machine.dual_coef_[0] / 2], axis=1)
        scores = graph.add("MatMul", kernel, graph.constant(half))
        shift = machine.intercept_[0] / 2 * np.array([[-1.0, 1.0]])
        scores = graph.add("Add", scores, graph.constant(shift))
    else:
        weights, won, lost = _duels(machine, count)
        duels = graph.add("MatMul", kernel, graph.constant(weights))
        duels = graph.add("Add", duels, graph.constant(machine.intercept_[None]))
        second = graph.add("Less", duels, graph.constant(0.0))
        second = graph.add("Cast", second, to=TensorProto.DOUBLE)
        votes = graph.add("MatMul", second, graph.constant(lost - won))
        votes = graph.add("Add", votes, graph.constant(won.sum(axis=0)[None]))
        trust = graph.add("MatMul", duels, graph.constant(won - lost))
        least = graph.add("Add", graph.add("Abs", trust), graph.constant(1.0))
        trust = graph.add("Div", trust, graph.add("Mul", least, graph.constant(3.0)))
        scores = graph.add("Add", votes, trust)
    scores = graph.add("Mul", scores, graph.constant(learner.slope_))
    scores = graph.add("Add", scores, graph.constant(learner.offsets_[None]))
    return graph.add("Softmax", scores, axis=1)


def _duels(machine: Any, count: int) -> tuple[npt.NDArray[Any], ...]:
    """Return weights of the vectors in each duel (v, p), and who is first and second in it."""
    ends = np.cumsum(machine.n_support_)
    ranges = [slice(end - own, end) for end, own in zip(ends, machine.n_support_, strict=True)]
    pairs = [(i, j) for i in range(count) for j in range(i + 1, count)]
    weights = np.zeros((len(machine.support_vectors_), len(pairs)))
    won, lost = np.zeros((len(pairs), count)), np.zeros((len(pairs), count))
    for number, (i, j) in enumerate(pairs):
        weights[ranges[i], number] = machine.dual_coef_[j - 1, ranges[i]]
        weights[ranges[j], number] = machine.dual_coef_[i, ranges[j]]
        won[number, i] = lost[number, j] = 1
    return weights, won, lost


def _mixtures(graph: Graph, learner: own.GaussianMixtures, x: str) -> str:
    scores = []
    for mixture, prior in zip(learner.mixtures_, learner.priors_, strict=True):
        parts = []
        for number, weight in enumerate(mixture.weights_):
            mean, root = mixture.means_[number], mixture.precisions_cholesky_[number]
            away = graph.add("Sub", x, graph.constant(mean[None]))
            away = graph.add("Mul" if root.ndim == 1 else "MatMul", away, graph.constant(root))
            square = graph.total(graph.add("Mul", away, away), 1)
            level = np.log(root if root.ndim == 1 else np.diag(root)).sum()
            level += np.log(weight) + np.log(prior) - 0.5 * len(mean) * np.log(2 * np.pi)
            part = graph.add("Mul", square, graph.constant(-0.5))
            parts.append(graph.add("Add", part, graph.constant(level)))
        both = graph.add("Concat", *parts, axis=1)
        scores.append(graph.add("ReduceLogSumExp", both, axes=[1], keepdims=1))
    return graph.add("Softmax", graph.add("Concat", *scores, axis=1), axis=1)


def _trees(graph: Graph, x: str, trees: dict[str, Any]) -> str:
    x = graph.add("Cast", x, to=TensorProto.FLOAT)
    values = graph.add("TreeEnsembleRegressor", x, domain="ai.onnx.ml", **trees)
    return graph.add("Cast", values, to=TensorProto.DOUBLE)


def _forest(graph: Graph, learner: Any, x: str) -> str:
    return _trees(graph, x, forest_trees(learner))


def _booster(graph: Graph, learner: own.BoostedTrees, x: str) -> str:
    trees, columns = booster_trees(learner.booster())
    scores = _trees(graph, x, trees)
    return _probabilities(graph, scores, columns) if learner.objective == "class" else scores


_LEARNERS: dict[str, Any] = {
    "Prior": _prior, "KNeighbors": _neighbours, "Logistic": _linear, "Discriminant": _linear,
    "Ridge": _linear, "CalibratedSvm": _svm, "SvmValues": _svm_values, "Trees": _booster,
    "GaussianMixtures": _mixtures, "Forest": _forest,
}  # fmt: skip
"""By a part of the estimator's name."""
