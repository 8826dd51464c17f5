"""Pairs are of one class and one part; what may happen to them happens as often as asked."""

import numpy as np
import pytest
from fusion.toy_outputs import write_toy_outputs
from hypothesis import given, settings
from hypothesis import strategies as st

from soundmill.errors import InputError
from soundmill.fusion.conditions import CLEAN, LYING, MISSING
from soundmill.fusion.options import TrainingCases
from soundmill.fusion.outputs import Outputs
from soundmill.fusion.pairing import apply_case, draw_cases, draw_pairs


def made(modality, targets, parts, classes):
    n = len(targets)
    nothing = np.zeros((1, n, 1))
    return Outputs(
        modality, [f"c{i}" for i in range(classes)], ["clean"],
        np.array([f"{modality}{i}" for i in range(n)]), np.array(parts),
        np.array(["g"] * n), np.array(targets), nothing, nothing, nothing, nothing, {},
    )  # fmt: skip


@st.composite
def modalities(draw):
    classes = draw(st.integers(2, 4))
    found = []
    for name in ("a", "b", "c")[: draw(st.integers(2, 3))]:
        targets, parts = [], []
        for part in ("train", "valid", "test"):
            for target in range(classes):
                count = draw(st.integers(1, 5))
                targets += [target] * count
                parts += [part] * count
        order = np.random.default_rng(draw(st.integers(0, 9))).permutation(len(targets))
        found.append(made(name, np.array(targets)[order], np.array(parts)[order], classes))
    return found


@settings(max_examples=60)
@given(modalities(), st.integers(1, 5), st.integers(0, 1000), st.sampled_from(["train", "test"]))
def test_pairs_are_of_one_class_and_part_and_use_samples_evenly(outputs, times, seed, part):
    pairs = draw_pairs(outputs, part, times, seed)
    first = np.bincount(pairs.rows[:, 0], minlength=len(outputs[0].ids))
    assert set(first[outputs[0].rows(part)]) == {times} and first.sum() == len(pairs)
    for i, one in enumerate(outputs):
        assert (one.targets[pairs.rows[:, i]] == pairs.targets).all()
        assert (one.targets[pairs.lying[:, i]] != pairs.targets).all()
        assert set(one.parts[pairs.rows[:, i]]) | set(one.parts[pairs.lying[:, i]]) == {part}
        for target in range(len(one.classes)):
            pool = np.flatnonzero((one.targets == target) & (one.parts == part))
            used = np.bincount(pairs.rows[:, i], minlength=len(one.ids))[pool]
            assert used.max() - used.min() <= 1  # none again before all were used
    again = draw_pairs(outputs, part, times, seed)
    np.testing.assert_array_equal(again.rows, pairs.rows)
    np.testing.assert_array_equal(again.lying, pairs.lying)


def test_other_seeds_draw_other_pairs(tmp_path):
    outputs = [write_toy_outputs(tmp_path / n, n) for n in ("a", "b")]
    one, two = (draw_pairs(outputs, "test", 4, seed) for seed in (1, 2))
    assert (one.rows[:, 1] != two.rows[:, 1]).mean() > 0.5


def test_samples_without_partner_are_left_out_and_said(caplog):
    a = made("a", [0, 1, 2, 2], ["test"] * 4, 3)
    b = made("b", [0, 1, 1], ["test"] * 3, 3)
    with caplog.at_level("WARNING"):
        pairs = draw_pairs([a, b], "test", 2, 0)
    assert set(pairs.targets) == {0, 1} and len(pairs) == 4
    assert "2 samples of a find no partner" in caplog.text and "class c2" in caplog.text


def test_what_cannot_be_paired_is_refused():
    a = made("a", [0, 1], ["test"] * 2, 2)
    with pytest.raises(InputError, match="1 classes in common"):
        draw_pairs([a, made("b", [0, 0], ["test"] * 2, 2)], "test", 1, 0)
    with pytest.raises(InputError, match="different classes: c2 is not in both"):
        draw_pairs([a, made("b", [0, 1], ["test"] * 2, 3)], "test", 1, 0)


def test_chances_of_learning_are_those_asked_for(tmp_path):
    outputs = [
        write_toy_outputs(tmp_path / n, n, ("clean", "some", "more"), train=100) for n in "ab"
    ]
    pairs = draw_pairs(outputs, "train", 20, 0)
    cases = TrainingCases(damaged=0.4, missing=0.2, lying=0.3)
    draw = draw_cases(pairs, [2, 2], cases, 1, liars=[3, 1])
    assert draw.present.any(axis=1).all()
    honest = 1 - 0.3
    missing = honest * (0.2 - 0.2 * 0.2 / 2)
    assert (~draw.present).mean() == pytest.approx(missing, abs=0.01)
    for number in (1, 2):
        assert (draw.conditions == number).mean() == pytest.approx(honest * 0.2, abs=0.015)
    lies = np.stack([one.targets[draw.rows[:, i]] for i, one in enumerate(outputs)], axis=1)
    lies = lies != draw.targets[:, None]
    assert lies.sum(axis=1).max() == 1
    assert lies.mean(axis=0) == pytest.approx([0.225, 0.075], abs=0.015)
    # where one lies, nothing else is wrong
    assert (draw.conditions[lies.any(axis=1)] == 0).all() and draw.present[lies.any(axis=1)].all()


def test_without_damages_nothing_is_damaged(tmp_path):
    outputs = [write_toy_outputs(tmp_path / n, n, ("clean",)) for n in "ab"]
    draw = draw_cases(draw_pairs(outputs, "train", 5, 0), [0, 0], TrainingCases(damaged=0.9), 1)
    assert (draw.conditions == 0).all()


def test_a_case_happens_to_every_pair(tmp_path):
    outputs = [write_toy_outputs(tmp_path / n, n, ("clean", "hiss")) for n in "ab"]
    pairs = draw_pairs(outputs, "test", 2, 0)
    names = [one.conditions for one in outputs]
    draw = apply_case(pairs, ("hiss", LYING), names)
    assert (draw.conditions == [1, 0]).all() and draw.present.all()
    np.testing.assert_array_equal(draw.rows[:, 0], pairs.rows[:, 0])
    np.testing.assert_array_equal(draw.rows[:, 1], pairs.lying[:, 1])
    assert (apply_case(pairs, (MISSING, CLEAN), names).present == [False, True]).all()
    with pytest.raises(InputError, match=r"'fog', only under clean, hiss"):
        apply_case(pairs, ("fog", CLEAN), names)
