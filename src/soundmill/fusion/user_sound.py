"""A recording that someone gives: checked, and brought into the form a network learned from."""

import math
import os
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from soundmill.audio.files import Samples, read_audio, stream_audio
from soundmill.classification.deciding import hear
from soundmill.corpus.decode import SILENCE_DBFS, decode_file
from soundmill.corpus.decode_options import DecodeOptions
from soundmill.errors import InputError
from soundmill.features.spectra_options import SpectraOptions

LOOKED_AT_SECONDS = 5.0
"""Length of the blocks in which a recording is looked through."""


class NothingThereError(Exception):
    """A sample that can be read but holds nothing; the message says so in a few words."""


class Sound(NamedTuple):
    """Samples (n,) or (channels, n), full scale -1 to 1, at a rate in Hz."""

    samples: npt.NDArray[Any]
    sample_rate: int


def hear_user(
    source: str | os.PathLike[str] | Sound,
    decode: DecodeOptions | None,
    spectra: SpectraOptions,
    longest: float,
) -> npt.NDArray[np.float16]:
    """Return the spectrum (frames, bands) of a recording, as those of a corpus are stored.

    Parameters
    ----------
    source : a file in any format, or samples.
    decode : how the corpus was decoded; None where that is not known.
    longest : seconds that a recording may last.

    Raises
    ------
    NothingThereError
        When it is silent.
    InputError
        When it cannot be read, is too long to be one sample, or would have been rejected from the
        corpus for another reason.
    """
    with tempfile.TemporaryDirectory() as folder:
        if isinstance(source, Sound):
            source = _write(source, Path(folder, "the recording.wav"))
            try:
                return _hear_file(source, Path(folder), decode, spectra, longest)
            except InputError as error:  # nobody knows the file by its path
                raise InputError(str(error).replace(str(source), "the recording")) from error
        return _hear_file(Path(source), Path(folder), decode, spectra, longest)


def _hear_file(
    path: Path, folder: Path, decode: DecodeOptions | None, spectra: SpectraOptions, longest: float
) -> npt.NDArray[np.float16]:
    _check(path, decode or DecodeOptions(), longest)
    if decode:
        decode_file(path, folder / "decoded.wav", decode)
        path = folder / "decoded.wav"
    samples, rate = read_audio(path, sample_rate=spectra.sample_rate)
    return np.asarray(hear(samples[0], rate, spectra), np.float16)


def _check(path: Path, decode: DecodeOptions, longest: float) -> None:
    """Refuse what is too long for one sample, and say where nothing is to be heard."""
    rate, seconds, peak = decode.sample_rate, 0.0, 0.0
    for block in stream_audio(
        path, sample_rate=rate, channels=decode.channels, block_seconds=LOOKED_AT_SECONDS
    ):
        seconds += block.shape[1] / rate
        if block.size:  # what is no number is for decoding to complain about
            peak = max(peak, float(np.nan_to_num(np.abs(block), nan=1.0).max()))
        if seconds > longest:
            raise InputError(
                f"{path} lasts longer than {longest:g} s, which is too long for one sample; "
                "cut out the part that is meant, such as the one spoken word, and give that"
            )
    if seconds > 0 and peak < 10 ** (SILENCE_DBFS / 20):
        level = f"{20 * math.log10(peak):.0f} dBFS" if peak else "digital silence"
        raise NothingThereError(f"nothing was heard in {_named(path)} ({level})")


def _named(path: Path) -> str:
    return path.name if path.name != "the recording.wav" else "it"


def _write(sound: Sound, path: Path) -> Path:
    samples: Samples = np.atleast_2d(np.asarray(sound.samples, np.float32))
    if samples.ndim != 2 or len(samples) > 8 or not samples.size:
        raise InputError(
            f"samples of shape {np.shape(sound.samples)} are no sound; give (n,) or (channels, n)"
        )
    import soundfile

    soundfile.write(path, samples.T, sound.sample_rate, subtype="FLOAT")
    return path
