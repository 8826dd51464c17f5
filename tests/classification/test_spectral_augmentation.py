import numpy as np
import pytest
import torch

from soundmill.classification import spectral_augmentation as spectral
from soundmill.classification.network_options import SpectralAugmentationOptions
from soundmill.classification.spectral_augmentation import Changes

FREQUENCIES = torch.from_numpy(np.geomspace(100, 4000, 32)).float()


def crops(batch=16, frames=40, bands=32):
    return torch.randn(batch, frames, bands, generator=draw(9)) * 10 - 50


def draw(seed=1):
    return torch.Generator().manual_seed(seed)


def tone(band, frames=20, bands=32):
    x = torch.full((1, frames, bands), -80.0)
    x[:, :, band] = -10
    return x


@pytest.mark.parametrize("change", [
    lambda x, g: spectral.shift_time(x, 0.0, g),
    lambda x, g: spectral.gain(x, 0.0, g),
    lambda x, g: spectral.tilt(x, 0.0, g),
    lambda x, g: spectral.equalise(x, 0.0, g),
    lambda x, g: spectral.add_noise(x, 0.0, (0.0, 0.0), g),
    lambda x, g: spectral.limit_band(x, 0.0, g),
    lambda x, g: spectral.mask(x, 0, 0.5, 1, g),
    lambda x, g: spectral.mix(x, x[:, 0], 0.0, g)[0],
    lambda x, g: spectral.mix_powers(x, x[:, 0], 0.0, g)[0],
    lambda x, g: spectral.move_bands(x, torch.zeros(len(x)), torch.ones(len(x)), FREQUENCIES),
])  # fmt: skip
def test_no_strength_changes_nothing(change):
    x = crops()
    assert torch.allclose(change(x.clone(), draw()), x, atol=1e-4)


def test_options_without_changes_change_nothing():
    changes, x, y = Changes(SpectralAugmentationOptions()), crops(), torch.eye(16)
    for there, targets in (changes.to_sound(x, y, draw()), changes.to_input(x, y, draw())):
        assert torch.equal(there, x) and torch.equal(targets, y)


@pytest.mark.parametrize("shift", [-3.0, 2.0, 5.0])
def test_a_shift_moves_a_tone_by_that_many_bands(shift):
    moved = spectral.move_bands(tone(12), torch.tensor([shift]))
    assert (moved.argmax(2) == 12 + shift).all()
    assert moved.amax() == -10


def test_half_a_band_is_interpolated():
    moved = spectral.move_bands(tone(12), torch.tensor([0.5]))
    assert torch.allclose(moved[0, 0, 12:14], torch.tensor([-45.0, -45.0]))


@pytest.mark.parametrize("factor", [0.8, 1.25])
def test_a_warp_moves_a_tone_to_the_band_of_its_new_frequency(factor):
    warped = spectral.move_bands(tone(16), torch.zeros(1), torch.tensor([factor]), FREQUENCIES)
    nearest = (FREQUENCIES - FREQUENCIES[16] * factor).abs().argmin()
    assert warped[0, 0].argmax() == nearest


def test_warp_and_tape_reach_their_limits_and_not_beyond():
    x = tone(16).expand(400, -1, -1)
    changes = Changes(SpectralAugmentationOptions(warp=0.3), FREQUENCIES)
    bands = changes.to_sound(x, torch.eye(400), draw())[0][:, 0].argmax(1)
    reached = FREQUENCIES[bands] / FREQUENCIES[16]
    assert reached.max() < 1.3 * 1.07 and reached.min() > 1 / 1.3 / 1.07  # half a band of 12 %
    assert reached.max() > 1.2 and reached.min() < 1 / 1.2
    taped, _ = Changes(SpectralAugmentationOptions(), FREQUENCIES).to_sound(
        x[:2], torch.eye(2), draw(), torch.tensor([0.5, 2.0])
    )
    ratio = FREQUENCIES[taped[:, 0].argmax(1)] / FREQUENCIES[16]
    assert torch.allclose(ratio, torch.tensor([0.5, 2.0]), rtol=0.07)


def test_time_shift_rotates():
    x = crops()
    shifted = spectral.shift_time(x, 0.25, draw())
    steps = []
    for one, other in zip(x, shifted, strict=True):
        fits = [k for k in range(-10, 11) if torch.equal(one.roll(k, 0), other)]
        assert len(fits) == 1
        steps += fits
    assert min(steps) < -4 and max(steps) > 4


