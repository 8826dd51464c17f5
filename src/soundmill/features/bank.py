"""The descriptor bank: one decode, one STFT, one constant-Q transform for all descriptors.

Frame series are computed once for the whole recording, in chunks; a segment is a slice of these
frames. So a segment's frames look over its ends into their neighbours, levels in dB are limited to
80 dB below the loudest of the recording, tuning and onsets are those of the recording. What has one
value a window (tempo, indices, loudness, ratios) is computed for each from the shared frames.

Frame series agree with librosa 0.11 at its defaults, except:

- the tuning of all chroma is estimated from the magnitude spectrum (librosa's `chroma_stft` takes
  the power spectrum);
- one tempogram, of 384 frames, serves tempo and ratios (librosa's `tempo` by itself takes 8 s);
- the first frame has no flux; YIN gives a frequency in voiced frames only.

In a frame without energy the shape of its spectrum is as librosa has it: centroid, bandwidth,
roll-off, contrast and chroma 0, flatness 1; so are the entropy, crest and harmonic share, 0. The
loudness range has no counterpart in librosa; pyloudnorm's appends 1.5 s of silence, which on short
recordings widens it by 2 LU, and this one does not.

Which values are NaN is in `columns`.

Cost: about 40 MB a minute above some 100 MB (2.5 GB for an hour): the samples, padded once for the
STFT and halved for the octaves of the constant-Q transform, the frame series and the mel spectrum;
the transforms themselves only in chunks of 24 s. Recordings longer than a chunk are transformed
twice, as tuning and the largest magnitude must be known first.
Time grows linearly. One thread is used (`transforms.single_threaded`).
"""

import os
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from soundmill.audio.files import read_audio
from soundmill.errors import InputError
from soundmill.features import energy
from soundmill.features.chroma import (
    ConstantQ,
    Tuning,
    chroma_stft,
    cqt_series,
    estimate_tuning,
    spectral_peaks,
)
from soundmill.features.columns import ALL, SCALARS, SERIES
from soundmill.features.descriptor_options import FAMILIES, DescriptorOptions
from soundmill.features.rhythm import find_onsets, onset_strength, rhythm
from soundmill.features.soundscape_indices import SoundscapeIndices
from soundmill.features.spectral import (
    MEDIAN,
    cepstrum,
    contrast,
    harmonic_percussive,
    peaks_and_valleys,
    shape_series,
)
from soundmill.features.statistics import Windows, make_windows, summarise, window_sums
from soundmill.features.transforms import (
    Floats,
    Spectrogram,
    decibels,
    mel_filters,
    single_threaded,
)
from soundmill.features.voice import fundamental

Values = npt.NDArray[np.float64]

LARGEST_DB = 100.0
"""Largest distance of the harmonic from the percussive part: one of them may be nothing."""


class Description(NamedTuple):
    """The descriptors of a recording, in the order of `columns.columns`.

    ``recording`` is (columns,), ``segments`` is (segments, columns), both float32; ``starts`` and
    ``seconds`` are each segment's start and length in s, (segments,) float64.
    """

    recording: Floats
    segments: Floats
    starts: Values
    seconds: Values


def describe_file(path: str | os.PathLike[str], options: DescriptorOptions) -> Description:
    """Read a recording as mono at the options' rate and describe it.

    Raises
    ------
    InputError
        As `read_audio` and `describe`, with the file's name.
    """
    samples, _ = read_audio(path, sample_rate=options.sample_rate)
    try:
        return describe(samples[0], options)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


