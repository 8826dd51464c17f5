"""The styles of the demo corpus: each fills a score, layer 0 first."""

from collections.abc import Callable

from soundmill.corpus.demo.melody import Tone, make_melody, nearest
from soundmill.corpus.demo.score import Score
from soundmill.corpus.demo.theory import lead_voices


def _melody(score: Score, centre: int, *, pentatonic: bool = False) -> list[Tone]:
    """Write a melody around a MIDI pitch."""
    return make_melody(
        score.bars,
        score.beats,
        score.rng,
        centre=score.scale.degree(centre),
        allowed=score.scale.pentatonic if pentatonic else None,
    )


def _sing(
    score: Score,
    tones: list[Tone],
    velocity: float,
    layer: int = 0,
    *,
    transpose: int = 0,
    shortest: float = 0.0,
) -> None:
    """Add a melody's tones, moved by ``transpose`` degrees, without those below ``shortest``."""
    for tone in tones:
        if tone.length >= shortest:
            pitch = score.scale.pitch(tone.degree + transpose)
            score.add(tone.bar, tone.start, 0.97 * tone.length, pitch, velocity, layer)


def _chords(score: Score, low: int, high: int, voices: int, size: int) -> list[tuple[int, ...]]:
    """Voice the chord of each bar, ``size`` thirds stacked on its root, led from the one before."""
    chords: list[tuple[int, ...]] = []
    for bar in score.bars:
        degrees = [bar.root + 2 * step for step in range(3 if bar.last else size)]
        previous = chords[-1] if chords else None
        chords.append(
            lead_voices(score.scale, degrees, previous, low=low, high=high, voices=voices)
        )
    return chords


def drone(score: Score) -> None:
    """Tonic and fifth held throughout, one inner voice moving, a slow melody above."""
    inner: tuple[int, ...] | None = None
    for number, bar in enumerate(score.bars):
        if number % 2 == 0:
            length = score.beats * min(2, len(score.bars) - number) - 0.1
            for pitch in (score.bass(0), score.bass(0) + 7):
                score.add(number, 0, length, pitch, 58)
        degrees = (bar.root, bar.root + 2)
        inner = lead_voices(score.scale, degrees, inner, low=60, high=71, voices=1)
        score.add(number, 0, score.beats - 0.1, inner[0], 54)
    _sing(score, _melody(score, 76), 78, layer=1)


def pad(score: Score) -> None:
    """Four-voice seventh chords over a bass, a sparse melody that leaves room to listen."""
    size = int(score.rng.choice((3, 4)))
    chords = _chords(score, 53, 74, 4, size)
    basses = [score.bass(bar.root) for bar in score.bars]
    sounding = [{bass, *chord} for bass, chord in zip(basses, chords, strict=True)]
    for number, pitches in enumerate(sounding):
        before = sounding[number - 1] if number % 4 else set()
        for pitch in sorted(pitches - before):  # a tone two chords share is held, not struck again
            held = number + 1
            while held % 4 and held < len(sounding) and pitch in sounding[held]:
                held += 1
            velocity = 62 if pitch == basses[number] else 58
            score.add(number, 0, (held - number) * score.beats - 0.1, pitch, velocity)
    tones = _melody(score, 79)
    _sing(score, [tone for tone in tones if score.bars[tone.bar].position != 1], 76, layer=1)


ARPEGGIOS = ((0, 1, 2, 3, 2, 1, 2, 1), (0, 2, 1, 3, 2, 1, 3, 2), (0, 1, 2, 1, 3, 2, 1, 2))


def arpeggio(score: Score) -> None:
    """Broken chords in quavers, a bass note a bar, a melody in long notes on top."""
    pattern = ARPEGGIOS[score.rng.integers(len(ARPEGGIOS))]
    for number, chord in enumerate(_chords(score, 55, 74, 4, 3)):
        bar = score.bars[number]
        score.add(number, 0, score.beats - 0.1, score.bass(bar.root), 72)
        if bar.letter == "Z":
            for order, pitch in enumerate(chord):  # rolled
                score.add(number, 0.12 * (order + 1), score.beats - 0.5, pitch, 62)
            continue
        for step, voice in enumerate(pattern):
            score.add(number, step / 2, 0.9, chord[voice], 60)
    _sing(score, _melody(score, 79), 84, shortest=1.0)


