"""Arrange a song of `demo:songs`: from its style's tables to the notes of each instrument."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from soundmill.corpus.demo.score import Event, untangle
from soundmill.corpus.demo.song_catalogue import DemoSong
from soundmill.corpus.demo.song_styles import (
    CRASH,
    HAT,
    KICK,
    OPEN,
    RIDE,
    SHAKER,
    SNARE,
    STYLES,
    TOM_HIGH,
    TOM_LOW,
    Style,
)
from soundmill.corpus.demo.song_theory import (
    SCALES,
    Chord,
    bass_pitch,
    nearest_pitch,
    parse_chord,
    parse_key,
    parse_progression,
    voice_chord,
)
from soundmill.notes import Notes, make_notes
from soundmill.seeds import derive

STEPS = 4
"""Steps of a pattern a beat."""
TARGET_SECONDS = 7.6
"""About what a song lasts before its last chord."""
TICKS_A_BEAT = 480
VELOCITIES = {"drums": 92, "bass": 90, "chords": 76, "extra": 66, "lead": 92}
ENERGY_VELOCITY = 12.0
"""Velocity from a song of usual energy to one of most."""
DRUM_LENGTH = 0.2
"""Beats a drum's note is held; drums ring as long as they like."""
STRIKE = {"X": 1.12, "x": 1.0, "o": 0.6}
LAST_CYMBALS = (RIDE, OPEN, HAT, SHAKER)
"""What rings with the last chord: the first of these in the beat, else a crash cymbal."""
CHORD_RANGE = (52, 69)
EXTRA_RANGE = (60, 76)


@dataclass
class Arrangement:
    """A song as notes.

    Attributes
    ----------
    tracks : notes by role, in seconds from the first beat, on the grid of MIDI ticks.
    seconds : time of the end of the last chord.
    energy : how hard the song is played, -1 to 1.
    """

    tracks: dict[str, Notes]
    seconds: float
    energy: float


@dataclass
class _Sketch:
    """A song while it is arranged."""

    song: DemoSong
    style: Style
    rng: np.random.Generator
    bars: int
    chords: list[tuple[Chord, ...]]
    """Chords of each bar, and of the last stroke after the last bar."""
    events: dict[str, list[Event]] = field(default_factory=dict)

    @property
    def end(self) -> int:
        """Beat of the last stroke."""
        return self.bars * self.style.beats

    def chord(self, beat: float) -> Chord:
        """Return the chord that sounds at a beat of the song."""
        bar, place = divmod(beat, self.style.beats)
        here = self.chords[min(int(bar), self.bars)]
        return here[int(place * len(here) / self.style.beats)]

    def add(self, role: str, beat: float, length: float, pitch: int, strength: float) -> None:
        """Add a note: beat of the song, beats, MIDI pitch, share of the role's velocity."""
        event = Event(beat, length, pitch, VELOCITIES[role] * strength, 0)
        self.events.setdefault(role, []).append(event)


def arrange_song(song: DemoSong, seed: int) -> Arrangement:
    """Arrange a song; the same song and seed give the same notes."""
    style = STYLES[song.style]
    rng = np.random.default_rng(derive(seed, "demo", "songs", song.file))
    key = parse_key(song.key)
    bars = round(TARGET_SECONDS * song.tempo / 60 / style.beats)
    progression = parse_progression(str(rng.choice(style.progressions[key.mode])), key.tonic)
    home = parse_chord("Im" if key.mode == "minor" else "I", key.tonic)
    chords = [progression[bar % len(progression)] for bar in range(bars)] + [(home,)]
    sketch = _Sketch(song, style, rng, bars, chords)
    energy = float(rng.uniform(-1, 1))
    for role in song.parts:
        _WRITERS[role](sketch)
    beats = _swing(style.swing + song.artist.swing)
    tracks = {role: _perform(sketch, role, beats, energy) for role in song.parts}
    last = 1.0 if style.beats == 4 else 1.5
    return Arrangement(tracks, (sketch.end + last) * 60 / song.tempo, energy)


