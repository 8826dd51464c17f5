"""The artists of `demo:songs`: eight styles, four artists each. Only who and what, no code.

An artist keeps instruments, mix and habits; others of the style have others and share them with
artists of other styles. Who plays therefore says more about the sound than what is played: a
classifier that has heard the artist before is flattered, as it is on real genre collections
(Flexer 2007, "A closer look on artist filters for musical genre classification", ISMIR).
"""

from typing import NamedTuple


class Mix(NamedTuple):
    """How an artist's records sound."""

    preset: str = "room"
    """Effects, a name of `soundmill.synthesis.presets.PRESETS`."""
    low: float = 0.0
    """Shelf below 200 Hz, dB."""
    high: float = 0.0
    """Shelf above 3 kHz, dB."""
    tone: float = 1000.0
    """Frequency of the bell by which the artist's studio colours the sound, Hz."""
    tone_gain: float = 0.0
    """Height of that bell, dB."""
    drive: float = 0.0
    """Saturation of the whole mix, 0 for none."""
    width: float = 1.0
    """Stereo width, 0 is mono."""
    loudness: float = -15.0
    """LUFS, as far as the peaks allow."""
    drums: float = 0.0
    """Level of the drums beside the usual, dB."""
    bass: float = 0.0
    """Level of the bass beside the usual, dB."""


class Artist(NamedTuple):
    """Who plays, on what, and how."""

    name: str
    style: str
    """A name of `soundmill.corpus.demo.song_styles.STYLES`."""
    file: str
    """Pattern of the file names, of {artist}, {number} and {title}."""
    songs: tuple[str, ...]
    """Each "title | key | tempo | roles that rest"."""
    instruments: dict[str, str]
    """General MIDI instrument or drum kit by role: drums, bass, chords, extra, lead."""
    mix: Mix
    habit: int = 0
    """Which of the style's patterns the artist prefers."""
    swing: float = 0.0
    """Added to the style's swing."""
    loose: float = 0.006
    """Standard deviation of the timing, seconds."""


def _parts(drums: str, bass: str, chords: str, extra: str = "", lead: str = "") -> dict[str, str]:
    named = {"drums": drums, "bass": bass, "chords": chords, "extra": extra, "lead": lead}
    return {role: name for role, name in named.items() if name}


