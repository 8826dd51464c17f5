"""Encoders and fusion as one module: what is exported."""

import torch
from torch import Tensor, nn

from soundmill.classification.export import aggregate_tensor
from soundmill.classification.network_model import TrainedNetwork
from soundmill.errors import InputError
from soundmill.fusion.image_model import ImageModel
from soundmill.fusion.model import FusionModel
from soundmill.fusion.sound_encoding import FLOOR
from soundmill.fusion.user_encoders import Encoder, ImageEncoder, SoundEncoder


class SoundGraph(nn.Module):
    """The logits of `soundmill.fusion.sound_encoding.encode_sound`, from a recording's chunks."""

    def __init__(self, trained: TrainedNetwork) -> None:
        super().__init__()
        self.networks, self._seeds = nn.ModuleList(trained.networks), list(trained.networks)

    def forward(self, spectra: Tensor) -> Tensor:
        """Map chunks (s, frames, bands) in dB to log probabilities (c,)."""
        logits = []
        for network in self._seeds:
            embedded = network.embed(network.front(spectra))
            if network.attend is None:
                segments = network.decide(network.classify(embedded))
                found = aggregate_tensor(segments, network.options.aggregation, network.task)
            else:
                found = network.decide(network.gather(embedded))
            logits.append(found.clamp(min=FLOOR).log())
        return torch.stack(logits).mean(0)


class ImageGraph(nn.Module):
    """The logits of `soundmill.fusion.image_model.ImageModel.encode_one`, from levels 0 to 1."""

    def __init__(self, model: ImageModel) -> None:
        super().__init__()
        self.network = model.network

    def forward(self, image: Tensor) -> Tensor:
        """Map an image (1, size, size), ink 1 on 0, to logits (c,)."""
        logits: Tensor = self.network(image)[0]
        return logits


class DecisionGraph(nn.Module):
    """Everything from the inputs to the decision."""

    def __init__(self, model: FusionModel) -> None:
        super().__init__()
        self.encoders = nn.ModuleList(graph_of(encoder) for encoder in model.encoders.values())
        self.fusion = model.fused.graph

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map the input of each modality, and ``present`` (m,), to what is decided.

        Returns
        -------
        Probabilities (c,), weights (m,), calibrated probabilities of each modality (m, c).
        """
        *samples, present = inputs
        parts = [graph(x) for graph, x in zip(self.encoders, samples, strict=True)]
        decided = self.fusion(torch.stack(parts)[None], (present > 0.5)[None])
        probabilities, weights, own = decided
        return probabilities[0], weights[0], own[0]


def graph_of(encoder: Encoder) -> nn.Module:
    """Return the module that gives an encoder's logits.

    Raises
    ------
    InputError
        When there is none for this kind of modality.
    """
    if isinstance(encoder, SoundEncoder):
        return SoundGraph(encoder.network)
    if isinstance(encoder, ImageEncoder):
        return ImageGraph(encoder.model)
    raise InputError(f"a modality of kind {encoder.kind!r} cannot be exported")
