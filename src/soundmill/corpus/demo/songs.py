"""`demo:songs`: songs in eight styles by artists with habits, with their exact notes and labels."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from soundmill.audio.files import write_audio
from soundmill.corpus.demo.song_arrangement import arrange_song
from soundmill.corpus.demo.song_catalogue import DemoSong, song_catalogue
from soundmill.corpus.demo.song_emotion import arousal, song_cues, valence
from soundmill.corpus.demo.song_midi import midi_tags, write_song_midi
from soundmill.corpus.demo.song_mix import mix_song
from soundmill.log import progress
from soundmill.status import Row, write_table

LABEL_COLUMNS = ("file", "style", "artist", "instruments", "valence", "arousal", "key", "tempo")
SAMPLE_RATE = 22050
"""Hz: what a corpus is decoded to unless its options say otherwise; more would only cost time."""
SEPARATOR = ";"
"""Between the instruments of a song."""


def compose_songs(output: Path, seed: int = 1, threads: int = 1) -> None:
    """Write the corpus of songs; the same seed gives the same bytes.

    Parameters
    ----------
    output : folder that gets ``audio/<name>.mp3``, ``truth/<stem>.mid`` (the notes that sound, a
        track an instrument) and ``labels.csv``: file, style, artist, instruments (families of
        the MIDI's tracks, joined by ";"), valence and arousal (0 to 1, see
        `soundmill.corpus.demo.song_emotion`), key, tempo (quarter notes a minute).
    threads : songs made at once.
    """
    songs = song_catalogue()
    with ThreadPoolExecutor(threads) as pool:
        done = pool.map(lambda song: make_song(song, output, seed), songs)
        labels = list(progress(done, total=len(songs), unit="songs", label="compose"))
    write_table(output / "labels.csv", labels, LABEL_COLUMNS)


def make_song(song: DemoSong, output: Path, seed: int) -> Row:
    """Write the audio and the MIDI of one song and return its labels."""
    arrangement = arrange_song(song, seed)
    midi = output / "truth" / f"{Path(song.file).stem}.mid"
    write_song_midi(midi, arrangement.tracks, song.parts, song.tempo)
    audio = mix_song(song, arrangement, SAMPLE_RATE)
    write_audio(output / "audio" / song.file, audio, SAMPLE_RATE)
    cues = song_cues(song.key, song.tempo, arrangement.tracks)
    return {
        "file": song.file,
        "style": song.style,
        "artist": song.artist.name,
        "instruments": SEPARATOR.join(midi_tags(midi)),
        "valence": f"{valence(cues):.3f}",
        "arousal": f"{arousal(cues):.3f}",
        "key": song.key,
        "tempo": str(song.tempo),
    }
