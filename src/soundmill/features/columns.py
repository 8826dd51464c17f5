"""The columns of the descriptor bank: their names, families, units and meaning.

A frame series becomes several columns, ``<series>_<statistic>`` (`STATISTICS`); what has one value
a recording or segment is one column under its own name (`SCALARS`). Names are lower case.

Not a number, never infinity, means "not defined here":

- no sample of the recording or segment is above `SILENCE_PEAK`: every column but those of the
  energy family, of which loudness and its range are NaN too (their logarithm is none);
- ``skew`` and ``kurtosis`` of a constant series; ``dmean`` and ``dvar`` of a single frame;
- ``mfcc.._delta`` and ``_delta2`` where the recording has fewer than 9 frames;
- ``loudness`` where every gating block is below -70 LUFS, ``loudness_range`` below 3 s;
- ``tempo``, ``pulse_clarity`` where no onset strength differs from another, or (pulse clarity)
  where fewer frames than two beats at 320 BPM are there;
- ``f0_*`` where no frame is voiced;
- a soundscape index whose bands lie above half the sample rate, or are empty of energy.

A recording shorter than one STFT frame is first padded with zeros to one.
"""

from functools import lru_cache
from typing import NamedTuple

from soundmill.features.descriptor_options import FAMILIES, DescriptorOptions

SCHEMA_VERSION = 1
"""Rises when a column's name or meaning changes; written beside tables of descriptors."""
SILENCE_PEAK = 1e-5
"""Largest amplitude of silence, below one step of 16 bits (full scale is 1)."""
SILENCE_RMS = 1e-3
"""A frame with a root mean square below this (-60 dBFS) counts in ``silence_ratio``."""
CLIPPED = 0.999
"""A sample of at least this amplitude counts in ``clipping_ratio``."""

MFCC = 20
PITCH_CLASSES = ("c", "cs", "d", "ds", "e", "f", "fs", "g", "gs", "a", "as", "b")
CONTRAST_BANDS = 7
TEMPO_FACTORS = (
    "4", "8_3", "3", "2", "4_3", "3_2", "1", "2_3", "3_4", "1_2", "1_3", "3_8", "1_4",
)  # fmt: skip

ALL = (
    "mean", "std", "skew", "kurtosis", "min", "p10", "median", "p90", "max", "dmean", "dvar",
)  # fmt: skip
VALUES_ONLY = ALL[:9]
FEW = ALL[:2]
STATISTICS = {
    "mean": "mean",
    "std": "standard deviation (of the frames, not of a sample of them)",
    "skew": "skewness, third standardised moment",
    "kurtosis": "excess kurtosis, fourth standardised moment less 3",
    "min": "minimum",
    "p10": "10th percentile",
    "median": "median",
    "p90": "90th percentile",
    "max": "maximum",
    "dmean": "mean of the derivative (difference of successive frames)",
    "dvar": "variance of the derivative (difference of successive frames)",
}


class Column(NamedTuple):
    """One column: its name, family, unit (``1`` for a pure number) and meaning."""

    name: str
    family: str
    unit: str
    meaning: str


class Series(NamedTuple):
    """One value a frame: its name, family, unit, meaning, and the statistics taken of it."""

    name: str
    family: str
    unit: str
    meaning: str
    statistics: tuple[str, ...] = ALL


def _series() -> list[Series]:
    made = []
    for number in range(1, MFCC + 1):
        what = f"mel-frequency cepstral coefficient {number - 1} (128 Slaney bands, DCT II)"
        name = f"mfcc{number:02d}"
        made += [
            Series(name, "mfcc", "dB", what),
            Series(f"{name}_delta", "mfcc", "dB/frame", f"first derivative of {what}", VALUES_ONLY),
            Series(f"{name}_delta2", "mfcc", "dB/frame2", f"second one of {what}", VALUES_ONLY),
        ]
    made.sort(key=lambda series: series.name.split("_")[1:])
    for kind, what in (
        ("stft", "of the short-time Fourier transform, largest is 1"),
        ("cqt", "of the constant-Q transform, largest is 1"),
        ("cens", "of the constant-Q transform, quantised, smoothed over 41 frames, unit length"),
    ):
        for pitch in PITCH_CLASSES:
            name = f"chroma_{kind}_{pitch}"
            made.append(Series(name, "chroma", "1", f"energy of pitch class {pitch} {what}"))
    for number, what in enumerate(
        ("fifths, x", "fifths, y", "minor thirds, x", "minor thirds, y", "major thirds, x",
         "major thirds, y"), 1,
    ):  # fmt: skip
        made.append(Series(f"tonnetz{number}", "tonnetz", "1", f"tonal centroid: {what}"))
    return made + _shape_series()