def test_gain_tilt_and_equaliser_are_levels_alike_in_all_frames():
    x = crops(batch=300)
    for change, strength in ((spectral.gain, 6), (spectral.tilt, 8), (spectral.equalise, 5)):
        added = change(x, strength, draw()) - x
        assert torch.allclose(added, added[:, :1].expand_as(added), atol=1e-4)
        if change is spectral.gain:
            assert added.std(2).max() < 1e-4 and 5.5 < added.abs().max() <= 6.0001
        elif change is spectral.tilt:
            across = added[:, 0, -1] - added[:, 0, 0]
            assert 7.5 < across.abs().max() <= 8.0001
            assert torch.allclose(added.mean(2), torch.zeros(1), atol=1e-4)
        else:
            assert 4 < added[:, 0, 0].std() < 6
            steps = (added[:, 0, 1:] - added[:, 0, :-1]).abs()
            assert steps.mean() < 0.3 * added[:, 0].abs().mean()  # smooth


@pytest.mark.parametrize("snr", [0.0, 20.0])
def test_noise_has_the_asked_ratio_to_the_signal(snr):
    x = crops(batch=40)
    noisy = spectral.add_noise(x, 1.0, (snr, snr), draw())
    signal, both = 10 ** (x / 10), 10 ** (noisy / 10)
    ratio = 10 * torch.log10(signal.mean((1, 2)) / (both - signal).mean((1, 2)))
    assert torch.allclose(ratio, torch.tensor(snr), atol=0.1)
    some = spectral.add_noise(x, 0.5, (snr, snr), draw()) != x
    assert 8 <= some.any(2).any(1).sum() <= 32


def test_a_band_limit_silences_only_the_top():
    x = crops(batch=200)
    limited = spectral.limit_band(x, 1.0, draw())
    assert torch.equal(limited[:, :, :16], x[:, :, :16])
    silent = limited == x.amin((1, 2), keepdim=True)
    edges = silent.all(1).int().argmax(1)
    assert edges.min() >= 16 and len(edges.unique()) > 8
    assert (limited[:, :, -1] == x.amin((1, 2))[:, None]).float().mean() > 0.9


@pytest.mark.parametrize("axis", [1, 2])
def test_masks_cover_whole_spans_with_the_mean(axis):
    x = crops(batch=300)
    masked = spectral.mask(x, 1, 0.3, axis, draw())
    changed = (masked != x).any(3 - axis)
    assert torch.equal(changed, (masked != x).all(3 - axis))  # all cells of a row or none
    mean = x.mean((1, 2))[:, None, None].expand_as(x)
    assert torch.allclose(masked[masked != x], mean[masked != x])
    lengths = changed.sum(1)
    assert lengths.max() <= 0.3 * x.shape[axis] + 1 and lengths.max() > 0.2 * x.shape[axis]
    spans = (changed[:, 1:] != changed[:, :-1]).sum(1)
    assert spans.max() <= 2  # one span


def test_mixup_mixes_targets_as_it_mixes_crops():
    x = torch.eye(16)[:, None, :].expand(16, 4, 16).contiguous()
    mixed, targets = spectral.mix(x, torch.eye(16), 1.0, draw())
    assert torch.allclose(mixed[:, 0], targets)
    assert torch.allclose(targets.sum(1), torch.ones(16))
    assert (targets.diagonal() >= 0.5).all() and (targets.diagonal() < 0.95).any()


def test_powers_mix_at_the_level_of_the_first():
    x = torch.cat([tone(3) + 5, tone(20) - 25])
    mixed, targets = spectral.mix_powers(x, torch.eye(2), 1.0, draw(4))
    share = targets[0, 0]
    if share < 1:
        both = 10 * torch.log10(torch.stack([share**2, (1 - share) ** 2])) - 5
        assert torch.allclose(mixed[0, 0, [3, 20]], both, atol=0.05)
    assert (targets < 1).any()


def test_bags_are_mixed_as_bags():
    x = torch.arange(6.0)[:, None, None, None].expand(6, 3, 4, 5).contiguous()
    options = SpectralAugmentationOptions(mixup=1.0)
    mixed, targets = Changes(options).to_input(x, torch.eye(6), draw())
    assert (mixed == mixed[:, :1, :1, :1]).all()
    assert torch.allclose(mixed[:, 0, 0, 0], targets @ torch.arange(6.0))


def test_the_same_generator_gives_the_same_changes():
    options = SpectralAugmentationOptions(
        warp=0.2, shift=2, time_shift=0.5, gain=6, tilt=6, equaliser=3, noise=0.5, band_limit=0.5,
        time_masks=2, frequency_masks=2, mixup=0.4, mixup_domain="power",
    )  # fmt: skip
    changes, x, y = Changes(options, FREQUENCIES), crops(), torch.eye(16)
    one, other = changes.to_sound(x, y, draw()), changes.to_sound(x, y, draw())
    assert torch.equal(one[0], other[0]) and torch.isfinite(one[0]).all()
    assert not torch.equal(one[0], changes.to_sound(x, y, draw(2))[0])
