"""Reading and writing: formats, channel policies, resampling, constant-memory streaming."""

import numpy as np
import pytest
import soundfile

from soundmill.audio.files import mix_channels, open_source, read_audio, stream_audio, write_audio
from soundmill.errors import InputError

RATE = 22_050


def tone(seconds=1.0, rate=RATE, frequency=440.0, channels=1):
    time = np.arange(round(seconds * rate)) / rate
    wave = 0.5 * np.sin(2 * np.pi * frequency * time)
    return np.tile(wave, (channels, 1)).astype(np.float32)


def dominant(samples, rate):
    spectrum = np.abs(np.fft.rfft(samples[0] * np.hanning(samples.shape[1])))
    return np.argmax(spectrum) * rate / samples.shape[1]


@pytest.mark.parametrize(
    "suffix", ["wav", "flac", "ogg", "mp3", "m4a", "aac", "wma", "opus", "WAV"]
)
def test_what_is_written_is_read_back(tmp_path, suffix):
    rate = 48_000 if suffix == "opus" else 44_100
    path = tmp_path / f"ä b.{suffix}"
    write_audio(path, tone(1.0, rate), rate)
    samples, read_rate = read_audio(path)
    assert read_rate == rate
    assert samples.dtype == np.float32 and samples.shape[0] == 1
    assert samples.shape[1] == pytest.approx(rate, rel=0.12)  # lossy formats pad
    middle = samples[:, rate // 4 : 3 * rate // 4]
    assert dominant(middle, rate) == pytest.approx(440, abs=4)
    assert np.abs(middle).max() == pytest.approx(0.5, rel=0.1)


def test_wav_is_exact_to_half_a_step(tmp_path):
    write_audio(tmp_path / "a.wav", tone(channels=2), RATE)
    samples, _ = read_audio(tmp_path / "a.wav", channels="keep")
    np.testing.assert_allclose(samples, tone(channels=2), atol=1 / 32768)


def test_values_beyond_full_scale_are_clipped_not_wrapped(tmp_path):
    write_audio(tmp_path / "a.wav", np.float32([[1.5, -1.5, 0.0]]), RATE)
    samples, _ = read_audio(tmp_path / "a.wav")
    np.testing.assert_allclose(samples, [[1, -1, 0]], atol=1e-4)


@pytest.mark.parametrize(
    ("have", "policy", "want"),
    [
        (1, "mono", 1),
        (2, "mono", 1),
        (8, "mono", 1),
        (1, "stereo", 2),
        (8, "stereo", 2),
        (8, "keep", 8),
    ],
)
def test_channel_policies(have, policy, want):
    block = np.random.default_rng(0).normal(size=(50, have)).astype(np.float32)
    mixed = mix_channels(block, policy)
    assert mixed.shape == (50, want)
    if policy != "keep":
        np.testing.assert_allclose(mixed[:, 0], block.mean(axis=1), atol=1e-6)


def test_streaming_equals_reading_whole_and_keeps_the_length(tmp_path):
    path = tmp_path / "long.wav"
    noise = np.random.default_rng(1).normal(0, 0.1, (2, 44_100 * 7)).astype(np.float32)
    write_audio(path, noise, 44_100)
    whole, _ = read_audio(path, sample_rate=RATE)
    blocks = list(stream_audio(path, sample_rate=RATE, block_seconds=0.7))
    assert len(blocks) >= 5
    np.testing.assert_allclose(np.concatenate(blocks, axis=1), whole, atol=2e-4)
    assert whole.shape[1] == pytest.approx(RATE * 7, abs=2)


def test_resampling_keeps_pitch_and_level(tmp_path):
    write_audio(tmp_path / "a.wav", tone(2.0, 192_000), 192_000)
    samples, rate = read_audio(tmp_path / "a.wav", sample_rate=RATE)
    assert rate == RATE
    assert dominant(samples, RATE) == pytest.approx(440, abs=1)
    assert np.abs(samples[0, 5000:-5000]).max() == pytest.approx(0.5, rel=0.01)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_24", "FLOAT", "DOUBLE"])
def test_any_sample_format_is_read(tmp_path, subtype):
    soundfile.write(tmp_path / "a.wav", tone()[0], RATE, subtype=subtype)
    samples, _ = read_audio(tmp_path / "a.wav")
    np.testing.assert_allclose(samples, tone(), atol=0.01)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("empty.mp3", b"", "0 bytes"),
        ("text.mp3", b"these are words, no sound at all\n" * 40, "not audio"),
        ("text.m4a", b"<html>404 not found</html>", "not audio"),
    ],
)
def test_what_is_no_audio_is_named_with_its_reason(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=said) as caught:
        read_audio(tmp_path / name)
    assert name in str(caught.value)


def test_a_missing_file_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        read_audio(tmp_path / "nowhere.wav")


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.mp3"
    write_audio(path, tone(), RATE)
    before = path.read_bytes()
    with pytest.raises(InputError, match=r"try \.wav"):
        write_audio(path, tone(), 12_345)
    assert path.read_bytes() == before
    assert [item.name for item in tmp_path.iterdir()] == ["a.mp3"]


def test_an_mp3_read_in_blocks_is_the_mp3_read_at_once(tmp_path):
    rng = np.random.default_rng(0)
    # quiet, then a burst: its frames borrow bits from those before them
    sound = rng.standard_normal(22050 * 6) * np.repeat(rng.choice([0.001, 0.3], 60), 2205)
    path = tmp_path / "bursts.mp3"
    soundfile.write(path, np.clip(sound, -1, 1), 22050)
    whole, _ = soundfile.read(path, dtype="float32", always_2d=True)
    with open_source(path, block_frames=5000) as source:
        blocks = np.concatenate(list(source.blocks))
    np.testing.assert_allclose(blocks, whole, atol=1e-6)