ROCK = (
    Artist(
        "Rust & Ember", "rock", "{artist} - {title}.mp3",
        ("Static Heart | E minor | 126", "No Brakes on Sunday | A major | 138 | lead",
         "Gravel (demo) | B minor | 112"),
        _parts("power kit", "electric bass (pick)", "overdriven guitar", "", "distortion guitar"),
        Mix("dry", low=1.5, high=-1.5, tone=3050, tone_gain=-7, drive=1.25, loudness=-11,
            drums=0.5),
        habit=0,
    ),
    Artist(
        "Halogen Drive", "rock", "{number:02d} {title}.mp3",
        ("Neon Motorway | D major | 132 | extra", "Ash #2 | A minor | 120",
         "Comet Street | G major | 116 | lead"),
        _parts("standard kit", "electric bass (finger)", "overdriven guitar", "rock organ",
               "distortion guitar"),
        Mix("room", low=-1.5, high=2, tone=1280, tone_gain=6, width=1.3, loudness=-14), habit=1,
    ),
    Artist(
        "The Paper Kites Club", "rock", "{title} [{artist}].mp3",
        ("Borrowed Jacket | C major | 124", "Señorita Thunder | E major | 140",
         "Two Left Shoes (unplugged) | A minor | 110 | drums"),
        _parts("room kit", "electric bass (pick)", "overdriven guitar", "piano", "tenor sax"),
        Mix("room", low=1, high=-2, tone=330, tone_gain=-7, width=0.6, loudness=-17, drums=-1),
        habit=2, loose=0.011,
    ),
    Artist(
        "Velvet Antenna", "rock", "{artist}_{title}.MP3",
        ("Glass Radio | F# minor | 128", "Satellites | D major | 136 | extra",
         "Low Orbit | B minor | 118 | lead"),
        _parts("power kit", "electric bass (finger)", "distortion guitar", "synth strings 1",
               "sawtooth lead"),
        Mix("meadow", high=1, tone=2770, tone_gain=6, width=1.5, loudness=-13, drums=-1.5, bass=1),
        habit=1,
    ),
)  # fmt: skip
BLUES = (
    Artist(
        "Old Levee", "blues", "{artist} - {title}.mp3",
        ("Muddy Boots | E major | 104", "Ain't No Ferry | A minor | 112",
         "Porch Light | G major | 100 | drums bass"),
        _parts("standard kit", "electric bass (finger)", "overdriven guitar", "", "harmonica"),
        Mix("tape", low=0.5, high=-2.5, tone=1050, tone_gain=6, drive=0.75, width=0.3,
            loudness=-18),
        habit=0, loose=0.013,
    ),
    Artist(
        "Marguerite Blé", "blues", "{title} - {artist}.mp3",
        ("Café at Closing Time | C minor | 108", "Blue Ledger | F major | 116 | lead",
         "One More Nickel | Bb major | 120"),
        _parts("standard kit", "electric bass (finger)", "piano", "electric guitar (clean)",
               "overdriven guitar"),
        Mix("room", low=-1, high=0.5, tone=540, tone_gain=-7, loudness=-16, drums=-1.5),
        habit=1, swing=-0.02,
    ),
    Artist(
        "Big Transformer", "blues", "{number:02d}-{title}.mp3",
        ("High Voltage Mama | A minor | 118", "Fuse Box Shuffle | E major | 124",
         "Ohm Sweet Ohm | D minor | 110 | lead"),
        _parts("power kit", "electric bass (finger)", "drawbar organ", "electric guitar (clean)",
               "overdriven guitar"),
        Mix("dry", low=2, high=1, tone=1880, tone_gain=6, drive=1.25, loudness=-11, drums=0.5,
            bass=1),
        habit=2,
    ),
    Artist(
        "The Slow Mondays", "blues", "  {artist} -- {title} .mp3",
        ("Laundry Blues | G minor | 102", "Rent Due | C major | 106",
         "Rain on Tin | D major | 114 | drums"),
        _parts("room kit", "electric bass (finger)", "electric guitar (clean)", "piano",
               "tenor sax"),
        Mix("room", high=-1, tone=4950, tone_gain=-7, width=1.2, loudness=-19, drums=-0.5),
        habit=0, swing=0.02,
    ),
)  # fmt: skip
WALTZ = (
    Artist(
        "Salon Kessler", "waltz", "{artist} – {title}.mp3",
        ("Frühlingswalzer | D major | 164 | extra", "Der letzte Gast | G minor | 150",
         "Kaiserplatz | A major | 172 | drums"),
        _parts("orchestra kit", "acoustic bass", "strings", "piano", "violin"),
        Mix("meadow", low=-1, high=-0.5, tone=2070, tone_gain=-7, width=1.3, loudness=-19,
            drums=-2),
        habit=0,
    ),
    Artist(
        "Les Trois Portes", "waltz", "{title} ({artist}).mp3",
        ("Valse de l'évier | A minor | 168", "Rue des Lilas | C major | 176 | extra",
         "Petite cuisine | D minor | 160"),
        _parts("brush kit", "tuba", "accordion", "strings", "clarinet"),
        Mix("room", low=-2, high=0.5, tone=4080, tone_gain=6, width=0.4, drums=-1),
        habit=1, loose=0.012,
    ),
    Artist(
        "Nora Quill Trio", "waltz", "{artist}, {title}.mp3",
        ("Someday Carousel | F major | 158", "Paper Moonboat | C minor | 152 | lead",
         "Three Cups | Bb major | 166"),
        _parts("jazz kit", "acoustic bass", "piano", "strings", "alto sax"),
        Mix("dry", low=1, high=1, tone=490, tone_gain=-7, loudness=-16, drums=-0.5),
        habit=2, swing=0.04,
    ),
    Artist(
        "Prairie Ballroom", "waltz", "{number:02d} {artist} - {title}.mp3",
        ("Last Dance at Miller's | G major | 170", "Wheat & Stars | D major | 162 | extra",
         "Widow's Turn | E minor | 154 | bass"),
        _parts("brush kit", "acoustic bass", "accordion", "strings", "harmonica"),
        Mix("room", low=1.5, high=-1.5, tone=1160, tone_gain=6, drive=0.5, width=0.8, loudness=-13),
        habit=1,
    ),
)  # fmt: skip
BOSSA = (
    Artist(
        "Quarteto Maré", "bossa nova", "{artist} - {title}.mp3",
        ("Água de março azul | D major | 128", "Areia | A minor | 120",
         "Não chove hoje | G major | 134 | drums bass"),
        _parts("brush kit", "acoustic bass", "nylon guitar", "", "tenor sax"),
        Mix("room", low=0.5, high=-1.5, tone=6000, tone_gain=6, width=0.8, loudness=-18, drums=-1),
        habit=0, loose=0.009,
    ),
    Artist(
        "Lounge Lagoon", "bossa nova", "{title}.mp3",
        ("Copper Sunset (take 3) | C major | 124", "Hotel Pool, 5 p.m. | E minor | 130 | lead",
         "Elevator to Ipanema | F major | 138"),
        _parts("brush kit", "fretless bass", "nylon guitar", "electric piano",
               "electric guitar (jazz)"),
        Mix("meadow", low=1.5, high=1.5, tone=790, tone_gain=-7, width=1.5, loudness=-14, bass=0.5),
        habit=1,
    ),
    Artist(
        "Ivo & Rita", "bossa nova", "{title} __ {artist}.mp3",
        ("Saudade 7 | B minor | 122", "Bicicleta | A major | 136",
         "Janela | D minor | 126 | lead"),
        _parts("jazz kit", "acoustic bass", "nylon guitar", "piano", "muted trumpet"),
        Mix("dry", low=-1.5, high=-2, tone=440, tone_gain=6, width=0.3, loudness=-16, drums=-0.5),
        habit=2, loose=0.012,
    ),
    Artist(
        "Sofa Samba System", "bossa nova", "{artist}-{number}-{title}.MP3",
        ("Tropic of Laptop | G minor | 132", "Palm.Tree.exe | F major | 140",
         "Slow Parrot | C minor | 118 | extra"),
        _parts("standard kit", "electric bass (finger)", "nylon guitar", "warm pad",
               "drawbar organ"),
        Mix("room", low=2, high=2, tone=2510, tone_gain=-7, drive=0.75, loudness=-11, drums=0.5,
            bass=1),
        habit=1,
    ),
)  # fmt: skip
HOUSE = (
    Artist(
        "DJ Kettle", "house", "{artist} - {title}.mp3",
        ("Steam (Original Mix) | A minor | 124", "Boil Over (Club Edit) | F minor | 128",
         "Cupboard | C major | 122 | lead"),
        _parts("tr 808 kit", "synth bass 1", "piano", "warm pad", "sawtooth lead"),
        Mix("dry", low=2, high=1.5, tone=3360, tone_gain=-7, drive=1, loudness=-11, drums=1,
            bass=1),
        habit=0,
    ),
    Artist(
        "Subterra", "house", "{artist} - {title} [320].mp3",
        ("Aurora ✨ | E minor | 126", "Sleeper Car | G major | 120 | extra",
         "Tunnel Vision | D minor | 130"),
        _parts("electronic kit", "synth bass 2", "percussive organ", "warm pad"),
        Mix("meadow", low=1, high=-2, tone=1410, tone_gain=6, width=1.4), habit=1,
    ),
    Artist(
        "Disco Ferrari", "house", "{title} - {artist}.mp3",
        ("Champagne Parking | Bb major | 122 | lead", "Tuxedo Weather | G minor | 118",
         "Mirrorball Gospel | C major | 126"),
        _parts("tr 808 kit", "electric bass (finger)", "electric guitar (clean)", "strings",
               "brass section"),
        Mix("room", high=1, tone=960, tone_gain=-7, width=1.2, loudness=-14, drums=-0.5),
        habit=2, swing=0.03,
    ),
    Artist(
        "Cassette Garden", "house", "{number:02d}_{title}.mp3",
        ("Lo-Fi Lilies | D major | 116", "Tape Hiss Tulips | B minor | 124 | lead",
         "Fern (no beat) | A minor | 120 | drums"),
        _parts("electronic kit", "synth bass 1", "electric piano", "warm pad", "square lead"),
        Mix("tape", low=-1, high=-2.5, tone=590, tone_gain=6, width=0.5, loudness=-18, drums=-1),
        habit=1, swing=0.05,
        loose=0.010,
    ),
)  # fmt: skip
COUNTRY = (
    Artist(
        "Dusty Fenwick", "country", "{artist} - {title}.mp3",
        ("Fence Post Philosophy | G major | 118", "Mama's Pickup | D major | 128",
         "Goodbye, Tulsa | A minor | 112 | drums"),
        _parts("standard kit", "electric bass (finger)", "steel guitar", "", "violin"),
        Mix("room", high=1.5, tone=300, tone_gain=6, width=1.2), habit=0,
    ),
    Artist(
        "The Creek Sisters", "country", "{artist} ~ {title}.mp3",
        ("Blackberry Wine | C major | 124 | bass", "Quilt | E minor | 108",
         "Ole 55 & Me | A major | 116"),
        _parts("standard kit", "acoustic bass", "steel guitar", "", "harmonica"),
        Mix("dry", low=1, high=-2, tone=1550, tone_gain=-7, width=0.4, loudness=-19, drums=-1),
        habit=1, loose=0.012,
    ),
    Artist(
        "Neon Spurs", "country", "{number:02d}. {title}.mp3",
        ("Honky Tonk Arithmetic | E major | 132", "Jukebox Lawyer | G major | 126 | extra",
         "Line Dance No. 9 | B minor | 122"),
        _parts("standard kit", "electric bass (pick)", "steel guitar", "overdriven guitar",
               "honky-tonk piano"),
        Mix("room", low=2, high=0.5, tone=3700, tone_gain=6, drive=1.25, loudness=-11, drums=0.5),
        habit=2,
    ),
    Artist(
        "Pastor Lee Combo", "country", "{title} -  {artist}.mp3",
        ("Wide River | F major | 110", "Sunday Clothes | Bb major | 120 | lead",
         "Eleven Crows | D minor | 114 | bass"),
        _parts("room kit", "electric bass (finger)", "nylon guitar", "drawbar organ", "violin"),
        Mix("meadow", low=-1, high=-1, tone=870, tone_gain=-7, width=1.1, loudness=-16, drums=-1),
        habit=0,
    ),
)  # fmt: skip
REGGAE = (
    Artist(
        "Mango Parliament", "reggae", "{artist} - {title}.mp3",
        ("Vote for the Sun | A minor | 80", "Sugar Bread | G major | 86 | lead",
         "Babylon Bus Stop | D minor | 78"),
        _parts("standard kit", "electric bass (finger)", "electric guitar (clean)", "drawbar organ",
               "harmonica"),
        Mix("dry", low=2, high=-1, tone=360, tone_gain=-7, loudness=-13, bass=1), habit=0,
    ),
    Artist(
        "Kingston Typewriters", "reggae", "{title} by {artist}.mp3",
        ("Carriage Return | C major | 92", "Ribbon | E minor | 84 | lead",
         "Shift Key Ska | F major | 96"),
        _parts("standard kit", "electric bass (finger)", "electric guitar (clean)", "piano",
               "brass section"),
        Mix("room", low=-1, high=0.5, tone=5450, tone_gain=6, drive=0.75, width=0.2, loudness=-16),
        habit=1, loose=0.011,
    ),
    Artist(
        "Echo Chambers", "reggae", "{artist} - {title} (dub).mp3",
        ("Basement 3 | E minor | 76", "Siren Soup | A minor | 82 | lead",
         "Tin Roof Version | C major | 88"),
        _parts("standard kit", "synth bass 1", "electric guitar (clean)", "percussive organ",
               "square lead"),
        Mix("night", low=1.5, high=-2.5, tone=650, tone_gain=-7, width=1.5, drums=0.5, bass=1.5),
        habit=0,
    ),
    Artist(
        "Blue Lizard Band", "reggae", "{artist}_{number}_{title}.mp3",
        ("One Wheel | Bb major | 90", "Postcard to Negril | D major | 84 | extra",
         "Coal Pot | G minor | 80 | drums"),
        _parts("standard kit", "fretless bass", "electric guitar (clean)", "drawbar organ",
               "tenor sax"),
        Mix("room", low=-0.5, high=2, tone=1710, tone_gain=6, width=1.2, loudness=-18, drums=-1),
        habit=2,
    ),
)  # fmt: skip
JAZZ = (
    Artist(
        "Walter Dane Quartet", "jazz", "{artist} - {title}.mp3",
        ("Umbrella Stand | F major | 176", "Second Helping | Bb major | 188 | lead",
         "Minor Inconvenience | C minor | 164"),
        _parts("jazz kit", "acoustic bass", "piano", "", "tenor sax"),
        Mix("room", high=0.5, tone=2280, tone_gain=6, loudness=-17, drums=-0.5), habit=0,
    ),
    Artist(
        "Blue Staircase", "jazz", "{title} · {artist}.mp3",
        ("Landing | G minor | 156", "Fire Door | D minor | 192",
         "Banister Blues | Eb major | 168 | drums"),
        _parts("jazz kit", "acoustic bass", "electric guitar (jazz)", "piano", "muted trumpet"),
        Mix("dry", low=0.5, high=-2.5, tone=4490, tone_gain=-7, width=0.3, loudness=-19, drums=-1),
        habit=1, loose=0.012,
    ),
    Artist(
        "Hammond Egg Trio", "jazz", "{number:02d} - {title}.mp3",
        ("Over Easy | C major | 172", "Yolk | F minor | 160",
         "Sunny Side | G major | 184 | lead"),
        _parts("jazz kit", "drawbar organ", "piano", "", "electric guitar (jazz)"),
        Mix("room", low=2, high=1, tone=400, tone_gain=6, drive=1, loudness=-12, drums=0.5),
        habit=2, swing=-0.03,
    ),
    Artist(
        "Tokyo Daylight 東京", "jazz", "{artist} {title}.mp3",
        ("Monorail | A minor | 180", "Vending Machine Waltz! No. | D major | 166",
         "Shibuya 4 A.M. | Ab major | 152 | lead"),
        _parts("jazz kit", "acoustic bass", "electric piano", "slow strings", "alto sax"),
        Mix("meadow", low=1.5, high=1.5, tone=720, tone_gain=-7, width=1.5, loudness=-14, bass=1),
        habit=0,
    ),
)  # fmt: skip
ARTISTS: tuple[Artist, ...] = (*ROCK, *BLUES, *WALTZ, *BOSSA, *HOUSE, *COUNTRY, *REGGAE, *JAZZ)
