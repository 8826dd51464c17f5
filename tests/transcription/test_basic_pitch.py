import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from paths import real_data
from transcription import package_reference, rendered

from soundmill.audio.files import read_audio, write_audio
from soundmill.corpus.demo import ambient
from soundmill.corpus.demo.catalogue import catalogue
from soundmill.errors import InputError
from soundmill.notes import make_notes
from soundmill.transcription import basic_pitch, posteriorgram
from soundmill.transcription.basic_pitch import BasicPitch, join_stretches
from soundmill.transcription.decoding import FRAME_NOTE
from soundmill.transcription.evaluation import read_truth
from soundmill.transcription.options import TranscriberOptions, package_options
from soundmill.transcription.posteriorgram import AS_PACKAGE, REGULAR, posteriorgrams, windows
from soundmill.transcription.scores import onset_lag, score_piece
from soundmill.transcription.transcribe import limit_density, load_transcriber, transcribe_file

MAPS_PIECES = ("chpn-p19", "scn15_12", "mz_545_3")


@pytest.fixture(scope="module")
def struck(tmp_path_factory):
    notes = rendered.melody()
    return notes, rendered.write(tmp_path_factory.mktemp("struck") / "struck.wav", notes)


def rows(notes):
    return np.array(sorted((n["onset"], n["offset"], n["pitch"]) for n in notes))


def assert_as_package(path):
    expected = package_reference.predict(path)
    notes = transcribe_file(path, package_options())
    np.testing.assert_allclose(rows(notes), expected[:, :3], atol=1e-6)
    velocity = np.clip(np.rint(127 * expected[:, 3]), 1, 127)
    assert np.abs(np.sort(notes["velocity"].astype(int)) - np.sort(velocity)).max() <= 1


def test_package_options_give_the_notes_of_the_package(struck):
    assert_as_package(struck[1])


def test_package_options_give_the_notes_of_the_package_on_the_demo(tmp_path, monkeypatch):
    pieces = catalogue()[::16]  # one that is struck, one that swells
    monkeypatch.setattr(ambient, "catalogue", lambda: pieces)
    ambient.compose_ambient(tmp_path)
    for piece in pieces:
        # at the model's rate, as the pipeline decodes: resamplers differ in the last bits
        samples, rate = read_audio(tmp_path / "audio" / piece.file, sample_rate=22050)
        write_audio(tmp_path / "decoded.wav", samples, rate)
        assert_as_package(tmp_path / "decoded.wav")


@pytest.mark.parametrize("piece", MAPS_PIECES)
def test_package_options_give_the_notes_of_the_package_on_piano_recordings(piece):
    assert_as_package(real_data("maps") / f"MAPS_MUS-{piece}_ENSTDkCl.flac")


def test_struck_notes_are_found_where_they_are(struck):
    truth, path = struck
    notes = transcribe_file(path)
    assert score_piece(truth, notes)["note"] > 0.9
    assert abs(onset_lag(truth, notes)) < 0.006


def test_a_held_chord_of_a_beating_pad_is_not_cut_to_pieces(tmp_path):
    truth = make_notes([0.5] * 3, [6] * 3, [48, 55, 63], [80] * 3)
    path = rendered.write(tmp_path / "pad.wav", truth, program=88)
    ours, package = transcribe_file(path), transcribe_file(path, package_options())
    assert set(truth["pitch"]) <= set(ours["pitch"])
    assert len(ours) < len(package) / 2


def test_notes_do_not_depend_on_threads_or_on_the_reading_of_blocks(struck, monkeypatch):
    expected = transcribe_file(struck[1])
    assert (transcribe_file(struck[1], threads=2) == expected).all()
    stream = basic_pitch.stream_audio
    monkeypatch.setattr(
        basic_pitch, "stream_audio", lambda path, **k: stream(path, block_seconds=0.7, **k)
    )
    assert (transcribe_file(struck[1]) == expected).all()


