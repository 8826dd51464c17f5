"""The songs of `demo:songs`: names, artists, keys, tempi, who plays. Light: reads without NumPy."""

from typing import NamedTuple

from soundmill.corpus.demo.song_artists import ARTISTS, Artist


class DemoSong(NamedTuple):
    """One song of the demo corpus."""

    file: str
    """Name of the audio file, suffix included."""
    artist: Artist
    key: str
    """Tonic and mode, "F# minor"."""
    tempo: int
    """Quarter notes a minute."""
    parts: dict[str, str]
    """Instrument by role: the artist's, less those who rest in this song."""

    @property
    def style(self) -> str:
        """Style of the song, which is its artist's."""
        return self.artist.style


def song_catalogue() -> list[DemoSong]:
    """Return the songs of `demo:songs`, ordered by style and artist."""
    return [
        _song(artist, number, line)
        for artist in ARTISTS
        for number, line in enumerate(artist.songs, start=1)
    ]


def _song(artist: Artist, number: int, line: str) -> DemoSong:
    """Read "title | key | tempo | roles that rest"; the last field may be left out."""
    title, key, tempo, *rest = (field.strip() for field in line.split("|"))
    resting = rest[0].split() if rest else []
    parts = {role: name for role, name in artist.instruments.items() if role not in resting}
    file = artist.file.format(artist=artist.name, number=number, title=title)
    return DemoSong(file, artist, key, int(tempo), parts)
