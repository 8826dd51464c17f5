"""The event encoding: note-seq's, on one grid, and nothing gets lost."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paths import real_data

from soundmill.music import vocabulary as v
from soundmill.music.events import (
    BIN_SIZE,
    Faults,
    decode,
    decode_checked,
    encode,
    quantise,
    stretch,
    transpose,
)
from soundmill.notes import make_notes, read_midi, to_sequence

NO_FAULTS = Faults(0, 0, 0, 0)
ANY_TIME = st.floats(0, 30)
PITCH = st.integers(0, 127) | st.sampled_from([60, 61])  # so that pitches meet
GRID_TIME = st.integers(0, 3000).map(lambda step: step / 100)


@st.composite
def pieces(draw, times=ANY_TIME):
    """Any notes at all: short, long, simultaneous, overlapping in one pitch."""
    notes = draw(
        st.lists(
            st.tuples(times, st.floats(1e-4, 10), PITCH, st.integers(1, 127)),
            max_size=40,
        )
    )
    onset, length, pitch, velocity = np.array(notes).reshape(-1, 4).T
    return make_notes(onset, onset + length, pitch, velocity)


def steps(seconds):
    return np.floor(np.asarray(seconds) * 100 + 0.5).astype(int)


def sounding(notes):
    """The set of (pitch, step) at which something sounds: a piano roll."""
    ends = np.maximum(steps(notes["offset"]), steps(notes["onset"]) + 1)
    return {
        (int(p), s)
        for a, b, p in zip(steps(notes["onset"]), ends, notes["pitch"], strict=True)
        for s in range(a, b)
    }


def struck(notes):
    return {(int(p), int(s)) for p, s in zip(notes["pitch"], steps(notes["onset"]), strict=True)}


def note_seq_tokens(notes):
    """The same piece through note-seq's own quantiser, performance and one-hot encoding."""
    import note_seq
    from note_seq.performance_encoder_decoder import PerformanceOneHotEncoding

    quantised = note_seq.quantize_note_sequence_absolute(to_sequence(notes), 100)
    performance = note_seq.Performance(quantised, num_velocity_bins=32)
    encoding = PerformanceOneHotEncoding(num_velocity_bins=32)
    assert encoding.num_classes + v.SPECIAL == v.SIZE
    return [encoding.encode_event(event) + v.SPECIAL for event in performance]


@given(pieces(times=GRID_TIME))
def test_same_tokens_as_note_seq_on_the_grid(notes):
    on_grid = decode(encode(notes))
    assert encode(on_grid).tolist() == note_seq_tokens(on_grid)


def test_same_tokens_as_note_seq_on_a_song():
    notes = decode(encode(read_midi(real_data("pop909") / "001" / "001.mid")))
    assert encode(notes).tolist() == note_seq_tokens(notes)


def test_tokens_of_a_small_piece():
    notes = make_notes([0.0, 0.0, 2.5], [0.5, 2.5, 2.504], [60, 64, 60], [1, 1, 127])
    assert encode(notes).tolist() == [
        v.VELOCITY,
        v.NOTE_ON + 60,
        v.NOTE_ON + 64,
        v.TIME_SHIFT + 49,
        v.NOTE_OFF + 60,
        v.TIME_SHIFT + 99,
        v.TIME_SHIFT + 99,
        v.NOTE_OFF + 64,
        v.VELOCITY + 31,
        v.NOTE_ON + 60,
        v.TIME_SHIFT,  # 4 ms become one step
        v.NOTE_OFF + 60,
    ]
    assert encode(notes).dtype == np.int16


@given(pieces())
def test_round_trip_keeps_every_onset_and_all_that_sounds(notes):
    found, faults = decode_checked(encode(notes))
    assert faults == NO_FAULTS
    assert struck(found) == struck(notes)
    assert len(found) == len(struck(notes))  # none doubled
    assert sounding(found) == sounding(notes)
    for note in found:  # the loudest of those that begin together, within its bin
        same = notes[
            (notes["pitch"] == note["pitch"]) & (steps(notes["onset"]) == steps(note["onset"]))
        ]
        assert 0 <= int(same["velocity"].max()) - int(note["velocity"]) < BIN_SIZE


@given(pieces())
def test_encoding_what_was_decoded_changes_nothing(notes):
    tokens = encode(notes)
    assert encode(decode(tokens)).tolist() == tokens.tolist()