def test_stretches_hold_the_notes_of_the_whole(struck, monkeypatch):
    expected = rows(transcribe_file(struck[1]))
    monkeypatch.setattr(basic_pitch, "STRETCH_FRAMES", 400)
    notes = rows(transcribe_file(struck[1]))
    near = [np.abs(notes - row).max(axis=1).min() < 0.05 for row in expected]
    assert np.mean(near) > 0.9
    assert abs(len(notes) - len(expected)) <= 2


def test_a_note_cut_in_two_is_joined():
    before = np.array([(0, 97, 60, 0.4), (50, 80, 64, 0.5)], FRAME_NOTE)
    after = np.array([(101, 200, 60, 0.8), (101, 130, 64, 0.5), (120, 150, 67, 0.5)], FRAME_NOTE)
    joined = join_stretches(before, after, cut=100)
    assert [tuple(n)[:3] for n in joined] == [
        (0, 200, 60), (50, 80, 64), (101, 130, 64), (120, 150, 67),
    ]  # fmt: skip
    assert joined["amplitude"][0] == pytest.approx((97 * 0.4 + 99 * 0.8) / 196)


@pytest.mark.parametrize("framing", [REGULAR, AS_PACKAGE])
@pytest.mark.parametrize("samples", [1, 40000, 43844, 100_000])
def test_windows_cover_every_sample_once_in_their_kept_part(framing, samples):
    audio = np.arange(1, samples + 1, dtype=np.float32)
    cut = list(windows(np.array_split(audio, 7), framing))
    start = framing.margin * 256
    kept = np.concatenate([w[start : start + framing.hop_samples] for w in cut])
    np.testing.assert_array_equal(kept[:samples], audio)
    assert {len(w) for w in cut} == {posteriorgram.WINDOW_SAMPLES}


class _Loud:
    """A model that hears every pitch in whatever it is given."""

    def run(self, _, inputs):
        shape = (2, len(inputs[posteriorgram.INPUT]), 172, 88)
        return list(np.ones(shape, np.float32))


