"""Options of the Music Transformer: its network and its training."""

from typing import Literal, Self

from pydantic import Field, model_validator

from soundmill.options import Options
from soundmill.process_options import check_shares


class NetworkOptions(Options):
    """Shape of the network.

    The defaults learn a small corpus on a laptop's CPU in about two minutes. For a GPU and hours
    of music: ``width: 512, layers: 8, heads: 8, context: 2048``.
    """

    width: int = Field(128, ge=8, le=4096)
    """Numbers per token (d_model); a multiple of heads, even for sinusoidal positions."""
    layers: int = Field(4, ge=1, le=64)
    """Decoder blocks."""
    heads: int = Field(2, ge=1, le=64)
    """Attention heads."""
    feedforward: int = Field(4, ge=1, le=16)
    """Width of the feed-forward layers in multiples of width."""
    context: int = Field(256, ge=8, le=16384)
    """Events the network sees at once; also the length of a training window."""
    positions: Literal["relative", "learned", "sinusoidal"] = "relative"
    """How it knows the order of events: relative attention, or a vector added per position."""

    @model_validator(mode="after")
    def _heads_divide_width(self) -> Self:
        if self.width % self.heads or self.width % 2:
            raise ValueError(
                f"width {self.width} must be even and a multiple of {self.heads} heads"
            )
        return self


class TrainingOptions(Options):
    """How the network learns. Budgets are steps, never wall time: a slow machine learns the same.

    For a network of 512 x 8 layers x 2048 events on a GPU of 24 GB: ``batch: 4, max_steps: 100000,
    validation_interval: 1000, warmup_steps: 4000, learning_rate: 0.0003``.
    """

    max_steps: int = Field(800, ge=1)
    """Optimiser steps at most."""
    batch: int = Field(8, ge=1)
    """Windows per step, of all devices together."""
    learning_rate: float = Field(2e-3, gt=0, le=1)
    """Highest learning rate, reached after the warm-up; falls along a cosine to a tenth."""
    warmup_steps: int = Field(60, ge=0)
    """Steps of linear warm-up."""
    weight_decay: float = Field(0.01, ge=0, le=1)
    """AdamW's decay of the weight matrices."""
    gradient_clip: float = Field(1.0, gt=0)
    """Largest norm of the gradient."""
    dropout: float = Field(0.1, ge=0, lt=1)
    """Share of the numbers dropped after the embedding and in each residual branch."""
    validation_interval: int = Field(100, ge=1)
    """Steps between two validations; the state is saved as often."""
    patience: int = Field(4, ge=1)
    """Validations without improvement before training stops."""
    accelerator: Literal["auto", "cpu", "gpu", "mps"] = "auto"
    """Device to train on."""
    devices: int = Field(1, ge=1)
    """Devices of a node that share each batch, one process each; with `cpu` processes."""
    nodes: int = Field(1, ge=1)
    """Nodes of the cluster that share each batch; more than one needs Slurm."""
    precision: Literal["auto", "32-true", "bf16-mixed"] = "auto"
    """auto: bfloat16 on a GPU that has it, else 32 bits."""
    threads: int = Field(8, ge=1)
    """CPU threads of a device at most; those of a small network mostly wait for one another."""

    @model_validator(mode="after")
    def _processes(self) -> Self:
        check_shares(self.batch, self.devices, self.nodes, self.accelerator)
        return self
