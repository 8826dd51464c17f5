"""Crops of recordings as batches."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from soundscape.tiny_model import RATE, prepare, sounds

from soundmill.soundscape.conditions import Column, Vocabulary
from soundmill.soundscape.crops import Crops
from soundmill.soundscape.recordings import Recording, read_recordings

WORDS = Vocabulary(
    {"kind": Column("category", ("hiss", "rumble")), "hour": Column("circle", period=24)}
)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    table = prepare(tmp_path_factory.mktemp("crops"), sounds())
    return read_recordings(table, "train") + read_recordings(table, "test")


def test_a_crop_is_a_part_of_its_recording(recordings):
    crops = Crops(recordings, WORDS, 1, RATE, 1)
    numbers, starts = [3, 0, 3], [100, 0, 7000]
    batch = crops.take(numbers, starts)
    assert batch.samples.shape == (3, 1, RATE) and batch.mask.shape == (3, RATE)
    for crop, mask, number, start in zip(batch.samples, batch.mask, numbers, starts, strict=True):
        expected = recordings[number].read(start, RATE, 1)
        assert np.array_equal(crop.numpy(), expected) and mask.all()
    labels = [recordings[number].labels for number in numbers]
    expected = np.stack([WORDS.vector(WORDS.wish(row)) for row in labels])
    assert np.array_equal(batch.condition.numpy(), expected)


def test_missing_and_unknown_labels_are_zeros(recordings):
    crops = Crops(recordings, WORDS, 1, RATE, 1)
    (number,) = (k for k, r in enumerate(recordings) if r.id == "pulses1")
    assert not crops.vectors[number].any()  # its kind is not in the vocabulary, its hour is empty
    hours = crops.vectors[:, -1].tolist()
    assert hours == [float(not r.id.startswith("pulses")) for r in recordings]


def test_short_recordings_are_padded_and_masked_and_never_dropped(recordings):
    crops = Crops(recordings, WORDS, 2, 3 * RATE, 1)
    short = {k for k, r in enumerate(recordings) if r.frames < 3 * RATE}
    batch = crops.take(range(len(recordings)), [0] * len(recordings))
    for k, recording in enumerate(recordings):
        heard = min(recording.frames, 3 * RATE)
        assert batch.mask[k].sum() == batch.mask[k, :heard].sum() == heard
        assert batch.samples[k, :, :heard].abs().amax() > 0.05
        assert not batch.samples[k, :, heard:].any()
    assert len(short) == 3
    drawn = crops.draw(300, "a")
    assert (drawn.mask.sum(1) < 3 * RATE).any()
    assert {number for number, _ in crops.cover(1000)} == set(range(len(recordings)))


def test_the_same_names_give_the_same_crops(recordings):
    def draw(*names, seed=1):
        return Crops(recordings, WORDS, 1, 500, seed).draw(8, *names).samples

    assert torch.equal(draw("1", "2"), draw("1", "2"))
    for other in (draw("1", "3"), draw("12"), draw("1", "2", seed=2)):
        assert not torch.equal(draw("1", "2"), other)


def test_longer_recordings_are_drawn_more_often_and_all_of_them_is(recordings):
    made = [Recording(str(n), "", "", RATE, 0, n, 1.0, {}) for n in (1000, 9000)]
    crops = Crops(made, Vocabulary({}), 1, 800, 1)
    seen = []
    crops.take = lambda numbers, starts: seen.extend(zip(numbers, starts, strict=True))
    crops.draw(4000, "a")
    longer = [start for number, start in seen if number]
    assert len(longer) / 4000 == pytest.approx(3 / 4, abs=0.03)
    assert 0 <= min(longer) < 100 and 8100 < max(longer) <= 8200
    shorter = {start for number, start in seen if not number}
    assert min(shorter) == 0 and max(shorter) == 200  # the last crop too


@given(st.lists(st.integers(1, 10_000), min_size=1, max_size=20), st.integers(1, 40))
def test_cover_reaches_every_recording_and_both_its_ends(lengths, most):
    made = [Recording(str(n), "", "", RATE, 0, n, 1.0, {}) for n in lengths]
    places = Crops(made, Vocabulary({}), 1, 500, 1).cover(most)
    assert 0 < len(places) <= most and len(set(places)) == len(places)
    assert all(0 <= first <= max(lengths[number] - 500, 0) for number, first in places)
    if most >= len(lengths):
        assert {number for number, _ in places} == set(range(len(lengths)))
        for number, length in enumerate(lengths):
            own = [first for n, first in places if n == number]
            assert own[0] == 0 and (len(own) == 1 or own[-1] == length - 500)


def test_no_recordings_are_no_crops():
    crops = Crops([], WORDS, 1, 500, 1)
    assert crops.cover(5) == [] and not crops.recordings
