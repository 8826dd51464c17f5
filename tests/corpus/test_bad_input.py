"""Each recording that cannot be used gets a row with a reason; none stops the run."""

import subprocess
import sys

import imageio_ffmpeg
import numpy as np
import pytest
import soundfile

from soundmill.corpus.acceptance import accept_corpus
from soundmill.corpus.listing import list_source
from soundmill.errors import InputError


@pytest.fixture
def folder(tmp_path, tone):
    """A corpus with one good recording."""
    tone(tmp_path / "in/good.wav")
    return tmp_path / "in"


def ffmpeg(*arguments):
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *map(str, arguments)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def result(run_corpus, folder, name, **options):
    rows = run_corpus(str(folder), **options)
    assert rows["good.wav"]["status"] == "ok"
    return rows[name]


def rejected(run_corpus, folder, name, **options):
    row = result(run_corpus, folder, name, **options)
    assert row["status"] == "rejected" and row["id"]
    assert not run_corpus.wav(row).exists()
    assert str(folder) not in row["reason"] and "Traceback" not in row["reason"]
    return row["reason"]


def test_zero_bytes(folder, run_corpus):
    (folder / "empty.mp3").touch()
    assert "0 bytes" in rejected(run_corpus, folder, "empty.mp3")


@pytest.mark.parametrize("name", ["text.mp3", "text.wav", "text.m4a", "text.flac"])
def test_text_named_like_a_recording(folder, run_corpus, name):
    (folder / name).write_text("I am no sound.\n" * 500)
    assert "not audio" in rejected(run_corpus, folder, name)


def test_noise_named_mp3(folder, run_corpus):
    (folder / "noise.mp3").write_bytes(np.random.default_rng(0).bytes(20000))
    assert "not audio" in rejected(run_corpus, folder, "noise.mp3")


def test_a_picture_named_mp3(folder, run_corpus):
    ffmpeg("-f", "lavfi", "-i", "color=s=64x64:d=1", "-frames:v", 1, folder / "cover.png")
    (folder / "cover.png").rename(folder / "cover.mp3")
    assert "not audio" in rejected(run_corpus, folder, "cover.mp3")