def _steps(sketch: _Sketch, pattern: str) -> Iterator[tuple[float, str, float]]:
    """Yield (beat, sign, length in beats) of the notes of a pattern repeated to the last bar."""
    total = sketch.end * STEPS
    signs = (pattern * (total // len(pattern) + 1))[:total]
    for step, sign in enumerate(signs):
        if sign not in ".-":
            held = 1
            while step + held < total and signs[step + held] == "-":
                held += 1
            yield step / STEPS, sign, held / STEPS


def _habit(sketch: _Sketch, patterns: tuple[str, ...]) -> str:
    """Choose the pattern the artist prefers, or now and then another."""
    if sketch.rng.random() < 0.25:
        return str(sketch.rng.choice(patterns))
    return patterns[sketch.song.artist.habit % len(patterns)]


def _write_drums(sketch: _Sketch) -> None:
    """Write the artist's beat, a fill before the end, and a last stroke."""
    beat = sketch.style.drums[sketch.song.artist.habit % len(sketch.style.drums)]
    fill = sketch.end - 1 if sketch.rng.random() < 0.7 else sketch.end
    for pitch, pattern in beat.items():
        for moment, sign, _ in _steps(sketch, pattern):
            if moment < fill or pitch == KICK:
                sketch.add("drums", moment, DRUM_LENGTH, pitch, STRIKE[sign])
    if fill < sketch.end:
        strokes = 2 if sketch.style.swing > 0.6 else 4
        for stroke in range(strokes):
            pitch = int(sketch.rng.choice((SNARE, TOM_HIGH, TOM_LOW)))
            sketch.add("drums", fill + stroke / strokes, DRUM_LENGTH, pitch, 0.8)
    cymbal = next((pitch for pitch in LAST_CYMBALS if pitch in beat), CRASH)
    for pitch in (KICK, cymbal):
        sketch.add("drums", sketch.end, DRUM_LENGTH, pitch, 1.0)


def _write_bass(sketch: _Sketch) -> None:
    for beat, sign, length in _steps(sketch, _habit(sketch, sketch.style.bass)):
        chord = sketch.chord(beat)
        root = bass_pitch(chord.root)
        pitch = {
            "R": root,
            "T": root + chord.tones[1],
            "F": root + chord.tones[2],
            "S": root + (chord.tones[3] if len(chord.tones) > 3 else 9),
            "O": root + 12,
            "A": bass_pitch(sketch.chord(beat + length).root) - 1,
        }[sign]
        strength = 1.0 if beat % sketch.style.beats == 0 else 0.94
        sketch.add("bass", beat, 0.92 * length, pitch, strength)
    sketch.add("bass", sketch.end, 0.9, bass_pitch(sketch.chord(sketch.end).root), 1.0)


def _write_chords(sketch: _Sketch) -> None:
    style = sketch.style
    guitar = "guitar" in sketch.song.parts["chords"]
    pattern = _habit(sketch, style.chords)
    _accompany(sketch, "chords", pattern, CHORD_RANGE, style.short, style.power and guitar)


def _write_extra(sketch: _Sketch) -> None:
    _accompany(sketch, "extra", _habit(sketch, sketch.style.extra), EXTRA_RANGE, 0.9)


def _accompany(
    sketch: _Sketch,
    role: str,
    pattern: str,
    pitches: tuple[int, int],
    short: float,
    power: bool = False,
) -> None:
    """Play chords to a pattern; a held chord ends where the harmony changes."""
    voices: tuple[int, ...] | None = None
    voiced: Chord | None = None
    count = max(3, *(len(chord.tones) for bar in sketch.chords for chord in bar))
    strokes = [*_steps(sketch, pattern), (float(sketch.end), "X", 1.0)]
    for beat, sign, length in strokes:
        chord = sketch.chord(beat)
        if chord != voiced or voices is None:
            voiced = chord
            voices = voice_chord(chord, voices, low=pitches[0], high=pitches[1], voices=count)
        sounding = voices
        if power:
            root = 40 + (chord.root - 40) % 12
            sounding = (root, root + 7, root + 12)
        if sign.isdigit():
            sounding = (sounding[int(sign) % len(sounding)],)
        for order, pitch in enumerate(sounding):
            spread = 0.02 * order if beat == sketch.end else 0.004 * order
            strength = 1.1 if sign == "X" else 1.0
            sketch.add(role, beat + spread, short * length, pitch, strength)


def _write_lead(sketch: _Sketch) -> None:
    """Write phrases of two bars: the second repeats the first's rhythm or answers with another."""
    rng, key = sketch.rng, parse_key(sketch.song.key)
    steps = SCALES[sketch.style.scales[key.mode]]
    scale = tuple((key.tonic + step) % 12 for step in steps)
    centre = float(rng.uniform(65, 74))
    first, other = (str(p) for p in rng.choice(sketch.style.lead, 2, replace=False))
    plan = (first, other) if rng.random() < 0.5 else (first, first, first, other)
    pitch, direction = centre, 1
    for beat, _, length in _steps(sketch, "".join(plan)):
        strong = beat % 2 == 0 or length >= 1
        move = direction * float(rng.choice((1.5, 2.5, 4.0), p=(0.5, 0.35, 0.15)))
        target = float(np.clip(pitch + move, centre - 8, centre + 9))
        if target != pitch + move or rng.random() < 0.3:
            direction = -direction
        pitch = nearest_pitch(target, sketch.chord(beat).classes if strong else scale)
        sketch.add("lead", beat, 0.93 * length, pitch, 1.0 if strong else 0.92)
    last = nearest_pitch(pitch, sketch.chord(sketch.end).classes)
    sketch.add("lead", sketch.end, 0.9, last, 1.0)


_WRITERS = {
    "drums": _write_drums,
    "bass": _write_bass,
    "chords": _write_chords,
    "extra": _write_extra,
    "lead": _write_lead,
}


def _swing(place: float) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Return the map from written to played places in a beat, for `numpy.interp`."""
    return (0.0, 0.5, 1.0), (0.0, place, 1.0)


def _perform(
    sketch: _Sketch,
    role: str,
    swing: tuple[tuple[float, float, float], tuple[float, float, float]],
    energy: float,
) -> Notes:
    """Play a role's events: swing, small errors of time and force, no pitch twice at a time."""
    song, rng = sketch.song, sketch.rng
    second = 60 / song.tempo
    tick = second / TICKS_A_BEAT

    def time(beat: float) -> float:
        return float(np.floor(beat) + np.interp(beat % 1, *swing)) * second

    played = []
    for event in sorted(sketch.events[role]):
        error = float(np.clip(rng.normal(0, song.artist.loose), -0.025, 0.025))
        onset = max(time(event.start) + error, 0.0)
        offset = time(event.start + event.length) + error
        velocity = event.velocity + ENERGY_VELOCITY * energy + rng.normal(0, 4)
        played.append([onset, offset, event.pitch, int(np.clip(velocity, 20, 120)), 0])
    columns = list(zip(*untangle(played), strict=True))
    starts, ends = (np.round(np.array(column) / tick) for column in columns[:2])
    return make_notes(starts * tick, np.maximum(ends, starts + 1) * tick, columns[2], columns[3])