@torch.inference_mode()
def describe(samples: Floats, options: DescriptorOptions) -> Description:
    """Return the descriptors of a recording and of its segments.

    Parameters
    ----------
    samples : (n,) float32 at ``options.sample_rate``, full scale is -1 to 1.

    Raises
    ------
    InputError
        When there is no sample, or one is not a finite number.
    """
    samples = np.ascontiguousarray(samples, dtype=np.float32)
    if samples.ndim != 1 or not len(samples):
        raise InputError(f"samples of shape {samples.shape} cannot be described; (n,) is wanted")
    if not np.isfinite(samples).all():
        raise InputError("the recording holds values that are not finite numbers; decode it again")
    with single_threaded():
        bank = _Bank(samples, options)
        rows = bank.rows().astype(np.float32)
    windows = bank.windows
    return Description(
        rows[0],
        rows if windows.itself else rows[1:],
        np.array(windows.starts, np.float64),
        np.array(windows.seconds, np.float64),
    )


class _Bank:
    """One recording on its way: frame series by family, scalars by name."""

    def __init__(self, samples: Floats, options: DescriptorOptions) -> None:
        self._samples = samples
        self._options = options
        missing = max(0, options.n_fft - len(samples))
        self._signal = torch.from_numpy(np.pad(samples, (0, missing)) if missing else samples)
        self._stft = Spectrogram(self._signal, options)
        self.windows: Windows = make_windows(len(samples), len(self._stft), options)
        self._parts: dict[str, Tensor] = {}
        self._series: dict[str, Tensor] = {}
        self._scalars: dict[str, Values] = {}

    def rows(self) -> Values:
        """Return (windows, columns); NaN where undefined, never infinite."""
        self._transform()
        rms = self._parts["rms"][0].numpy()
        ratios, silent = energy.sample_ratios(self._samples, rms, self.windows, self._options)
        self._scalars |= ratios
        if self._wants("energy"):
            self._series["energy"] = torch.cat([self._parts["rms"], self._parts["zcr"]])
            self._scalars |= energy.measure_loudness(self._samples, self.windows, self._options)
        if self._wants("mfcc", "rhythm"):
            self._use_mel()
        if self._wants("chroma", "tonnetz"):
            chroma, cens, self._series["tonnetz"] = cqt_series(self._parts["cqt"])
            if self._wants("chroma"):
                self._series["chroma"] = torch.cat([self._parts["chroma"], chroma, cens])
        if self._wants("spectral"):
            contrasts = contrast(self._parts["contrast"])
            self._series["spectral"] = torch.cat([self._parts["shape"], contrasts])
        if self._wants("harmony"):
            self._use_harmony()
        if self._wants("f0"):
            self._series["f0"] = self._parts["f0"]
            voiced = window_sums(~np.isnan(self._series["f0"][0].numpy()), self.windows)
            self._scalars["voiced_ratio"] = voiced / self._lengths()
        return self._assemble(silent)

    def _wants(self, *families: str) -> bool:
        return any(family in self._options.families for family in families)

    def _lengths(self) -> Values:
        return np.array(self.windows.last, float) - np.array(self.windows.first, float)

    def _survey(self) -> tuple[Tuning, float]:
        """Return the tuning and the largest magnitude of the recording."""
        largest, found = 0.0, []
        for start, stop, _, _ in self._stft.chunks():
            magnitudes = self._stft.magnitudes(start, stop)
            largest = max(largest, float(magnitudes.max()))
            if self._wants("chroma", "tonnetz"):
                found.append(spectral_peaks(magnitudes, self._options))
        if not found:
            return Tuning(0.0, 0.0), largest
        pitches, strengths = (np.concatenate(part) for part in zip(*found, strict=True))
        return estimate_tuning(pitches, strengths), largest

    def _transform(self) -> None:
        """Compute what needs no more than a chunk of frames and its neighbours."""
        tuning, largest = self._survey()
        indices = SoundscapeIndices(self.windows, largest, self._options)
        crossings = energy.Crossings(self._signal, self._options)
        constant_q = None
        if self._wants("chroma", "tonnetz"):
            constant_q = ConstantQ(self._signal, tuning, self._options)
        for start, stop, low, high in self._stft.chunks(MEDIAN // 2):
            wide = self._stft.magnitudes(low, high)
            magnitudes = wide[start - low : stop - low]
            before = wide[start - low - 1 : start - low] if start > low else None
            frames = self._stft.frames[start:stop]
            found = {"rms": energy.root_mean_square(frames)[None]}
            if self._wants("energy"):
                found["zcr"] = crossings.rates(start, stop)[None]
            if self._wants("soundscape"):
                indices.add(magnitudes, before, start)
            if self._wants("harmony"):
                found["harmony"] = harmonic_percussive(wide, start - low, high - stop)
            if self._wants("f0"):
                found["f0"] = fundamental(frames, found["rms"][0], self._options)[None]
            if self._wants("spectral"):
                found["shape"] = shape_series(magnitudes, before, self._options)
                found["contrast"] = peaks_and_valleys(magnitudes, self._options)
            if constant_q is not None:
                found["cqt"] = constant_q.chroma(start, stop)
            found |= self._of_power(magnitudes.square(), tuning)
            for name, value in found.items():
                # into one array each: small ones kept between large temporaries pin the heap
                if name not in self._parts:
                    self._parts[name] = torch.empty(*value.shape[:-1], len(self._stft))
                self._parts[name][..., start:stop] = value
        if self._wants("soundscape"):
            self._scalars |= indices.indices(self._parts["rms"][0].numpy())

    def _of_power(self, power: Tensor, tuning: Tuning) -> dict[str, Tensor]:
        found = {}
        if self._wants("mfcc", "rhythm"):
            filters = mel_filters(self._options.sample_rate, self._options.n_fft)
            found["mel"] = (power @ filters).T
        if self._wants("chroma"):
            found["chroma"] = chroma_stft(power, tuning, self._options)
        return found

    def _use_mel(self) -> None:
        levels = decibels(self._parts["mel"])
        if self._wants("mfcc"):
            self._series["mfcc"] = cepstrum(levels)
        if not self._wants("rhythm"):
            return
        strength = onset_strength(levels, self._options)
        found = rhythm(strength, self.windows, self._options)
        self._series["rhythm"] = torch.cat([strength[None], found.ratios])
        onsets = np.zeros(len(strength))
        onsets[find_onsets(strength, self._options)] = 1
        counts = window_sums(onsets, self.windows)
        total = len(self._samples) / self._options.sample_rate
        seconds = [total] if len(self.windows) == 1 else [total, *self.windows.seconds]
        self._scalars |= {
            "onset_rate": counts / np.array(seconds),
            "tempo": found.tempo,
            "pulse_clarity": found.clarity,
        }

    def _use_harmony(self) -> None:
        both = self._parts["harmony"]
        total = both.sum(0)
        self._series["harmony"] = torch.where(total > 0, both[0] / total, 0.0)[None]
        with np.errstate(divide="ignore", invalid="ignore"):
            harmonic, percussive = window_sums(both.numpy(), self.windows)
            level = 10 * np.log10(harmonic / percussive)  # NaN where both are nothing
        self._scalars["harmonic_percussive"] = np.clip(level, -LARGEST_DB, LARGEST_DB)

    def _assemble(self, silent: npt.NDArray[np.bool_]) -> Values:
        """Take the statistics and put all columns in their order."""
        families = [family for family in FAMILIES if family in self._options.families]
        with_series = [family for family in families if family in self._series]
        stacked = torch.cat(
            [torch.empty(0, len(self._stft)), *(self._series[family] for family in with_series)]
        )
        taken = summarise(stacked, self.windows).numpy()
        parts, row = [], 0
        for family in families:
            series = [each for each in SERIES if each.family == family]
            values = taken[:, row : row + len(series)]
            row += len(series)
            columns = [
                values[:, place, ALL.index(statistic)]
                for place, each in enumerate(series)
                for statistic in each.statistics
            ]
            columns += [self._scalars[each.name] for each in SCALARS if each.family == family]
            part = np.stack(columns, axis=1)
            if family != "energy":
                part[silent] = np.nan
            parts.append(part)
        return np.concatenate(parts, axis=1)