def test_no_drift_over_hours():
    onset = np.arange(20_000) * 0.7549
    found = decode(encode(make_notes(onset, onset + 0.1049, 40 + np.arange(20_000) % 50, onset)))
    assert np.abs(found["onset"] - onset).max() <= 0.005 + 1e-9
    assert np.abs(found["offset"] - onset - 0.1049).max() <= 0.005 + 1e-9


def check_songs(count):
    folders = sorted(path for path in real_data("pop909").iterdir() if path.is_dir())[:count]
    for folder in folders:
        notes = read_midi(folder / f"{folder.name}.mid")
        found, faults = decode_checked(encode(notes))
        assert faults == NO_FAULTS
        assert struck(found) == struck(notes)
        assert len(found) == len(struck(notes))
        assert distance(notes, found) <= 0.005 + 1e-9
        assert distance(found, notes) <= 0.005 + 1e-9


def distance(notes, others):
    """The farthest any onset is from the nearest onset of its pitch among the others."""
    wanted, keys = (np.sort(1e5 * x["pitch"] + x["onset"]) for x in (notes, others))
    after = np.clip(np.searchsorted(keys, wanted), 1, len(keys) - 1)
    return np.minimum(np.abs(keys[after] - wanted), np.abs(keys[after - 1] - wanted)).max()


def test_round_trip_of_200_songs():
    check_songs(200)


@pytest.mark.slow
def test_round_trip_of_all_songs():
    check_songs(909)


def test_overlaps_of_one_pitch():
    notes = make_notes([0, 1, 1, 2], [5, 1.5, 1.2, 2.1], [60, 60, 60, 60], [10, 30, 20, 40])
    grid = quantise(notes)
    assert grid.onset.tolist() == [0, 100, 200]
    assert grid.offset.tolist() == [100, 200, 500]
    assert grid.bin.tolist() == [3, 8, 10]


@given(st.lists(st.integers(-5, 400), max_size=200))
def test_decoder_survives_anything(tokens):
    notes, faults = decode_checked(tokens)
    assert (notes["offset"] > notes["onset"]).all()
    assert encode(notes).tolist() == encode(decode(encode(notes))).tolist()
    used = tokens[: tokens.index(v.END)] if v.END in tokens else tokens
    note_ons = sum(v.NOTE_ON <= token < v.NOTE_OFF for token in used)
    assert note_ons == len(notes) + faults.zero_length


def test_decoder_counts_what_is_impossible():
    on, off, shift = v.NOTE_ON + 60, v.NOTE_OFF + 60, v.TIME_SHIFT + 9
    tokens = [v.START, off, 999, on, off, shift, on, shift, off, off, on + 1, v.PAD, shift, on]
    notes, faults = decode_checked([*tokens, v.END, on + 5])
    assert faults == Faults(unknown=1, orphan_offs=2, zero_length=1, hanging=2)
    found = [(round(n["onset"], 2), round(n["offset"], 2), int(n["pitch"])) for n in notes]
    assert found == [(0.1, 0.2, 60), (0.2, 0.3, 61), (0.3, 0.31, 60)]


def test_restruck_note_is_no_fault():
    on, shift = v.NOTE_ON + 60, v.TIME_SHIFT + 9
    notes, faults = decode_checked([on, shift, on, shift, v.NOTE_OFF + 60])
    assert faults == NO_FAULTS
    assert notes["offset"].tolist() == [0.1, 0.2]


@pytest.mark.parametrize("tokens", [[], [v.START, v.END], [v.TIME_SHIFT]])
def test_nothing_to_decode(tokens):
    notes, faults = decode_checked(tokens)
    assert len(notes) == 0
    assert faults == NO_FAULTS
    assert len(encode(notes)) == 0


def test_transpose_skips_what_leaves_the_range():
    notes = make_notes([0, 1], [1, 2], [21, 100], [64, 64])
    assert transpose(notes, 8, 21, 108)["pitch"].tolist() == [29, 108]
    assert transpose(notes, 9, 21, 108) is None
    assert transpose(notes, -1, 21, 108) is None
    assert transpose(notes, 0, 40, 50) is notes
    assert notes["pitch"].tolist() == [21, 100]


def test_stretch_changes_times_only():
    notes = make_notes([1], [3], [60], [64])
    assert stretch(notes, 1.5).tolist() == [(1.5, 4.5, 60, 64)]
    assert notes["onset"].tolist() == [1]
