from collections import Counter

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedGroupKFold

from soundmill.classification.folds import Material, check_crossing, make_folds
from soundmill.classification.given_folds import folds_of_column
from soundmill.classification.splitting import divide, join_units, quantile_strata, sum_units
from soundmill.classification.task import Task
from soundmill.classification.task_options import SplitOptions
from soundmill.errors import InputError


def material(classes, groups=None, single=True):
    """Material of one class an example."""
    names = sorted(set(classes))
    strata = np.array([[name == own for name in names] for own in classes], float)
    ids = [f"r{i:04d}" for i in range(len(classes))]
    units = join_units([groups] if groups else [], len(ids))
    return Material(ids, strata, units, groups, names, single)


def honest(folds):
    return Task("single", [], [], np.zeros(0), folds.parts).honest_folds


CLASSES = st.lists(st.sampled_from("aab"), min_size=4, max_size=60).filter(
    lambda classes: min(Counter(classes).get(name, 0) for name in "ab") >= 2
)
SEEDS = st.integers(0, 99)


@given(CLASSES, st.integers(2, 4), SEEDS)
def test_every_example_is_tested_once_and_classes_are_within_one_of_their_share(classes, k, seed):
    options = SplitOptions(method="folds", folds=k, valid=0)
    parts = make_folds(material(classes), options, seed).parts
    tested = np.stack([parts[str(fold)] == "test" for fold in range(k)])
    assert (tested.sum(axis=0) == 1).all()
    for name, count in Counter(classes).items():
        own = np.array(classes) == name
        assert all(abs((fold & own).sum() - count / k) < 1 for fold in tested)
    assert all(abs(fold.sum() - len(classes) / k) < 1 for fold in tested)


@given(CLASSES, st.floats(0.1, 0.9), st.floats(0, 0.8), SEEDS)
def test_a_holdout_trains_and_tests_every_class(classes, test, valid, seed):
    options = SplitOptions(test=test, valid=valid)
    parts = make_folds(material(classes), options, seed).parts
    for name, count in Counter(classes).items():
        own = Counter(parts["0"][np.array(classes) == name].tolist())
        assert abs(own["test"] - test * count) <= 1 and own["test"]
        assert abs(own["valid"] - valid * (count - own["test"])) <= 1 and own["train"]
    assert set(parts["all"]) <= {"train", "valid"}


@st.composite
def grouped(draw):
    """Classes and groups of examples: 4 to 12 groups, every class in two of them or more."""
    groups = draw(st.lists(st.integers(0, 11), min_size=8, max_size=60))
    offsets = draw(st.lists(st.integers(0, 1), min_size=len(groups), max_size=len(groups)))
    classes = [chr(ord("a") + (g + o) % 3) for g, o in zip(groups, offsets, strict=True)]
    pairs = set(zip(classes, groups, strict=True))
    assume(len(set(groups)) >= 4 and min(Counter(c for c, _ in pairs).values()) >= 2)
    return classes, [f"g{number}" for number in groups]


@given(grouped(), st.sampled_from(["holdout", "folds", "leave_one_group_out"]), SEEDS)
def test_no_group_crosses(sample, method, seed):
    classes, groups = sample
    options = SplitOptions(method=method, folds=3 if method == "folds" else None)
    folds = make_folds(material(classes, groups), options, seed)
    for name in [*honest(folds), "all"]:
        seen = {}
        for group, part in zip(groups, folds.parts[name], strict=True):
            if part:
                assert seen.setdefault(group, part) == part
        assert set(seen.values()) >= ({"train"} if name == "all" else {"train", "test"})
    if method == "leave_one_group_out":
        assert list(folds.stands_for.values()) == sorted(set(groups))
        for fold, group in folds.stands_for.items():
            assert {groups[i] for i in np.flatnonzero(folds.parts[fold] == "test")} == {group}


@given(grouped(), SEEDS)
def test_folds_depend_on_seed_and_names_only(sample, seed):
    classes, groups = sample
    options = SplitOptions(method="folds", folds=3, compare_random=True)
    whole = material(classes, groups)
    first = make_folds(whole, options, seed).parts
    order = np.random.default_rng(seed).permutation(len(classes))
    turned = whole._replace(
        ids=[whole.ids[i] for i in order],
        strata=whole.strata[order],
        units=join_units([[groups[i] for i in order]], len(order)),
        groups=[groups[i] for i in order],
    )
    again = make_folds(turned, options, seed).parts
    assert list(first) == list(again)
    for name in first:
        np.testing.assert_array_equal(first[name][order], again[name])


def test_another_seed_gives_other_folds():
    whole = material(list("ab" * 30))
    parts = [make_folds(whole, SplitOptions(), seed).parts["0"].tolist() for seed in (1, 1, 2)]
    assert parts[0] == parts[1] != parts[2]


