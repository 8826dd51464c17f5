"""Sound written while it is made."""

import json
import os
import re
import resource
import subprocess
import tracemalloc
from contextlib import contextmanager

import imageio_ffmpeg
import numpy as np
import pytest
import soundfile

from soundmill.audio import streaming
from soundmill.audio.files import read_audio
from soundmill.audio.levels import loudness, peak_dbfs
from soundmill.audio.streaming import write_stream
from soundmill.audio.tags import describe
from soundmill.errors import InputError

RATE = 8000
SUFFIXES = [".wav", ".flac", ".mp3"]
CONDITION = {"label": {"forêt": 0.7, "wind": 0.3}, "hour": 6.5}
TAGS = describe("Forêt 雨", date="2026-11-21", model="weather", seed=7, condition=CONDITION)


def blocks(seconds=10**9, level=0.05, channels=2, size=5000, seed=1):
    rng = np.random.default_rng(seed)
    left = int(seconds * RATE)
    while left > 0:
        yield (rng.standard_normal((channels, min(size, left))) * level).astype(np.float32)
        left -= size


def write(path, seconds, stream=None, channels=2, **settings):
    return write_stream(path, stream or blocks(), seconds, RATE, channels, **settings)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_length_loudness_peak_and_facts(tmp_path, suffix):
    path = tmp_path / f"piece{suffix}"
    facts = write(path, 4.2051)
    sound, rate = read_audio(path, channels="keep")
    assert (rate, sound.shape) == (RATE, (2, round(4.2051 * RATE)))
    # what an MP3 encoder leaves out or adds is part of the format
    allowed = 1 if suffix == ".mp3" else 0.05
    assert loudness(sound, RATE) == pytest.approx(-23, abs=allowed)
    assert facts.loudness == pytest.approx(-23, abs=0.05)
    assert facts.peak_dbfs == pytest.approx(peak_dbfs(sound), abs=1)
    assert facts.seconds == pytest.approx(4.2051, abs=1e-4)
    assert facts.limited_share == 0
    assert facts.real_time_factor > 1
    assert facts.bytes == path.stat().st_size


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_tags_are_read_by_libsndfile_and_by_ffmpeg(tmp_path, suffix):
    path = tmp_path / f"piece{suffix}"
    write(path, 1, tags=TAGS)
    with soundfile.SoundFile(path) as file:
        found = file.copy_metadata()
    assert (found["title"], found["artist"], found["date"]) == ("Forêt 雨", "soundmill", TAGS.date)
    assert found["software"].startswith(TAGS.software)
    comment = json.loads(found["comment"])
    assert comment == {"model": "weather", "seed": 7, "condition": CONDITION}
    said = subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-i", path, "-f", "ffmetadata", "-"],
        capture_output=True, text=True,
    ).stdout  # fmt: skip
    fields = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
    assert (fields["title"], fields["artist"]) == ("Forêt 雨", "soundmill")
    assert fields["date"] == TAGS.date
    assert json.loads(re.sub(r"\\(.)", r"\1", fields["comment"])) == comment
    told = subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-i", path], capture_output=True, text=True
    ).stderr
    assert re.search(rf"(encoder|software) +: {TAGS.software}", told)


def test_long_tags_do_not_shift_the_sound_of_an_mp3(tmp_path):
    write(tmp_path / "a.mp3", 2, tags=describe("x" * 70_000))
    write(tmp_path / "b.mp3", 2)
    first, second = read_audio(tmp_path / "a.mp3")[0], read_audio(tmp_path / "b.mp3")[0]
    assert np.array_equal(first, second)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_same_input_same_bytes_in_blocks_of_any_length(tmp_path, suffix):
    whole = np.concatenate(list(blocks(25)), axis=1)
    write(tmp_path / f"a{suffix}", 25, [whole])
    write(tmp_path / f"b{suffix}", 25, (whole[:, i : i + 1777] for i in range(0, 25 * RATE, 1777)))
    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


