"""Front end, principal components, autoencoder, and encoding block by block."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from soundscape.tiny_model import AUTOENCODER, RATE, hiss, pulses

from soundmill.soundscape import encoding, frontend
from soundmill.soundscape.autoencoder import Autoencoder, divergence
from soundmill.soundscape.autoencoder_options import SIZES, AutoencoderOptions
from soundmill.soundscape.components import components, start_from_components
from soundmill.soundscape.encoding import encode
from soundmill.soundscape.frontend import FLOOR, istft, log_magnitudes, stft
from soundmill.soundscape.sounds import MemorySound

BANDS = AUTOENCODER.n_fft // 2 + 1


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def network(bands=BANDS, condition=0, trained=True, **changes):
    """Return an autoencoder whose every path does something."""
    torch.manual_seed(5)
    found = Autoencoder(AUTOENCODER.model_copy(update=changes), bands, condition)
    if trained:
        for parameter in found.parameters():
            torch.nn.init.normal_(parameter, std=0.3 / max(parameter[0].numel(), 1) ** 0.5)
        found.scale.fill_(1.7)
        found.centre.normal_()
    return found.eval()


# the front end


@given(st.integers(1, 3000), st.sampled_from([(256, 64), (64, 16)]))
def test_the_spectrum_gives_back_the_sound(n, sizes):
    sound = noise(2, 1, n)
    found = stft(sound, *sizes)
    assert found.shape == (2, 1, n // sizes[1] + 1, sizes[0] // 2 + 1)
    if n >= sizes[0]:
        n -= n % sizes[1]  # what no window's middle reaches is not in it
    whole = min(n, (found.shape[2] - 1) * sizes[1])
    if whole:
        assert torch.allclose(istft(found, *sizes, whole), sound[..., :whole], atol=1e-5)


def test_a_sine_of_full_scale_has_magnitude_one_and_noise_that_of_its_definition():
    time = torch.arange(RATE) / RATE
    for hertz, bin_ in ((1000, 32), (2000, 64)):
        size = stft(torch.sin(2 * math.pi * hertz * time), 256, 64).abs()[4:-4]
        assert torch.allclose(size[:, bin_], torch.ones(()), atol=1e-3)
    complex_noise = torch.complex(noise(10**6), noise(10**6, seed=1)) / math.sqrt(2)
    levels = torch.log(complex_noise.abs())
    assert levels.mean() == pytest.approx(frontend.RAYLEIGH_MEAN, abs=3e-3)
    assert levels.std() == pytest.approx(frontend.RAYLEIGH_SPREAD, abs=3e-3)


def test_levels_have_a_floor():
    levels = log_magnitudes(torch.zeros(3, dtype=torch.complex64))
    assert torch.allclose(levels, torch.full((3,), math.log(FLOOR)))
    assert math.log(FLOOR) * frontend.DECIBELS == pytest.approx(-100)
    assert log_magnitudes(torch.ones(1, dtype=torch.complex64)).item() == pytest.approx(0, abs=1e-4)


# principal components


def test_components_are_those_of_a_full_decomposition():
    data = noise(200, 20) @ torch.diag(torch.linspace(5, 0.1, 20)) @ noise(20, 20, seed=3)
    axes, spreads = components(data, 4)
    _, values, exact = torch.linalg.svd(data - data.mean(0))
    assert torch.allclose(spreads, values[:4] / math.sqrt(199), rtol=1e-4)
    assert torch.allclose((axes.T @ exact[:4].T).abs(), torch.eye(4), atol=1e-3)
    largest = axes.gather(0, axes.abs().argmax(0, keepdim=True))
    assert (largest > 0).all()


@pytest.mark.parametrize(("rows", "size", "count"), [(3, 30, 8), (1, 30, 8), (50, 5, 8)])
def test_where_data_have_fewer_components_the_rest_are_harmless(rows, size, count):
    torch.manual_seed(1)
    axes, spreads = components(noise(rows, size), count)
    assert axes.shape == (size, count) and spreads.shape == (count,)
    assert torch.isfinite(axes).all() and (spreads > 1e-3).all()
    product = axes.T @ axes
    assert torch.allclose(product - torch.diag(product.diagonal()), torch.zeros(()), atol=1e-4)
    assert int((product.diagonal() > 0.99).sum()) == min(size, count)
    _, same = components(torch.ones(4, size), count)
    assert torch.equal(same, torch.ones(count))


@pytest.mark.parametrize("stride", [2, 4])
def test_the_start_reconstructs_as_well_as_principal_components(stride):
    frames, count = 8 * stride, 40
    stays = noise(count, 1, 2) @ noise(2, BANDS, seed=1)
    moves = noise(count, frames, 3, seed=2) @ noise(3, BANDS, seed=3)
    levels = 2 * stays + moves + 0.1 * noise(count, frames, BANDS, seed=4) - 6
    mask = torch.ones(count, frames)
    model = network(trained=False, stride=stride, latents=3 * stride + 2, global_latents=2)
    start_from_components(model, levels, mask)
    y = model.normalise(levels)
    assert y.mean() == pytest.approx(0, abs=1e-3)
    assert y.square().mean() == pytest.approx(1, abs=1e-3)
    with torch.no_grad():
        g, _ = model.encode_global(y, mask)
        z, log_variance = model.encode_rest(y, g, mask)
        decoded = model.decode(z, g, torch.zeros(count, 0))
    assert g.std(0) == pytest.approx(torch.ones(2), abs=0.1)
    # what stays is in the global vector already
    assert (model.spectrum(g)[:, 0] - y.mean(1)).square().mean() < 0.1 * y.mean(1).square().mean()
    assert z.flatten(0, 1).std(0) == pytest.approx(torch.ones(3 * stride + 2), abs=0.1)
    error = (model.restore(decoded.mean) - levels).square().mean().sqrt()
    # of the noise only the part that falls into the components kept is explained
    assert 0.08 < error < 0.102
    assert decoded.log_spread.exp().mean() * model.scale == pytest.approx(0.1, rel=0.15)
    assert (log_variance[..., : 3 * stride] < -3).all()  # and it is sure of what it hears
    again = network(trained=False, stride=stride, latents=3 * stride + 2, global_latents=2)
    start_from_components(again, levels, mask)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=1))


def test_masked_frames_do_not_change_the_start():
    levels, mask = noise(6, 16, BANDS), torch.ones(6, 16)
    mask[3:, 10:] = 0
    starts = []
    for filled in (0.0, 100.0):
        model = network(trained=False)
        levels[3:, 10:] = filled
        start_from_components(model, levels, mask)
        starts.append(model.state_dict())
    assert all(torch.allclose(starts[0][name], value) for name, value in starts[1].items())


# the autoencoder


@pytest.mark.parametrize(("stride", "condition"), [(2, 0), (4, 5), (8, 5)])
def test_shapes(stride, condition):
    model = network(condition=condition, stride=stride)
    y, mask = noise(3, 4 * stride, BANDS), torch.ones(3, 4 * stride)
    posterior, decoded = model(y, mask, torch.zeros(3, condition))
    assert posterior.global_mean.shape == posterior.global_log_variance.shape == (3, 4)
    assert posterior.mean.shape == posterior.log_variance.shape == (3, 4, 4)
    assert decoded.mean.shape == decoded.log_spread.shape == y.shape
    assert model.restore(model.normalise(y)) == pytest.approx(y, abs=1e-5)


def test_what_is_masked_changes_nothing():
    model, y = network(), noise(2, 32, BANDS)
    mask = torch.ones(2, 32)
    mask[0, 20:] = 0
    found = []
    for filled in (0.0, 50.0):
        y[0, 20:] = filled
        torch.manual_seed(1)
        posterior, decoded = model(y, mask, torch.zeros(2, 0))
        found.append([*posterior, decoded.mean * mask.unsqueeze(2)])
    for first, second in zip(*found, strict=True):
        assert torch.equal(first, second)


@pytest.mark.parametrize("blocks", [0, 1, 4])
@pytest.mark.parametrize("stride", [2, 8])
def test_a_block_with_its_context_decodes_as_the_whole_does(blocks, stride):
    model = network(stride=stride, blocks=blocks, condition=3)
    around, size = model.context, 5
    steps = 2 * around + size + 7
    z, g, condition = noise(1, steps, 4), noise(1, steps, 4, seed=1), noise(1, steps, 3, seed=2)
    with torch.no_grad():
        whole = model.decode(z, g, condition)
        first = 3
        cut = slice(first, first + 2 * around + size)
        part = model.decode(z[:, cut], g[:, cut], condition[:, cut])
    own = slice(around * stride, (around + size) * stride)
    in_whole = slice((first + around) * stride, (first + around + size) * stride)
    for one, other in zip(part, whole, strict=True):
        assert torch.allclose(one[:, own], other[:, in_whole], atol=1e-4)


def test_a_global_vector_that_stays_is_one_that_moves_to_where_it_is():
    model, z, g = network(condition=2), noise(2, 6, 4), noise(2, 4, seed=1)
    condition = noise(2, 2, seed=2)
    for a, b in zip(
        model.decode(z, g, condition),
        model.decode(z, g[:, None].repeat(1, 6, 1), condition[:, None].repeat(1, 6, 1)),
        strict=True,
    ):
        assert torch.allclose(a, b, atol=1e-5)


def test_the_divergence_is_that_of_normal_distributions():
    mean, log_variance = noise(7), noise(7, seed=1)
    exact = torch.distributions.kl_divergence(
        torch.distributions.Normal(mean, torch.exp(log_variance / 2)),
        torch.distributions.Normal(0.0, 1.0),
    )
    assert torch.allclose(divergence(mean, log_variance), exact, atol=1e-6)


def test_sizes_are_what_is_not_said():
    assert AutoencoderOptions().latents == SIZES["small"]["latents"]
    large = AutoencoderOptions(size="large", latents=5)
    assert (large.width, large.latents, large.global_latents) == (
        SIZES["large"]["width"],
        5,
        SIZES["large"]["global_latents"],
    )
    assert AutoencoderOptions(n_fft=512).hop == 128
    with pytest.raises(ValidationError, match="multiple of 4"):
        AutoencoderOptions(n_fft=257)


# encoding


def spoken(seconds, seed=0, channels=1):
    parts = [np.concatenate([hiss(seconds / 2, seed + c), pulses(seconds / 2, seed + c)])
             for c in range(channels)]  # fmt: skip
    return MemorySound(np.stack(parts))


def encoded(model, sound, channels=1):
    return encode(model, sound, channels=channels, sample_rate=RATE, n_fft=256, hop=64)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("extra", [0, 1, 63, 200, 511, 512])
def test_blocks_encode_as_the_whole(monkeypatch, channels, extra):
    model = network(channels * BANDS, stride=8 if extra == 511 else 4)
    step = 64 * model.stride
    block = round(0.5 * RATE / step) * step
    sound = MemorySound(spoken(9, channels=channels).samples[:, : 12 * block + extra])
    whole = encoded(model, sound, channels)
    assert len(whole.mean) == len(whole.log_variance) == sound.frames // step
    for seconds in (0.5, 1.1):
        monkeypatch.setattr(encoding, "BLOCK_SECONDS", seconds)
        parts = encoded(model, sound, channels)
        for one, other in zip(parts, whole, strict=True):
            assert one.shape == other.shape and torch.allclose(one, other, atol=2e-4)


def test_a_whole_is_encoded_as_the_network_hears_it():
    model, sound = network(), spoken(2)
    levels = log_magnitudes(stft(torch.from_numpy(sound.samples), 256, 64))[0]
    whole = sound.frames // 256 * 4
    y = model.normalise(levels[:whole])[None]
    mask = torch.ones(1, whole)
    with torch.no_grad():
        g, _ = model.encode_global(y, mask)
        z, log_variance = model.encode_rest(y, g, mask)
    found = encoded(model, sound)
    for one, other in zip(found, (g[0], z[0], log_variance[0]), strict=True):
        assert torch.allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("n", [0, 1, 100, 255, 256, 300])
def test_the_shortest_sounds_have_a_latent(n):
    found = encoded(network(), MemorySound(spoken(1).samples[:, :n]))
    assert found.mean.shape == (1, 4) and torch.isfinite(found.mean).all()
