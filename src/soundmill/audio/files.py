"""Read and write recordings: libsndfile where it can, the ffmpeg of imageio-ffmpeg for the rest.

MP3 decoders differ by the encoder's delay, so each format has one decoder: whatever libsndfile
opens is decoded by libsndfile, on every machine.
"""

import os
import re
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from soundmill.audio.mp3 import announces_length
from soundmill.errors import InputError
from soundmill.files import atomic_path
from soundmill.heartbeat import doing

Samples = npt.NDArray[np.float32]
"""Samples of shape (channels, n), full scale is -1 to 1."""
Channels = Literal["mono", "stereo", "keep"]

PYDUB_FORMATS = {".m4a": "ipod", ".aac": "adts", ".wma": "asf", ".opus": "opus"}


class Source(NamedTuple):
    """An open recording: its blocks of shape (n, channels), its rate in Hz, its channels."""

    blocks: Iterator[Samples]
    sample_rate: int
    channels: int


@contextmanager
def open_source(path: str | os.PathLike[str], block_frames: int = 1 << 16) -> Iterator[Source]:
    """Open a recording for reading block by block, in constant memory.

    Raises
    ------
    InputError
        When the file is missing, unreadable, or no decoder finds audio in it.
    """
    path = Path(path)
    try:
        if path.stat().st_size == 0:
            raise InputError(f"{path} is empty (0 bytes); copy it again from its origin")
        with path.open("rb"):
            pass
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error
    file = _open_libsndfile(path)
    if file is None:
        with _open_ffmpeg(path, block_frames) as source:
            yield source
        return
    with file:
        yield Source(_read_blocks(file, block_frames, path), file.samplerate, file.channels)


class _Straight(soundfile.SoundFile):
    """A sound file read from its beginning to its end.

    soundfile seeks to where it is after each read of a file that can seek. In an MP3 that loses the
    bits that a frame borrows from those before it, and what follows is wrong for a moment.
    """

    def seekable(self) -> bool:
        """Return False: nobody seeks here."""
        return False


def _open_libsndfile(path: Path) -> soundfile.SoundFile | None:
    """Open what libsndfile decodes wholly; the rest, and MP3s without a length, is ffmpeg's."""
    try:
        file = _Straight(os.fsencode(path))
    except soundfile.LibsndfileError:
        return None
    if file.format == "MP3" and not announces_length(path):
        file.close()
        return None
    return file


def _read_blocks(file: soundfile.SoundFile, block_frames: int, path: Path) -> Iterator[Samples]:
    """Yield what is really there: `SoundFile.blocks` repeats old samples after a broken end."""
    try:
        while len(block := file.read(block_frames, dtype="float32", always_2d=True)):
            yield block
    except soundfile.LibsndfileError as error:
        raise InputError(f"{path} breaks off: {error.error_string}") from error


@contextmanager
def _open_ffmpeg(path: Path, block_frames: int) -> Iterator[Source]:
    """Decode with ffmpeg through a pipe in AU format, whose header needs no seeking."""
    command = [
        _ffmpeg(), "-v", "error", "-nostdin", "-i", f"file:{os.fspath(path)}",
        "-map", "0:a:0", "-f", "au", "-c:a", "pcm_f32be", "-",
    ]  # fmt: skip
    # its complaints go to a file: a damaged recording gives megabytes, and a full pipe waits
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said) as process,
    ):
        assert process.stdout is not None
        try:
            header = process.stdout.read(24)
            if len(header) < 24:
                process.wait()
                raise InputError(f"{path} is not audio that can be decoded ({_last_line(said)})")
            _, offset, _, _, sample_rate, channels = struct.unpack(">4s5I", header)
            process.stdout.read(offset - 24)

            def blocks() -> Iterator[Samples]:
                size = 4 * channels * block_frames
                while data := process.stdout.read(size):  # type: ignore[union-attr]
                    whole = len(data) - len(data) % (4 * channels)
                    yield np.frombuffer(data[:whole], ">f4").astype("f4").reshape(-1, channels)
                if process.wait():
                    raise InputError(f"{path} breaks off: {_last_line(said)}")

            yield Source(blocks(), sample_rate, channels)
        finally:
            process.kill()


def _last_line(said: IO[bytes]) -> str:
    """Return the end of what ffmpeg said."""
    said.seek(max(0, said.seek(0, os.SEEK_END) - 4096))
    lines = said.read().decode(errors="replace").strip().splitlines()
    return re.sub(r"^(\[.*?\] ?)+", "", lines[-1]).split(": ", 1)[-1] if lines else "no audio"


