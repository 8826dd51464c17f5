import pretty_midi
import pytest

from soundmill.errors import InputError
from soundmill.synthesis.instruments import GENERAL_MIDI, SHORT_NAMES, program_number


def test_names_stand_at_their_general_midi_numbers():
    assert len(GENERAL_MIDI) == len(set(GENERAL_MIDI)) == 128

    def words(name):
        return "".join(c for c in name.casefold() if c.isalnum())

    ours = [words(name) for name in GENERAL_MIDI]
    theirs = [words(name) for name in pretty_midi.INSTRUMENT_MAP]
    # spellings differ in places ("Tinkle Bell"), never the order
    different = [(a, b) for a, b in zip(ours, theirs, strict=True) if a[:4] != b[:4]]
    assert not [(a, b) for a, b in different if a in theirs or b in ours]
    assert len(different) < 10


@pytest.mark.parametrize(
    ("name", "number"),
    [("piano", 0), ("Orchestral Harp", 46), ("harp", 46), ("PAD 2 (warm)", 89), ("warm-pad", 89),
     ("pad", 89), ("choir", 52), (127, 127), ("12", 12), ("FX 3 (crystal)", 98)],
)  # fmt: skip
def test_instruments_by_name_and_number(name, number):
    assert program_number(name) == (0, number)


def test_every_short_name_is_a_program():
    assert all(program_number(name) == (0, n) for name, n in SHORT_NAMES.items())


def test_a_misspelt_name_gets_the_nearest_ones():
    with pytest.raises(InputError, match="'vibrafone'; nearest: vibraphone"):
        program_number("vibrafone")


@pytest.mark.parametrize("number", [-1, 128, "128"])
def test_numbers_out_of_range(number):
    with pytest.raises(InputError):
        program_number(number)


def test_names_of_the_soundfont_come_first():
    assert program_number("Harp", {"harp": (3, 7)}) == (3, 7)