def test_nothing_clips(tmp_path):
    def clicks():
        for block in blocks(30, 0.01):
            block[:, ::1500] = 1
            yield block

    facts = write(tmp_path / "a.wav", 30, clicks(), loudness=-10)
    sound, _ = read_audio(tmp_path / "a.wav", channels="keep")
    assert peak_dbfs(sound) <= -1
    assert facts.peak_dbfs <= -1
    assert 0.1 < facts.limited_share <= 1


def test_without_a_target_the_level_stays(tmp_path):
    whole = np.concatenate(list(blocks(1)), axis=1)
    facts = write(tmp_path / "a.wav", 1, [whole], loudness=None)
    assert facts.loudness == pytest.approx(loudness(whole, RATE), abs=0.1)
    assert np.abs(read_audio(tmp_path / "a.wav", channels="keep")[0] - whole).max() < 2**-14


def test_silence_has_no_loudness(tmp_path):
    facts = write(tmp_path / "a.flac", 1, [np.zeros((2, RATE), np.float32)])
    assert (facts.loudness, facts.peak_dbfs) == (None, None)


def test_memory_does_not_grow_with_the_length(tmp_path):
    def peak(seconds):
        tracemalloc.start()
        write(tmp_path / "a.wav", seconds, blocks(channels=1), channels=1)
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return top

    peak(1)
    assert peak(160) < peak(40) + 100_000


def test_long_wavs_are_rf64(tmp_path, monkeypatch):
    monkeypatch.setattr(streaming, "LONG_WAV", 100_000)
    write(tmp_path / "a.wav", 4, tags=TAGS)
    with soundfile.SoundFile(tmp_path / "a.wav") as file:
        assert (file.format, file.frames, file.title) == ("RF64", 4 * RATE, TAGS.title)


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), 1e-9])
def test_what_is_no_length_is_refused(tmp_path, seconds):
    with pytest.raises(InputError, match="no length of sound"):
        write(tmp_path / "a.wav", seconds)
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_written_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"\.wav, \.flac, \.mp3"):
        write(tmp_path / "a.opus", 1)
    with pytest.raises(InputError, match="5 channels"):
        write(tmp_path / "a.mp3", 1, blocks(channels=5), channels=5)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        write(tmp_path / "file" / "a.wav", 1)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_century_is_refused_before_it_starts(tmp_path):
    def never():
        raise AssertionError("asked for sound")
        yield

    with pytest.raises(InputError, match=r"a\.wav: 36525\.0 days of sound need about .* GB, and"):
        write(tmp_path / "new" / "a.wav", 36525 * 86400, never())
    assert not list(tmp_path.iterdir())


def test_a_stream_that_ends_early_leaves_no_file(tmp_path):
    with pytest.raises(ValueError, match="ended 8000 samples before"):
        write(tmp_path / "a.wav", 3, blocks(2))
    assert not list(tmp_path.iterdir())


@contextmanager
def files_of_at_most(size):
    """Let the kernel refuse what a full disk would refuse."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_write_that_fails_leaves_no_file_and_says_why(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"an older file")
    with files_of_at_most(50_000), pytest.raises(InputError, match="cannot be finished") as error:
        write(path, 60)
    assert str(path) in str(error.value)
    assert re.search(r"60\.0 seconds of sound need about .* MB, and .* free", str(error.value))
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert path.read_bytes() == b"an older file"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_disk_that_fills_while_it_streams(tmp_path, suffix):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1M", "tmpfs", disk]
    if os.geteuid() or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs the right to mount a small disk")

    def others_write_too():
        for number, block in enumerate(blocks(28)):
            if number == 40:
                with pytest.raises(OSError, match="No space"):
                    (disk / "other").write_bytes(bytes(2_000_000))
            yield block

    try:
        with pytest.raises(InputError, match="cannot be finished: No space left"):
            write(disk / f"a{suffix}", 28, others_write_too())
        assert [file.name for file in disk.iterdir()] == ["other"]
    finally:
        subprocess.run(["umount", disk], check=True)
