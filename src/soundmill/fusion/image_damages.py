"""Images that are worse than they were: what principal components leave of them, and noise."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from soundmill.errors import InputError
from soundmill.fusion.image_options import ImageDamage
from soundmill.seeds import derive

Images = npt.NDArray[np.uint8]
"""(n, H, H), ink bright on black."""
MOST_IMAGES = 20_000
"""Training images that the principal components are found in, drawn at random."""
ENOUGH = 0.999
"""Share of the variance up to which components are kept; more only where a damage asks for it."""
LEAST_ENERGY = 0.15
"""Random damage keeps at least this share of the variance."""
NOTHING_LEFT = 0.97
"""From this amount of noise on nobody sees what is there: a network should say so."""
ONLY_NOISE = 0.25
"""Share of the randomly noisy images that are nothing but noise."""
AT_ONCE = 200


class Damages:
    """Named damages of images of one size, and the principal components behind them.

    Parameters
    ----------
    options : by name.
    mean : (H * H,) mean training image, 0 to 1.
    components : (k, H * H) leading principal components, of unit length, as rows.
    shares : (k,) share of the variance that each component holds, falling.
    """

    def __init__(
        self, options: Mapping[str, ImageDamage], mean: Tensor, components: Tensor, shares: Tensor
    ) -> None:
        self.options = dict(options)
        self.mean, self.components, self.shares = mean, components, shares

    @classmethod
    def fit(cls, images: Images, options: Mapping[str, ImageDamage], seed: int) -> "Damages":
        """Find the principal components of training images (n, H, H).

        Raises
        ------
        InputError
            When there is no image, or all are the same.
        """
        if not len(images):
            raise InputError("there is no training image to find principal components in")
        random = np.random.default_rng(derive(seed, "principal components"))
        drawn = np.sort(random.permutation(len(images))[:MOST_IMAGES])
        rows = images[drawn].reshape(len(drawn), -1).astype(np.float64) / 255
        mean = rows.mean(0)
        rows -= mean
        variance, vectors = np.linalg.eigh(rows.T @ rows / len(rows))
        variance, vectors = variance[::-1].clip(0), vectors[:, ::-1].T
        if variance.sum() <= 0:
            raise InputError("all training images are the same; there is nothing to learn from")
        shares = variance / variance.sum()
        asked = [damage.energy for damage in options.values() if damage.energy is not None]
        count = leading(shares, max([ENOUGH, *asked]))
        # the sign of a component is any; its largest number shall be positive
        vectors = vectors[:count]
        largest = np.abs(vectors).argmax(1)
        vectors = vectors * np.sign(vectors[np.arange(count), largest])[:, None]
        return cls(
            options,
            torch.from_numpy(mean).float(),
            torch.from_numpy(vectors.copy()).float(),
            torch.from_numpy(shares[:count].copy()).float(),
        )

    @property
    def names(self) -> list[str]:
        """Names of the damages, in their order."""
        return list(self.options)

    def apply(self, name: str, images: Images, seed: int, ids: Sequence[str]) -> Images:
        """Return damaged images (n, H, H).

        Parameters
        ----------
        seed, ids : noise is a function of the seed, the name of the damage and the id of an image,
            not of the order of the images.
        """
        damage = self.options[name]
        damaged = np.empty_like(images)
        for part in parts_of(len(images)):
            values = images[part].astype(np.float32) / 255
            if damage.energy is not None:
                count = leading(self.shares.numpy(), damage.energy)
                counts = torch.full((len(values),), count)
                values = self.rebuild(torch.from_numpy(values), counts).numpy()
            else:
                amount = np.float32(damage.noise or 0)
                noise = [self._noise(name, seed, i, values.shape[1:]) for i in ids[part]]
                values = (1 - amount) * values + amount * np.stack(noise)
            damaged[part] = np.rint(255 * values)
        return damaged

    @staticmethod
    def _noise(name: str, seed: int, image: str, shape: Any) -> npt.NDArray[np.float32]:
        random = np.random.default_rng(derive(seed, "noise", name, image))
        return random.random(shape, np.float32)

    def rebuild(self, images: Tensor, counts: Tensor) -> Tensor:
        """Rebuild images (B, H, H), 0 to 1, from their ``counts`` (B,) leading components."""
        numbers = (images.flatten(1) - self.mean) @ self.components.T
        kept = torch.arange(len(self.components)) < counts[:, None]
        rebuilt = (numbers * kept) @ self.components + self.mean
        return rebuilt.clamp(0, 1).reshape(images.shape)

    def random_damage(
        self, images: Tensor, share: float, random: torch.Generator
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Damage some of a training batch, as strongly as it happens.

        Parameters
        ----------
        images : (B, H, H), 0 to 1; not changed.
        share : of the images that are damaged; half of them keep a random energy between
            `LEAST_ENERGY` and 1, half are mixed with a random amount of noise.

        Returns
        -------
        images (B, H, H); which are damaged (B,); of which nothing is left but noise (B,).
        """
        draw = torch.rand(4, len(images), generator=random)
        bad, noisy = draw[0] < share, draw[1] < 0.5
        # small energies more often: where little is left there is most to learn
        energy = LEAST_ENERGY + (1 - LEAST_ENERGY) * draw[2].square()
        amount = torch.where(draw[3] < ONLY_NOISE, 1.0, draw[2])
        damaged = images.clone()
        blurred = torch.where(bad & ~noisy)[0]
        held = self.shares.cumsum(0)
        counts = torch.searchsorted(held, energy[blurred]) + 1
        damaged[blurred] = self.rebuild(images[blurred], counts)
        noised = torch.where(bad & noisy)[0]
        noise = torch.rand(len(noised), *images.shape[1:], generator=random)
        a = amount[noised, None, None]
        damaged[noised] = (1 - a) * images[noised] + a * noise
        return damaged, bad, bad & noisy & (amount >= NOTHING_LEFT)


def leading(shares: npt.NDArray[Any], energy: float) -> int:
    """Return how many leading components hold at least a share of the variance."""
    held = np.cumsum(shares, dtype=np.float64)
    return min(int(np.searchsorted(held, energy - 1e-6)) + 1, len(shares))


def parts_of(count: int) -> Iterator[slice]:
    """Yield slices of at most `AT_ONCE` rows that cover ``count`` rows."""
    for first in range(0, count, AT_ONCE):
        yield slice(first, first + AT_ONCE)
