"""Decoding: the recordings of a bucket become WAV files, or rows that say why not."""

import math
import os
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import soundfile

from soundmill.audio.files import Samples, stream_audio
from soundmill.audio.levels import LoudnessMeter
from soundmill.audio.mp3 import announces_length
from soundmill.cache import Cache
from soundmill.corpus.decode_options import MANIFEST_COLUMNS, DecodeOptions
from soundmill.errors import InputError
from soundmill.files import sha256_file
from soundmill.log import logger, progress
from soundmill.status import IGNORED, OK, REJECTED, Row, read_table, write_table

SILENCE_DBFS = -80.0
"""A recording whose peak stays below is rejected as silent."""
TRIM_DBFS, TRIM_KEEP_SECONDS = -60.0, 0.1
PEAK_DBFS = -1.0
"""Loudness normalisation never lifts the sample peak above this."""
OVERLOAD_DBFS = 12.0
"""Decoders overshoot by a few dB; a float recording beyond this is said to be clipped."""
BLOCK_SECONDS = 5.0
MAX_WAV_BYTES = (1 << 32) - (1 << 16)


class DecodeCounts(NamedTuple):
    """What a run over a bucket did: files decoded now, files from the cache, rows by status."""

    decoded: int
    cached: int
    ok: int
    rejected: int
    ignored: int


class RejectedError(Exception):
    """A recording cannot be used; the message is the reason in its row."""


class UnreadableError(RejectedError):
    """A rejection that may pass by itself (permissions, a file being copied): never cached."""


def decode_bucket(
    names_csv: str | os.PathLike[str],
    wav_dir: str | os.PathLike[str],
    table_csv: str | os.PathLike[str],
    cache_root: str | os.PathLike[str],
    options: DecodeOptions,
    code: str,
    threads: int = 1,
) -> DecodeCounts:
    """Decode the recordings of one bucket in parallel, in constant memory each.

    Parameters
    ----------
    names_csv : table of `soundmill.corpus.listing.normalise_bucket`.
    wav_dir : gets ``<id>.wav`` for each usable recording; other WAV files in it go. Its name is
        the bucket's.
    table_csv : gets the columns `MANIFEST_COLUMNS`; seconds, sample_rate (Hz) and channels are
        those of the WAV file, sha256 is that of the recording.
    cache_root, code : see `soundmill.cache.Cache`; what it holds is linked, not decoded.
    threads : files decoded at once.
    """
    wav_dir = Path(wav_dir)
    wav_dir.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = read_table(names_csv)
    cache = Cache(cache_root, "decode", options.model_dump(), code)
    alike: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row["status"] == OK:
            alike[row["sha256"]].append(row)
    bucket = wav_dir.name

    def decode_group(group: list[Row]) -> list[Row]:
        return [_decode_row(row, wav_dir, cache, options) for row in group]

    done: dict[str, Row] = {}
    with ThreadPoolExecutor(max_workers=max(1, threads)) as pool:
        results = pool.map(decode_group, alike.values())  # equal contents in one thread, in turn
        for group in progress(results, total=len(alike), label=f"decoding bucket {bucket}"):
            done.update((row["source"], row) for row in group)
    table = [done.get(row["source"], row) | {"bucket": bucket} for row in rows]
    wanted = {f"{row['id']}.wav" for row in table if row["status"] == OK}
    for stale in wav_dir.glob("*.wav"):
        if stale.name not in wanted:
            stale.unlink()
    write_table(table_csv, [{key: row.get(key, "") for key in MANIFEST_COLUMNS} for row in table],
                MANIFEST_COLUMNS)  # fmt: skip
    for row in table:
        if row["reason"] and row["status"] != IGNORED:
            logger.warning("%s: %r: %s", row["status"], row["source"], row["reason"])
    states = [row["status"] for row in table]
    counts = DecodeCounts(
        cache.misses, cache.hits, states.count(OK), states.count(REJECTED), states.count(IGNORED)
    )
    logger.info("%d decoded, %d known already; %d ok, %d rejected, %d ignored", *counts)
    return counts


