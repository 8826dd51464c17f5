"""What latents mean: how they go with what one hears, and how to turn them."""

from typing import Any

import torch
from torch import Tensor

from soundmill.soundscape.frontend import DECIBELS

MEANINGS = ("loudness", "brightness", "roughness", "events")
RIDGE = 0.1
"""Of the regression of a meaning on the global vector, in units of its variance."""


def meanings(levels: Tensor, sample_rate: int, hop: int) -> Tensor:
    """Return loudness (dB), brightness (octaves), roughness (dB) and events (1/s) of crops.

    Parameters
    ----------
    levels : log magnitudes (B, T, bins) in nepers, one channel.

    Returns
    -------
    (B, 4): the level of the mean power; the spectral centroid in octaves above 100 Hz; the standard
    deviation of the frames' level from frame to frame; rises of the smoothed level of more than
    3 dB above the median flux, a second.
    """
    power = torch.exp(2 * levels)
    frames = power.sum(2).clamp_min(1e-12)
    bins = torch.arange(levels.shape[2]) * sample_rate / 2 / (levels.shape[2] - 1)
    centroid = (power.mean(1) * bins).sum(1) / power.mean(1).sum(1).clamp_min(1e-12)
    level = DECIBELS / 2 * torch.log(frames)
    fine = level[:, 1:] - level[:, :-1]
    flux = (levels[:, 1:] - levels[:, :-1]).clamp_min(0).mean(2)
    threshold = flux.median(1, keepdim=True).values + 3 / DECIBELS
    peaks = (flux[:, 1:-1] > flux[:, :-2]) & (flux[:, 1:-1] >= flux[:, 2:])
    events = (peaks & (flux[:, 1:-1] > threshold)).sum(1) / (levels.shape[1] * hop / sample_rate)
    brightness = torch.log2((centroid / 100).clamp_min(0.01))
    loudness = DECIBELS / 2 * torch.log(frames.mean(1))
    return torch.stack([loudness, brightness, fine.std(1), events], 1)


def measure_controls(globals_: Tensor, latents: Tensor, heard: Tensor) -> dict[str, Any]:
    """Return what the latents mean.

    Parameters
    ----------
    globals_ : (B, G) global vectors of crops.
    latents : (B, D) means over time of their latents.
    heard : (B, 4) of `meanings`.

    Returns
    -------
    ``table``: for each latent its name and its Pearson correlation with each meaning.
    ``directions``: for each meaning the step of the global vector that most plausibly raises it by
    one standard deviation, and how well the global vector tells it (R squared).
    """
    table = []
    for name, values in (("global", globals_), ("latent", latents)):
        correlations = correlate(values, heard)
        table += [
            {"name": f"{name} {k}"}
            | {m: round(float(r), 3) for m, r in zip(MEANINGS, row, strict=True)}
            for k, row in enumerate(correlations)
        ]
    centred = globals_ - globals_.mean(0)
    covariance = centred.T @ centred / max(len(globals_) - 1, 1)
    ridge = RIDGE * covariance.diagonal().mean().clamp_min(1e-6) * torch.eye(len(covariance))
    directions = {}
    for k, meaning in enumerate(MEANINGS):
        target = heard[:, k] - heard[:, k].mean()
        spread = target.std(correction=0).clamp_min(1e-6)
        weights = torch.linalg.solve(
            covariance + ridge, centred.T @ target / max(len(target) - 1, 1)
        )
        left = (target - centred @ weights).square().sum() / target.square().sum().clamp_min(1e-9)
        # what never changes is told by nothing
        explained = 1 - left if float(target.square().mean()) > 1e-9 else torch.zeros(())
        # of all steps that raise it as much, the one that the recordings make most often
        step = covariance @ weights
        gain = weights @ step
        step = step * spread / gain if float(gain) > 1e-9 else torch.zeros_like(step)
        directions[meaning] = {
            "step": [round(float(v), 5) for v in step],
            "explained": round(max(float(explained), 0.0), 3),
        }
    return {"table": table, "directions": directions}


def correlate(values: Tensor, heard: Tensor) -> Tensor:
    """Return Pearson correlations (n, m) of columns (B, n) and (B, m); of constants 0."""
    a, b = (x - x.mean(0) for x in (values, heard))
    size = a.norm(dim=0).unsqueeze(1) * b.norm(dim=0).unsqueeze(0)
    found: Tensor = torch.where(size > 1e-6, (a.T @ b) / size.clamp_min(1e-6), 0.0)
    return found
