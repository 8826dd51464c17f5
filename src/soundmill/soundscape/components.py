"""Principal components to start an autoencoder from: it then reconstructs before it has learned."""

import math

import torch
from torch import Tensor, nn

from soundmill.soundscape.autoencoder import Autoencoder

OVERSAMPLE = 12
"""Components found beyond those wanted, for accuracy (Halko, Martinsson and Tropp 2011)."""
LEAST = 1e-3
"""Smallest standard deviation of a component that is taken for one."""


@torch.no_grad()
def start_from_components(model: Autoencoder, levels: Tensor, mask: Tensor) -> None:
    """Set the linear paths of an autoencoder to principal components of crops.

    Parameters
    ----------
    levels : log magnitudes (crops, T, bands) in nepers, T a multiple of the stride.
    mask : (crops, T), 1 where there is sound.
    """
    heard = levels[mask > 0]
    model.centre.copy_(heard.mean(0))
    model.scale.copy_((heard - model.centre).square().mean().sqrt().clamp_min(1e-3))
    y = model.normalise(levels) * mask.unsqueeze(2)
    stays = y.sum(1) / mask.sum(1, keepdim=True).clamp_min(1)
    axes, spreads = components(stays, model.globals)
    _set(model.global_in, model.global_out, axes, spreads, stays.mean(0))
    rest = (y - model.spectrum(model.global_in(stays))) * mask.unsqueeze(2)
    step = model.stride
    blocks = rest.reshape(len(y), -1, step * model.bands).flatten(0, 1)
    whole = mask.reshape(len(y), -1, step).amin(2).flatten() > 0
    blocks = blocks[whole] if bool(whole.any()) else blocks
    axes, spreads = components(blocks, model.latents)
    # what can be put back has one mean for all frames of a block: so has what is taken away
    centre = blocks.mean(0).reshape(step, model.bands).mean(0)
    residual = blocks - centre.repeat(step)
    residual = residual - residual @ axes @ axes.T
    noise = residual.square().mean().clamp_min(1e-6)
    shape = (model.latents, step, model.bands)
    layers = (model.latent_in, model.latent_out, model.heads, model.expand)
    biases = [layer.bias for layer in layers]
    into_bias, out_bias, head_bias, expand_bias = (bias for bias in biases if bias is not None)
    into = (axes / spreads).T.reshape(shape).transpose(1, 2)
    out = (axes * spreads).T.reshape(shape).transpose(1, 2)
    model.latent_in.weight.copy_(into)
    into_bias.copy_(-(centre.repeat(step) @ (axes / spreads)))
    model.latent_out.weight.copy_(out)
    out_bias.copy_(centre)
    # the posterior of probabilistic principal components (Tipping and Bishop 1999, section 3)
    variance = noise / (spreads.square() + noise)
    head_bias[model.latents :].copy_(variance.log())
    expand_bias[model.bands :].copy_(
        residual.reshape(-1, model.bands).square().mean(0).clamp_min(1e-4).log() / 2
    )
    model.global_log_variance.fill_(math.log(0.02))


def components(data: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return principal axes (n, count) of data (rows, n) and their standard deviations (count,).

    Where the data have fewer, the rest are orthogonal axes with the least deviation found.
    """
    centred = data - data.mean(0)
    rank = min(count, *centred.shape)
    wanted = min(rank + OVERSAMPLE, *centred.shape)
    _, singular, axes = torch.svd_lowrank(centred, wanted, niter=4)
    spreads = singular[:rank] / math.sqrt(max(len(data) - 1, 1))
    # the sign of a component is arbitrary: fix it, so that every library finds the same
    axes = axes[:, :rank] * torch.sign(axes[axes[:, :rank].abs().argmax(0), range(rank)])
    if rank < count:
        extra = torch.linalg.qr(
            torch.cat([axes, torch.randn(data.shape[1], count - rank)], dim=1)
        ).Q[:, rank:]
        # more than there are dimensions can only be nothing
        extra = nn.functional.pad(extra, (0, count - rank - extra.shape[1]))
        axes = torch.cat([axes, extra], dim=1)
        spreads = torch.cat([spreads, torch.zeros(count - rank)])
    found = spreads[spreads > LEAST]
    return axes, spreads.clamp_min(float(found.min()) if len(found) else 1.0)


def _set(into: nn.Linear, out: nn.Linear, axes: Tensor, spreads: Tensor, centre: Tensor) -> None:
    into.weight.copy_((axes / spreads).T)
    into.bias.copy_(-(centre @ (axes / spreads)))
    out.weight.copy_(axes * spreads)
    out.bias.copy_(centre)