def test_the_leaky_split_crosses_groups_and_is_of_the_honest_one_s_size():
    groups = [f"g{i // 10}" for i in range(200)]
    classes = [("a", "b")[i // 10 % 2] for i in range(200)]
    options = SplitOptions(method="folds", folds=4, compare_random=True)
    folds = make_folds(material(classes, groups), options, 1)
    task = Task("single", [], [], np.zeros(0), folds.parts)
    assert task.leaky_folds == [f"random-{i}" for i in range(4)]
    parts = folds.parts["random-0"]
    assert (parts == "test").sum() == 50
    tested = {groups[i] for i in np.flatnonzero(parts == "test")}
    trained = {groups[i] for i in np.flatnonzero(parts == "train")}
    assert tested & trained
    one = make_folds(material(classes, groups), SplitOptions(test=0.4, compare_random=True), 1)
    assert (one.parts["random-0"] == "test").sum() == (one.parts["0"] == "test").sum() == 80


def test_groups_are_balanced_better_than_by_scikit_learn():
    def distance(fold, counts, groups):
        got = np.zeros((5, counts.shape[1]))
        np.add.at(got, fold, counts[groups])
        return float(((got - counts.sum(0) / 5) ** 2 / counts.sum(0)).sum())

    better = []
    for seed in range(10):
        generator = np.random.default_rng(seed)
        counts = generator.poisson(generator.gamma(0.5, 8, (25, 4)))
        counts[::4] += 1  # no class in one group only
        own = divide(counts, counts.sum(1), [0.2] * 5, list(generator.permutation(25)), True)
        classes = np.concatenate([np.repeat(np.arange(4), row) for row in counts])
        groups = np.repeat(np.arange(25), counts.sum(1))
        other = np.zeros(25, int)
        split = StratifiedGroupKFold(5, shuffle=True, random_state=seed).split(
            classes, classes, groups
        )
        for fold, (_, test) in enumerate(split):
            other[groups[test]] = fold
        each = np.arange(25)
        better.append(distance(own, counts, each) / distance(other, counts, each))
    assert np.median(better) < 0.7 and max(better) <= 1


@given(st.lists(st.sets(st.integers(0, 3)), min_size=12, max_size=60), SEEDS)
def test_tags_are_spread(tags, seed):
    strata = np.array([[tag in own for tag in range(4)] for own in tags], float)
    keys = np.random.default_rng(seed).permutation(len(tags)).tolist()
    parts = divide(strata, np.ones(len(tags)), [1 / 3] * 3, keys, True)
    for column in strata.T:
        counts = np.bincount(parts[column > 0], minlength=3)
        assert np.ptp(counts) <= 3 and (column.sum() < 2 or (counts > 0).sum() > 1)


def test_regressed_values_are_spread_by_quantile():
    values = np.random.default_rng(0).normal(size=(100, 2))
    strata = quantile_strata(values)
    assert strata.shape == (100, 10) and (strata.sum(axis=0) == 20).all()
    whole = Material([f"{i:03d}" for i in range(100)], strata, np.arange(100), None, [], False)
    parts = make_folds(whole, SplitOptions(method="folds", folds=5, valid=0), 1).parts
    for fold in range(5):
        assert (np.abs(strata[parts[str(fold)] == "test"].sum(axis=0) - 4) <= 1).all()
    assert quantile_strata(np.ones((3, 1))).tolist() == [[1]] * 3


def test_units_join_through_others():
    columns = [["a", "a", "b", "", ""], ["", "x", "x", "y", ""]]
    assert join_units(columns, 5).tolist() == [0, 0, 0, 1, 2]
    assert sum_units(np.eye(3), np.array([0, 1, 0])).tolist() == [[1, 0, 1], [0, 1, 0]]


def test_the_assertion_names_what_crosses():
    whole = material(["a", "b", "a"], ["g", "h", "g"])
    parts = np.array(["train", "train", "test"])
    with pytest.raises(AssertionError, match=r"'r0000' .train. and 'r0002' .test. are of group"):
        check_crossing("0", parts, whole, given=False)
    with pytest.raises(InputError, match="set group: null"):
        check_crossing("0", parts, whole, given=True)
    parts[2] = ""
    check_crossing("0", parts, whole, given=True)


def test_a_column_of_folds():
    given_folds = folds_of_column(["10", "2", "", "2"], "fold", [])
    assert given_folds.stands_for == {"0": "2", "1": "10"}
    assert given_folds.parts["0"].tolist() == ["train", "test", "", "test"]
    assert given_folds.remarks == ["1 recordings without 'fold' are in no fold"]
    one = folds_of_column(["Train", "test", "VAL"], "part", [])
    assert one.parts["0"].tolist() == ["train", "test", "valid"] and one.has_valid
    takes = folds_of_column(["0", "1", "7"], "take", ["0", "1"])
    assert takes.parts["0"].tolist() == ["test", "test", "train"]
    with pytest.raises(InputError, match="no recording has '9'"):
        folds_of_column(["0", "1"], "take", ["9"])
    with pytest.raises(InputError, match="has 1 different values"):
        folds_of_column(["1", "1"], "fold", [])


def test_a_wrong_number_of_folds_is_said():
    whole, given_folds = material(list("abab")), folds_of_column(list("1122"), "fold", [])
    options = SplitOptions(method="column", column="fold", folds=5)
    with pytest.raises(InputError, match=r"make 2 folds, not 5 \(1, 2\)"):
        make_folds(whole, options, 1, given_folds)
    with pytest.raises(InputError, match="4 recordings make at most 4 folds, not 5"):
        make_folds(whole, SplitOptions(method="folds"), 1)
    with pytest.raises(InputError, match="all recordings are of one group"):
        make_folds(material(list("abab"), ["g"] * 4), SplitOptions(), 1)
