"""Spectra in torch: log-mel, MFCC, constant-Q and plain samples, of recordings of any length."""

import math
from collections.abc import Iterable, Iterator
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import soxr
import torch
from torch import Tensor

from soundmill.audio.torch_audio import torchaudio
from soundmill.features.spectra_options import SpectraOptions

Floats = npt.NDArray[np.float32]

CHUNK = 1024
"""Frames transformed at once: what a long recording needs beside itself stays small."""
FLOOR = 1e-10
"""Added to every power, so that silence is -100 dB."""


def spectrum(samples: Floats, options: SpectraOptions) -> Floats:
    """Return the spectrum of a mono recording.

    Parameters
    ----------
    samples : (n,) at ``options.sample_rate``, full scale is -1 to 1.

    Returns
    -------
    (frames, ``options.columns``) float32: logmel and cqt in dB, 10 log10(power + 1e-10), the power
    as librosa's `melspectrogram` (Slaney's scale and norm) and `cqt` (scaled) have it; mfcc their
    orthonormal cosine transform (librosa's `mfcc` of that log-mel); waveform the samples, filled
    up with zeros. There are 1 + n // hop frames, of waveform n / hop rounded up.
    """
    if options.kind == "cqt":
        return _constant_q(samples, options)
    return np.concatenate(list(spectrum_blocks([samples], options)))


def spectrum_blocks(blocks: Iterable[Floats], options: SpectraOptions) -> Iterator[Floats]:
    """Yield the spectrum of a recording that comes in blocks (n,), a part for each.

    Joined they are what `spectrum` returns. Constant-Q bins reach over seconds, so that a cqt
    needs the whole recording and comes in one part.
    """
    if options.kind == "cqt":
        yield _constant_q(np.concatenate(list(blocks)), options)
    elif options.kind == "waveform":
        yield from _framed_samples(blocks, options.hop)
    else:
        yield from _mel_blocks(blocks, options)


def _framed_samples(blocks: Iterable[Floats], hop: int) -> Iterator[Floats]:
    rest = np.zeros(0, np.float32)
    for block in blocks:
        rest = np.concatenate([rest, block])
        whole = len(rest) // hop * hop
        yield rest[:whole].reshape(-1, hop)
        rest = rest[whole:]
    if len(rest):
        yield np.pad(rest, (0, hop - len(rest)))[None]


