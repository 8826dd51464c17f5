"""Write sound of any length to a file while it is made: even loudness, no clipping, little memory.

libsndfile writes to the file through an object of this module, which sees a full disk when it
happens and lets an MP3 begin after its tag.
"""

import errno
import math
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import soundfile

from soundmill.audio.files import Samples
from soundmill.audio.limiter import Limiter, reblock
from soundmill.audio.steadying import HOP_SECONDS, StreamMeter, even_loudness
from soundmill.audio.tags import Tags, id3_header
from soundmill.errors import InputError
from soundmill.files import atomic_path
from soundmill.heartbeat import doing

FORMATS = (".wav", ".flac", ".mp3")
CEILING = -1.0
"""Largest sample, dBFS."""
LONG_WAV = 4_000_000_000
"""Bytes from which a WAV is an RF64 (EBU Tech 3306): a RIFF counts to 4,294,967,295."""
LEAST_FLAC = 0.3
"""Size of a FLAC beside a WAV's: noise takes .8, soft and narrow sounds .3."""
LEAST_MP3 = 4_000
"""Bytes of an MP3 a second, at least: 32 kilobits."""


@dataclass(frozen=True)
class Written:
    """What became of a stream."""

    seconds: float
    real_time_factor: float
    """Seconds of sound made and written in a second."""
    loudness: float | None
    """LUFS; None: silence."""
    peak_dbfs: float | None
    limited_share: float
    """Share of the sound that the limiter turned down."""
    bytes: int


def frames_of(seconds: float, sample_rate: int) -> int:
    """Return the samples in ``seconds``.

    Raises
    ------
    InputError
        When it is not a number above zero, or less than a sample.
    """
    if not math.isfinite(seconds) or seconds <= 0 or round(seconds * sample_rate) < 1:
        raise InputError(f"seconds: {seconds:g} is no length of sound; ask for more than 0")
    return round(seconds * sample_rate)


def write_stream(
    path: str | os.PathLike[str],
    blocks: Iterable[Samples],
    seconds: float,
    sample_rate: int,
    channels: int,
    *,
    loudness: float | None = -23.0,
    tags: Tags | None = None,
    progress: Callable[[float], None] | None = None,
) -> Written:
    """Write a stream to .wav (16 bit), .flac (16 bit) or .mp3, atomically and in constant memory.

    Parameters
    ----------
    blocks : samples (channels, n) in blocks of any lengths, at least ``seconds`` of them; the
        rest is not asked for.
    loudness : target in LUFS (see `even_loudness`); None leaves the level as it is.
    tags : for the file; default artist and software.
    progress : called with the seconds written so far, about once for each second of sound.

    Returns
    -------
    Facts of what was written; no sample is above -1 dBFS.

    Raises
    ------
    InputError
        When the suffix, rate or number of channels cannot be written, ``seconds`` is no length,
        the disk has no room, or is full before the end (the partial file is removed).
    """
    path = Path(path)
    frames = frames_of(seconds, sample_rate)
    if path.suffix.lower() not in FORMATS:
        raise InputError(f"{path}: a stream is written as {', '.join(FORMATS)}; choose one of them")
    _check_room(path, frames, sample_rate, channels)
    started = time.monotonic()
    stream: Iterable[Samples] = _exactly(blocks, frames)
    if loudness is not None:
        stream = even_loudness(stream, sample_rate, channels, loudness)
    gauge = _Gauge(sample_rate, channels)
    try:
        with atomic_path(path) as temporary, doing(f"writing {path.name}") as tell:
            with _Encoder(temporary, path, sample_rate, channels, frames, tags or Tags()) as file:
                for count, block in enumerate(gauge.pass_on(stream), 1):
                    file.write(block)
                    tell(f"{gauge.frames / sample_rate:.0f} of {seconds:.0f} s")
                    if progress and (count % 10 == 0 or gauge.frames == frames):
                        progress(gauge.frames / sample_rate)
            size = temporary.stat().st_size
    except OSError as error:
        raise _explained(error, path, frames, sample_rate, channels) from error
    took = max(time.monotonic() - started, 1e-9)
    return gauge.facts(took, size)


def expected_bytes(suffix: str, frames: int, channels: int, sample_rate: int) -> int:
    """Return the size of a WAV, or the least that a FLAC or MP3 of this length will have."""
    plain = 2 * channels * frames
    if suffix == ".mp3":
        return int(frames / sample_rate * LEAST_MP3)
    return int(plain * LEAST_FLAC) if suffix == ".flac" else plain + 4096