def test_a_truncated_mp3_keeps_what_is_there_and_says_so(folder, tone, run_corpus):
    whole = tone(folder / "whole.mp3", seconds=20, rate=44100).read_bytes()
    (folder / "half.mp3").write_bytes(whole[: len(whole) // 2])
    row = result(run_corpus, folder, "half.mp3")
    assert row["status"] == "ok" and 8 < float(row["seconds"]) < 11
    assert row["reason"].startswith("truncated") and "20.0 s" in row["reason"]
    assert run_corpus(str(folder))["whole.mp3"]["reason"] == ""


def test_a_truncated_mp3_of_a_few_bytes(folder, tone, run_corpus):
    whole = tone(folder / "whole.mp3", seconds=5).read_bytes()
    (folder / "bit.mp3").write_bytes(whole[:100])
    assert rejected(run_corpus, folder, "bit.mp3")


def test_a_truncated_flac(folder, tone, run_corpus):
    rng = np.random.default_rng(0)
    soundfile.write(folder / "whole.flac", 0.1 * rng.standard_normal(22050 * 60), 22050)
    whole = (folder / "whole.flac").read_bytes()
    (folder / "part.flac").write_bytes(whole[: len(whole) * 3 // 4])
    row = result(run_corpus, folder, "part.flac")
    assert row["status"] == "ok" and 20 < float(row["seconds"]) < 45
    assert row["reason"].startswith("truncated: breaks off") and str(folder) not in row["reason"]


DECODE = """
import sys
from soundmill.corpus.decode import decode_bucket
from soundmill.corpus.listing import normalise_bucket
from soundmill.corpus.decode_options import DecodeOptions
folder = sys.argv[1]
normalise_bucket(folder, "00", 1, f"{folder}/n.csv", f"{folder}/i.csv")
decode_bucket(f"{folder}/n.csv", f"{folder}/00", f"{folder}/t.csv", f"{folder}/c", DecodeOptions(), "")
print(open(f"{folder}/t.csv").read())
"""  # noqa: E501


def test_a_decoder_with_much_to_complain_about_does_not_wait_for_ever(tmp_path):
    path = tmp_path / "bad.m4a"
    ffmpeg("-f", "lavfi", "-i", "anoisesrc=d=120:a=.2", "-c:a", "aac", "-b:a", "96k", path)
    data = bytearray(path.read_bytes())
    rng = np.random.default_rng(0)
    at = np.arange(10000, len(data) - 30000, 97)  # the index at the end stays whole
    for where, value in zip(at, rng.integers(0, 256, len(at)), strict=True):
        data[where] = value
    path.write_bytes(data)
    command = [sys.executable, "-c", DECODE, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0 and "bad.m4a,00," in done.stdout and "@ 0x" not in done.stdout


@pytest.mark.parametrize("order", ["[n][s]", "[z][n]"])  # its length is guessed by its start
def test_a_variable_rate_mp3_without_a_length_is_decoded_wholly(folder, run_corpus, order):
    last = "sine=d=30:r=44100[s]" if "s" in order else "aevalsrc=0:d=30:s=44100[z]"
    parts = f"anoisesrc=d=10:a=.2:r=44100[n];{last};{order}concat=n=2:v=0:a=1"
    ffmpeg("-filter_complex", parts, "-q:a", 2, "-write_xing", 0, folder / "vbr.mp3")
    row = result(run_corpus, folder, "vbr.mp3")
    assert row["status"] == "ok" and float(row["seconds"]) == pytest.approx(40, abs=0.2)
    assert row["reason"] == ""


def test_a_folder_named_like_a_recording_is_searched(folder, tone, run_corpus):
    tone(folder / "album.mp3/inside.wav", 880)
    assert "is a folder" in rejected(run_corpus, folder, "album.mp3")
    assert run_corpus(str(folder))["album.mp3/inside.wav"]["status"] == "ok"


NO_PERMISSION = """
import os, sys
from pathlib import Path
from soundmill.corpus.listing import normalise_bucket
from soundmill.corpus.decode import decode_bucket
from soundmill.corpus.decode_options import DecodeOptions

def run(source, out):
    normalise_bucket(source, "00", 1, f"{out}/n.csv", f"{out}/i.csv")
    decode_bucket(f"{out}/n.csv", f"{out}/00", f"{out}/t.csv", f"{out}/c", DecodeOptions(), "")
    return Path(f"{out}/t.csv").read_text()

source, out = sys.argv[1:]
run(source, f"{out}/first")  # root may read all; and it imports what nobody may not
if os.geteuid() == 0:
    os.seteuid(65534)
print(run(source, f"{out}/second"))
"""


def test_no_permission(folder, tone, tmp_path):
    tone(folder / "secret.wav", 880).chmod(0)
    tone(folder / "closed/inside.wav", 990)
    (folder / "closed").chmod(0)
    out = tmp_path / "other"
    out.mkdir()
    out.chmod(0o777)
    for parent in (tmp_path, *tmp_path.parents):  # pytest's folders are for their owner only
        if parent is tmp_path or parent.name.startswith(("pytest-", "popen-")):
            parent.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-c", NO_PERMISSION, str(folder), str(out)], capture_output=True, text=True
    )
    (folder / "closed").chmod(0o755)
    assert done.returncode == 0, done.stderr
    lines = {
        line.split(",")[1].rpartition("/")[2]: line for line in done.stdout.split("\n") if line
    }
    assert ",ok," in lines["good.wav"]
    for name in ("secret.wav", "closed"):
        assert ",rejected," in lines[name] and "permissions" in lines[name]


@pytest.mark.parametrize("level", [0.0, 5e-5])
def test_silence(folder, run_corpus, level):
    rng = np.random.default_rng(0)
    soundfile.write(folder / "still.wav", level * rng.uniform(-1, 1, 22050), 22050, "FLOAT")
    assert "silent" in rejected(run_corpus, folder, "still.wav")


def test_fifty_milliseconds(folder, tone, run_corpus):
    tone(folder / "click.wav", seconds=0.05)
    assert "0.050 s" in rejected(run_corpus, folder, "click.wav")


def test_a_header_without_samples(folder, tone, run_corpus):
    tone(folder / "bare.wav", seconds=0)
    assert "no sound" in rejected(run_corpus, folder, "bare.wav")


@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        ("wav", {"channels": 8}),
        ("wav", {"subtype": "PCM_U8"}),
        ("wav", {"subtype": "FLOAT"}),
        ("wav", {"subtype": "DOUBLE"}),
        ("wav", {"rate": 192000}),
        ("wav", {"rate": 4000}),
        ("flac", {"subtype": "PCM_24", "rate": 96000}),
        ("aiff", {}),
        ("ogg", {}),
        ("caf", {}),
        ("w64", {}),
        ("au", {}),
    ],
)
def test_unusual_formats_are_decoded(folder, tone, run_corpus, suffix, options):
    tone(folder / f"odd.{suffix}", 1000, seconds=1.0, **options)
    check_tone(run_corpus, folder, f"odd.{suffix}")


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [("m4a", "aac"), ("aac", "aac"), ("wma", "wmav2"), ("opus", "libopus"), ("MP3", "libmp3lame"),
     ("webm", "libopus"), ("ac3", "ac3"), ("mka", "flac"), ("mp4", "alac")],
)  # fmt: skip
def test_formats_of_ffmpeg_are_decoded(folder, run_corpus, suffix, codec):
    sine = ("-f", "lavfi", "-i", "sine=1000:d=1:r=48000", "-af", "volume=12dB")
    ffmpeg(*sine, "-c:a", codec, folder / f"--odd #1.{suffix}")
    check_tone(run_corpus, folder, f"--odd #1.{suffix}")


def check_tone(run_corpus, folder, name):
    row = result(run_corpus, folder, name)
    assert (row["status"], row["reason"]) == ("ok", "")
    assert float(row["seconds"]) == pytest.approx(1, abs=0.12)
    wave, rate = soundfile.read(run_corpus.wav(row))
    hertz = np.argmax(np.abs(np.fft.rfft(wave))) * rate / len(wave)
    assert hertz == pytest.approx(1000, abs=2) and np.abs(wave).max() > 0.2


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_samples_that_are_not_numbers(folder, run_corpus, value):
    wave = 0.1 * np.ones(22050 * 3, np.float32)
    wave[50000] = value
    soundfile.write(folder / "nan.wav", wave, 44100, "FLOAT")
    assert "not numbers" in rejected(run_corpus, folder, "nan.wav")


def test_samples_far_beyond_full_scale_are_clipped_and_said_so(folder, tone, run_corpus):
    tone(folder / "hot.wav", level=32767.0, subtype="FLOAT")
    row = result(run_corpus, folder, "hot.wav")
    assert row["status"] == "ok" and "+90 dBFS" in row["reason"]
    assert np.abs(soundfile.read(run_corpus.wav(row))[0]).max() <= 1


def test_duplicate_content_keeps_the_first(folder, run_corpus):
    for name in ("a copy.wav", "copy 2.wav"):
        (folder / name).write_bytes((folder / "good.wav").read_bytes())
    rows = run_corpus(str(folder))
    assert rows["a copy.wav"]["status"] == "ok"
    for name in ("copy 2.wav", "good.wav"):
        assert rows[name]["status"] == "rejected"
        assert rows[name]["reason"] == f"same content as {folder}/a copy.wav"


def test_loops_of_links(folder, run_corpus):
    (folder / "loop").symlink_to(folder)
    (folder / "self.mp3").symlink_to("self.mp3")
    rows = run_corpus(str(folder))
    assert "loop" in rows["loop"]["reason"]
    assert rows["loop"]["status"] == rows["self.mp3"]["status"] == "rejected"
    assert rows["good.wav"]["status"] == "ok" and len(rows) == 3


def test_an_empty_corpus_is_one_clear_error(tmp_path):
    (tmp_path / "in").mkdir()
    with pytest.raises(InputError, match=r"corpora\.x\.source: no recording in .*no file at all"):
        list_source(str(tmp_path / "in"), "corpora.x.source")
    (tmp_path / "in/cover.jpg").touch()
    with pytest.raises(InputError, match=r"holds 1 x \.jpg"):
        list_source(str(tmp_path / "in"))


def test_a_missing_folder_names_the_nearest_one(tmp_path):
    (tmp_path / "Recordings").mkdir()
    with pytest.raises(InputError, match=r"corpora\.x\.source.*did you mean '.*/Recordings'"):
        list_source(str(tmp_path / "Recording/sub/folder"), "corpora.x.source")
    with pytest.raises(InputError, match="does not exist"):
        list_source("relative/nowhere")


def test_a_file_instead_of_a_folder(folder):
    with pytest.raises(InputError, match="is a file; give the folder"):
        list_source(str(folder / "good.wav"))


def test_too_much_rejected_stops_after_the_manifest_was_written(folder, run_corpus, tmp_path):
    (folder / "empty.mp3").touch()
    run_corpus(str(folder))
    manifest = tmp_path / "out/manifest.csv"
    with pytest.raises(InputError, match=r"1 of 2 recordings.*empty\.mp3.*max_rejected"):
        accept_corpus(manifest, tmp_path / "accepted.json", 0.4)
    assert not (tmp_path / "accepted.json").exists() and "empty.mp3" in manifest.read_text()
    figures = accept_corpus(manifest, tmp_path / "accepted.json", 0.5)
    assert (figures["ok"], figures["rejected"], figures["seconds"]) == (1, 1, 0.5)


def test_a_corpus_of_nothing_but_broken_files_stops(folder, run_corpus, tmp_path):
    (folder / "good.wav").write_bytes(b"")
    run_corpus(str(folder))
    with pytest.raises(InputError, match="1 of 1 recordings were rejected"):
        accept_corpus(tmp_path / "out/manifest.csv", tmp_path / "accepted.json", 1.0)


@pytest.mark.parametrize("name", ["x" * 240 + ".mp3", "two\nlines.wav", "-rf *.wav", "'; DROP.wav"])
def test_hostile_names(folder, tone, run_corpus, name):
    soundfile.write(folder / "a.wav", 0.1 * np.ones(22050), 22050)
    (folder / "a.wav").rename(folder / name)
    row = result(run_corpus, folder, name)
    assert row["status"] == "ok" and run_corpus.wav(row).exists()
