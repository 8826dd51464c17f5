import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_task import make_task

from soundmill.classification.classical_options import read_options
from soundmill.classification.inner_folds import inner_folds
from soundmill.classification.search import choose


@given(st.integers(0, 10**6), st.integers(1, 12), st.integers(2, 6), st.booleans())
@settings(max_examples=40, deadline=None)
def test_no_group_is_on_both_sides_of_an_inner_fold(seed, groups, folds, single):
    rng = np.random.default_rng(seed)
    own = rng.integers(groups, size=30)
    y = rng.integers(3, size=30) if single else rng.normal(size=(30, 2))
    splits = inner_folds(y, own.astype(str), folds, seed)
    assert splits or len(set(own)) == 1 or single
    for train, test in splits:
        assert not set(own[train]) & set(own[test])
        assert sorted([*train, *test]) == list(range(30))
    if splits:
        assert sorted(np.concatenate([test for _, test in splits])) == list(range(30))


def noisy(task, seed=0):
    """Twelve columns, of which the first is the class and the others are loud noise."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(len(task), 12)) * 3
    x[:, 0] = task.targets + rng.normal(size=len(task)) * 0.1
    return x


def find(raw, x, task, groups=None, seed=1):
    ids = np.array(task.ids)
    return choose(
        read_options(raw), "single", len(task.classes), x, task.targets, ids,
        ids if groups is None else groups, seed=seed,
    )  # fmt: skip


def test_search_is_repeatable_and_no_worse_than_its_start():
    task = make_task(items=60, classes=2)
    raw = {"kind": "knn", "neighbours": 30, "weights": "uniform", "search": {"trials": 12}}
    one, two = (find(raw, noisy(task), task) for _ in range(2))
    drop = {"seconds"}
    assert one.options == two.options
    assert {**one.summary, **dict.fromkeys(drop)} == {**two.summary, **dict.fromkeys(drop)}
    assert one.summary["best"] >= one.summary["first"] == one.summary["history"][0]
    assert one.summary["trials"] == 12 and one.summary["ended_by"] == "trials"


def test_time_budget_ends_the_search():
    task = make_task(items=60, classes=2)
    raw = {"kind": "linear", "search": {"trials": 5000, "seconds": 0.3}}
    summary = find(raw, noisy(task), task).summary
    assert 1 <= summary["trials"] < 5000 and summary["ended_by"] == "seconds"


def test_groups_decide_what_is_found():
    """Copies of one recording make one neighbour look best unless they stay together."""
    task = make_task(items=60, classes=2)
    rng = np.random.default_rng(3)
    person = np.repeat(np.arange(15), 4)
    task.targets[:] = np.repeat(rng.permutation(np.arange(15) % 2), 4)
    x = rng.normal(size=(15, 6))[person] + rng.normal(size=(60, 6)) * 0.01
    raw = {"kind": "knn", "neighbours": 1, "search": {"trials": 1}}
    assert find(raw, x, task).summary["best"] == 1
    assert find(raw, x, task, person.astype(str)).summary["best"] < 0.85


def test_auto_takes_the_kind_that_fits():
    task = make_task(items=80, classes=2)
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, size=(80, 2))
    task.targets[:] = (x[:, 0] * x[:, 1] > 0).astype(int)  # no line divides them
    search = {"trials": 6, "folds": 3}
    found = find({"kind": "auto", "kinds": ["linear", "svm"], "search": search}, x, task)
    assert found.options.kind == "svm" and found.summary["best"] > found.summary["first"] + 0.2


def test_one_group_cannot_be_searched_and_is_learned_as_given():
    task = make_task(items=20, classes=2)
    groups = np.full(20, "one")
    found = find({"kind": "svm", "search": {}}, noisy(task), task, groups)
    assert found.options == read_options({"kind": "svm", "search": {}})
    assert found.summary["trials"] == 0


@pytest.mark.parametrize("kind", ["svm", "linear", "random_forest", "boosting", "gmm", "knn"])
def test_everything_a_search_may_suggest_is_valid(kind):
    import optuna

    from soundmill.classification.search import suggest

    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    for balance in ("none", "oversample"):
        start = read_options({"kind": kind, "balance": balance})
        for _ in range(15):
            drawn = suggest(study.ask(), start)
            assert read_options(drawn.model_dump(mode="json")) == drawn
