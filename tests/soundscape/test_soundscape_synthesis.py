"""From decoded magnitudes to sound."""

import math

import numpy as np
import pytest
import torch

from soundmill.soundscape.frontend import (
    DECIBELS,
    RAYLEIGH_MEAN,
    RAYLEIGH_SPREAD,
    istft,
    log_magnitudes,
    noisiness,
    stft,
)
from soundmill.soundscape.synthesis import (
    CONTEXT,
    WAITING,
    Synthesiser,
    fast_griffin_lim,
)

N, HOP, BINS = 256, 64, 129
NOISY, SURE = math.log(RAYLEIGH_SPREAD), -5.0


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def sound(mean, spread, sizes=None, channels=1, seed=1, **settings):
    """Return the sound (channels, n) of levels (T, bins), given in blocks of these sizes."""
    maker = Synthesiser(N, HOP, channels, seed, **settings)
    spreads = torch.full_like(mean, spread)
    blocks = [
        (m[None].repeat(channels, 1, 1), s[None].repeat(channels, 1, 1))
        for m, s in zip(mean.split(sizes or len(mean)), spreads.split(sizes or len(mean)), strict=1)
    ]
    found = list(maker.blocks(iter(blocks)))
    assert all(block.dtype == np.float32 and len(block) == channels for block in found)
    joined = np.concatenate(found, axis=1)
    assert joined.shape == (channels, len(mean) * HOP)
    return torch.from_numpy(joined)[:, N // 2 :]


def coloured(frames):
    """Levels (frames, bins) that fall from bin to bin and slowly rise and fall, nepers."""
    tilt = -4 - 3 * torch.linspace(0, 1, BINS)
    return tilt + 0.5 * torch.sin(torch.arange(frames) / 60)[:, None]


@pytest.mark.parametrize("iterations", [0, 8])
@pytest.mark.parametrize("sizes", [None, 40])
def test_noise_has_the_level_and_the_spread_it_was_asked_for(iterations, sizes):
    asked = coloured(1200)
    heard = log_magnitudes(stft(sound(asked, NOISY, sizes, iterations=iterations)[0], N, HOP))
    away = (heard[:1190] - asked[:1190])[8:, 3:-3]
    assert float(away.mean()) * DECIBELS == pytest.approx(0, abs=0.2)
    assert (away.mean(0).abs() * DECIBELS).max() < 1.5
    assert float(away.std()) == pytest.approx(RAYLEIGH_SPREAD, rel=0.05)


def test_what_is_sure_sounds_as_loud_as_it_was_asked_for():
    asked = coloured(800)
    away = {}
    for iterations in (0, 30):
        made = sound(asked, SURE, 40, iterations=iterations)[0]
        heard = log_magnitudes(stft(made, N, HOP))
        away[iterations] = (heard[:790] - asked[:790])[8:, 3:-3] * DECIBELS
    assert away[30].abs().mean() < 0.75 * away[0].abs().mean()
    assert away[30].std() < 0.8 * away[0].std()
    assert abs(float(away[30].mean())) < 0.8


@pytest.mark.parametrize("noise_", [0.0, 0.5, 1.0])
def test_how_much_is_noise(noise_):
    spread = torch.tensor([-9.0, math.log(RAYLEIGH_SPREAD / 2), NOISY, 1.0])
    expected = [0.0, noise_ / 2, noise_, min(1.0, noise_ * math.e / RAYLEIGH_SPREAD)]
    assert noisiness(spread, noise_).tolist() == pytest.approx(expected, abs=1e-3)


def test_the_endless_noise_is_white_and_has_no_seams():
    maker = Synthesiser(N, HOP, 1, 5)
    parts = [maker._noise(frames) for frames in (7, 1, 200, 40, 3, 300)]
    found = torch.cat(parts, dim=1)[0]
    inner = found[:, 2:-2]
    assert inner.abs().square().mean() == pytest.approx(1, rel=0.03)
    assert torch.log(inner.abs()).mean() == pytest.approx(RAYLEIGH_MEAN, abs=0.02)
    # frames one hop apart share three quarters of their samples, at blocks' ends as elsewhere
    alike = (found[1:].conj() * found[:-1] * torch.exp(
        2j * math.pi * torch.arange(BINS) * HOP / N)).real[:, 2:-2].mean(1)  # fmt: skip
    joints = np.cumsum([7, 1, 200, 40, 3])[:] - 1
    assert alike[torch.from_numpy(joints)].mean() == pytest.approx(float(alike.mean()), abs=0.15)


def inconsistency(spectrum, magnitudes):
    again = stft(istft(spectrum, N, HOP, (len(magnitudes) - 1) * HOP), N, HOP).abs()
    return float((again - magnitudes).norm() / magnitudes.norm())


def test_griffin_lim_makes_magnitudes_fit_and_leaves_them_as_they_are():
    magnitudes = stft(noise(1, 100 * HOP), N, HOP)[0].abs()
    phases = torch.polar(torch.ones(101, BINS), 6 * noise(101, BINS, seed=2))
    away = [
        inconsistency(fast_griffin_lim(magnitudes, phases, N, HOP, n), magnitudes)
        for n in (0, 4, 30)
    ]
    assert away[2] < 0.6 * away[1] < 0.6 * away[0]
    found = fast_griffin_lim(magnitudes, phases, N, HOP, 5, held=10)
    assert torch.allclose(found.abs(), magnitudes, atol=1e-4)
    assert torch.allclose(found[:10], (magnitudes * phases)[:10], atol=1e-5)
    assert not torch.allclose(found[10:], (magnitudes * phases)[10:], atol=1e-1)
    assert torch.equal(fast_griffin_lim(magnitudes, phases, N, HOP, 0), magnitudes * phases)


def test_a_tone_goes_on_through_the_blocks():
    """Its magnitudes say nothing of where in its period a block begins: the phases do."""
    wave = 0.3 * torch.sin(2 * math.pi * 1000 / 8000 * torch.arange(200 * HOP))[None]
    levels = log_magnitudes(stft(wave, N, HOP))[0]
    made = sound(levels, -9.0, 20, iterations=60)[0]
    power = made[2000:-2000].unfold(0, N, HOP).square().mean(1)
    assert power.min() > 0.5 * power.median()  # a jump of phase would cancel it for a moment
    assert power.median().sqrt() == pytest.approx(0.3 / math.sqrt(2), rel=0.1)


@pytest.mark.parametrize("sizes", [1, 3, WAITING, 5, CONTEXT + 1, 100])
def test_blocks_of_any_length(sizes):
    made = sound(coloured(60), NOISY, sizes)
    assert torch.isfinite(made).all()
    level = torch.log(made[0].unfold(0, N, HOP).square().mean(1)) / 2
    assert level[2:-2].std() < 0.25 and level[2:-6].min() > level.median() - 1


def test_each_block_is_refined_after_the_frames_before_it(monkeypatch):
    seen = []
    proper = Synthesiser._refine

    def refine(self, past, block):
        found = proper(self, past, block)
        seen.append((past, found))
        return found

    monkeypatch.setattr(Synthesiser, "_refine", refine)
    sound(coloured(100), NOISY, 30)
    done = torch.zeros(1, 0, BINS, dtype=torch.complex64)
    for past, found in seen:
        if past is None:
            assert not done.shape[1]
        else:
            assert torch.equal(past, done[:, -CONTEXT:])
        done = torch.cat([done, found[:, :-WAITING]], dim=1)
    assert len(seen) == 4 and seen[1][0].shape[1] == CONTEXT


def test_the_seed_chooses_the_noise():
    first, again, other = (sound(coloured(30), NOISY, 10, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.allclose(first, other, atol=1e-3)


@pytest.mark.parametrize("alike", [0.0, 0.6, 1.0])
def test_two_channels_are_as_alike_as_they_shall_be(alike):
    left, right = sound(
        coloured(1000), NOISY, 100, channels=2, coherence=torch.full((BINS,), alike), iterations=0
    )
    assert np.corrcoef(left, right)[0, 1] == pytest.approx(alike, abs=0.06)
    assert right.std() == pytest.approx(float(left.std()), rel=0.05)


@pytest.mark.parametrize("sizes", [None, 40])
def test_frames_that_disagree_lose_no_power(sizes):
    """Levels that jump from frame to frame are no spectrum of a sound: overlapping cancels some."""
    asked = coloured(800) + 0.6 * noise(800, BINS)
    made = sound(asked, math.log(RAYLEIGH_SPREAD / 2), sizes)[0]
    heard = stft(made, N, HOP)[8:790].abs().square().mean()
    meant = torch.exp(2 * asked[8:790]) * math.exp(-2 * RAYLEIGH_MEAN / 2)
    # half of the wobble of noise: a mean power between that of the mean and that of noise
    found = 10 * math.log10(float(heard / meant.mean()))
    assert abs(found) < 1.0