def test_silent_windows_are_not_heard():
    audio = np.zeros(5 * REGULAR.hop_samples, np.float32)
    audio[2 * REGULAR.hop_samples + 20_000] = 0.5
    frame = np.concatenate([f for f, _ in posteriorgrams([audio], _Loud(), REGULAR, silence=1e-3)])
    heard = frame.reshape(-1, REGULAR.hop_samples // 256, 88).any(axis=(1, 2))
    assert heard.tolist() == [False, False, True, False, False, False]


@pytest.mark.parametrize("dither", [0, 1 / 32768])
def test_silence_holds_no_note(tmp_path, dither):
    noise = float(dither) * np.random.default_rng(0).integers(-1, 2, 22050 * 4)
    soundfile.write(tmp_path / "silent.wav", noise, 22050)
    assert len(transcribe_file(tmp_path / "silent.wav")) == 0


def test_samples_that_are_no_numbers_are_taken_as_silence(struck, tmp_path):
    samples, rate = soundfile.read(struck[1], dtype="float32")
    samples[100:120] = np.nan
    samples[130] = np.inf
    soundfile.write(tmp_path / "nan.wav", samples, rate, subtype="FLOAT")
    notes = transcribe_file(tmp_path / "nan.wav")
    assert score_piece(struck[0], notes)["note"] > 0.9


def test_fifty_milliseconds_are_no_error(tmp_path):
    soundfile.write(tmp_path / "short.wav", np.full(1100, 0.1), 22050)
    assert len(transcribe_file(tmp_path / "short.wav")) == 0


def test_a_missing_package_is_named_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setattr(posteriorgram, "PACKAGE", "a_package_nobody_has")
    with pytest.raises(InputError, match=r"nmp\.onnx.*pip install --no-deps basic-pitch"):
        BasicPitch(TranscriberOptions())


def test_a_missing_or_damaged_model_file_is_named(monkeypatch, tmp_path):
    package = tmp_path / "stand_in_package"
    (package / "saved_models" / "icassp_2022").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(posteriorgram, "PACKAGE", package.name)
    model = package / posteriorgram.MODEL_FILE
    with pytest.raises(InputError, match=f"{model} is not there.*pip install"):
        BasicPitch(TranscriberOptions())
    model.write_bytes(b"not a model")
    with pytest.raises(InputError, match=f"{model} cannot be loaded.*pip install"):
        BasicPitch(TranscriberOptions())


def test_transkun_missing_is_named_with_the_command_that_installs_it(monkeypatch):
    from soundmill.transcription import transkun

    monkeypatch.setattr(transkun, "NEEDED", ("transkun", "a_package_nobody_has"))
    with pytest.raises(InputError, match=r"a_package_nobody_has.*pip install --no-deps transkun"):
        load_transcriber(TranscriberOptions(method="transkun"))


def test_basic_pitch_needs_neither_torch_nor_the_packages():
    code = (
        "import sys, soundmill.transcription.transcribe as t;"
        "from soundmill.transcription.options import TranscriberOptions as O;"
        "t.load_transcriber(O());"
        "sys.exit(str({'torch', 'transkun', 'basic_pitch', 'tensorflow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr.strip() == "set()"


def test_density_is_limited_to_the_loudest():
    onset = np.arange(0, 4, 0.1)
    notes = make_notes(onset, onset + 0.2, 60 + np.arange(40) % 12, 30 + 2 * np.arange(40))
    kept = limit_density(notes, 3)
    for start in kept["onset"]:
        assert ((kept["onset"] >= start) & (kept["onset"] < start + 1 - 1e-9)).sum() <= 3
    assert notes[-1] in kept
    assert len(kept) >= 9
    assert len(limit_density(notes, None)) == 40


def test_options_refuse_an_upside_down_range():
    with pytest.raises(ValueError, match=r"lowest_pitch .* above highest_pitch"):
        TranscriberOptions(lowest_pitch=80, highest_pitch=60)


@pytest.mark.slow
def test_transkun_transcribes_a_piano(struck):
    notes = transcribe_file(struck[1], TranscriberOptions(method="transkun"), threads=2)
    assert score_piece(struck[0], notes)["note"] > 0.9


@pytest.mark.slow
def test_defaults_reach_070_on_piano_recordings_of_maps():
    folder = real_data("maps")
    transcriber = load_transcriber(TranscriberOptions(), 2)
    scores = [
        score_piece(read_truth(path.with_suffix(".tsv")), transcriber.transcribe(path))["note"]
        for path in sorted(folder.glob("*.flac"))
    ]
    assert len(scores) == 10
    assert np.mean(scores) >= 0.75


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's /proc")
def test_two_hours_stay_under_a_gigabyte(tmp_path):
    path = tmp_path / "long.flac"
    tune = rendered.render(rendered.melody(200, step=0.25, length=1.0))[::2]
    tune = (tune / np.abs(tune).max() * 0.7).astype(np.float32)
    with soundfile.SoundFile(path, "w", 22050, 1) as file:
        for _ in range(7200 * 22050 // len(tune) + 1):
            file.write(tune)
    code = (
        "import sys;"
        "from soundmill.transcription.transcribe import transcribe_file;"
        "notes = transcribe_file(sys.argv[1], threads=2);"
        # not ru_maxrss: it counts what the process that started this one held
        "status = open('/proc/self/status').read();"
        "peak = int(status.split('VmHWM:')[1].split()[0]) / 1024;"
        "print(len(notes), notes['onset'].max(), peak)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, path], capture_output=True, text=True, check=True
    )
    count, last, peak = map(float, done.stdout.split())
    print(f"{count:.0f} notes, peak memory {peak:.0f} MB")
    assert peak < 1000
    assert last > 7150
    assert count > 20_000
