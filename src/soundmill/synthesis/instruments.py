"""Instrument names: General MIDI programs, common short names, and what a SoundFont calls them."""

import difflib
import re
from collections.abc import Mapping

from soundmill.errors import InputError

GENERAL_MIDI: tuple[str, ...] = (
    # piano, chromatic percussion, organ, guitar
    "Acoustic Grand Piano", "Bright Acoustic Piano", "Electric Grand Piano", "Honky-tonk Piano",
    "Electric Piano 1", "Electric Piano 2", "Harpsichord", "Clavinet",
    "Celesta", "Glockenspiel", "Music Box", "Vibraphone",
    "Marimba", "Xylophone", "Tubular Bells", "Dulcimer",
    "Drawbar Organ", "Percussive Organ", "Rock Organ", "Church Organ",
    "Reed Organ", "Accordion", "Harmonica", "Tango Accordion",
    "Acoustic Guitar (nylon)", "Acoustic Guitar (steel)",
    "Electric Guitar (jazz)", "Electric Guitar (clean)",
    "Electric Guitar (muted)", "Overdriven Guitar", "Distortion Guitar", "Guitar Harmonics",
    # bass, strings, ensemble, brass
    "Acoustic Bass", "Electric Bass (finger)", "Electric Bass (pick)", "Fretless Bass",
    "Slap Bass 1", "Slap Bass 2", "Synth Bass 1", "Synth Bass 2",
    "Violin", "Viola", "Cello", "Contrabass",
    "Tremolo Strings", "Pizzicato Strings", "Orchestral Harp", "Timpani",
    "String Ensemble 1", "String Ensemble 2", "Synth Strings 1", "Synth Strings 2",
    "Choir Aahs", "Voice Oohs", "Synth Choir", "Orchestra Hit",
    "Trumpet", "Trombone", "Tuba", "Muted Trumpet",
    "French Horn", "Brass Section", "Synth Brass 1", "Synth Brass 2",
    # reed, pipe, synth lead, synth pad
    "Soprano Sax", "Alto Sax", "Tenor Sax", "Baritone Sax",
    "Oboe", "English Horn", "Bassoon", "Clarinet",
    "Piccolo", "Flute", "Recorder", "Pan Flute",
    "Blown Bottle", "Shakuhachi", "Whistle", "Ocarina",
    "Lead 1 (square)", "Lead 2 (sawtooth)", "Lead 3 (calliope)", "Lead 4 (chiff)",
    "Lead 5 (charang)", "Lead 6 (voice)", "Lead 7 (fifths)", "Lead 8 (bass + lead)",
    "Pad 1 (new age)", "Pad 2 (warm)", "Pad 3 (polysynth)", "Pad 4 (choir)",
    "Pad 5 (bowed)", "Pad 6 (metallic)", "Pad 7 (halo)", "Pad 8 (sweep)",
    # effects, ethnic, percussive, sound effects
    "FX 1 (rain)", "FX 2 (soundtrack)", "FX 3 (crystal)", "FX 4 (atmosphere)",
    "FX 5 (brightness)", "FX 6 (goblins)", "FX 7 (echoes)", "FX 8 (sci-fi)",
    "Sitar", "Banjo", "Shamisen", "Koto",
    "Kalimba", "Bagpipe", "Fiddle", "Shanai",
    "Tinkle Bell", "Agogo", "Steel Drums", "Woodblock",
    "Taiko Drum", "Melodic Tom", "Synth Drum", "Reverse Cymbal",
    "Guitar Fret Noise", "Breath Noise", "Seashore", "Bird Tweet",
    "Telephone Ring", "Helicopter", "Applause", "Gunshot",
)  # fmt: skip
"""Program names of General MIDI 1 (MIDI Manufacturers Association, RP-003), number = position."""

SHORT_NAMES: dict[str, int] = {
    "piano": 0, "grand piano": 0, "electric piano": 4, "rhodes": 4, "organ": 20,
    "guitar": 24, "nylon guitar": 24, "steel guitar": 25, "bass": 32, "harp": 46,
    "pizzicato": 45, "strings": 48, "slow strings": 49, "choir": 52, "voice": 53, "horn": 60,
    "bells": 9, "chimes": 14, "pad": 89, "crystal": 98, "atmosphere": 99,
}  # fmt: skip
"""What people write instead of the official names."""

DRUM_BANK = 128
"""Bank of the drum kits, as SoundFont 2.01 has it (section 7.2)."""
DRUM_KITS: dict[str, int] = {
    "standard kit": 0, "room kit": 8, "power kit": 16, "electronic kit": 24, "tr 808 kit": 25,
    "jazz kit": 32, "brush kit": 40, "orchestra kit": 48,
}  # fmt: skip
"""Drum kits of Roland's GS, which General MIDI SoundFonts carry: program in `DRUM_BANK`."""


def _key(name: str) -> str:
    return " ".join(re.findall(r"[a-z0-9]+", name.casefold()))


def _known_names() -> dict[str, int]:
    names = {_key(name): number for number, name in enumerate(GENERAL_MIDI)}
    for number, name in enumerate(GENERAL_MIDI):  # "Pad 2 (warm)" is also "warm pad"
        if match := re.fullmatch(r"(Lead|Pad|FX) \d \((.+)\)", name):
            names[_key(f"{match[2]} {match[1]}")] = number
    return names | SHORT_NAMES


_PROGRAMS = _known_names()


def program_number(
    instrument: str | int, presets: Mapping[str, tuple[int, int]] | None = None
) -> tuple[int, int]:
    """Return ``(bank, program)`` of an instrument.

    Parameters
    ----------
    instrument : General MIDI number (0 = Acoustic Grand Piano, 127 = Gunshot), its name,
        a short name such as ``"pad"``, a drum kit of `DRUM_KITS`, or a name out of
        ``presets``; case and punctuation do not matter.
    presets : what the SoundFont in use calls its presets: name -> (bank, program).
        These names come before the General MIDI ones.

    Raises
    ------
    InputError : an unknown name (with the nearest spellings) or a number out of range.
    """
    if isinstance(instrument, int) or instrument.strip().isdecimal():
        number = int(instrument)
        if not 0 <= number <= 127:
            raise InputError(f"instrument {number} is not a General MIDI program: use 0 to 127.")
        return 0, number
    own = {_key(name): place for name, place in (presets or {}).items()}
    key = _key(instrument)
    if key in own:
        return own[key]
    if key in _PROGRAMS:
        return 0, _PROGRAMS[key]
    if key in DRUM_KITS:
        return DRUM_BANK, DRUM_KITS[key]
    raise InputError(
        f"unknown instrument {instrument!r}{suggestion(key, [*own, *_PROGRAMS])}. Use a General "
        "MIDI name or number (0 to 127), or one of " + ", ".join(sorted(SHORT_NAMES)) + "."
    )


def suggestion(name: str, known: list[str]) -> str:
    """Return ``"; nearest: a, b"`` for a misspelt name, or nothing when none is near."""
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
    return f"; nearest: {', '.join(near)}" if near else ""
