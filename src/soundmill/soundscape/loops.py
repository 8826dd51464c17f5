"""Loops: a stream whose end meets its beginning."""

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from soundmill.audio.crossfades import crossfade
from soundmill.audio.files import Samples
from soundmill.audio.limiter import reblock
from soundmill.audio.steadying import even_loudness
from soundmill.audio.streaming import Written, frames_of, write_stream
from soundmill.errors import InputError

BLOCK = 1 << 15


def make_loop(
    blocks: Iterable[Samples], seconds: float, overlap: float, sample_rate: int
) -> Iterator[Samples]:
    """Yield a loop of ``seconds`` from a stream of ``seconds + overlap`` or more.

    The beginning of the stream, as long as the overlap, is kept back. The loop starts after it,
    goes on to the end of the stream, whose last part fades into what was kept, at even power (see
    `crossfade`): so the last sample of the loop is followed, in the stream, by its first.

    Parameters
    ----------
    blocks : samples (channels, n) in blocks of any lengths, which do not change the result.
    seconds : length of the loop.
    overlap : length of the crossfade in seconds, at most ``seconds``; this much is held in memory.

    Raises
    ------
    InputError
        When a length is no length, or the overlap is longer than the loop.
    """
    frames = frames_of(seconds, sample_rate)
    kept = frames_of(overlap, sample_rate)
    if kept > frames:
        raise InputError(
            f"overlap: {overlap:g} s is longer than the loop of {seconds:g} s; choose less"
        )
    return _loop(blocks, frames, kept)


def _loop(blocks: Iterable[Samples], frames: int, kept: int) -> Iterator[Samples]:
    head: list[Samples] = []
    tail: list[Samples] = []
    position = 0
    for block in reblock(blocks, BLOCK):
        # a block can reach over the places where the head ends and the tail begins
        cut = np.clip(np.array([kept, frames, frames + kept]) - position, 0, block.shape[1])
        head.append(block[:, : cut[0]])
        if cut[1] > cut[0]:
            yield block[:, cut[0] : cut[1]]
        tail.append(block[:, cut[1] : cut[2]])
        position += block.shape[1]
        if position >= frames + kept:
            break
    else:
        raise ValueError(f"the stream ended {frames + kept - position} samples too early")
    yield crossfade(np.concatenate(tail, axis=1), np.concatenate(head, axis=1))


def write_loop(
    path: str | os.PathLike[str],
    blocks: Callable[[float], Iterable[Samples]],
    seconds: float,
    overlap: float,
    sample_rate: int,
    channels: int,
    *,
    loudness: float | None = -23.0,
    **settings: Any,
) -> Written:
    """Write a loop (see `make_loop`) as `write_stream` writes a stream.

    The loudness is evened before the ends meet, so that the gain has no jump there either.

    Parameters
    ----------
    blocks : given the seconds needed (loop and overlap), returns the stream.
    settings : tags and progress of `write_stream`.
    """
    stream = blocks(seconds + overlap)
    if loudness is not None:
        stream = even_loudness(stream, sample_rate, channels, loudness)
    loop = make_loop(stream, seconds, overlap, sample_rate)
    return write_stream(path, loop, seconds, sample_rate, channels, loudness=None, **settings)
