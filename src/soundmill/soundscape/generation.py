"""New soundscapes from a trained model, block by block."""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from soundmill.audio.files import Samples
from soundmill.errors import InputError
from soundmill.options import nearest
from soundmill.seeds import derive
from soundmill.soundscape.conditions import Script, Vocabulary
from soundmill.soundscape.controls import MEANINGS
from soundmill.soundscape.encoding import Encoded, Sound, encode
from soundmill.soundscape.generation_options import SamplingOptions
from soundmill.soundscape.latents import Steps, decode_path, interpolate, new_path, vary
from soundmill.soundscape.layers import mix_layers, split_layers
from soundmill.soundscape.model import SoundscapeModel
from soundmill.soundscape.synthesis import Synthesiser

DEFAULT = SamplingOptions()
FARTHEST_CONTROL = 4.0
"""A control turned further asks for what no recording was."""


@dataclass(frozen=True)
class NeuralGenerator:
    """A trained model as a maker of endless sound (see `soundmill.soundscape.generator`)."""

    model: SoundscapeModel
    options: SamplingOptions = DEFAULT
    controls: Mapping[str, float] | None = None

    @property
    def sample_rate(self) -> int:
        """Hz."""
        return self.model.front.sample_rate

    @property
    def channels(self) -> int:
        """Channels of the sound."""
        return self.model.front.channels

    @property
    def vocabulary(self) -> Vocabulary:
        """What it can be asked for."""
        return self.model.front.vocabulary

    def stream(self, script: Script, seconds: float, seed: int) -> Iterator[Samples]:
        """Yield blocks (channels, n) of a new soundscape."""
        layers, count = split_layers(script), self._steps(seconds)
        seeds = [derive(seed, "layer", str(number)) for number in range(len(layers))]
        paths = [
            new_path(self.model, layer, count, self.options, own)
            for layer, own in zip(layers, seeds, strict=True)
        ]
        if len(paths) == 1:
            return self._sound(paths[0], seconds, seed)
        offset, front = turn(self.model, self.controls or {}), self.model.front
        streams = [decode_path(self.model, path, offset) for path in paths]
        mixed = mix_layers(layers, streams, front.sample_rate / front.hop)
        return self._sounding(mixed, seconds, seed)

    def variation(
        self, sound: Sound, seconds: float, strength: float, seed: int, labels: Mapping[str, Any]
    ) -> Iterator[Samples]:
        """Yield blocks of a variation of a sound at the model's sample rate.

        Parameters
        ----------
        strength : 0 keeps its latents, 1 only its environment.
        labels : what the sound is, where that is known.
        """
        script = Script(self.vocabulary, [(0.0, labels)])
        encoded = self.encode(sound)
        path = vary(self.model, encoded, script, self._steps(seconds), strength, self.options, seed)
        return self._sound(path, seconds, seed)

    def interpolation(
        self,
        first: Sound,
        second: Sound,
        seconds: float,
        seed: int,
        labels: Mapping[str, Any],
        to: Mapping[str, Any] | None = None,
    ) -> Iterator[Samples]:
        """Yield blocks that come out of one sound and end in another.

        Parameters
        ----------
        labels, to : what the first and the second sound are; without ``to`` both are the same.
        """
        script = Script(self.vocabulary, [(0.0, labels), (1.0, labels if to is None else to)])
        path = interpolate(
            self.model, self.encode(first), self.encode(second), script, self._steps(seconds)
        )
        return self._sound(path, seconds, seed)

    def reconstruction(self, sound: Sound, iterations: int, labels: Mapping[str, Any]) -> Samples:
        """Return a sound as its latents tell it: mean magnitudes, phases by Griffin-Lim."""
        seconds = sound.frames / self.sample_rate
        script = Script(self.vocabulary, [(0.0, labels)])
        options = self.options.model_copy(update={"noise": 0.0, "phase_iterations": iterations})
        plain = NeuralGenerator(self.model, options)
        path = vary(self.model, self.encode(sound), script, self._steps(seconds), 0.0, options, 0)
        blocks = list(plain._sound(path, seconds, 0))
        return torch.cat([torch.from_numpy(block) for block in blocks], dim=1).numpy()

    def encode(self, sound: Sound) -> Encoded:
        """Return the latents of a sound."""
        return encode(self.model.network, sound, **self.model.front.encoding)

    def _steps(self, seconds: float) -> int:
        if not 0 < seconds < math.inf or round(seconds * self.sample_rate) < 1:
            raise InputError(f"a soundscape of {seconds:g} s cannot be made; ask for more than 0 s")
        step = self.model.front.hop * self.model.network.stride
        return max(1, math.ceil(seconds * self.sample_rate / step) + 1)

    def _sound(self, path: Iterator[Steps], seconds: float, seed: int) -> Iterator[Samples]:
        """Yield the sound of a path, cut to its length."""
        offset = turn(self.model, self.controls or {})
        return self._sounding(decode_path(self.model, path, offset), seconds, seed)

    def _sounding(
        self, frames: Iterator[tuple[Tensor, Tensor]], seconds: float, seed: int
    ) -> Iterator[Samples]:
        """Yield the sound of decoded frames, cut to its length."""
        front, options = self.model.front, self.options
        synthesiser = Synthesiser(
            front.n_fft, front.hop, front.channels, derive(seed, "noise"), self.model.coherence,
            options.phase_iterations, options.noise,
        )  # fmt: skip
        left = round(seconds * self.sample_rate)
        skip = front.n_fft // 2  # the first frame's window begins half a window before the sound
        for block in synthesiser.blocks(frames):
            block, skip = block[:, skip:], max(0, skip - block.shape[1])
            if block.shape[1] and left:
                yield block[:, :left]
                left -= min(left, block.shape[1])
        if left:
            raise RuntimeError(f"the path ended {left} samples early")


def turn(model: SoundscapeModel, controls: Mapping[str, float]) -> Steps | None:
    """Return what controls add to latents and global vectors; None for none.

    Raises
    ------
    InputError
        For a control that does not exist, or is turned too far.
    """
    if not controls:
        return None
    g, z = torch.zeros(model.network.globals), torch.zeros(model.network.latents)
    for name, amount in controls.items():
        if not abs(amount) <= FARTHEST_CONTROL:
            raise InputError(
                f"control {name}: {amount:g} is beyond -{FARTHEST_CONTROL:g} to "
                f"{FARTHEST_CONTROL:g} standard deviations"
            )
        single = re.fullmatch(r"(global|latent) (\d+)", name)
        vector = {"global": g, "latent": z}[single[1]] if single else None
        if name in model.directions:
            g += amount * model.directions[name]
        elif single and vector is not None and int(single[2]) < len(vector):
            vector[int(single[2])] += amount
        else:
            raise InputError(
                f"there is no control {name!r}{nearest(name, MEANINGS)}; there are "
                f"{', '.join(MEANINGS)}, global 0 to {len(g) - 1}, latent 0 to {len(z) - 1}"
            )
    return Steps(z, g, torch.zeros(0))
