"""The styles of `demo:songs` as tables: rhythm, harmony, bass, accompaniment and lead of each.

Patterns have four steps a beat (in swung styles the steps swing); they may be longer than a bar
and repeat. Drums: X loud, x usual, o soft. Bass: R root, T third, F fifth, S the chord's fourth
tone or sixth, O octave, A a semitone below the next root. Chords: x and X all voices, 0 to 3 one
voice. Lead: x a note. In all, - holds the note and . rests.
"""

from typing import NamedTuple

KICK, RIM, SNARE, CLAP, PEDAL, HAT, OPEN, RIDE, CRASH = 36, 37, 38, 39, 44, 42, 46, 51, 49
TOM_LOW, TOM_HIGH, TAMBOURINE, CONGA, CONGA_LOW, SHAKER = 45, 50, 54, 63, 64, 70
Drums = dict[int, str]
"""Pattern by General MIDI percussion key."""


class Style(NamedTuple):
    """What makes a style; where there are several of a thing, artists have habits."""

    beats: int
    """Beats a bar."""
    swing: float
    """Place of the off-beat quaver in the beat: 0.5 is straight, 0.67 is a triplet's."""
    progressions: dict[str, tuple[str, ...]]
    """Chords by mode."""
    scales: dict[str, str]
    """Scale of the lead by mode."""
    drums: tuple[Drums, ...]
    bass: tuple[str, ...]
    chords: tuple[str, ...]
    extra: tuple[str, ...]
    lead: tuple[str, ...]
    levels: dict[str, float]
    """Level by role, dB beside one another."""
    low: float = 0.0
    """Shelf below 200 Hz that records of the style have, dB."""
    high: float = 0.0
    """Shelf above 3 kHz that records of the style have, dB."""
    short: float = 0.95
    """Length of the chords' notes as a share of what is written: staccato is small."""
    power: bool = False
    """Chords are power chords (root, fifth, octave)."""


