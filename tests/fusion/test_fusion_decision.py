import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soundmill.fusion.decision import called, conflict_of, explain, percent

CLASSES = ["3", "5", "8"]
KINDS = {"audio": "sound", "image": "image"}


def decide(fused, audio=None, image=None, weights=None, missing=None):
    own = {"audio": audio, "image": image}
    own = {name: np.array(values) for name, values in own.items() if values is not None}
    return explain(CLASSES, KINDS, np.array(fused), weights or {}, own, missing or {})


def test_whoever_is_followed_comes_first_and_the_other_is_named():
    decision = decide(
        [0.9, 0.02, 0.08], [0.3, 0.29, 0.41], [0.975, 0.02, 0.005],
        {"audio": 0.07, "image": 0.93},
    )  # fmt: skip
    assert decision.reason == (
        "the image (98 % sure of 3, weight 0.93) was trusted over "
        "the recording (41 % sure of 8, weight 0.07)"
    )
    assert decision.answer == "3" and decision.probability == 0.9 and decision.disagree
    assert decision.own["audio"].answer == "8" and decision.own["audio"].confidence == 0.41
    assert decision.probabilities == {"3": 0.9, "5": 0.02, "8": 0.08}


def test_agreement_contradiction_and_compromise_are_told_apart():
    together = decide([0.9, 0.05, 0.05], [0.6, 0.3, 0.1], [0.8, 0.1, 0.1])
    assert together.reason.endswith("agree") and not together.disagree
    assert together.reason.startswith("the image (80 %")  # the surer one, where no weights are
    lie = decide([0.02, 0.01, 0.97], [0.98, 0.01, 0.01], [0.01, 0.0, 0.99])
    assert "contradict" in lie.reason and lie.conflict > 0.8
    middle = decide([0.2, 0.6, 0.2], [0.51, 0.48, 0.01], [0.01, 0.48, 0.51])
    assert "5 is what fits them best together" in middle.reason


def test_of_a_modality_alone_it_is_said_why_the_other_is_not_there():
    why = {"image": "image.png is empty"}
    decision = decide([0.9, 0.1, 0.0], audio=[0.9, 0.1, 0.0], weights={"audio": 1.0}, missing=why)
    assert decision.reason == (
        "the recording alone, 90 % sure of 3, was trusted, since image.png is empty"
    )
    assert decision.conflict is None and not decision.disagree and decision.missing == why


def test_a_third_modality_is_told_apart_by_its_name():
    names = called({"audio": "sound", "front": "image", "back": "image", "lyrics": "text"})
    assert list(names.values()) == [
        "the recording", "the image 'front'", "the image 'back'", "the lyrics",
    ]  # fmt: skip


def probabilities(count):
    numbers = st.lists(st.floats(0, 1), min_size=count, max_size=count)
    return numbers.filter(lambda x: sum(x) > 0.1).map(lambda x: np.array(x) / sum(x))


@given(probabilities(4), probabilities(4))
def test_conflict_is_symmetric_and_none_where_both_say_the_same(first, second):
    assert conflict_of([first, first]) == pytest.approx(0, abs=1e-12)
    assert 0 <= conflict_of([first, second]) <= 1
    assert conflict_of([first, second]) == pytest.approx(conflict_of([second, first]), abs=1e-12)
    assert conflict_of([first, second, first]) == pytest.approx(conflict_of([first, second]))


def test_conflict_is_one_between_opposites():
    assert conflict_of([np.array([1.0, 0]), np.array([0, 1.0])]) == 1
    assert conflict_of([np.array([0.5, 0.5]), np.array([0.5, 0.5])]) == 0
    assert conflict_of([np.array([1.0])]) is None


@pytest.mark.parametrize(
    ("share", "said"),
    [(1.0, "100 %"), (0.99999, "99.9 %"), (0.987, "99 %"), (0.994, "99.4 %"), (0.001, "0 %")],
)
def test_only_certainty_is_a_hundred_per_cent(share, said):
    assert percent(share) == said
