import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pretty_midi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soundmill.audio.files import read_audio
from soundmill.audio.levels import loudness, peak_dbfs
from soundmill.corpus.demo import songs
from soundmill.corpus.demo.song_arrangement import arrange_song
from soundmill.corpus.demo.song_artists import ARTISTS
from soundmill.corpus.demo.song_catalogue import song_catalogue
from soundmill.corpus.demo.song_emotion import Cues, arousal, song_cues, valence
from soundmill.corpus.demo.song_midi import midi_tags, program_family
from soundmill.corpus.demo.song_styles import HAT, KICK, RIM, STYLES
from soundmill.corpus.demo.song_theory import (
    SCALES,
    bass_pitch,
    parse_chord,
    parse_key,
    parse_progression,
)
from soundmill.notes import read_midi
from soundmill.status import read_table
from soundmill.synthesis.instruments import DRUM_BANK, program_number

SONGS = song_catalogue()


def families(song):
    """Tags of a song from its catalogue entry, by another way than the MIDI file."""
    places = [program_number(name) for name in song.parts.values()]
    return sorted({"drums" if b == DRUM_BANK else program_family(p) for b, p in places})


def test_the_catalogue_imports_nothing_heavy():
    code = (
        "import sys; from soundmill.corpus.demo.song_catalogue import song_catalogue as c; c();"
        "sys.exit(any(name in sys.modules for name in ('numpy', 'scipy', 'soundfile', 'torch')))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_eight_styles_of_four_artists_with_three_songs_each():
    assert len(SONGS) == 96
    assert {song.style for song in SONGS} == set(STYLES)
    assert set(Counter(artist.style for artist in ARTISTS).values()) == {4}
    assert set(Counter(song.artist.name for song in SONGS).values()) == {3}
    for artist in ARTISTS:
        own = [song for song in SONGS if song.artist is artist]
        assert len({song.tempo for song in own}) == 3
        assert {parse_key(song.key).mode for song in own} == {"major", "minor"}


def test_artists_keep_their_instruments_and_differ():
    for song in SONGS:
        assert song.parts.items() <= song.artist.instruments.items()
        assert song.parts.keys() & {"chords", "lead", "extra"}
    mixes = [(artist.mix, tuple(artist.instruments.items())) for artist in ARTISTS]
    assert len(set(mixes)) == 32


def test_no_single_instrument_gives_the_style_away():
    styles = {}
    for artist in ARTISTS:
        for name in artist.instruments.values():
            styles.setdefault(name, set()).add(artist.style)
    for style in STYLES:
        own = [artist for artist in ARTISTS if artist.style == style]
        shared = [
            sum(len(styles[name]) > 1 for name in artist.instruments.values()) for artist in own
        ]
        assert min(shared) >= 2, style
        for name in {name for artist in own for name in artist.instruments.values()}:
            everywhere = all(name in artist.instruments.values() for artist in own)
            assert not (everywhere and styles[name] == {style}), (style, name)


def test_each_tag_has_songs_with_and_without_it():
    counts = Counter(tag for song in SONGS for tag in families(song))
    assert set(counts) == {
        "bass", "brass", "drums", "guitar", "organ", "piano", "reed", "strings", "synth",
    }  # fmt: skip
    assert all(8 <= count <= 88 for count in counts.values()), counts


def test_names_are_untidy_but_legal_and_unambiguous():
    names = [song.file for song in SONGS]
    assert all(name.lower().endswith(".mp3") for name in names)
    assert not any(set(name) & set('/\\\0\n:*?"<>|') for name in names)
    assert max(Counter(Path(name).stem.casefold() for name in names).values()) == 1
    wanted = (" ", "#", "&", "'", "[", "(", ".MP3", "ñ", "東京", "✨", "_")
    assert all(any(part in name for name in names) for part in wanted)


@pytest.mark.parametrize("song", SONGS[::5], ids=lambda song: song.file)
def test_a_song_is_in_its_key_and_in_time(song):
    arrangement = arrange_song(song, 1)
    assert arrangement.tracks.keys() == song.parts.keys()
    key = parse_key(song.key)
    scale = {(key.tonic + step) % 12 for step in SCALES[key.mode]}
    pitches = np.concatenate(
        [arrangement.tracks[r]["pitch"] for r in ("chords", "lead") if r in song.parts]
    )
    assert np.mean([pitch % 12 in scale for pitch in pitches]) > 0.7
    assert 6 < arrangement.seconds < 12
    if "bass" in song.parts:
        assert arrangement.tracks["bass"]["pitch"][-1] == bass_pitch(key.tonic)
    for notes in arrangement.tracks.values():
        assert notes["onset"].min() >= 0
        assert (notes["offset"] > notes["onset"]).all()
        for pitch in set(notes["pitch"]):  # one pitch never sounds twice at a time
            same = notes[notes["pitch"] == pitch]
            assert (same["offset"][:-1] <= same["onset"][1:]).all()


def beats_of(style, key):
    """Where in the bar a drum is struck in the songs of a style, in beats."""
    places = Counter()
    for song in SONGS:
        if song.style == style and "drums" in song.parts:
            notes = arrange_song(song, 1).tracks["drums"]
            onsets = notes["onset"][notes["pitch"] == key] * song.tempo / 60
            places.update(np.round(onsets % STYLES[style].beats, 1) % STYLES[style].beats)
    return places


def test_styles_keep_their_rhythm():
    house = beats_of("house", KICK)
    assert min(house[float(beat)] for beat in range(4)) > 20  # four on the floor
    waltz = beats_of("waltz", KICK)
    assert waltz[0.0] > 0.5 * sum(waltz.values())  # one in three
    reggae = beats_of("reggae", RIM)
    assert reggae.most_common(1)[0][0] == pytest.approx(2.0, abs=0.1)  # the drop is on three
    swung = beats_of("blues", HAT)
    assert sum(n for place, n in swung.items() if 0.55 < place % 1 < 0.75) > 20


def test_chords_are_read_from_numerals():
    assert parse_chord("I", 0).classes == (0, 4, 7)
    assert parse_chord("bVIIm7", 2).classes == (0, 3, 7, 10)
    assert parse_chord("IIm7b5", 9).classes == (11, 2, 5, 9)
    halves = parse_progression("I VIm,IV7", 0)
    assert [[chord.root for chord in bar] for bar in halves] == [[0], [9, 5]]
    with pytest.raises(ValueError, match="VIII"):
        parse_chord("VIII", 0)


cue = st.floats(-1.5, 1.5)
cues = st.builds(Cues, st.sampled_from([-1.0, 1.0]), cue, cue, cue, cue)


@given(cues, st.floats(0.01, 1))
def test_emotion_follows_its_cues(cues, step):
    assert 0 < valence(cues) < 1
    assert 0 < arousal(cues) < 1
    assert valence(cues._replace(mode=1.0)) > valence(cues._replace(mode=-1.0))
    assert arousal(cues._replace(mode=1.0)) == arousal(cues._replace(mode=-1.0))
    faster = cues._replace(tempo=cues.tempo + step)
    assert valence(faster) > valence(cues)
    assert arousal(faster) > arousal(cues)
    for name in ("dynamics", "density"):
        more = cues._replace(**{name: getattr(cues, name) + step})
        assert arousal(more) > arousal(cues)
    assert valence(cues._replace(register=cues.register + step)) > valence(cues)


def test_cues_are_measured_from_the_notes():
    song = SONGS[3]
    tracks = arrange_song(song, 1).tracks
    now = song_cues("D major", 115, tracks)
    assert (now.mode, now.tempo) == (1, 0)
    assert song_cues("D minor", 230, tracks)[:2] == (-1, 1)
    higher = {role: notes.copy() for role, notes in tracks.items()}
    for role in ("chords", "lead"):
        higher[role]["pitch"] += 12
    higher["bass"]["pitch"] += 12
    assert song_cues("D major", 115, higher).register == pytest.approx(now.register + 1)
    twice = {role: np.concatenate([notes, notes]) for role, notes in tracks.items()}
    assert song_cues("D major", 115, twice).density == pytest.approx(now.density + 1)


def test_the_labels_spread_over_both_scales():
    rated = [song_cues(song.key, song.tempo, arrange_song(song, 1).tracks) for song in SONGS[::2]]
    for rate in (valence, arousal):
        values = [rate(cues) for cues in rated]
        assert np.std(values) > 0.1
        assert 0.05 < min(values) < 0.4
        assert 0.6 < max(values) < 0.95


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """Three songs, made with one thread and with two."""
    picked = [SONGS[i] for i in (8, 48, 61)]
    folders = [tmp_path_factory.mktemp("songs") for _ in range(2)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(songs, "song_catalogue", lambda: picked)
        for threads, folder in enumerate(folders, start=1):
            songs.compose_songs(folder, seed=1, threads=threads)
    return picked, folders


def test_threads_do_not_change_a_byte(three):
    _, (first, second) = three
    files = sorted(path.relative_to(first) for path in first.rglob("*") if path.is_file())
    assert len(files) == 7
    assert all((first / path).read_bytes() == (second / path).read_bytes() for path in files)


def test_other_seeds_compose_other_music():
    first, again, other = (arrange_song(SONGS[0], seed).tracks["lead"] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first["pitch"], other["pitch"])


def test_labels_say_what_plays_in_the_midi(three):
    picked, (folder, _) = three
    rows = read_table(folder / "labels.csv")
    assert tuple(rows[0]) == songs.LABEL_COLUMNS
    assert {row["file"] for row in rows} == {path.name for path in (folder / "audio").iterdir()}
    for row, song in zip(rows, picked, strict=True):
        midi = folder / "truth" / f"{Path(song.file).stem}.mid"
        assert row["instruments"].split(";") == midi_tags(midi) == families(song)
        assert (row["style"], row["artist"]) == (song.style, song.artist.name)
        assert 0 <= float(row["valence"]) <= 1
        assert 0 <= float(row["arousal"]) <= 1


def test_a_tag_needs_a_note(tmp_path):
    midi = pretty_midi.PrettyMIDI()
    piano, silent = pretty_midi.Instrument(0), pretty_midi.Instrument(25)
    drums = pretty_midi.Instrument(0, is_drum=True)
    for track in (piano, drums):
        track.notes.append(pretty_midi.Note(80, 60, 0.0, 1.0))
    midi.instruments.extend([piano, silent, drums])
    midi.write(str(tmp_path / "a.mid"))
    assert midi_tags(tmp_path / "a.mid") == ["drums", "piano"]


def test_truth_is_what_was_arranged_without_the_drums(three):
    picked, (folder, _) = three
    for song in picked:
        written = read_midi(folder / "truth" / f"{Path(song.file).stem}.mid")
        tracks = arrange_song(song, 1).tracks
        tuned = np.concatenate([notes for role, notes in tracks.items() if role != "drums"])
        assert sorted(written["pitch"]) == sorted(tuned["pitch"])
        for name in ("onset", "offset"):
            np.testing.assert_allclose(np.sort(written[name]), np.sort(tuned[name]), atol=1e-3)
        tempo = pretty_midi.PrettyMIDI(str(folder / "truth" / f"{Path(song.file).stem}.mid"))
        assert tempo.get_tempo_changes()[1][0] == pytest.approx(song.tempo, abs=0.01)


def test_the_audio_neither_clips_nor_falls_silent(three):
    picked, (folder, _) = three
    for song in picked:
        decoded, rate = read_audio(folder / "audio" / song.file, channels="stereo")
        assert rate == songs.SAMPLE_RATE
        assert decoded.shape[1] / rate == pytest.approx(
            arrange_song(song, 1).seconds + 0.5, abs=0.2
        )
        assert peak_dbfs(decoded) <= -1
        assert -26 < loudness(decoded, rate) < -9
        blocks = decoded[:, : decoded.shape[1] // rate * rate].reshape(2, -1, rate)
        levels = np.sqrt(np.mean(blocks**2, axis=(0, 2)))
        assert all(level > 0.01 for level in levels[:-1])


def test_drums_and_bass_sound_where_they_are_written(three):
    """The mix lines up with the notes: energy rises at the strokes of the kick drum."""
    picked, (folder, _) = three
    song = next(song for song in picked if song.style == "house")
    decoded, rate = read_audio(folder / "audio" / song.file)
    drums = arrange_song(song, 1).tracks["drums"]
    kicks = drums["onset"][drums["pitch"] == KICK]
    assert all(b - a > 0.3 for a, b in pairwise(kicks))
    size = round(0.03 * rate)
    energy = [
        [np.mean(decoded[0, start : start + size] ** 2) for start in (place - size, place)]
        for place in np.round(kicks[1:] * rate).astype(int)
    ]
    assert np.mean([after > before for before, after in energy]) > 0.9
