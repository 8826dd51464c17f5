"""Speed of soundmill's descriptor bank beside a script that computes the same with librosa.

Usage: python bench/descriptors.py [RECORDING ...]

Without recordings it makes five clips of 5 s and a piece of 30 s. Both sides get the same decoded
samples, compute the same columns of the recording and of its segments, and run in this process in
turns: first with one thread, then with torch's default number (librosa uses numpy's and scipy's
own threads in both, as it likes). Each figure is the best of three, after one run to warm up.

The script (`librosa_columns`) is what someone who knows librosa writes: one STFT and one CQT,
handed to whatever takes them, statistics by numpy and scipy over all rows of a feature at once.
"""

import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

for library in ("OMP", "OPENBLAS", "MKL", "NUMBA"):
    os.environ.setdefault(f"{library}_NUM_THREADS", str(os.cpu_count()))

import librosa  # noqa: E402
import numpy as np  # noqa: E402
import pyloudnorm  # noqa: E402
import torch  # noqa: E402
from scipy import stats  # noqa: E402

from soundmill.audio.files import read_audio  # noqa: E402
from soundmill.features.bank import describe  # noqa: E402
from soundmill.features.columns import SERIES, columns  # noqa: E402
from soundmill.features.descriptor_options import DescriptorOptions  # noqa: E402

ROUNDS = 3
SR, FFT, HOP = 22050, 2048, 512
PITCH_CLASSES = ("c", "cs", "d", "ds", "e", "f", "fs", "g", "gs", "a", "as", "b")
FACTORS = ("4", "8_3", "3", "2", "4_3", "3_2", "1", "2_3", "3_4", "1_2", "1_3", "3_8", "1_4")
STATISTICS = {series.name: series.statistics for series in SERIES}

Array = np.ndarray[Any, Any]


def librosa_series(y: Array) -> tuple[dict[str, tuple[list[str], Array]], dict[str, Array]]:
    """Return features as (names, (rows, frames)), and what the scalars are made from."""
    S = np.abs(librosa.stft(y, n_fft=FFT, hop_length=HOP))
    power = S**2
    mel = librosa.power_to_db(librosa.feature.melspectrogram(S=power, sr=SR))
    mfcc = librosa.feature.mfcc(S=mel, n_mfcc=20)
    C = np.abs(librosa.cqt(y, sr=SR, hop_length=HOP, n_bins=252, bins_per_octave=36, tuning=None))
    chroma = librosa.feature.chroma_cqt(C=C, sr=SR, bins_per_octave=36)
    cens = librosa.feature.chroma_cens(C=C, sr=SR, bins_per_octave=36)
    tuning = librosa.estimate_tuning(S=S, sr=SR)
    centroid = librosa.feature.spectral_centroid(S=S, sr=SR)
    share = power / np.maximum(power.sum(0), 1e-30)
    unit = librosa.util.normalize(S, norm=2, axis=0)
    onset = librosa.onset.onset_strength(S=mel, sr=SR)
    tempogram = librosa.feature.tempogram(onset_envelope=onset, sr=SR, hop_length=HOP)
    harmonic, percussive = (np.sum(part**2, axis=0) for part in librosa.decompose.hpss(S))
    names = [f"mfcc{n:02d}" for n in range(1, 21)]
    rms = librosa.feature.rms(y=y, frame_length=FFT, hop_length=HOP)
    with np.errstate(divide="ignore", invalid="ignore"):
        harmonic_share = harmonic / np.maximum(harmonic + percussive, 1e-30)
        entropy = -np.sum(share * np.log(np.maximum(share, 1e-30)), axis=0) / np.log(len(S))
    features = {
        "mfcc": (names, mfcc),
        "delta": ([f"{n}_delta" for n in names], librosa.feature.delta(mfcc)),
        "delta2": ([f"{n}_delta2" for n in names], librosa.feature.delta(mfcc, order=2)),
        "chroma_stft": (
            [f"chroma_stft_{n}" for n in PITCH_CLASSES],
            librosa.feature.chroma_stft(S=power, sr=SR, tuning=tuning),
        ),
        "chroma_cqt": ([f"chroma_cqt_{n}" for n in PITCH_CLASSES], chroma),
        "chroma_cens": ([f"chroma_cens_{n}" for n in PITCH_CLASSES], cens),
        "tonnetz": (
            [f"tonnetz{n}" for n in range(1, 7)],
            librosa.feature.tonnetz(chroma=chroma, sr=SR),
        ),
        "contrast": (
            [f"contrast{n}" for n in range(1, 8)],
            librosa.feature.spectral_contrast(S=S, sr=SR),
        ),
        "shape": (
            ["centroid", "bandwidth", "rolloff85", "rolloff95", "flatness", "entropy", "crest"],
            np.concatenate(
                [
                    centroid,
                    librosa.feature.spectral_bandwidth(S=S, sr=SR, centroid=centroid),
                    librosa.feature.spectral_rolloff(S=S, sr=SR, roll_percent=0.85),
                    librosa.feature.spectral_rolloff(S=S, sr=SR, roll_percent=0.95),
                    librosa.feature.spectral_flatness(S=S),
                    entropy[None],
                    S.max(0, keepdims=True) / np.maximum(S.mean(0, keepdims=True), 1e-30),
                ]
            ),
        ),
        "flux": (["flux"], np.sum(np.diff(unit) ** 2, axis=0, keepdims=True)),
        "energy": (
            ["rms", "zcr"],
            np.concatenate([rms, librosa.feature.zero_crossing_rate(y)]),
        ),
        "rhythm": (["onset_strength"], onset[None]),
        "ratios": (
            [f"tempogram_ratio_{n}" for n in FACTORS],
            librosa.feature.tempogram_ratio(tg=tempogram, sr=SR, hop_length=HOP),
        ),
        "harmony": (["harmonic_share"], harmonic_share[None]),
    }
    shared = {
        "S": S, "rms": rms[0], "onset": onset, "tempogram": tempogram,
        "harmonic": harmonic, "percussive": percussive,
        "onsets": librosa.onset.onset_detect(onset_envelope=onset, sr=SR, hop_length=HOP),
    }  # fmt: skip
    return features, shared