def _decode_row(row: Row, wav_dir: Path, cache: Cache, options: DecodeOptions) -> Row:
    """Return the row completed with what decoding found out."""
    source = Path(row.get("file") or row["source"])  # a remote recording lies elsewhere

    def build(target: Path) -> dict[str, Any]:
        _check_content(source, row["sha256"])
        try:
            return {"status": OK, **_decode(source, target, options)}
        except RejectedError as error:
            target.unlink(missing_ok=True)
            return {"status": REJECTED, "reason": str(error)}

    try:
        return row | cache.fetch(row["sha256"], wav_dir / f"{row['id']}.wav", build)
    except UnreadableError as error:
        return row | {"status": REJECTED, "reason": str(error)}


def _check_content(source: Path, sha256: str) -> None:
    """Make sure that nothing is cached under another content's hash."""
    try:
        same = sha256_file(source) == sha256
    except OSError as error:
        raise UnreadableError(f"the file cannot be read ({error.strerror})") from error
    if not same:
        raise UnreadableError("the file changed while the pipeline ran; run it again")


def decode_file(
    source: str | os.PathLike[str], target: str | os.PathLike[str], options: DecodeOptions
) -> None:
    """Decode one recording to a WAV file, as those of a corpus are.

    Raises
    ------
    InputError
        When it cannot be used, with the reason that a manifest would state.
    """
    try:
        _decode(Path(source), Path(target), options)
    except RejectedError as error:
        raise InputError(f"{os.fspath(source)} {error}") from error


def _decode(source: Path, target: Path, options: DecodeOptions) -> dict[str, Any]:
    """Write one WAV file, block by block, and return its row's values."""
    two_passes = options.trim_silence or options.loudness is not None
    draft = target.with_suffix(".draft") if two_passes else target
    take = _Take(source, options)
    try:
        take.write(draft, "FLOAT" if two_passes else options.subtype, draft_file=two_passes)
        if two_passes:
            _finish(draft, target, take, options)
    finally:
        if two_passes:
            draft.unlink(missing_ok=True)
    if options.subtype == "FLOAT":
        _clear_time_stamp(target)
    return {
        "reason": "; ".join(take.notes),
        "seconds": f"{take.frames / options.sample_rate:.3f}",
        "sample_rate": str(options.sample_rate),
        "channels": str(take.channels),
    }


