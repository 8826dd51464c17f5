"""The recordings of `demo:soundscapes`: kinds, sites, names. Light: reads without NumPy."""

from typing import NamedTuple


class Site(NamedTuple):
    """A place where somebody records, with a room and a microphone of its own."""

    name: str
    file: str
    """Pattern of the file names, of {title}, {number}, {date}, {day} (without dashes), {time}."""
    reverb: float
    """Seconds until the room's sound has fallen by 60 dB."""
    wet: float
    """Level of the room beside the direct sound, dB."""
    damping: float
    """How dark the room is, see `soundmill.synthesis.presets.Reverb`."""
    distance: float
    """Metres to what is recorded: the air takes the treble."""
    murmur: float
    """Level of the place's own noise beside the recorded sound by day, dB."""
    murmur_corner: float
    """Hz up to which that noise is even."""
    murmur_slope: float
    """Its fall above, dB an octave."""
    mains: float
    """Frequency of a humming transformer, Hz; 0 for none."""
    hiss: float
    """Level of the microphone's white noise, dB beside the recorded sound."""
    tilt: float
    """Of the microphone, dB an octave."""
    low_cut: float
    """Of the microphone, Hz."""
    high_cut: float
    """Of the recorder, Hz."""
    tone: float
    """Hz of the bell that colours it."""
    tone_gain: float
    """Height of that bell, dB."""
    loudness: float
    """LUFS, as far as the peaks allow."""


SITES = (
    Site("meadow", "{date} {title}", 0.4, -24, 0.5, 12, -34, 120, 6, 0, -60, 0.5, 30, 12000, 3200,
         4, -23),
    Site("pine wood", "ZOOM{number:04d}_{title}", 1.6, -7, 0.35, 25, -36, 200, 5, 0, -50, -1.5, 45,
         12000, 900, 6, -27),
    Site("harbour", "Hafen - {title} ({time} Uhr)", 0.9, -15, 0.6, 18, -27, 90, 7, 0, -56, 1.2, 30,
         9200, 1800, -8, -19),
    Site("barn", "{title} [Scheune] #{number}", 0.7, -4, 0.7, 6, -33, 160, 8, 50, -46, -0.8, 90,
         8000, 420, 7, -24),
    Site("courtyard", "Cour intérieure, {title} n°{number}", 2.0, -5, 0.5, 10, -30, 260, 6, 50, -50,
         1.0, 140, 12000, 1300, 6, -21),
    Site("cliff", "{day}-{time}_{title}", 0.3, -28, 0.8, 35, -29, 70, 7, 0, -58, -0.8, 20, 12000,
         4500, -8, -30),
)  # fmt: skip

KINDS = {
    "rain": (
        "heavy rain | 7.5 | thunder 18", "Regen auf Blech | 16", "soft rain, leaves | 10",
        "averse d'été | 18.5 | birds 21", "rain at night | 2", "Dauerregen | 13.25",
        "gutter and roof | 21", "drizzle (again) | 5.5 | birds 15", "Wolkenbruch | 15 | wind 12",
    ),
    "wind": (
        "wind in the wires | 14", "Sturmböen | 3.5 | rain 15", "calm breeze | 9 | birds 18",
        "gusts & leaves | 17", "föhn | 12.5", "night wind | 23.5 | insects 21",
        "draughty | 6.5", "vent du nord | 20",
    ),
    "surf": (
        "waves slow | 6", "Brandung | 11.5 | wind 15", "shingle beach | 15.5", "marée haute | 19",
        "small waves | 9.5 | birds 21", "breakers | 22", "sea after the storm | 3 | thunder 18",
        "olas | 13",
    ),
    "fire": (
        "campfire | 22.5 | insects 18", "Kamin | 20", "wet wood | 8", "stove | 17.5",
        "feu de joie | 0.5", "embers | 2.5 | wind 21", "bonfire, 2nd evening | 19",
        "kindling | 12",
    ),
    "insects": (
        "crickets | 22", "Grillen | 0", "cicadas noon | 13", "summer night | 2.5",
        "grillons du soir | 20.5 | town 21", "meadow hum | 15.5 | wind 15", "late crickets | 4",
        "hot day | 11", "Heuschrecken | 18 | birds 18",
    ),
    "birds": (
        "dawn chorus | 5.5", "Amsel & Co | 20 | town 18", "garden birds | 8.5 | wind 21",
        "oiseaux du matin | 6.75", "early birds | 4.75 | stream 15", "birds midday | 12",
        "spring evening | 19", "Vögel | 7.5", "a few calls | 15",
    ),
    "stream": (
        "brook | 9", "Bach, nah | 14.5 | birds 18", "ruisseau | 17", "little waterfall | 11",
        "ditch after rain | 5 | rain 15", "spring (source) | 23", "Bächlein | 7",
        "arroyo | 19.5 | insects 21",
    ),
    "thunder": (
        "thunderstorm | 17 | rain 15", "Gewitter | 19.5", "far thunder | 22 | insects 21",
        "orage d'août | 15 | rain 12", "close strikes | 16.5", "grollen | 1.5",
        "storm coming | 12.5 | wind 15", "night storm | 3.5 | rain 18",
    ),
    "town": (
        "street corner | 8", "Straßenlärm | 17.5", "marché | 11 | birds 21", "night traffic | 1",
        "crossing | 13.5 | rain 18", "Gasse | 21.5", "rue piétonne | 15", "commuters | 7.25",
        "empty street | 4.5 | wind 15",
    ),
}  # fmt: skip
"""By kind, each recording as "title | hour | softer kind and how far below it is, dB"."""

SECONDS = (10.4, 24.0, 13.2, 29.5, 17.5, 11.8, 21.3, 15.0, 14.6, 18.8, 12.5)
"""Lengths of the recordings, in turn."""
SUFFIXES = (".mp3", ".ogg", ".flac", ".MP3", ".Ogg", ".FLAC")
"""Formats of the recordings, in turn, as people's recorders write them."""


class DemoSoundscape(NamedTuple):
    """One recording of the demo corpus."""

    file: str
    """Name of the audio file, suffix included."""
    kind: str
    site: Site
    hour: float
    """Time of day, 0 to 24."""
    seconds: float
    background: str
    """A second kind, heard softly, or ""."""
    level: float
    """How far below the first it is, dB; 0 without one."""


def soundscape_catalogue() -> list[DemoSoundscape]:
    """Return the recordings of `demo:soundscapes`, ordered by kind; each kind is at every site."""
    lines = [
        (kind, place, line)
        for kind_number, (kind, lines) in enumerate(KINDS.items())
        for place, line in enumerate(lines, start=kind_number)
    ]
    return [
        _recording(number, kind, SITES[place % len(SITES)], line)
        for number, (kind, place, line) in enumerate(lines, start=1)
    ]


def _recording(number: int, kind: str, site: Site, line: str) -> DemoSoundscape:
    """Read "title | hour | background level"; the last field may be left out."""
    title, hour, *rest = (field.strip() for field in line.split("|"))
    background, level = rest[0].split() if rest else ("", "0")
    month, day = 4 + number % 6, 1 + number * 7 % 28
    date = f"2023-{month:02d}-{day:02d}"
    time = f"{int(float(hour)):02d}.{round(float(hour) % 1 * 60):02d}"
    name = site.file.format(
        title=title, number=number, date=date, day=date.replace("-", ""), time=time
    )
    return DemoSoundscape(
        name + SUFFIXES[number % len(SUFFIXES)], kind, site, float(hour),
        SECONDS[number % len(SECONDS)], background, float(level),
    )  # fmt: skip
