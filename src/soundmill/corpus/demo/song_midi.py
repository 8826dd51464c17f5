"""The MIDI files of `demo:songs`, one track an instrument, and the tags read from them."""

import os
from collections.abc import Mapping

import pretty_midi

from soundmill.corpus.demo.song_arrangement import TICKS_A_BEAT
from soundmill.files import atomic_path
from soundmill.notes import Notes
from soundmill.synthesis.instruments import DRUM_BANK, program_number

FAMILIES = (
    (range(0, 8), "piano"),
    (range(16, 21), "organ"),
    (range(21, 24), "reed"),  # accordion and harmonica: free reeds
    (range(24, 32), "guitar"),
    (range(32, 40), "bass"),
    (range(40, 50), "strings"),
    (range(50, 52), "synth"),
    (range(56, 64), "brass"),
    (range(64, 72), "reed"),  # saxophones, oboe, clarinet
    (range(80, 104), "synth"),
)
"""Tags by General MIDI program; drums are a channel of their own."""


def write_song_midi(
    path: str | os.PathLike[str],
    tracks: Mapping[str, Notes],
    instruments: Mapping[str, str],
    tempo: float,
) -> None:
    """Write a song, atomically: a track a role, drums on channel 10.

    Parameters
    ----------
    tracks : notes by role, in seconds.
    instruments : General MIDI instrument or drum kit by role.
    tempo : quarter notes a minute.
    """
    midi = pretty_midi.PrettyMIDI(resolution=TICKS_A_BEAT, initial_tempo=tempo)
    for role, notes in tracks.items():
        bank, program = program_number(instruments[role])
        track = pretty_midi.Instrument(program, is_drum=bank == DRUM_BANK, name=role)
        track.notes = [
            pretty_midi.Note(
                int(n["velocity"]), int(n["pitch"]), float(n["onset"]), float(n["offset"])
            )
            for n in notes
        ]
        midi.instruments.append(track)
    with atomic_path(path) as temporary:
        midi.write(str(temporary))


def midi_tags(path: str | os.PathLike[str]) -> list[str]:
    """Return the families of the instruments that play in a MIDI file, in alphabetical order."""
    midi = pretty_midi.PrettyMIDI(str(path))
    return sorted(
        {
            "drums" if track.is_drum else program_family(track.program)
            for track in midi.instruments
            if track.notes
        }
    )


def program_family(program: int) -> str:
    """Return the family of a General MIDI program that `demo:songs` uses."""
    for programs, family in FAMILIES:
        if program in programs:
            return family
    raise ValueError(f"General MIDI program {program} belongs to no family of demo:songs")
