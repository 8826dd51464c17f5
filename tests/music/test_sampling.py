import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from soundmill.music import sampling
from soundmill.music.generation_options import GenerationOptions, piece_names, scale_pitch_classes
from soundmill.music.vocabulary import NOTE_ON, SIZE, TIME_SHIFT

LOGITS = arrays.arrays(np.float32, (2, 9), elements=st.floats(-8, 8, width=16), unique=True).map(
    torch.from_numpy
)


def kept(logits: torch.Tensor) -> list[set[int]]:
    return [set(np.flatnonzero(np.isfinite(row))) for row in logits.numpy()]


def ranked(row: torch.Tensor) -> tuple[list[int], np.ndarray]:
    probability = np.exp(row.double().numpy())
    probability /= probability.sum()
    return list(np.argsort(-probability)), probability


@given(LOGITS, st.integers(1, 12))
def test_top_k_is_the_naive_one(logits, k):
    assert kept(sampling.top_k(logits, k)) == [set(ranked(row)[0][:k]) for row in logits]


@given(LOGITS, st.floats(0.05, 0.99))
def test_top_p_is_the_naive_one(logits, p):
    for row, result in zip(logits, kept(sampling.top_p(logits, p)), strict=True):
        order, probability = ranked(row)
        sums = np.cumsum(probability[order])
        if np.abs(sums - p).min() < 1e-5:
            continue  # too close to call in single precision
        assert result == set(order[: int(np.searchsorted(sums, p)) + 1])


@given(LOGITS, st.floats(0.01, 1))
def test_min_p_is_the_naive_one(logits, p):
    for row, result in zip(logits, kept(sampling.min_p(logits, p)), strict=True):
        _, probability = ranked(row)
        shares = probability / probability.max()
        if np.abs(shares - p).min() < 1e-5:
            continue
        assert result == set(np.flatnonzero(shares >= p))


def test_temperature_zero_takes_the_likeliest_even_in_a_tie():
    logits = torch.tensor([[0.0, 3.0, 3.0, 1.0]])
    options = GenerationOptions(temperature=0)
    assert kept(sampling.shape(logits, options)) == [{1}]


def test_temperature_sharpens():
    logits = torch.tensor([[0.0, 1.0]])
    options = GenerationOptions(temperature=0.5, top_p=None)
    torch.testing.assert_close(sampling.shape(logits, options), torch.tensor([[0.0, 2.0]]))


def test_clipped_shifts_keep_their_probability():
    logits = torch.randn(3, SIZE)
    before = logits.softmax(-1)
    after = sampling.clip_shifts(logits, np.array([30, 100, 0])).softmax(-1)
    limit = TIME_SHIFT + 29
    torch.testing.assert_close(after[0, :limit], before[0, :limit])
    torch.testing.assert_close(after[0, limit], before[0, limit : TIME_SHIFT + 100].sum())
    assert (after[0, limit + 1 : TIME_SHIFT + 100] == 0).all()
    torch.testing.assert_close(after[1:], before[1:])


def test_draws_follow_the_distribution_and_never_take_what_is_forbidden():
    logits = torch.tensor([0.1, 0.0, 0.6, 0.3]).log().expand(10_000, 4)
    drawn = sampling.draw(logits, np.random.default_rng(0).random(10_000))
    np.testing.assert_allclose(np.bincount(drawn) / 10_000, [0.1, 0, 0.6, 0.3], atol=0.02)
    edges = sampling.draw(logits[:2], np.array([0.0, np.nextafter(1.0, 0)]))
    assert list(edges) == [0, 3]


def naive_penalties(pitches: list[int], length: int) -> dict[int, int]:
    """For each next note, by how many notes its longest repetition exceeds the length."""
    penalties = {}
    for candidate in set(pitches):
        line = [*pitches, candidate]
        longest = 0
        for end in range(len(line) - 1):
            n = 0
            while n <= end and line[end - n] == line[-1 - n]:
                n += 1
            longest = max(longest, n)
        if longest > length:
            penalties[candidate] = longest - length
    return penalties


@given(st.lists(st.sampled_from([60, 62, 64]), max_size=30), st.integers(1, 6))
def test_repetition_penalties_are_the_naive_ones(pitches, length):
    repetition = sampling.Repetition(2, length, 0.5)
    for pitch in pitches:
        repetition.update(np.array([NOTE_ON + pitch, NOTE_ON + 1]))
        repetition.update(np.array([SIZE - 1, SIZE - 1]))  # other events change nothing
    taken = -repetition.apply(torch.zeros(2, SIZE))[0]
    expected = naive_penalties(pitches, length)
    found = {int(i) - NOTE_ON: float(taken[i]) * 2 for i in taken.nonzero().flatten()}
    assert found == expected


def test_scales():
    assert scale_pitch_classes("C major") == (0, 2, 4, 5, 7, 9, 11)
    assert scale_pitch_classes(" a  Minor pentatonic") == (0, 2, 4, 7, 9)
    assert scale_pitch_classes("Bb dorian") == scale_pitch_classes("a# dorian")
    assert scale_pitch_classes("Cb major") == scale_pitch_classes("B major")
    for wrong in ("H major", "C", "C majr", "", "C## major"):
        with pytest.raises(ValueError, match="unknown scale"):
            scale_pitch_classes(wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"seconds": None},
        {"new": 0, "primers": 0},
        {"primer_file": "x.mid", "primers": 2},
        {"pitch_range": (60, 50)},
        {"velocity_range": (0, 5)},
        {"pitch_range": (61, 61), "scale": "C major"},
        {"scale": "nonsense"},
    ],
)
def test_contradicting_options_are_refused(wrong):
    with pytest.raises(ValueError):
        GenerationOptions(**wrong)


def test_piece_names():
    options = GenerationOptions(new=2, primers=1, variations=2)
    assert piece_names(options) == [
        "new-01",
        "new-02",
        "primer-01",
        "continued-01a",
        "continued-01b",
    ]
