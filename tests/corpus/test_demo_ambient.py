import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from scipy import signal

from soundmill.audio.files import read_audio
from soundmill.audio.levels import loudness, peak_dbfs
from soundmill.corpus.demo import ambient
from soundmill.corpus.demo.ambient import SAMPLE_RATE, compose_ambient, compose_piece
from soundmill.corpus.demo.catalogue import catalogue
from soundmill.corpus.demo.melody import make_melody
from soundmill.corpus.demo.styles import STYLES
from soundmill.corpus.demo.theory import PROGRESSIONS, Scale, lead_voices, make_form
from soundmill.notes import read_midi, sort_notes
from soundmill.status import read_table
from soundmill.synthesis.options import RenderOptions

PIECES = catalogue()
IDS = [f"{i}-{piece.style}" for i, piece in enumerate(PIECES)]


def truth_of(piece, seed=1):
    return sort_notes(np.concatenate(compose_piece(piece, seed)))


def test_the_catalogue_imports_nothing_heavy():
    code = (
        "import sys; from soundmill.corpus.demo.catalogue import catalogue; catalogue();"
        "sys.exit(any(name in sys.modules for name in ('numpy', 'scipy', 'soundfile', 'torch')))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_every_style_has_several_pieces_in_several_keys():
    assert len(PIECES) >= 24
    assert {piece.style for piece in PIECES} == set(STYLES)
    for style in STYLES:
        pieces = [piece for piece in PIECES if piece.style == style]
        assert len(pieces) >= 3
        assert len({piece.key for piece in pieces}) == len(pieces)
        assert len({piece.tempo for piece in pieces}) == len(pieces)


def test_names_are_messy_but_legal_and_their_truth_is_unambiguous():
    names = [piece.file for piece in PIECES]
    assert all(name.lower().endswith(".mp3") for name in names)
    assert not any(set(name) & {"/", "\\", "\0", "\n"} for name in names)
    assert all(len(name.encode()) < 200 for name in names)
    # also where case does not count, such as on macOS and Windows
    assert max(Counter(Path(name).stem.casefold() for name in names).values()) == 1
    wanted = (" ", "#", "&", "'", '"', "[", "(", "{", ".MP3", "ñ", "霧", "✨", "e\u0301")
    assert all(any(part in name for name in names) for part in wanted)


@pytest.mark.parametrize("piece", PIECES, ids=IDS)
def test_a_piece_is_music(piece):
    notes = truth_of(piece)
    scale = Scale.from_key(piece.key)
    classes = {(scale.tonic + step) % 12 for step in scale.steps}
    assert {int(pitch) % 12 for pitch in notes["pitch"]} <= classes
    assert 40 <= notes["offset"].max() <= 62
    assert notes["onset"].min() > 0.2
    assert 1 <= len(notes) / notes["offset"].max() < 8
    assert notes["pitch"].min() >= 36
    assert notes["pitch"].max() <= 91
    assert notes["velocity"].std() > 4
    ending = notes[notes["offset"] > notes["offset"].max() - 0.1]
    assert ending["pitch"].min() % 12 in {scale.tonic, (scale.tonic + 7) % 12}
    for pitch in set(notes["pitch"]):  # one pitch never sounds twice at a time
        same = notes[notes["pitch"] == pitch]
        assert (same["offset"][:-1] < same["onset"][1:]).all()


@pytest.mark.parametrize("beats", [3, 4])
@pytest.mark.parametrize("seed", range(5))
def test_phrases_return_in_the_melody(beats, seed):
    rng = np.random.default_rng(seed)
    bars = make_form("dorian", 84, beats, rng)
    tones = make_melody(bars, beats, rng, centre=9)
    lines = [[tone[1:] for tone in tones if tone.bar == number] for number in range(len(bars))]
    assert all(sum(length for _, length, _ in line) == beats for line in lines)
    first = {bar.position: line for bar, line in zip(bars, lines, strict=True) if bar.letter == "A"
             and bar.repeat == 0}  # fmt: skip
    again = [
        (bar, line)
        for bar, line in zip(bars, lines, strict=True)
        if bar.letter == "A" and bar.repeat > 0 and bar.position != 2 and not bar.last
    ]
    assert again
    assert all(line == first[bar.position] for bar, line in again)
    assert lines[-1][0][2] % 7 == 0  # it ends on the tonic


def test_other_seeds_compose_other_music():
    piece = PIECES[8]
    assert not np.array_equal(truth_of(piece, 1)["pitch"], truth_of(piece, 2)["pitch"])
    np.testing.assert_array_equal(truth_of(piece, 1), truth_of(piece, 1))


def test_no_progression_stands_on_a_diminished_triad():
    for mode, letters in PROGRESSIONS.items():
        scale = Scale.from_key(f"C {mode}")
        for root in {root for options in letters.values() for four in options for root in four}:
            assert scale.pitch(root + 4) - scale.pitch(root) == 7, (mode, root)


def test_voices_move_little_and_chords_are_whole():
    scale = Scale.from_key("C ionian")
    chord = None
    for root in (0, 5, 3, 4, 0):
        degrees = [root, root + 2, root + 4]
        following = lead_voices(scale, degrees, chord, low=53, high=74, voices=4)
        assert {p % 12 for p in following} == {scale.pitch(d) % 12 for d in degrees}
        if chord is not None:
            assert max(abs(a - b) for a, b in zip(chord, following, strict=True)) <= 5
        chord = following


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """Two pieces, made with one thread and with two."""
    picked = [PIECES[i] for i in (6, 28)]
    folders = [tmp_path_factory.mktemp("demo") for _ in range(2)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ambient, "catalogue", lambda: picked)
        for threads, folder in enumerate(folders, start=1):
            compose_ambient(folder, seed=1, threads=threads)
    return picked, folders


def test_threads_do_not_change_a_byte(two):
    _, (first, second) = two
    files = sorted(path.relative_to(first) for path in first.rglob("*") if path.is_file())
    assert len(files) == 5
    assert all((first / path).read_bytes() == (second / path).read_bytes() for path in files)


def test_labels_name_each_file(two):
    picked, (folder, _) = two
    rows = read_table(folder / "labels.csv")
    assert list(rows[0]) == ["file", "style", "key", "tempo"]
    assert [row["file"] for row in rows] == [piece.file for piece in picked]
    assert {row["file"] for row in rows} == {path.name for path in (folder / "audio").iterdir()}


def test_truth_is_exactly_what_was_composed(two):
    picked, (folder, _) = two
    for piece in picked:
        written = read_midi(folder / "truth" / f"{Path(piece.file).stem}.mid")
        composed = truth_of(piece)
        assert len(written) == len(composed)
        np.testing.assert_allclose(written["onset"], composed["onset"], atol=1e-6)
        np.testing.assert_allclose(written["offset"], composed["offset"], atol=1e-6)
        np.testing.assert_array_equal(written["pitch"], composed["pitch"])
        np.testing.assert_array_equal(written["velocity"], composed["velocity"])


def test_the_mp3_neither_shifts_nor_clips(two):
    picked, (folder, _) = two
    piece = picked[1]
    decoded, rate = read_audio(folder / "audio" / piece.file, channels="stereo")
    assert rate == SAMPLE_RATE
    assert peak_dbfs(decoded) <= -1
    assert -20 < loudness(decoded, rate) < -15.5
    parts = [
        ambient.Layer(notes, instrument)
        for notes, instrument in zip(compose_piece(piece, 1), piece.instruments, strict=True)
    ]
    options = RenderOptions(preset=piece.preset, sample_rate=SAMPLE_RATE, peak=ambient.PEAK)
    rendered = ambient.render_layers(parts, options)
    assert rendered.shape == decoded.shape
    n = 10 * rate
    lags = signal.correlate(decoded[0, :n], rendered[0, :n])
    assert abs(int(np.argmax(lags)) - (n - 1)) <= 1
    first = np.flatnonzero(np.abs(decoded).max(axis=0) > 0.02)[0] / rate
    assert first == pytest.approx(truth_of(piece)["onset"][0], abs=0.005)
