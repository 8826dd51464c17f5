"""Ways to decide together: what each computes, what is missing, what is never looked at."""

import numpy as np
import pytest
import torch
from fusion.toy_outputs import write_toy_outputs
from hypothesis import given
from hypothesis import strategies as st

from soundmill.fusion.building import FUSIONS, Shapes, build_fusion
from soundmill.fusion.examples import blame, calibrate, draw_examples
from soundmill.fusion.fusion_network import Batch, Calibration
from soundmill.fusion.gate import Gate, Trust
from soundmill.fusion.intermediate import GatedUnits
from soundmill.fusion.late import Mean, Product, Stacked, Weighted
from soundmill.fusion.late_calibration import class_shares
from soundmill.fusion.options import FusionOptions, TrainingCases

CLASSES, SIZES, TOKENS = 3, [5, 7], [(4, 6), (40, 5)]
NEEDS = ["logits", "embeddings", "tokens", "pictures"]


def calibration(modalities=2, classes=CLASSES, seed=0):
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.full(classes, 5), modalities)
    return Calibration(torch.tensor([0.7, 2.0, 1.0][:modalities]), torch.from_numpy(shares))


def make(kind, seed=0):
    torch.manual_seed(seed)
    shapes = Shapes(CLASSES, SIZES, TOKENS)
    fusion = build_fusion(FusionOptions(kind=kind, width=8), shapes, calibration())
    if isinstance(fusion, Gate):  # away from the product it starts as
        torch.nn.init.normal_(fusion.network[-1].weight)
    return fusion.eval()


def draw_batch(count=12, seed=0):
    random = torch.Generator().manual_seed(seed)
    present = torch.rand(count, 2, generator=random) < 0.7
    present[:, 0] |= ~present.any(dim=1)
    return Batch(
        present,
        3 * torch.randn(count, 2, CLASSES, generator=random),
        [torch.randn(count, d, generator=random) for d in SIZES],
        [torch.randn(count, s, e, generator=random) for s, e in TOKENS],
        torch.rand(count, 2, 28, 28, generator=random),
    )


def spoil(batch):
    """The same batch, in which a missing modality says something else."""
    there = batch.present
    return Batch(
        there,
        torch.where(there[..., None], batch.logits, 99.0 * torch.arange(CLASSES)),
        [torch.where(there[:, i, None], x, 9.0) for i, x in enumerate(batch.embeddings)],
        [torch.where(there[:, i, None, None], x, 9.0) for i, x in enumerate(batch.tokens)],
        torch.where(there[..., None, None], batch.pictures, 1.0),
    )


@pytest.mark.parametrize("kind", FUSIONS)
def test_every_fusion_returns_probabilities_and_weights_of_those_there(kind):
    fusion, batch = make(kind), draw_batch()
    logs, weights = fusion(batch)
    torch.testing.assert_close(logs.exp().sum(dim=1), torch.ones(12))
    if torch.isnan(weights).any():
        assert torch.isnan(weights).all() and kind not in ("gate", "gated_units", "weighted")
    else:
        torch.testing.assert_close(weights.sum(dim=1), torch.ones(12))
        assert (weights[~batch.present] == 0).all() and (weights >= 0).all()


@pytest.mark.parametrize("kind", FUSIONS)
def test_what_a_missing_modality_says_changes_nothing(kind):
    fusion, batch = make(kind), draw_batch()
    assert (~batch.present).any()
    torch.testing.assert_close(fusion(batch), fusion(spoil(batch)), equal_nan=True)


@pytest.mark.parametrize("kind", FUSIONS)
def test_what_a_modality_says_and_its_absence_matter(kind):
    fusion, batch = make(kind), draw_batch()
    batch = batch._replace(present=torch.ones(12, 2, dtype=torch.bool))
    for i in range(2):
        others = draw_batch(seed=1)
        changed = batch._replace(
            logits=torch.stack([(others if j == i else batch).logits[:, j] for j in range(2)], 1),
            embeddings=[(others if j == i else batch).embeddings[j] for j in range(2)],
            tokens=[(others if j == i else batch).tokens[j] for j in range(2)],
            pictures=torch.stack(
                [(others if j == i else batch).pictures[:, j] for j in range(2)], 1
            ),
        )
        assert not torch.allclose(fusion(batch)[0], fusion(changed)[0], atol=1e-6)
        gone = batch.present.clone()
        gone[:, i] = False
        absent = fusion(batch._replace(present=gone))[0]
        assert not torch.allclose(fusion(batch)[0], absent, atol=1e-6)


