"""Notes and their files."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soundmill.errors import InputError
from soundmill.notes import (
    from_sequence,
    make_notes,
    read_midi,
    read_notes_csv,
    to_sequence,
    write_midi,
    write_notes_csv,
)  # fmt: skip

one = st.tuples(st.floats(0, 60), st.floats(0.05, 5), st.integers(0, 127), st.integers(1, 127))


@given(st.lists(one, max_size=20, unique_by=lambda note: note[2]))
def test_every_file_gives_the_notes_back(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("notes")
    onset = [row[0] for row in rows]
    offset = [row[0] + row[1] for row in rows]
    notes = make_notes(onset, offset, [row[2] for row in rows], [row[3] for row in rows])
    write_midi(folder / "a.mid", notes)
    write_notes_csv(folder / "a.csv", notes)
    for back, tolerance in (
        (read_midi(folder / "a.mid"), 2e-3),
        (read_notes_csv(folder / "a.csv"), 1e-4),
        (from_sequence(to_sequence(notes, "a")), 1e-9),
    ):
        order = np.argsort(back["pitch"])
        wanted = notes[np.argsort(notes["pitch"])]
        assert len(back) == len(notes)
        np.testing.assert_array_equal(back["pitch"][order], wanted["pitch"])
        np.testing.assert_array_equal(back["velocity"][order], wanted["velocity"])
        np.testing.assert_allclose(back["onset"][order], wanted["onset"], atol=tolerance)
        np.testing.assert_allclose(back["offset"][order], wanted["offset"], atol=tolerance)


def test_notes_come_sorted():
    notes = make_notes([1, 0, 0], [2, 1, 1], [60, 64, 62], [9, 9, 9])
    assert notes["pitch"].tolist() == [62, 64, 60]


def test_the_sustain_pedal_holds_notes(tmp_path):
    import pretty_midi

    midi = pretty_midi.PrettyMIDI()
    piano = pretty_midi.Instrument(0)
    piano.notes.append(pretty_midi.Note(80, 60, 0.0, 0.5))
    piano.control_changes += [
        pretty_midi.ControlChange(64, 127, 0.1), pretty_midi.ControlChange(64, 0, 2.0),
    ]  # fmt: skip
    drums = pretty_midi.Instrument(0, is_drum=True)
    drums.notes.append(pretty_midi.Note(80, 36, 0.0, 0.5))
    midi.instruments += [piano, drums]
    midi.write(str(tmp_path / "a.mid"))
    assert read_midi(tmp_path / "a.mid")["offset"].tolist() == pytest.approx([2.0], abs=1e-3)
    dry = read_midi(tmp_path / "a.mid", sustain=False)
    assert dry["offset"].tolist() == pytest.approx([0.5], abs=1e-3)


def test_a_file_that_is_no_midi_is_named(tmp_path):
    (tmp_path / "words.mid").write_text("no music")
    with pytest.raises(InputError, match=r"words\.mid"):
        read_midi(tmp_path / "words.mid")
