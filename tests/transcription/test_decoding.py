from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from transcription import package_reference

from soundmill.transcription.decoding import decode_notes
from soundmill.transcription.options import TranscriberOptions, package_options

FIXTURE = Path(__file__).with_name("data") / "package_notes.npz"


def rows(notes):
    return [(int(n["start"]), int(n["end"]), int(n["pitch"])) for n in notes]


def blank(frames=200):
    return np.full((2, frames, 88), 0.05, np.float32)


def play(both, pitch, start, end, onset=0.9, frame=0.6):
    both[0, start:end, pitch - 21] = frame
    both[1, start, pitch - 21] = onset


@st.composite
def posteriorgrams(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    frames = draw(st.integers(3, 90))
    # coarse values make ties and values at the threshold common
    decimals, power = draw(st.integers(1, 6)), draw(st.integers(1, 3))
    frame = np.round(rng.random((frames, 88)) ** power, decimals).astype(np.float32)
    if draw(st.booleans()):
        frame = (frame + np.roll(frame, 1, 0) + np.roll(frame, 2, 0)) / 3
    onset = np.round(rng.random((frames, 88)), decimals).astype(np.float32)
    return frame, onset


@given(
    posteriorgrams(),
    st.sampled_from([0.3, 0.5, 0.9]),
    st.sampled_from([0.3, 0.5, 0.7]),
    st.integers(0, 12),
    st.booleans(),
    st.booleans(),
)
def test_notes_are_those_of_the_package(both, onset, frame, shortest, infer, melodia):
    expected = package_reference.decode(
        *both, onset_thresh=onset, frame_thresh=frame, min_note_len=shortest, infer_onsets=infer,
        melodia_trick=melodia,
    )  # fmt: skip
    length = shortest * 256 / 22.05
    options = package_options(
        onset_threshold=onset, frame_threshold=frame, sustained_threshold=frame,
        shortest_note_ms=length, shortest_sustained_ms=length, infer_onsets=infer,
        melodia_trick=melodia,
    )  # fmt: skip
    assert sorted(rows(decode_notes(*both, options))) == expected


def test_notes_of_a_rendered_piece_are_those_recorded_from_the_package():
    with np.load(FIXTURE) as data:
        frame, onset = (data[name].astype(np.float32) / 255 for name in ("frame", "onset"))
        expected = data["notes"]
    notes = decode_notes(frame, onset, package_options())
    assert rows(notes) == [tuple(row) for row in expected.tolist()]


def test_a_sounding_pitch_begins_again_only_at_a_clear_onset():
    both = blank()
    play(both, 60, 20, 150)
    both[1, 80, 39] = 0.65  # beating
    assert rows(decode_notes(*both, TranscriberOptions())) == [(20, 150, 60)]
    both[1, 80, 39] = 0.75  # struck again
    assert rows(decode_notes(*both, TranscriberOptions())) == [(20, 80, 60), (80, 150, 60)]


def test_a_soft_onset_after_silence_is_a_note():
    both = blank()
    play(both, 60, 20, 60, onset=0.65)
    assert rows(decode_notes(*both, TranscriberOptions())) == [(20, 60, 60)]


@pytest.mark.parametrize(("strength", "length", "found"), [(0.6, 60, 1), (0.4, 60, 0), (0.6, 9, 0)])
def test_notes_without_onset_must_be_strong_and_long(strength, length, found):
    both = blank()
    play(both, 60, 20, 20 + length, onset=0.0, frame=strength)
    assert len(decode_notes(*both, TranscriberOptions())) == found
    silent = TranscriberOptions(melodia_trick=False)
    assert len(decode_notes(*both, silent)) == 0


def test_pitch_range_is_inclusive():
    both = blank()
    for pitch in (59, 62, 65, 68):
        play(both, pitch, 20, 60)
    options = TranscriberOptions(lowest_pitch=62, highest_pitch=65)
    assert decode_notes(*both, options)["pitch"].tolist() == [62, 65]


def test_amplitude_is_the_mean_activation():
    both = blank()
    play(both, 60, 20, 60, frame=0.6)
    both[0, 20:40, 39] = 0.8
    assert decode_notes(*both, TranscriberOptions())["amplitude"][0] == pytest.approx(0.7)


@pytest.mark.parametrize("frames", [0, 1, 2])
def test_hardly_any_frames_hold_no_note(frames):
    both = np.ones((2, frames, 88), np.float32)
    assert len(decode_notes(*both, package_options())) == 0
