"""A variational autoencoder that hears a soundscape as one global vector and a latent sequence.

y, the log magnitudes (frames, bands), are explained twice: the global vector g gives what stays,
a spectrum; the latents z, one frame for `stride` frames of y, give what is left of it. Both start
as principal components, which reconstruct recordings never heard at once, and learn from there.
The decoder gives the mean of y and its spread in each bin. A spread as wide as that of noise says
that the fine structure there is noise, which generation then draws anew.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from soundmill.soundscape.autoencoder_options import AutoencoderOptions


class Posterior(NamedTuple):
    """What the encoder believes: means and log variances of g (B, G) and of z (B, S, D)."""

    global_mean: Tensor
    global_log_variance: Tensor
    mean: Tensor
    log_variance: Tensor


class Decoded(NamedTuple):
    """Mean and log of the standard deviation of the normalised log magnitudes, (B, T, bands)."""

    mean: Tensor
    log_spread: Tensor


class Residual(nn.Module):
    """Two convolutions over time beside an identity; starts as the identity."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)  # of each frame alone, so that a block decodes as a whole
        self.first = nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation)
        self.second = nn.Conv1d(width, width, 1)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, width, S) to the same shape."""
        normed = self.norm(x.transpose(1, 2)).transpose(1, 2)
        return x + self.second(nn.functional.gelu(self.first(normed)))


class Autoencoder(nn.Module):
    """Encoder and decoder.

    Parameters
    ----------
    options : sizes.
    bands : bins times channels.
    condition : length of a condition vector, 0 for none.
    """

    centre: Tensor
    scale: Tensor

    def __init__(self, options: AutoencoderOptions, bands: int, condition: int) -> None:
        super().__init__()
        assert options.width and options.latents and options.global_latents
        assert options.blocks is not None
        # latents on each side that a decoded frame depends on, and an encoded one
        dilations = [2 ** (n % 3) for n in range(options.blocks)]
        self.context = 3 + sum(dilations)
        self.stride, self.bands, self.condition = options.stride, bands, condition
        self.latents, self.globals = options.latents, options.global_latents
        width, step = options.width, options.stride
        self.register_buffer("centre", torch.zeros(bands))
        self.register_buffer("scale", torch.ones(()))
        self.global_in = nn.Linear(bands, self.globals)
        self.global_out = nn.Linear(self.globals, bands)
        self.global_log_variance = nn.Parameter(torch.zeros(self.globals))
        self.latent_in = nn.Conv1d(bands, self.latents, step, step)
        self.latent_out = nn.ConvTranspose1d(self.latents, bands, step, step)
        self.reduce = nn.Conv1d(bands, width, 1)
        self.down = nn.Conv1d(width, width, 2 * step, step, padding=step // 2)
        self.encoder = nn.Sequential(*[Residual(width, step) for step in dilations])
        self.heads = nn.Conv1d(width, 2 * self.latents, 1)
        self.join = nn.Conv1d(self.latents + self.globals + condition, width, 3, padding=1)
        self.decoder = nn.Sequential(*[Residual(width, step) for step in dilations])
        self.up = nn.ConvTranspose1d(width, width, 2 * step, step, padding=step // 2)
        self.expand = nn.Conv1d(width, 2 * bands, 1)
        for layer in (self.heads, self.expand):
            nn.init.zeros_(layer.weight)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)

    def normalise(self, levels: Tensor) -> Tensor:
        """Map log magnitudes in nepers to the values that the network works with."""
        return (levels - self.centre) / self.scale

    def restore(self, values: Tensor) -> Tensor:
        """Map the network's values to log magnitudes in nepers."""
        return values * self.scale + self.centre

    def encode_global(self, y: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log variance of g (B, G) from y (B, T, bands) and mask (B, T)."""
        weight = mask.unsqueeze(2)
        stays = (y * weight).sum(1) / weight.sum(1).clamp_min(1)
        mean = self.global_in(stays)
        return mean, self.global_log_variance.expand_as(mean)

    def encode_rest(self, y: Tensor, g: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log variance of z (B, T / stride, D): what g leaves unsaid of y."""
        rest = ((y - self.spectrum(g)) * mask.unsqueeze(2)).transpose(1, 2)
        hidden = self.down(nn.functional.gelu(self.reduce(rest)))
        correction, log_variance = self.heads(self.encoder(hidden)).chunk(2, dim=1)
        mean = self.latent_in(rest) + correction
        return mean.transpose(1, 2), log_variance.transpose(1, 2).clamp(-12, 4)

    def spectrum(self, g: Tensor) -> Tensor:
        """Return what g (B, G) or (B, S, G) says of all frames, (B, 1 or S, bands)."""
        found: Tensor = self.global_out(g)
        return found.unsqueeze(1) if g.dim() == 2 else found

    def forward(self, y: Tensor, mask: Tensor, condition: Tensor) -> tuple[Posterior, Decoded]:
        """Encode, draw from the posterior, decode.

        Parameters
        ----------
        y : normalised log magnitudes (B, T, bands), T a multiple of the stride.
        mask : (B, T), 1 where there is sound.
        condition : (B, condition).
        """
        g_mean, g_log_variance = self.encode_global(y, mask)
        g = draw(g_mean, g_log_variance)
        z_mean, z_log_variance = self.encode_rest(y, g, mask)
        z = draw(z_mean, z_log_variance)
        posterior = Posterior(g_mean, g_log_variance, z_mean, z_log_variance)
        return posterior, self.decode(z, g, condition)

    def decode(self, z: Tensor, g: Tensor, condition: Tensor) -> Decoded:
        """Return the mean and the spread of the log magnitudes.

        Parameters
        ----------
        z : (B, S, D).
        g : (B, G), or (B, S, G) where it moves.
        condition : (B, condition) or (B, S, condition).
        """
        steps = z.shape[1]
        said = [_each(part, steps) for part in (g, condition)]
        hidden = self.join(torch.cat([z, *said], dim=2).transpose(1, 2))
        hidden = nn.functional.gelu(self.up(self.decoder(hidden)))
        correction, log_spread = self.expand(hidden).transpose(1, 2).chunk(2, dim=2)
        stays = self.spectrum(g)
        if g.dim() == 3:
            stays = stays.repeat_interleave(self.stride, 1)
        mean = stays + self.latent_out(z.transpose(1, 2)).transpose(1, 2) + correction
        return Decoded(mean, log_spread.clamp(-5, 1.5))


def draw(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return a reparameterised draw from normal distributions (Kingma and Welling 2014)."""
    return mean + torch.exp(log_variance / 2) * torch.randn_like(mean)


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return the divergence in nats of each normal distribution from the standard one."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance)


def _each(vector: Tensor, steps: int) -> Tensor:
    """Return a vector (B, n) for each of the steps (B, steps, n); one that has them is kept."""
    return vector.unsqueeze(1).expand(-1, steps, -1) if vector.dim() == 2 else vector