ROCK = Style(
    beats=4,
    swing=0.5,
    progressions={
        "major": ("I bVII IV I", "I V VIm IV", "I IV V IV"),
        "minor": ("Im bVII bVI bVII", "Im bVI bIII bVII", "Im IVm bVI bVII"),
    },
    scales={"major": "major pentatonic", "minor": "minor pentatonic"},
    drums=(
        {KICK: "X.....X.X.......", SNARE: "....X.......X...", HAT: "X.x.X.x.X.x.X.x."},
        {KICK: "X..x......X.....", SNARE: "....X.......X..o", RIDE: "X.x.X.x.X.x.X.x."},
        {KICK: "X.X.....X.X...x.", SNARE: "....X.......X...", OPEN: "X...X...X...X..."},
    ),
    bass=("R-R-R-R-R-R-R-R-", "R--RR-R-R--RR-F-", "R---R-R-R---R-O-"),
    chords=("X-x-X-x-X-x-X-x-", "x-----x-x-----x-", "X---..x-..x-X---"),
    extra=("x---------------", "....x-......x-..", "0-1-2-1-0-1-2-1-"),
    lead=(
        "x---x-x-x---....", "..x-x-x-x-------", "x-x-x---x-x-x---", "x-----x-x-x-x-x-",
    ),
    levels={"drums": 0, "bass": -2, "chords": -2, "extra": -8, "lead": -4},
    low=1,
    high=3,
    power=True,
)  # fmt: skip
BLUES = Style(
    beats=4,
    swing=0.66,
    progressions={
        "major": ("I7 IV7 I7 V7,IV7", "I7 I7 IV7 I7,V7"),
        "minor": ("Im7 IVm7 Im7 V7", "Im7 Im7 bVI7,V7 Im7"),
    },
    scales={"major": "major blues", "minor": "blues"},
    drums=(
        {KICK: "X.......X.....x.", SNARE: "....X.......X...", HAT: "x.x.x.x.x.x.x.x."},
        {KICK: "x...x...x...x...", SNARE: "....x.o...o.x...", RIDE: "X...x.x.X...x.x."},
        {KICK: "X.....x.X.....x.", SNARE: "....X..o....X.o.", HAT: "X.x.X.x.X.x.X.x."},
    ),
    bass=("R-R-T-T-F-F-S-S-", "R---T---F---S---", "R-R-O-R-R-R-S-F-"),
    chords=("....x-......x-..", "x-x-..x-x-x-..x-", "X-----x-..x-...."),
    extra=("x---------------", "....x-......x-.."),
    lead=("x---x-x-x-x-....", "....x-x-x---x---", "x-x-x---....x-x-", "..x-x-x-x-----.."),
    levels={"drums": -1, "bass": -2, "chords": -3, "extra": -7, "lead": -2},
    low=-1,
    high=-2,
)
WALTZ = Style(
    beats=3,
    swing=0.5,
    progressions={
        "major": ("I I V7 V7 V7 V7 I I", "I VIm IIm V7 I IV V7 I"),
        "minor": ("Im Im V7 Im IVm Im V7 Im", "Im bVI IVm V7 Im IVm V7 Im"),
    },
    scales={"major": "major", "minor": "minor"},
    drums=(
        {KICK: "X...........", SNARE: "....o...o...", CRASH: "o..........." + "." * 36},
        {KICK: "x...........", SNARE: "....x...x...", PEDAL: "....x...x..."},
        {KICK: "x.........x.", RIM: "........x...", RIDE: "x...x.x.x..."},
    ),
    bass=("R-----------" + "F-----------", "R-------....F-------....", "R-----------T---F-----A-"),
    chords=("....x-..x-..", "....X---X---", "....x-------"),
    extra=("x-----------", "0-1-2-3-2-1-", "....x-..x-.."),
    lead=("x-------x---", "x---x---x---", "x-----x-x---", "x-----------", "x-x-x-x-x-x-"),
    levels={"drums": -8, "bass": -3, "chords": -3, "extra": -4, "lead": -2},
    low=-5,
    high=-3,
    short=0.8,
)
BOSSA = Style(
    beats=4,
    swing=0.5,
    progressions={
        "major": ("Imaj7 II7 IIm7 V7", "Imaj7 VI7 IIm7 V7", "IIm7 V7 Imaj7 Imaj7"),
        "minor": ("Im6 IIm7b5,V7 Im6 V7", "Im7 IVm7 IIm7b5 V7"),
    },
    scales={"major": "major", "minor": "dorian"},
    drums=(
        {KICK: "x.....x.x.....x.", RIM: "x.....x.....x......." + "x.....x.....",
         HAT: "xoxoxoxoxoxoxoxo"},
        {KICK: "x.....x.x.....x.", RIM: "....x.......x..." + "..x...x.....x...",
         SHAKER: "x.o.x.o.x.o.x.o."},
        {KICK: "x.....x.x.....x.", RIDE: "x...x.x.x...x.x.", PEDAL: "....x.......x...",
         CONGA_LOW: "............x.x.", CONGA: "....x..........."},
    ),
    bass=("R-----F-F-----R-", "R-----..F-----F-", "R-----R-F-------"),
    chords=("x---..x-..x-..x-", "x-----x-....x---..x-....x-----x-", "..x---x-..x---x-"),
    extra=("x---------------", "....x-......x-.."),
    lead=("x-----x-x---x---", "..x-x-x-----x---", "x-------..x-x-x-", "x---x-x-----x-x-"),
    levels={"drums": -5, "bass": -1, "chords": -1, "extra": -7, "lead": -4},
    low=-1,
    high=-6,
)  # fmt: skip
HOUSE = Style(
    beats=4,
    swing=0.5,
    progressions={
        "major": ("Imaj7 VIm7 IVmaj7 V", "IVmaj7 V VIm7 IIIm7", "Imaj7 IVmaj7 Imaj7 IVmaj7"),
        "minor": ("Im7 bVI bVII Vm7", "Im7 bIII bVII IVm7", "Im7 Im7 bVI bVII"),
    },
    scales={"major": "major pentatonic", "minor": "minor pentatonic"},
    drums=(
        {KICK: "X...X...X...X...", CLAP: "....X.......X...", OPEN: "..x...x...x...x.",
         HAT: "x..xx..xx..xx..x"},
        {KICK: "X...X...X...X...", SNARE: "....x.......x..o", OPEN: "..X...X...X...X.",
         SHAKER: "xoxoxoxoxoxoxoxo"},
        {KICK: "X...X...X...X...", CLAP: "....X.......X...", HAT: "xoXoxoXoxoXoxoXo",
         CONGA: "...x..x....x..x.", TAMBOURINE: "....x.......x..."},
    ),
    bass=("..R-..R-..R-..O-", "R..R..R...R.R.O.", "R.O.R.O.R.O.R.O."),
    chords=("x..x..x...x..x..", "..x-..x-..x-..x-", "x.x...x.x..x..x."),
    extra=("x---------------", "x-------x-------", "............0.1."),
    lead=("x.x..x.x..x.x...", "x..x..x.x..x..x.", "..x...x...x.x.x."),
    levels={"drums": 2, "bass": 0, "chords": -4, "extra": -7, "lead": -7},
    low=4,
    high=4,
    short=0.7,
)  # fmt: skip
COUNTRY = Style(
    beats=4,
    swing=0.52,
    progressions={
        "major": ("I IV I V", "I I IV,V I", "I V IV I"),
        "minor": ("Im bVII bVI V", "Im IVm Im V7"),
    },
    scales={"major": "major pentatonic", "minor": "minor"},
    drums=(
        {KICK: "X.......X.......", SNARE: "xoooXoooxoooXooo"},
        {KICK: "x.......x.......", SNARE: "....X.......X...", PEDAL: "..x...x...x...x."},
        {KICK: "X.......X.X.....", SNARE: "..o.X.o...o.X.o.", HAT: "x.x.x.x.x.x.x.x."},
    ),
    bass=("R-----..F-----..", "R-------F-----A-", "R---..R-F---..F-"),
    chords=("....x-......x-..", "0-..x-x-0-..x-x-", "0-0-x---0-0-x-x-"),
    extra=("x-------x-------", "....x-......x-.."),
    lead=("x-x-x-x-x---x---", "x---x-x-x-x-x---", "..x-x-x-x---....", "x-xxx-x-x-x-x---"),
    levels={"drums": -1, "bass": -3, "chords": -1, "extra": -7, "lead": -4},
    low=-4,
    high=5,
)
REGGAE = Style(
    beats=4,
    swing=0.54,
    progressions={
        "major": ("I,IV I,V I,IV", "I,V VIm,IV I,V", "I,I IV,IV I,V"),
        "minor": ("Im,bVII Im,bVII", "Im,IVm Im,Vm", "Im,Im bVI,bVII"),
    },
    scales={"major": "major pentatonic", "minor": "minor pentatonic"},
    drums=(
        {KICK: "........X.......", RIM: "........X.......", HAT: "x.x.x.x.x.x.x.xx"},
        {KICK: "X.......X.......", SNARE: "....o.......x..o", HAT: "x.xox.x.x.xox.x."},
        {KICK: "X...X...X...X...", RIM: "........X..x....", HAT: "..x...x...x...x."},
    ),
    bass=("R--RF-..R-T-F...", "R---..T-F---....", "..R-R-..O-F-R-.."),
    chords=("..x...x...x...x.", "..x...xx..x...xx", "..X...X...X...X."),
    extra=("..xx..x...xx..x.", ".x.x.x.x.x.x.x.x"),
    lead=("x---..x-x-------", "....x-x-x---x---", "x-x-x-----......", "..x-x---..x-x---"),
    levels={"drums": -1, "bass": 3, "chords": -4, "extra": -7, "lead": -6},
    low=6,
    high=-4,
    short=0.55,
)
JAZZ = Style(
    beats=4,
    swing=0.64,
    progressions={
        "major": ("IIm7 V7 Imaj7 VI7", "Imaj7 VI7 IIm7 V7", "Imaj7 IV7 IIIm7,VI7 IIm7,V7"),
        "minor": ("IIm7b5 V7 Im6 Im6", "Im6 bVI7 IIm7b5 V7", "Im7 IV7 Im7 IIm7b5,V7"),
    },
    scales={"major": "major", "minor": "dorian"},
    drums=(
        {RIDE: "x...X.x.x...X.x.", PEDAL: "....x.......x...", KICK: "o...o...o...o...",
         SNARE: "......o.......o......o.....x...."},
        {SNARE: "x.o.X.o.x.o.X.o.", PEDAL: "....x.......x...", KICK: "o.......o......."},
        {RIDE: "X...x.x.X...x.x.", PEDAL: "....X.......X...", SNARE: "..o...x...o.....",
         KICK: "x.....o.........o.....x...o....."},
    ),
    bass=("R---T---F---A---", "R---F---T---A---R---S---F---A---", "R---T---F-T-A---"),
    chords=("x-....x-........", "......x-....x---", "x---......x-...."),
    extra=("x---------------", "x-------x-------"),
    lead=(
        "x-x-x-x-x---....", "..x-x-x-x-x-x-x-", "x---..x-x-x-x---", "....x-x-x-----x-",
        "x-x-x-x-x-x-x-x-",
    ),
    levels={"drums": 1, "bass": 0, "chords": -5, "extra": -9, "lead": -4},
    low=-2,
    high=2,
)  # fmt: skip
STYLES: dict[str, Style] = {
    "rock": ROCK,
    "blues": BLUES,
    "waltz": WALTZ,
    "bossa nova": BOSSA,
    "house": HOUSE,
    "country": COUNTRY,
    "reggae": REGGAE,
    "jazz": JAZZ,
}
