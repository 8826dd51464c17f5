"""Effects: pure functions from samples (2, n) to samples (2, n or longer).

Each takes float32 samples of shape (2, n), the sample rate in Hz and its parameters (a model of
`soundmill.synthesis.presets`). The direct sound is never delayed, so onsets stay where the notes
have them. Pedalboard would offer such effects ready-made, but it is GPL, which this project is
not; SciPy's filters and convolution are all that these need.
"""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import signal

from soundmill.audio.files import Samples
from soundmill.synthesis import presets

ROOM_SEED = 20
"""Every room is made of this noise, so that the same options give the same bytes."""
ROOM_BANDS = (250.0, 2000.0, 6000.0)
"""Borders in Hz of the four bands of a room that die away at rates of their own."""


def low_pass(samples: Samples, sample_rate: int, parameters: presets.LowPass) -> Samples:
    """Butterworth low-pass."""
    return _butterworth(samples, sample_rate, "low", parameters.frequency, parameters.order)


def high_pass(samples: Samples, sample_rate: int, parameters: presets.HighPass) -> Samples:
    """Butterworth high-pass; also takes away a constant offset."""
    return _butterworth(samples, sample_rate, "high", parameters.frequency, parameters.order)


def _butterworth(samples: Samples, rate: int, kind: str, frequency: float, order: int) -> Samples:
    # second-order sections stay stable where one high-order polynomial would not
    corner = min(frequency, 0.49 * rate)
    sections = signal.butter(order, corner, kind, fs=rate, output="sos")
    return np.stack([signal.sosfilt(sections, channel).astype(np.float32) for channel in samples])


def chorus(samples: Samples, sample_rate: int, parameters: presets.Chorus) -> Samples:
    """Add two swaying copies a side, their phases spread over a circle (Dattorro 1997, part 2)."""
    out = samples.copy()
    gain = np.float32(_factor(parameters.wet) / math.sqrt(2))
    depth = min(parameters.depth, parameters.delay)
    for side, channel in enumerate(samples):
        for voice in range(2):
            phase = math.pi * (voice + side / 2)
            out[side] += gain * _swaying_delay(
                channel, sample_rate, parameters.delay, depth, parameters.rate * (1 + voice / 7),
                phase,
            )  # fmt: skip
    return out


def wow(samples: Samples, sample_rate: int, parameters: presets.Wow) -> Samples:
    """Let the pitch sway, as a tape does.

    A delay d(t) changes pitch by the factor 1 - d'(t); its sine here has the depth that makes
    ``cents`` the largest deviation. Onsets move by that depth at most (under 2 ms for 5 cents).
    """
    slope = 2 ** (parameters.cents / 1200) - 1
    depth = 1000 * slope / (2 * math.pi * parameters.rate)
    return np.stack(
        [
            _swaying_delay(channel, sample_rate, depth, depth, parameters.rate, -math.pi / 2)
            for channel in samples
        ]
    )


def _swaying_delay(
    channel: npt.NDArray[np.float32],
    sample_rate: int,
    delay: float,
    depth: float,
    rate: float,
    phase: float,
) -> npt.NDArray[np.float32]:
    """Read a channel at t - delay - depth sin(2 pi rate t + phase), in ms, interpolating."""
    time = np.arange(len(channel))
    sway = np.sin(2 * np.pi * rate / sample_rate * time + phase)
    position = time - (delay + depth * sway) * sample_rate / 1000
    return np.interp(position, time, channel, left=0.0).astype(np.float32)


def delay(samples: Samples, sample_rate: int, parameters: presets.Delay) -> Samples:
    """Add echoes from alternating sides until they are 60 dB below the first."""
    step = round(parameters.time * sample_rate)
    echoes = 1
    if parameters.feedback > 0.001:
        echoes = 1 + math.ceil(math.log(0.001) / math.log(parameters.feedback))
    echo = _butterworth(
        samples.mean(axis=0, keepdims=True), sample_rate, "low", parameters.low_pass, 2
    )[0]
    n = samples.shape[1]
    out = np.pad(samples, ((0, 0), (0, echoes * step)))
    for number in range(1, echoes + 1):
        gain = _factor(parameters.wet) * parameters.feedback ** (number - 1)
        out[number % 2, number * step : number * step + n] += np.float32(gain) * echo
    return out