def row_statistics(X: Array) -> dict[str, Array]:
    low, p10, median, p90, high = np.percentile(X, [0, 10, 50, 90, 100], axis=1)
    step = np.diff(X, axis=1)
    return {
        "mean": X.mean(1), "std": X.std(1), "skew": stats.skew(X, axis=1),
        "kurtosis": stats.kurtosis(X, axis=1), "min": low, "p10": p10, "median": median,
        "p90": p90, "max": high, "dmean": step.mean(1), "dvar": step.var(1),
    }  # fmt: skip


def scalars(
    y: Array, shared: dict[str, Array], first: int, last: int, full: bool
) -> dict[str, Any]:
    part = y if full else y[first * HOP : last * HOP]
    seconds = len(part) / SR
    meter = pyloudnorm.Meter(SR)
    onset = shared["onset"][first:last]
    centred = onset - onset.mean()
    curve = librosa.autocorrelate(centred)
    rate, n = 60 * SR / HOP, len(onset)
    lags = np.arange(int(np.ceil(rate / 320)), min(int(rate // 40), n // 2) + 1)
    harmonic, percussive = (shared[k][first:last].sum() for k in ("harmonic", "percussive"))
    onsets = shared["onsets"]
    return {
        "loudness": meter.integrated_loudness(part.astype(float)),
        "loudness_range": meter.loudness_range(part.astype(float)) if seconds >= 3 else np.nan,
        "silence_ratio": np.mean(shared["rms"][first:last] < 1e-3),
        "clipping_ratio": np.mean(np.abs(part) >= 0.999),
        "onset_rate": np.sum((onsets >= first) & (onsets < last)) / (seconds if full else 5),
        "tempo": librosa.feature.tempo(tg=shared["tempogram"][:, first:last], sr=SR)[0],
        "pulse_clarity": np.max(curve[lags] / curve[0] * n / (n - lags)),
        "harmonic_percussive": 10 * np.log10(np.clip(harmonic / percussive, 1e-10, 1e10)),
        **soundscape(shared["S"][:, first:last], shared["rms"][first:last], shared["S"].max()),
    }


def soundscape(S: Array, rms: Array, largest: float) -> dict[str, float]:
    hertz = librosa.fft_frequencies(sr=SR, n_fft=FFT)
    total = S.sum(1)
    power = np.sum(S.astype(float) ** 2, axis=1)
    level = 20 * np.log10(np.maximum(S, 1e-30) / largest)
    cells = np.array(
        [np.mean(level[(hertz >= k * 1000) & (hertz < (k + 1) * 1000)] > -50) for k in range(10)]
    )
    share = cells / cells.sum()
    bio = (hertz >= 2000) & (hertz < 8000)
    anthro = power[(hertz >= 1000) & (hertz < 2000)].sum()
    mean = np.maximum(10 * np.log10(power / power.max()), -80)[bio]
    envelope, spectrum = rms.astype(float) / rms.sum(dtype=float), total / total.sum()
    ht, hf = (stats.entropy(x) / np.log(len(x)) for x in (envelope, spectrum))
    return {
        "aci": np.sum(np.abs(np.diff(S, axis=1)).sum(1) / total),
        "adi": stats.entropy(share),
        "aei": np.abs(np.subtract.outer(cells, cells)).sum() / (200 * cells.mean()),
        "bi": np.sum(mean - mean.min()) * hertz[1] / 1000,
        "ndsi": (power[bio].sum() - anthro) / (power[bio].sum() + anthro),
        "h": ht * hf, "ht": ht, "hf": hf,
    }  # fmt: skip


def segment_frames(samples: int, frames: int) -> Iterator[tuple[int, int]]:
    """Yield the segments as the bank lays them: 5 s, half overlapping, a last one at the end."""
    total, length = samples / SR, round(5 * SR / HOP)
    if total <= 5.5:
        return
    starts = [n * 2.5 for n in range(int((total - 5) / 2.5 + 1e-9) + 1)]
    if total - starts[-1] - 5 >= 0.5:
        starts.append(total - 5)
    for start in starts:
        first = min(round(start * SR / HOP), frames - length)
        yield first, first + length


def librosa_columns(y: Array) -> list[dict[str, float]]:
    """Return the columns, by name, of the recording and of its segments."""
    features, shared = librosa_series(y)
    frames = shared["S"].shape[1]
    rows = []
    for number, (first, last) in enumerate([(0, frames), *segment_frames(len(y), frames)]):
        row: dict[str, float] = {}
        for key, (names, values) in features.items():
            # a difference belongs to the later of its frames
            start = max(first - 1, 0) if key == "flux" else first
            stop = last - 1 if key == "flux" else last
            for statistic, column in row_statistics(values[:, start:stop]).items():
                for name, value in zip(names, column, strict=True):
                    if statistic in STATISTICS[name]:
                        row[f"{name}_{statistic}"] = value
        rows.append(row | scalars(y, shared, first, last, number == 0))
    return rows


def bank_columns(y: Array) -> list[dict[str, float]]:
    options = DescriptorOptions()
    names = [column.name for column in columns(options)]
    found = describe(y, options)
    several = found.segments if len(found.segments) > 1 else found.segments[:0]
    return [dict(zip(names, row, strict=True)) for row in (found.recording, *several)]


def make_clips() -> list[Array]:
    """Return noise, a rising chord, clicks, a beating drone, a voice-like buzz, and a piece."""
    rng = np.random.default_rng(1)
    t = np.arange(5 * SR) / SR
    tone: Callable[[float], Array] = lambda f: np.sin(2 * np.pi * f * t)  # noqa: E731
    clips = [
        0.1 * rng.standard_normal(len(t)),
        sum(tone(f * (1 + 0.02 * k)) for k, f in enumerate((220.0, 277.2, 329.6))) * t / 20,
        np.where(np.arange(len(t)) % 11025 < 40, rng.standard_normal(len(t)), 0) * 0.5,
        0.3 * tone(110) * (1 + tone(1.5)) / 2 + 0.001 * rng.standard_normal(len(t)),
        0.1 * np.sign(tone(150)) * (1 + tone(4)) / 2 + 0.001 * rng.standard_normal(len(t)),
    ]
    piece = np.concatenate([sum(clips[i] for i in (k % 5, (k + 2) % 5)) / 2 for k in range(6)])
    return [clip.astype(np.float32) for clip in (*clips, piece)]


def measure(clips: list[Array]) -> None:
    contestants = {"librosa script": librosa_columns, "soundmill": bank_columns}
    best = {name: [float("inf")] * len(clips) for name in contestants}
    for contestant in contestants.values():
        contestant(clips[0])
    for _ in range(ROUNDS):
        for number, clip in enumerate(clips):
            for name, contestant in contestants.items():
                started = time.perf_counter()
                contestant(clip)
                best[name][number] = min(best[name][number], time.perf_counter() - started)
    seconds = sum(len(clip) for clip in clips) / SR
    reference = sum(best["librosa script"])
    print("| | seconds | ms per 5 s of audio | ratio |\n|---|---|---|---|")
    for name, times in best.items():
        total = sum(times)
        print(f"| {name} | {total:.2f} | {5000 * total / seconds:.0f} | {reference / total:.1f} |")


def main(paths: list[Path]) -> None:
    clips = [read_audio(path, sample_rate=SR)[0][0] for path in paths] or make_clips()
    seconds = sum(len(clip) for clip in clips) / SR
    print(f"descriptors, {len(columns(DescriptorOptions()))} columns, default options")
    print(f"{len(clips)} recordings, {seconds:.0f} s of audio")
    warnings.simplefilter("ignore")
    threads = torch.get_num_threads()
    for number in dict.fromkeys([1, threads]):
        torch.set_num_threads(number)
        print(f"\n{number} torch thread{'s' if number > 1 else ''}\n")
        measure(clips)


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:]])