class _Gauge:
    """Limits what passes and measures it."""

    def __init__(self, sample_rate: int, channels: int) -> None:
        self._rate = sample_rate
        self._limiter = Limiter(sample_rate, channels, 10 ** (CEILING / 20))
        self._meter = StreamMeter(sample_rate, channels)
        self._peak = 0.0
        self.frames = 0

    def pass_on(self, stream: Iterable[Samples]) -> Iterator[Samples]:
        """Yield the stream, limited."""
        hops = reblock(stream, round(HOP_SECONDS * self._rate))
        limited = (self._limiter.add(block) for block in hops)
        for block in chain(limited, _later(self._limiter.end)):
            if not block.shape[1]:
                continue
            self._meter.add(block)
            self._peak = max(self._peak, float(np.abs(block).max()))
            self.frames += block.shape[1]
            yield block

    def facts(self, took: float, size: int) -> Written:
        level = self._meter.loudness()
        seconds = self.frames / self._rate
        return Written(
            seconds,
            seconds / took,
            level if math.isfinite(level) else None,
            20 * math.log10(self._peak) if self._peak else None,
            self._limiter.limited / self.frames,
            size,
        )


def _later(function: Callable[[], Samples]) -> Iterator[Samples]:
    yield function()


def _exactly(blocks: Iterable[Samples], frames: int) -> Iterator[Samples]:
    """Yield the first ``frames`` samples; too few are a mistake of whoever made the blocks."""
    left = frames
    for block in blocks:
        yield block[:, :left]
        left -= min(left, block.shape[1])
        if not left:
            return
    raise ValueError(f"the stream ended {left} samples before its {frames}")


class _Encoder:
    """A sound file open for writing; a failed write shows as the `OSError` that it is."""

    def __init__(
        self, temporary: Path, path: Path, sample_rate: int, channels: int, frames: int, tags: Tags
    ) -> None:
        suffix = path.suffix.lower()
        kind = {".wav": "WAV", ".flac": "FLAC", ".mp3": "MP3"}[suffix]
        if kind == "WAV" and 2 * channels * frames > LONG_WAV:
            kind = "RF64"
        self._sink = _Sink(temporary, id3_header(tags) if kind == "MP3" else b"")
        try:
            self._file = soundfile.SoundFile(
                self._sink, "w", sample_rate, channels, format=kind, closefd=False
            )
        except (soundfile.LibsndfileError, TypeError, ValueError) as error:
            self._sink.close()
            self._sink.check()
            raise InputError(
                f"{path} cannot be written at {sample_rate} Hz with {channels} channels "
                f"({error}); try .wav"
            ) from error
        if kind != "MP3":
            for name, text in tags.given().items():
                setattr(self._file, name, text)

    def __enter__(self) -> "_Encoder":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            self._file.close()  # writes the rest and the header
        except soundfile.LibsndfileError:
            if kind is None and self._sink.error is None:
                raise
        finally:
            self._sink.close()
        if kind is None:
            self._sink.check()

    def write(self, block: Samples) -> None:
        try:
            self._file.write(block.T)
        except (soundfile.LibsndfileError, AssertionError):  # it asserts that all was written
            self._sink.check()
            raise
        self._sink.check()


class _Sink:
    """The file object that libsndfile writes to, whose zero lies behind a header.

    libsndfile calls these methods from C, where an exception is lost: the first one is kept.
    """

    def __init__(self, path: Path, header: bytes) -> None:
        # unbuffered: what was said to be written is written, and nothing is left for later
        self._file = path.open("r+b", buffering=0)
        self._start = 0
        self.error: OSError | None = None
        self.write(header)
        self._start = len(header)

    def write(self, data: bytes) -> int:
        view = memoryview(data)
        while view and self.error is None:
            try:
                view = view[self._file.write(view) :]
            except OSError as error:
                self.error = error
        return len(data) - len(view)

    def read(self, count: int) -> bytes:
        return self._file.read(count)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        shift = self._start if whence == os.SEEK_SET else 0
        return self._file.seek(offset + shift, whence) - self._start

    def tell(self) -> int:
        return self._file.tell() - self._start

    def close(self) -> None:
        try:
            self._file.close()
        except OSError as error:  # network file systems say only now that the disk is full
            self.error = self.error or error

    def check(self) -> None:
        if self.error is not None:
            raise self.error


def _check_room(path: Path, frames: int, sample_rate: int, channels: int) -> None:
    needed = expected_bytes(path.suffix.lower(), frames, channels, sample_rate)
    free = _free(path)
    if needed > free:
        raise InputError(
            f"{path}: {_clock(frames / sample_rate)} of sound need about {_size(needed)}, and "
            f"{_size(free)} are free; ask for less, write .mp3, or choose another disk"
        )


def _explained(
    error: OSError, path: Path, frames: int, sample_rate: int, channels: int
) -> InputError:
    if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return InputError(f"{path} cannot be written: {error.strerror or error}")
    needed = expected_bytes(path.suffix.lower(), frames, channels, sample_rate)
    return InputError(
        f"{path} cannot be finished: {error.strerror}; {_clock(frames / sample_rate)} of sound "
        f"need about {_size(needed)}, and {_size(_free(path))} are free without the unfinished "
        "file, which was removed; ask for less, or choose another disk"
    )


def _free(path: Path) -> int:
    """Return the free bytes where a file will lie, whose folder may not be there yet."""
    folder = path.resolve().parent
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


def _clock(seconds: float) -> str:
    for unit, name in ((86_400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.1f} {name}"
    return f"{seconds:.1f} seconds"