def reverb(samples: Samples, sample_rate: int, parameters: presets.Reverb) -> Samples:
    """Add the sound of a room: convolution with `room_response`."""
    response = room_response(parameters, sample_rate)
    gain = np.float32(_factor(parameters.wet))
    out = np.pad(samples, ((0, 0), (0, response.shape[1] - 1)))
    for side in range(2):
        out[side] += gain * signal.oaconvolve(samples[side], response[side])
    return out


@lru_cache(maxsize=8)
def room_response(parameters: presets.Reverb, sample_rate: int) -> Samples:
    """Make the impulse response (2, n) of a room, with unit energy a side.

    Exponentially decaying noise (Moorer 1979, "About this reverberation business"), another one
    in each ear; high bands die faster, as air and walls make them (Jot 1992), and six early
    reflections come before the dense part. Deterministic.
    """
    rng = np.random.default_rng(ROOM_SEED)
    # the bass decays 10 % slower than `seconds` says, hence the longer response
    n = round((1.1 * parameters.seconds + parameters.predelay / 1000) * sample_rate)
    start = round(parameters.predelay / 1000 * sample_rate)
    noise = rng.standard_normal((2, n)).astype(np.float32)
    time = np.maximum(np.arange(n) - start, 0) / sample_rate
    decays = np.array([1.1, 1.0, math.sqrt(parameters.damping), parameters.damping])
    response = np.zeros_like(noise)
    for band, decay in zip(_split(noise, sample_rate), decays * parameters.seconds, strict=True):
        response += band * np.exp(-math.log(1000) * time / decay)
    # the dense part builds up over the time in which the first reflections arrive
    response *= np.clip((np.arange(n) - start) / (0.03 * sample_rate), 0, 1) ** 2
    spread = np.sort(rng.uniform(0, 0.06, 6))
    for number, moment in enumerate(spread):
        place = start + round(moment * sample_rate)
        if place < n:
            response[number % 2, place] += 3.0 * (-1) ** (number // 2) / (1 + number)
    response = _butterworth(response, sample_rate, "high", parameters.low_cut, 2)
    response /= np.sqrt(np.sum(response**2, axis=1, keepdims=True))
    response.setflags(write=False)  # cached: nobody may change it
    return response


def _split(samples: Samples, sample_rate: int) -> list[Samples]:
    """Split into the bands between `ROOM_BANDS`; what each low-pass leaves goes on upwards."""
    bands, rest = [], samples
    for border in ROOM_BANDS:
        below = _butterworth(rest, sample_rate, "low", border, 1)
        bands.append(below)
        rest = rest - below
    return [*bands, rest]


def saturation(samples: Samples, sample_rate: int, parameters: presets.Saturation) -> Samples:
    """Round the peaks with tanh; the highest peak keeps its level."""
    peak = np.abs(samples).max(initial=0.0)
    if peak == 0:
        return samples
    drive = np.float32(parameters.drive)
    return (np.tanh(samples * (drive / peak)) * (peak / np.tanh(drive))).astype(np.float32)


def width(samples: Samples, sample_rate: int, parameters: presets.Width) -> Samples:
    """Scale the difference of the sides and leave their sum as it is."""
    middle = samples.mean(axis=0)
    side = (samples[0] - samples[1]) * np.float32(parameters.factor / 2)
    return np.stack([middle + side, middle - side])


EFFECTS: dict[str, Callable[[Samples, int, Any], Samples]] = {
    "low_pass": low_pass,
    "high_pass": high_pass,
    "chorus": chorus,
    "wow": wow,
    "delay": delay,
    "reverb": reverb,
    "saturation": saturation,
    "width": width,
}


def apply_effects(samples: Samples, sample_rate: int, effects: Sequence[presets.Effect]) -> Samples:
    """Apply effects one after another; reverb and delay make the sound longer, if there is any."""
    if not samples.size:
        return samples
    for parameters in effects:
        samples = EFFECTS[parameters.effect](samples, sample_rate, parameters)
    return samples


def _factor(decibels: float) -> float:
    return float(10 ** (decibels / 20))