def _shape_series() -> list[Series]:
    spectral = [
        ("centroid", "Hz", "mean frequency of the magnitude spectrum"),
        ("bandwidth", "Hz", "standard deviation of frequency about the centroid"),
        ("rolloff85", "Hz", "frequency below which 85 % of the magnitude lies"),
        ("rolloff95", "Hz", "frequency below which 95 % of the magnitude lies"),
        ("flatness", "1", "geometric mean of the power spectrum over its arithmetic mean"),
        ("flux", "1", "squared distance to the spectrum of the frame before, both of unit length"),
        ("entropy", "1", "entropy of the power spectrum over its largest possible value"),
        ("crest", "1", "maximum of the magnitude spectrum over its mean"),
    ]
    made = [Series(name, "spectral", unit, meaning) for name, unit, meaning in spectral]
    for band in range(1, CONTRAST_BANDS + 1):
        span = "below 200 Hz" if band == 1 else f"{100 << (band - 1)} to {100 << band} Hz"
        if band == CONTRAST_BANDS:
            span = f"above {100 << (band - 1)} Hz"
        what = f"level of the loudest 2 % of the bins over the softest 2 %, {span}"
        made.append(Series(f"contrast{band}", "spectral", "dB", what))
    made += [
        Series("rms", "energy", "1", "root mean square, full scale is 1"),
        Series("zcr", "energy", "1", "share of samples at which the sign changes"),
        Series("onset_strength", "rhythm", "dB", "mean rise of the log-mel spectrum"),
        Series("harmonic_share", "harmony", "1", "energy of the harmonic part over that of both"),
        Series("f0", "f0", "Hz", "fundamental frequency of the voiced frames"),
    ]
    for factor in TEMPO_FACTORS:
        times = factor.replace("_", "/")
        what = f"tempogram at {times} times the frame's tempo"
        made.append(Series(f"tempogram_ratio_{factor}", "rhythm", "1", what, FEW))
    return made


SERIES: tuple[Series, ...] = tuple(_series())
SCALARS: tuple[Column, ...] = (
    Column("loudness", "energy", "LUFS", "integrated loudness (ITU-R BS.1770-4)"),
    Column("loudness_range", "energy", "LU", "loudness range (EBU Tech 3342)"),
    Column("silence_ratio", "energy", "1", "share of frames below -60 dBFS"),
    Column("clipping_ratio", "energy", "1", "share of samples at .999 of full scale or above"),
    Column("onset_rate", "rhythm", "1/s", "onsets a second"),
    Column("tempo", "rhythm", "BPM", "likeliest tempo"),
    Column(
        "pulse_clarity", "rhythm", "1",
        "largest autocorrelation coefficient of onset strength at lags of 40 to 320 BPM",
    ),
    Column("harmonic_percussive", "harmony", "dB", "energy of the harmonic part over percussive"),
    Column("voiced_ratio", "f0", "1", "share of frames with a fundamental frequency"),
    Column("aci", "soundscape", "1", "acoustic complexity index (Pieretti 2011)"),
    Column("adi", "soundscape", "nat", "acoustic diversity index (Villanueva-Rivera 2011)"),
    Column("aei", "soundscape", "1", "acoustic evenness index (Villanueva-Rivera 2011)"),
    Column("bi", "soundscape", "dB kHz", "bioacoustic index (Boelman 2007)"),
    Column("ndsi", "soundscape", "1", "normalised difference soundscape index (Kasten 2012)"),
    Column("h", "soundscape", "1", "acoustic entropy, ht times hf (Sueur 2008)"),
    Column("ht", "soundscape", "1", "temporal entropy: of the amplitude envelope (Sueur 2008)"),
    Column("hf", "soundscape", "1", "spectral entropy: of the mean spectrum (Sueur 2008)"),
)  # fmt: skip


def columns(options: DescriptorOptions) -> list[Column]:
    """Return the columns of the chosen families in the order of `bank.describe`.

    The order is that of the families in `descriptor_options.FAMILIES`, whatever order the options
    name them in; within a family the statistics of its series come before its scalars.
    """
    return [column for column in _all_columns() if column.family in options.families]


def family_of(name: str) -> str:
    """Return the family of a column; `KeyError` for a name that is no column's."""
    return _families()[name]


@lru_cache(1)
def _all_columns() -> tuple[Column, ...]:
    made = []
    for family in FAMILIES:
        for series in SERIES:
            if series.family == family:
                for statistic in series.statistics:
                    name = f"{series.name}_{statistic}"
                    unit = _unit(series.unit, statistic)
                    meaning = f"{STATISTICS[statistic]} of: {series.meaning}"
                    made.append(Column(name, family, unit, meaning))
        made += [scalar for scalar in SCALARS if scalar.family == family]
    return tuple(made)


@lru_cache(1)
def _families() -> dict[str, str]:
    return {column.name: column.family for column in _all_columns()}


def _unit(unit: str, statistic: str) -> str:
    if statistic in ("skew", "kurtosis"):
        return "1"
    if statistic == "dmean":
        return f"{unit}/frame"
    return f"({unit}/frame)2" if statistic == "dvar" else unit
