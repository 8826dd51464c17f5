"""The pieces of `demo:ambient`: names, styles, keys, tempi. Light: read while a workflow is parsed.

The names are as messy as names of real files are: spaces at both ends, accents (composed and
decomposed), other scripts, emoji, quotes, brackets, dots, upper-case suffixes, and two that
become the same once simplified.
"""

from typing import NamedTuple


class DemoPiece(NamedTuple):
    """One piece of the demo corpus."""

    file: str
    """Name of the audio file, suffix included."""
    style: str
    """How it is composed: a function of `soundmill.corpus.demo.styles`."""
    key: str
    """Tonic and mode, "D dorian"."""
    tempo: int
    """Quarter notes a minute."""
    instruments: tuple[str, ...]
    """General MIDI instruments, one a layer."""
    preset: str
    """Effects, a name of `soundmill.synthesis.presets.PRESETS`."""


def catalogue() -> list[DemoPiece]:
    """Return the pieces of `demo:ambient`, four of each style."""
    return list(_PIECES)


def _piece(
    file: str, style: str, key: str, tempo: int, instruments: str, preset: str = "meadow"
) -> DemoPiece:
    return DemoPiece(file, style, key, tempo, tuple(instruments.split(" + ")), preset)


_PIECES = (
    _piece("Morning Mist.mp3", "drone", "D dorian", 58, "organ + pan flute"),
    _piece("morning_mist.MP3", "drone", "G mixolydian", 63, "choir pad + harp"),
    _piece(
        "Où le lac s'endort (version longue).mp3", "drone", "A aeolian", 60,
        "organ + voice oohs", "night",
    ),
    _piece("霧の湖 - Lake of Fog.mp3", "drone", "E phrygian", 66, "bowed pad + koto"),
    _piece("  Slow   Tide  .mp3", "pad", "C lydian", 60, "bowed pad + harp"),
    _piece("E\u0301te\u0301 a\u0300 l'oce\u0301an.mp3", "pad", "F ionian", 64, "strings + harp"),
    _piece("Northern Lights ✨🌌.mp3", "pad", "D aeolian", 56, "voice oohs + vibraphone"),
    _piece("[Ambient] Half-Light (take 2).mp3", "pad", "G dorian", 62, "organ + piano"),
    _piece("Brook & Stone #1.mp3", "arpeggio", "G ionian", 76, "harp"),
    _piece("Brook & Stone #2.MP3", "arpeggio", "E aeolian", 80, "harp"),
    _piece("Ручей.mp3", "arpeggio", "D dorian", 84, "electric piano", "tape"),
    _piece("100% rain; no thunder!.mp3", "arpeggio", "C ionian", 72, "vibraphone"),
    _piece("竹林の朝.mp3", "pluck", "D aeolian", 80, "koto"),
    _piece("Kalimba, unplugged @ home.mp3", "pluck", "F ionian", 96, "kalimba", "room"),
    _piece("Señor Saltamontes.Mp3", "pluck", "E phrygian", 92, "guitar", "room"),
    _piece("it's a small garden.mp3", "pluck", "G mixolydian", 88, "dulcimer"),
    _piece('"Bells" for an empty street.mp3', "bells", "C ionian", 66, "vibraphone", "night"),
    _piece("Glöckchen im Frost.mp3", "bells", "A aeolian", 72, "harp"),
    _piece("雪 {snow}.mp3", "bells", "F lydian", 69, "vibraphone"),
    _piece("bells...final.v2.mp3", "bells", "D dorian", 76, "electric piano"),
    _piece("Nocturne No. 1 – après la pluie.mp3", "nocturne", "A aeolian", 66, "piano"),
    _piece("Nocturne_No_2_(FINAL)_(really).mp3", "nocturne", "C ionian", 70, "piano"),
    _piece("🌙.mp3", "nocturne", "D dorian", 63, "electric piano", "night"),
    _piece("-3 am-.mp3", "nocturne", "G ionian", 72, "piano", "tape"),
    _piece("Wiegenlied für Ähren & Gänseblümchen.mp3", "lullaby", "F ionian", 84, "music box"),
    _piece("자장가 (lullaby).mp3", "lullaby", "A aeolian", 80, "electric piano"),
    _piece("نوم هادئ.mp3", "lullaby", "E aeolian", 88, "guitar"),
    _piece("Lullaby [harp] ~ 76 bpm.mp3", "lullaby", "C lydian", 76, "harp"),
    _piece("Weave=1+1.mp3", "weave", "D aeolian", 108, "marimba", "room"),
    _piece("Træ, sten, vand.mp3", "weave", "G dorian", 112, "guitar", "room"),
    _piece("$tatic & C°.mp3", "weave", "F lydian", 104, "vibraphone", "room"),
    _piece("Ελιά και φως.MP3", "weave", "C mixolydian", 116, "marimba"),
)  # fmt: skip