class _Take:
    """One recording on its way through the decoder, with what was seen of it."""

    def __init__(self, source: Path, options: DecodeOptions) -> None:
        self.source = source
        self.options = options
        self.channels = 0
        self.frames = 0
        self.peak = 0.0
        self.first_loud = -1
        self.last_loud = -1
        self.meter: LoudnessMeter | None = None
        self.notes: list[str] = []

    def write(self, path: Path, subtype: str, draft_file: bool) -> None:
        """Stream the recording into ``path``; raise `RejectedError` if it is not usable."""
        blocks = self._blocks()
        first = next(blocks, None)
        if first is None:
            raise RejectedError("the file holds no sound at all")
        self.channels = len(first)
        if self.options.loudness is not None:
            self.meter = LoudnessMeter(self.options.sample_rate, self.channels)
        kind = "W64" if draft_file else "WAV"
        rate = self.options.sample_rate
        with soundfile.SoundFile(path, "w", rate, self.channels, subtype, format=kind) as file:
            for block in _chain(first, blocks):
                self._look(block)
                file.write(block.T)
        self._judge()

    def _blocks(self) -> Iterator[Samples]:
        """Yield decoded blocks; keep what came before a break and note it."""
        rate, channels = self.options.sample_rate, self.options.channels
        try:
            for block in stream_audio(
                self.source, sample_rate=rate, channels=channels, block_seconds=BLOCK_SECONDS
            ):
                if block.shape[1]:
                    yield block
        except InputError as error:
            reason = str(error).removeprefix(f"{self.source} ")
            if not self.frames:
                raise RejectedError(reason) from error
            self.notes.append(
                f"truncated: {reason}; the {self.frames / rate:.1f} s before are kept"
            )

    def _look(self, block: Samples) -> None:
        """Take the measures of a block and reject what no later block can mend."""
        if not np.isfinite(block).all():
            seconds = self.frames / self.options.sample_rate
            raise RejectedError(
                f"holds samples that are not numbers (NaN or infinite) after {seconds:.1f} s; "
                "write the file again with the program that made it"
            )
        magnitude = np.abs(block).max(axis=0)
        self.peak = max(self.peak, float(magnitude.max()))
        loud = np.flatnonzero(magnitude > _linear(TRIM_DBFS))
        if len(loud):
            if self.first_loud < 0:
                self.first_loud = self.frames + int(loud[0])
            self.last_loud = self.frames + int(loud[-1])
        if self.meter:
            self.meter.add(block)
        self.frames += block.shape[1]
        longest = self.options.maximum_seconds
        if longest is not None and self.frames > longest * self.options.sample_rate:
            raise RejectedError(f"longer than maximum_seconds: {longest:g}")
        size = {"PCM_16": 2, "PCM_24": 3, "FLOAT": 4}[self.options.subtype]
        if self.frames * self.channels * size > MAX_WAV_BYTES:
            raise RejectedError("longer than a WAV file can hold (4 GiB); split it")

    def _judge(self) -> None:
        """Reject what turned out silent or too short, and note what is doubtful."""
        rate = self.options.sample_rate
        peak_db = 20 * math.log10(self.peak) if self.peak else -math.inf
        self.check_length()
        if peak_db < SILENCE_DBFS:
            what = "the peak of its mono mix" if self.options.channels == "mono" else "its peak"
            raise RejectedError(f"silent: {what} is {peak_db:.0f} dBFS, below {SILENCE_DBFS:.0f}")
        if self.options.trim_silence and self.first_loud < 0:
            raise RejectedError(f"nothing is left after trimming below {TRIM_DBFS:.0f} dBFS")
        kept = self.options.loudness is not None or self.options.subtype == "FLOAT"
        if peak_db > OVERLOAD_DBFS and not kept:
            self.notes.append(f"clipped: its samples go to {peak_db:+.0f} dBFS")
        announced, seconds = _announced_seconds(self.source), self.frames / rate
        if not self.notes and announced > seconds + 0.5:
            self.notes.append(f"truncated: {seconds:.1f} s of the {announced:.1f} s announced")

    def check_length(self) -> None:
        """Reject a recording that is too short."""
        seconds, shortest = self.frames / self.options.sample_rate, self.options.minimum_seconds
        if seconds < shortest:
            raise RejectedError(f"lasts {seconds:.3f} s, less than minimum_seconds: {shortest:g}")


def _finish(draft: Path, target: Path, take: _Take, options: DecodeOptions) -> None:
    """Second pass: cut the ends and set the level of a draft."""
    keep = round(TRIM_KEEP_SECONDS * options.sample_rate)
    start, stop = 0, take.frames
    if options.trim_silence:
        start, stop = max(0, take.first_loud - keep), min(stop, take.last_loud + 1 + keep)
    gain_db = 0.0
    if options.loudness is not None and take.meter and math.isfinite(take.meter.loudness()):
        peak_db = 20 * math.log10(take.peak)
        gain_db = min(options.loudness - take.meter.loudness(), PEAK_DBFS - peak_db)
    take.frames = stop - start
    take.check_length()
    rate = options.sample_rate
    with (
        soundfile.SoundFile(draft) as source,
        soundfile.SoundFile(target, "w", rate, take.channels, options.subtype) as file,
    ):
        source.seek(start)
        left = take.frames
        while left:
            block = source.read(min(left, round(BLOCK_SECONDS * rate)), dtype="float32")
            if not len(block):
                raise OSError(f"{draft} ends early")
            file.write(block * np.float32(_linear(gain_db)))
            left -= len(block)


def _announced_seconds(source: Path) -> float:
    """Return the length a file's own header announces, or 0 where that is not known."""
    try:
        with soundfile.SoundFile(os.fsencode(source)) as file:
            if file.format == "MP3" and not announces_length(source):
                return 0.0  # libsndfile's guess
            return float(file.frames / file.samplerate)
    except soundfile.LibsndfileError:
        return 0.0


def _clear_time_stamp(path: Path) -> None:
    """Zero the time in the PEAK chunk of float files: equal sound gives equal bytes."""
    with path.open("r+b") as file:
        at = file.read(4096).find(b"PEAK")
        if at >= 0:
            file.seek(at + 12)
            file.write(bytes(4))


def _chain(first: Samples, rest: Iterator[Samples]) -> Iterator[Samples]:
    yield first
    yield from rest


def _linear(decibels: float) -> float:
    return float(10 ** (decibels / 20))
