"""Statistics of pieces whose figures are known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soundmill.music.statistics import (
    FEATURES,
    TIME_EDGES,
    UNITS,
    describe,
    excerpt,
    groove,
    inter_onset_intervals,
    note_density,
    pitch_classes,
    polyphony,
    scale_consistency,
    summarise,
    time_histogram,
)
from soundmill.notes import make_notes


def notes(onset, offset, pitch=None):
    return make_notes(
        onset, offset, [60] * len(onset) if pitch is None else pitch, [64] * len(onset)
    )


CHORD = notes([1, 1, 1, 4], [3, 3, 2, 5], [60, 64, 67, 72])


def test_pitch_classes():
    expected = np.zeros(12)
    expected[[0, 4, 7]] = 0.5, 0.25, 0.25
    assert pitch_classes(CHORD).tolist() == expected.tolist()


def test_note_density():
    assert note_density(CHORD) == 1.0  # 4 notes from second 1 to second 5


def test_polyphony_leaves_silence_out():
    assert polyphony(CHORD) == pytest.approx((2 + 2 + 1 + 1) / 3)


def test_inter_onset_intervals_see_a_chord_once():
    assert inter_onset_intervals(CHORD).tolist() == [3]


@pytest.mark.parametrize("key", range(12))
def test_scale_consistency(key):
    pitch = [60 + key + p for p in (0, 2, 4, 5, 7, 9, 11, 12)]
    scale = notes(range(8), range(1, 9), pitch)
    assert scale_consistency(scale) == pytest.approx(1)
    outside = notes(range(9), range(1, 10), [*pitch, 61 + key])
    assert scale_consistency(outside) == pytest.approx(8 / 9)


def test_chromatic_notes_fit_no_scale():
    assert scale_consistency(notes(range(12), range(1, 13), range(60, 72))) == pytest.approx(7 / 12)


def onsets(patterns, bar=2.0):
    times = [(i + q / len(p)) * bar for i, p in enumerate(patterns) for q, on in enumerate(p) if on]
    return notes(times, [t + 0.05 for t in times])


def test_groove_of_equal_and_of_opposite_bars():
    assert groove(onsets([[1, 0, 1, 0]] * 5), 2.0, 4) == 1
    assert groove(onsets([[1, 1, 0, 0], [0, 0, 1, 1]]), 2.0, 4) == 0
    assert np.isnan(groove(onsets([[1, 1, 1, 1]]), 2.0, 4))


@given(st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=2, max_size=6))
def test_groove_is_the_mean_over_pairs_of_bars(patterns):
    patterns[0][0] = patterns[-1][-1] = True  # bars begin with the first onset
    pairs = [
        1 - np.mean(np.array(a) != np.array(b))
        for i, a in enumerate(patterns)
        for b in patterns[i + 1 :]
    ]
    assert groove(onsets(patterns), 2.0, 4) == pytest.approx(np.mean(pairs))


def test_time_histogram_takes_every_time():
    shares = time_histogram(np.array([0.001, 0.015, 0.015, 500.0]))
    assert len(shares) == len(TIME_EDGES) - 1
    assert shares[[0, -1]].tolist() == [0.75, 0.25]


def test_excerpt():
    cut = excerpt(CHORD, 0.5, 2.0)
    assert [tuple(note)[:3] for note in cut] == [(0.5, 2.0, 60), (0.5, 2.0, 64), (0.5, 1.5, 67)]


@pytest.mark.parametrize("piece", [notes([], []), notes([1], [2])])
def test_pieces_too_short_are_nan_not_errors(piece):
    described = describe(piece)
    summary = summarise(piece, described)
    assert tuple(described) == FEATURES
    assert tuple(summary) == tuple(UNITS)
    assert np.isnan(summary["inter_onset"])
    assert np.isnan(summary["note_density"]) == (len(piece) == 0)