def pluck(score: Score) -> None:
    """A pentatonic motif calls, its answer comes an octave lower, over a walking bass."""
    scale = score.scale
    tones = _melody(score, 74, pentatonic=True)
    calls = [tone for tone in tones if score.bars[tone.bar].position % 2 == 0]
    answers = [tone for tone in tones if score.bars[tone.bar].position % 2 == 1]
    _sing(score, calls, 82)
    _sing(score, answers, 74, transpose=-7)
    for number, bar in enumerate(score.bars):
        root = score.bass(bar.root)
        fifth = score.bass(bar.root + 4)
        score.add(number, 0, 1.9, root, 72)
        if bar.last:
            score.add(number, 0.5, 3.0, fifth + 12, 60)
            continue
        score.add(number, 2, 1.4, fifth, 64)
        score.add(number, 3.5, 0.5, root, 60)
        if bar.position % 2 == 0:  # off-beat thirds fill the breaths of the call
            third = scale.pitch(nearest(scale.degree(62), [(bar.root + 2) % 7]))
            for start in (1.5, 2.5):
                score.add(number, start, 0.5, third, 54)


def bells(score: Score) -> None:
    """A pentatonic canon: the second voice follows a bar later, an octave lower."""
    tones = _melody(score, 79, pentatonic=True)
    _sing(score, tones, 80)
    followers = [tone for tone in tones if tone.bar < len(score.bars) - 2]
    _sing(score, [tone._replace(bar=tone.bar + 1) for tone in followers], 66, transpose=-7)
    for number in range(0, len(score.bars), 2):
        score.add(number, 0, 2 * score.beats - 0.2, score.bass(0) + 12, 64)
        score.add(number, score.beats / 2, 2 * score.beats - 2.2, score.bass(0) + 19, 54)


def nocturne(score: Score) -> None:
    """A left hand in broken tenths, a singing right hand with a sixth below its first notes."""
    wide = (0, 7, 12, 16, 12, 7, 12, 7)  # semitones only choose the octave; degrees the note
    for number, bar in enumerate(score.bars):
        root = score.bass(bar.root)
        degrees = [0 if s % 12 == 0 else 4 if s % 12 == 7 else 2 for s in wide]
        steps = range(4) if bar.letter == "Z" else range(8)
        for step in steps:
            pitch = _above(score, bar.root + degrees[step], root + wide[step])
            length = score.beats - step / 2 if bar.letter == "Z" else 1.2
            score.add(number, step / 2, length, pitch, 60 if step else 68)
    tones = _melody(score, 74)
    _sing(score, tones, 84)
    for tone in tones:
        if tone.start == 0 and tone.length >= 1:
            chord = [(score.bars[tone.bar].root + step) % 7 for step in (0, 2, 4)]
            below = score.scale.pitch(nearest(tone.degree - 4, chord))
            score.add(tone.bar, 0, tone.length, below, 64)


def _above(score: Score, degree: int, pitch: int) -> int:
    """Return the pitch of a degree's class nearest to ``pitch``."""
    away = (score.scale.pitch(degree) - pitch + 6) % 12 - 6
    return pitch + away


def lullaby(score: Score) -> None:
    """Three beats a bar: bass, two soft dyads, a rocking melody."""
    for number, chord in enumerate(_chords(score, 55, 69, 3, 3)):
        bar = score.bars[number]
        score.add(number, 0, 0.95 * score.beats, score.bass(bar.root), 70)
        if bar.letter == "Z":
            for pitch in chord:
                score.add(number, 0, 0.95 * score.beats, pitch, 60)
            continue
        for start, pair in ((1, chord[:2]), (2, chord[1:])):
            for pitch in pair:
                score.add(number, start, 0.9, pitch, 54)
    _sing(score, _melody(score, 76), 84)


WEAVES = ("x.xx.xx.", "x..xx.x.", "xx.x.xx.")


def weave(score: Score) -> None:
    """Two interlocking patterns, the second in the gaps of the first; repeats shift both."""
    mask = WEAVES[score.rng.integers(len(WEAVES))]
    tones = _melody(score, 79)
    entered = [tone for tone in tones if score.bars[tone.bar].progress >= 0.3]
    for number, chord in enumerate(_chords(score, 57, 74, 4, 3)):
        bar = score.bars[number]
        if bar.letter == "Z":
            for pitch in (score.bass(bar.root), *chord):
                score.add(number, 0, score.beats, pitch, 64)
            continue
        score.add(number, 0, 1.9, score.bass(bar.root), 72)
        turn = bar.repeat  # the pattern starts one quaver later in each repeat
        for step in range(8):
            hit = mask[(step + turn) % 8] == "x"
            if hit:
                score.add(number, step / 2, 0.45, chord[2 + step % 2], 70)
            elif bar.progress >= 0.15:
                score.add(number, step / 2, 0.45, chord[step // 2 % 2], 62)
    _sing(score, entered, 86, shortest=1.0)


BEATS = {"lullaby": 3}
"""Beats a bar where they are not four."""
STYLES: dict[str, Callable[[Score], None]] = {
    "drone": drone,
    "pad": pad,
    "arpeggio": arpeggio,
    "pluck": pluck,
    "bells": bells,
    "nocturne": nocturne,
    "lullaby": lullaby,
    "weave": weave,
}
