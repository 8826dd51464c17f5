"""Notes: the one in-memory form of note events, and its files (MIDI, CSV, NoteSequence).

A piece is a NumPy structured array with one element a note, sorted by onset, then pitch.
"""

import csv
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from soundmill.errors import InputError
from soundmill.files import atomic_path

NOTE = np.dtype([("onset", "f8"), ("offset", "f8"), ("pitch", "u1"), ("velocity", "u1")])
"""onset and offset in seconds, pitch as MIDI number (60 = middle C), velocity 1 to 127."""

Notes = npt.NDArray[np.void]


def make_notes(
    onset: npt.ArrayLike, offset: npt.ArrayLike, pitch: npt.ArrayLike, velocity: npt.ArrayLike
) -> Notes:
    """Build a sorted `Notes` array from four equally long sequences."""
    columns = [np.asarray(column) for column in (onset, offset, pitch, velocity)]
    notes = np.zeros(len(columns[0]), NOTE)
    for name, column in zip(NOTE.names or (), columns, strict=True):
        notes[name] = column
    return sort_notes(notes)


def sort_notes(notes: Notes) -> Notes:
    """Return the notes ordered by onset, then pitch, then offset."""
    return notes[np.lexsort((notes["offset"], notes["pitch"], notes["onset"]))]


def read_midi(path: str | os.PathLike[str], *, sustain: bool = True) -> Notes:
    """Read the pitched notes of a MIDI file (all instruments together, drums left out).

    Parameters
    ----------
    sustain : lengthen notes held by the sustain pedal (control change 64), as
        `note_seq.apply_sustain_control_changes` does.
    """
    import note_seq

    try:
        sequence = note_seq.midi_file_to_note_sequence(str(path))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error
    except note_seq.MIDIConversionError as error:
        raise InputError(f"{path} is not a readable MIDI file: {error}") from error
    if sustain:
        sequence = note_seq.apply_sustain_control_changes(sequence)
    return from_sequence(sequence)


def from_sequence(sequence: Any) -> Notes:
    """Notes of a `note_seq.NoteSequence`; drums and notes without length are left out."""
    kept = [n for n in sequence.notes if not n.is_drum and n.end_time > n.start_time]
    return make_notes(
        [n.start_time for n in kept],
        [n.end_time for n in kept],
        [n.pitch for n in kept],
        [n.velocity for n in kept],
    )


def to_sequence(notes: Notes, identifier: str = "", program: int = 0) -> Any:
    """Return the notes as a `note_seq.NoteSequence` at 120 quarter notes a minute."""
    from note_seq.protobuf import music_pb2

    sequence = music_pb2.NoteSequence(id=identifier, ticks_per_quarter=480)
    sequence.tempos.add(qpm=120.0)
    for note in notes:
        sequence.notes.add(
            pitch=int(note["pitch"]),
            velocity=int(note["velocity"]),
            start_time=float(note["onset"]),
            end_time=float(note["offset"]),
            program=program,
        )
    sequence.total_time = float(notes["offset"].max()) if len(notes) else 0.0
    return sequence


def write_midi(path: str | os.PathLike[str], notes: Notes, *, program: int = 0) -> None:
    """Write one instrument of General MIDI ``program`` (0 to 127), atomically."""
    import pretty_midi

    midi = pretty_midi.PrettyMIDI(resolution=480, initial_tempo=120.0)
    instrument = pretty_midi.Instrument(program=program)
    instrument.notes = [
        pretty_midi.Note(int(n["velocity"]), int(n["pitch"]), float(n["onset"]), float(n["offset"]))
        for n in notes
    ]
    midi.instruments.append(instrument)
    with atomic_path(path) as temporary:
        midi.write(str(temporary))


CSV_COLUMNS = ("onset_s", "offset_s", "pitch", "velocity")


def write_notes_csv(path: str | os.PathLike[str], notes: Notes) -> None:
    """Write note events as CSV: onset_s, offset_s (0.1 ms), pitch, velocity."""
    with atomic_path(path) as temporary:
        with open(temporary, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(CSV_COLUMNS)
            for n in notes:
                writer.writerow(
                    (f"{n['onset']:.4f}", f"{n['offset']:.4f}", n["pitch"], n["velocity"])
                )


def read_notes_csv(path: str | os.PathLike[str]) -> Notes:
    """Read a CSV written by `write_notes_csv`."""
    with open(Path(path), newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return make_notes(*([float(row[column]) for row in rows] for column in CSV_COLUMNS))