def test_the_product_is_bayes_rule():
    """Two independent witnesses: the posterior by Bayes from their likelihoods."""
    rng = np.random.default_rng(3)
    prior = rng.dirichlet(np.ones(CLASSES))
    likelihood = rng.uniform(0.05, 1, (2, CLASSES))
    own = prior * likelihood / (prior * likelihood).sum(axis=1, keepdims=True)
    together = prior * likelihood.prod(axis=0)
    fusion = Product(Calibration(torch.ones(2), torch.from_numpy(np.stack([prior, prior]))))
    logits = torch.from_numpy(np.log(own)).float()[None] + 5  # up to a constant
    logs, _ = fusion(Batch(torch.ones(1, 2, dtype=torch.bool), logits))
    np.testing.assert_allclose(logs.exp()[0], together / together.sum(), rtol=1e-5)


def test_late_fusions_of_one_modality_are_that_modality_calibrated():
    batch = draw_batch()._replace(present=torch.tensor([[True, False]] * 12))
    cal = calibration()
    own = torch.log_softmax(batch.logits[:, 0] / 0.7, dim=1)
    for fusion in (Mean(cal), Product(cal), Weighted(cal)):
        torch.testing.assert_close(fusion(batch)[0], own)


def test_the_mean_is_of_calibrated_probabilities():
    batch = draw_batch()._replace(present=torch.ones(12, 2, dtype=torch.bool))
    own = torch.softmax(batch.logits / torch.tensor([0.7, 2.0])[:, None], dim=2)
    torch.testing.assert_close(Mean(calibration())(batch)[0].exp(), own.mean(dim=1))


def test_a_gate_without_doubt_is_the_product():
    batch, cal = draw_batch(), calibration()
    nothing = torch.zeros(12, 2)
    logs, weights = Gate(cal, 8, 0.0).eval().weigh(batch, Trust(nothing, nothing - 60))
    torch.testing.assert_close(logs, Product(cal)(batch)[0])
    assert (weights[~batch.present] == 0).all()
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(12))


def test_the_one_that_is_doubted_is_outvoted_however_sure_it_is():
    gate = Gate(Calibration(torch.ones(2), torch.full((2, CLASSES), 1 / CLASSES)), 8, 0.0).eval()
    logits = torch.zeros(1, 2, CLASSES)
    logits[0, 0, 0] = 1000.0  # beyond all measure
    logits[0, 1, 1] = 8.0  # .999 or so
    batch = Batch(torch.ones(1, 2, dtype=torch.bool), logits)
    doubts = torch.tensor([0.2, 0.001]).logit()[None]
    logs, weights = gate.weigh(batch, Trust(torch.zeros(1, 2), doubts))
    assert logs.argmax() == 1
    # what the doubt leaves of the first: its class against any other
    left = np.log((0.8 * CLASSES + 0.2) / 0.2)
    assert logs[0, 0] - logs[0, 2] == pytest.approx(left, rel=1e-4)
    assert weights[0, 1] > weights[0, 0] > 0
    assert gate.weigh(batch, Trust(torch.zeros(1, 2), doubts.flip(1)))[0].argmax() == 0


def test_one_that_says_nothing_has_no_weight():
    gate = Gate(Calibration(torch.ones(2), torch.full((2, CLASSES), 1 / CLASSES)), 8, 0.0).eval()
    logits = torch.zeros(1, 2, CLASSES)
    logits[0, 1, 2] = 5.0
    assert gate(Batch(torch.ones(1, 2, dtype=torch.bool), logits))[1][0, 1] > 0.999


@given(st.permutations(range(CLASSES)), st.integers(0, 5))
def test_weights_of_the_gate_do_not_depend_on_the_names_of_classes(order, seed):
    even = Calibration(torch.tensor([0.7, 2.0]), torch.full((2, CLASSES), 1 / CLASSES))
    torch.manual_seed(seed)
    gate = Gate(even, 8, 0.0).eval()
    torch.nn.init.normal_(gate.network[-1].weight)
    batch = draw_batch(seed=seed)
    logs, weights = gate(batch)
    logs_moved, weights_moved = gate(batch._replace(logits=batch.logits[..., list(order)]))
    torch.testing.assert_close(weights_moved, weights)
    torch.testing.assert_close(logs_moved, logs[:, list(order)])