def _mel_blocks(blocks: Iterable[Floats], options: SpectraOptions) -> Iterator[Floats]:
    """Frame by frame, the recording being continued by half a window of zeros at both ends."""
    margin = torch.zeros(options.n_fft // 2)
    rest = margin
    for block in blocks:
        rest = torch.cat([rest, torch.from_numpy(np.ascontiguousarray(block, np.float32))])
        frames = 1 + (len(rest) - options.n_fft) // options.hop
        if frames > 0:
            yield _mel(rest, options)
            rest = rest[frames * options.hop :]
    rest = torch.cat([rest, margin])
    if len(rest) >= options.n_fft:
        yield _mel(rest, options)


def _mel(samples: Tensor, options: SpectraOptions) -> Floats:
    """Return log-mel, or its cosine transform, of the whole frames in ``samples``."""
    window = torch.hann_window(options.n_fft)
    filters = _mel_filters(options)
    parts = []
    for frames in samples.unfold(0, options.n_fft, options.hop).split(CHUNK):
        values = torch.fft.rfft(frames * window)
        power = values.real.square() + values.imag.square()
        parts.append(_decibels(power @ filters))
    decibels = torch.cat(parts)
    if options.kind == "mfcc":
        decibels = decibels @ torchaudio.functional.create_dct(
            options.coefficients, options.bands, norm="ortho"
        )
    return np.asarray(decibels.numpy())


def _decibels(power: Tensor) -> Tensor:
    return 10 * torch.log10(power + FLOOR)


@lru_cache(4)
def _mel_filters(options: SpectraOptions) -> Tensor:
    """Return the mel filters as (bins of the transform, bands)."""
    filters: Tensor = torchaudio.functional.melscale_fbanks(
        n_freqs=options.n_fft // 2 + 1,
        f_min=options.fmin,
        f_max=options.highest,
        n_mels=options.bands,
        sample_rate=options.sample_rate,
        norm="slaney",
        mel_scale="slaney",
    )
    return filters


def _constant_q(samples: Floats, options: SpectraOptions) -> Floats:
    """Constant-Q power in dB, octave by octave (Schörkhuber and Klapuri 2010), as `librosa.cqt`.

    The highest octave is filtered first; then the sound is halved in rate for the next. Unlike
    librosa, no small coefficient of the filters is dropped.
    """
    count = 1 + len(samples) // options.hop
    first = _spare_halvings(options)
    signal, hop = _lowered(samples, first), options.hop >> first
    octaves: list[Tensor] = []
    for number in range(options.octaves):
        basis = _octave_filters(options, number, first)
        n_fft = 2 * (basis.shape[0] - 1)
        padded = torch.nn.functional.pad(torch.from_numpy(signal), (n_fft // 2, n_fft // 2))
        frames = padded.unfold(0, n_fft, hop)[:count]
        # windows of some octaves are many times as long as others: the same memory for each
        power = [
            (torch.fft.rfft(part) @ basis).abs().square()
            for part in frames.split(max(1, CHUNK * 1024 // n_fft))
        ]
        octaves.insert(0, torch.cat(power))
        if number + 1 < options.octaves:
            signal, hop = _lowered(signal, 1), hop // 2
    return np.asarray(_decibels(torch.cat(octaves, 1)).numpy())


def _lowered(signal: Floats, halvings: int) -> Floats:
    """Return a signal at a rate halved so many times, with the energy it had."""
    factor = 2**halvings
    if factor == 1:
        return np.ascontiguousarray(signal, np.float32)
    n = -(-len(signal) // factor)
    resampled = soxr.resample(signal, factor, 1, quality="HQ")[:n]
    return np.pad(resampled, (0, n - len(resampled))) * np.float32(math.sqrt(factor))


def _constant_q_bands(options: SpectraOptions) -> tuple[npt.NDArray[np.float64], float]:
    """Return the frequencies of the bins in Hz and the bandwidth over the frequency."""
    width = 2 ** (2 / options.bins_per_octave)
    frequencies = options.fmin * 2.0 ** (np.arange(options.bands) / options.bins_per_octave)
    return frequencies, (width - 1) / (width + 1)


def _spare_halvings(options: SpectraOptions) -> int:
    """Return how often the rate can be halved before the highest octave is filtered."""
    from librosa.filters import wavelet_lengths

    frequencies, alpha = _constant_q_bands(options)
    rate = options.sample_rate
    _, cutoff = wavelet_lengths(freqs=frequencies, sr=rate, window="hann", alpha=alpha)
    above = math.ceil(math.log2(rate / 2 / cutoff)) - 2
    twos = (options.hop & -options.hop).bit_length() - 1
    return max(0, min(above, twos - options.octaves + 1))


@lru_cache(32)
def _octave_filters(options: SpectraOptions, number: int, first: int) -> Tensor:
    """Return the filters of an octave, 0 the highest, in frequency: (bins of the FFT, bands)."""
    from librosa.filters import wavelet

    frequencies, alpha = _constant_q_bands(options)
    top = options.bands - number * options.bins_per_octave
    basis, lengths = wavelet(
        freqs=frequencies[max(0, top - options.bins_per_octave) : top],
        sr=options.sample_rate / 2 ** (first + number),
        norm=1,
        pad_fft=True,
        window="hann",
        alpha=alpha,
    )
    n_fft = basis.shape[1]
    # as librosa: unit response, made up for the lowered rate, over the root of the length
    scale = lengths / n_fft * math.sqrt(2**number) / np.sqrt(lengths * 2**number)
    spectra = np.fft.fft(basis * scale[:, None], axis=1)[:, : n_fft // 2 + 1]
    return torch.from_numpy(np.ascontiguousarray(spectra.T.astype(np.complex64)))