def _ffmpeg() -> str:
    import imageio_ffmpeg

    return str(imageio_ffmpeg.get_ffmpeg_exe())


def stream_audio(
    path: str | os.PathLike[str],
    *,
    sample_rate: int | None = None,
    channels: Channels = "mono",
    block_seconds: float = 30.0,
) -> Iterator[Samples]:
    """Yield a recording in blocks of shape (channels, n), in constant memory for any length.

    Parameters
    ----------
    sample_rate : rate in Hz to resample to with soxr (HQ); default the recording's own.
    channels : ``mono`` is the mean of all; ``stereo`` keeps two, doubles one, and mixes more
        than two into the same mean on both sides; ``keep`` leaves them.
    block_seconds : length of the blocks read; the blocks yielded are about as long.

    Raises
    ------
    InputError
        As `open_source`.
    """
    with open_source(path) as source, doing(f"reading {Path(path).name}") as tell:
        rate = sample_rate or source.sample_rate
        read = 0
        target = {"mono": 1, "stereo": 2, "keep": source.channels}[channels]
        resample = None
        if rate != source.sample_rate:
            resample = soxr.ResampleStream(source.sample_rate, rate, target, dtype="float32")
        wanted = max(1, round(block_seconds * source.sample_rate))
        for block in _joined(source.blocks, wanted):
            read += len(block)
            tell(f"{read / source.sample_rate:.0f} s read")
            mixed = mix_channels(block, channels)
            yield (resample.resample_chunk(mixed) if resample else mixed).T
        if resample:
            yield resample.resample_chunk(np.zeros((0, target), np.float32), last=True).T


def _joined(blocks: Iterator[Samples], wanted: int) -> Iterator[Samples]:
    """Join short blocks until ``wanted`` frames are there (longer blocks pass as they are)."""
    held: list[Samples] = []
    count = 0
    for block in blocks:
        held.append(block)
        count += len(block)
        if count >= wanted:
            yield np.concatenate(held)
            held, count = [], 0
    if held:
        yield np.concatenate(held)


def mix_channels(block: Samples, channels: Channels) -> Samples:
    """Apply a channel policy (see `stream_audio`) to samples of shape (n, channels)."""
    have = block.shape[1]
    if channels == "keep" or (channels == "stereo" and have == 2):
        return block
    mono = block if have == 1 else block.mean(axis=1, keepdims=True, dtype=np.float32)
    return mono if channels == "mono" else np.repeat(mono, 2, axis=1)


def read_audio(
    path: str | os.PathLike[str],
    *,
    sample_rate: int | None = None,
    channels: Channels = "mono",
) -> tuple[Samples, int]:
    """Read a whole recording: samples of shape (channels, n) and their rate in Hz.

    Parameters and errors as `stream_audio`.
    """
    if sample_rate is None:
        with open_source(path) as source:
            sample_rate = source.sample_rate
    blocks = list(stream_audio(path, sample_rate=sample_rate, channels=channels))
    if not blocks:
        raise InputError(f"{path} holds no samples")
    return np.ascontiguousarray(np.concatenate(blocks, axis=1)), sample_rate


def write_audio(path: str | os.PathLike[str], samples: Samples, sample_rate: int) -> None:
    """Write samples of shape (channels, n) atomically; the suffix chooses the format.

    wav (16 bit), flac (16 bit), ogg (Vorbis) and mp3 are written by libsndfile;
    m4a, aac, wma and opus by pydub through ffmpeg. Values beyond full scale are clipped.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    with atomic_path(path) as temporary:
        if suffix in PYDUB_FORMATS:
            _write_pydub(temporary, samples, sample_rate, PYDUB_FORMATS[suffix])
            return
        try:
            soundfile.write(temporary, samples.T, sample_rate)
        except (soundfile.LibsndfileError, TypeError, ValueError) as error:
            raise InputError(
                f"{path} cannot be written at {sample_rate} Hz with {len(samples)} channels "
                f"({error}); try .wav or .flac"
            ) from error


def _write_pydub(path: Path, samples: Samples, sample_rate: int, container: str) -> None:
    from pydub import AudioSegment

    AudioSegment.converter = _ffmpeg()
    pcm = (np.clip(samples.T, -1, 1) * 32767).astype("<i2").tobytes()
    segment = AudioSegment(pcm, sample_width=2, frame_rate=sample_rate, channels=len(samples))
    segment.export(path, format=container).close()