def test_gated_units_of_two_are_those_of_the_paper():
    torch.manual_seed(0)
    unit = GatedUnits(SIZES, CLASSES, 8, 0.0).eval()
    batch = draw_batch()._replace(present=torch.ones(12, 2, dtype=torch.bool))
    x = batch.embeddings
    first, second = unit.gates.weight[:8], unit.gates.weight[8:]
    z = torch.sigmoid(torch.cat(x, dim=1) @ (first - second).T)
    h = [torch.tanh(v @ layer.weight.T) for v, layer in zip(x, unit.hidden, strict=True)]
    found = unit.last(z * h[0] + (1 - z) * h[1]).log_softmax(dim=1)
    torch.testing.assert_close(unit(batch)[0], found)
    torch.testing.assert_close(unit(batch)[1][:, 0], z.mean(dim=1))


def test_weighted_learns_to_ignore_one_that_only_guesses():
    random = torch.Generator().manual_seed(0)
    targets = torch.arange(600) % CLASSES
    logits = 2 * torch.randn(600, 2, CLASSES, generator=random)
    logits[:, 0] += 4 * torch.eye(CLASSES)[targets]
    batch = Batch(torch.ones(600, 2, dtype=torch.bool), logits)
    fusion = Weighted(Calibration(torch.ones(2), torch.full((2, CLASSES), 1 / CLASSES)))
    fusion.fit(batch, targets)
    assert fusion(batch)[1][0, 0] > 0.85
    product = Product(fusion.calibration)
    right = [(f(batch)[0].argmax(1) == targets).float().mean() for f in (fusion, product)]
    assert right[0] > right[1] + 0.02


@pytest.mark.parametrize("seen", [(0, 1, 2), (0, 2)])
def test_stacked_learns_a_modality_that_says_the_next_class(seen):
    """What no product can: one modality names its class wrongly, but always in the same way."""
    random = torch.Generator().manual_seed(0)
    targets = torch.tensor(seen).repeat(200)
    logits = torch.randn(len(targets), 2, CLASSES, generator=random)
    logits[:, 0] += 6 * torch.eye(CLASSES)[(targets + 1) % CLASSES]
    batch = Batch(torch.ones(len(targets), 2, dtype=torch.bool), logits)
    fusion = Stacked(Calibration(torch.ones(2), torch.full((2, CLASSES), 1 / CLASSES)))
    fusion.fit(batch, targets)
    logs, _ = fusion(batch)
    assert (logs.argmax(dim=1) == targets).float().mean() > 0.98
    unseen = [c for c in range(CLASSES) if c not in seen]
    assert (logs.exp()[:, unseen] < 0.01).all()


def test_calibration_cools_bold_encoders_and_blames_the_one_that_errs(tmp_path):
    audio = write_toy_outputs(tmp_path / "a", "audio", ("clean", "noise"), valid=60, spread=0.8)
    image = write_toy_outputs(tmp_path / "b", "image", ("clean", "noise"), valid=60, noise=3.0)
    cal = calibrate([[audio, image]])
    assert cal.temperatures[1] > cal.temperatures[0] > 1
    held = np.concatenate([audio.logits[k][audio.rows("valid")] for k in range(2)])
    truth = torch.from_numpy(np.tile(audio.targets[audio.rows("valid")], 2))

    def surprise(t):
        return torch.nn.functional.cross_entropy(torch.from_numpy(held) / t, truth)

    best = float(cal.temperatures[0])
    assert surprise(best) < min(surprise(1.0), surprise(best * 1.1), surprise(best / 1.1))
    first, second = blame([[audio, image]])
    assert first > 2 * second > 0


def test_shares_are_never_zero():
    np.testing.assert_allclose(class_shares(np.array([0, 0, 2]), 3), [0.5, 1 / 6, 1 / 3])


def test_examples_of_several_folds_stay_with_their_own_outputs(tmp_path):
    folds = [
        [write_toy_outputs(tmp_path / f"{n}{s}", n, seed=s) for n in ("a", "b")] for s in (0, 1)
    ]
    cases = TrainingCases(damaged=0, missing=0, lying=0)
    found = draw_examples(folds, "valid", 2, cases, [1, 1], NEEDS, 5)
    rows = np.array([3, len(found) - 1, len(found) // 2, 0])
    batch, targets = found.batch(rows)
    assert batch.tokens[0].shape[0] == batch.pictures.shape[0] == len(targets) == 4
    for place, (fold, row) in enumerate([(0, 3), (0, 0), (1, -1), (1, 0)]):
        draw = found.draws[fold]
        for i, one in enumerate(folds[fold]):
            expected = one.logits[0][draw.rows[row, i]]
            np.testing.assert_array_equal(batch.logits[place, i], expected)
        assert targets[place] == draw.targets[row]
