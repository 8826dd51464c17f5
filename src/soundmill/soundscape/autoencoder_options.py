"""Options of the autoencoder of soundscapes and of its training."""

from typing import Literal, Self

from pydantic import Field, model_validator

from soundmill.options import Options
from soundmill.process_options import check_shares

SIZES = {
    "small": {"width": 192, "blocks": 2, "latents": 96, "global_latents": 16},
    "large": {"width": 768, "blocks": 6, "latents": 128, "global_latents": 32},
}
"""What each size means where the options do not say otherwise."""


class AutoencoderOptions(Options):
    """A variational autoencoder over frames of latents, and how it is trained."""

    size: Literal["small", "large"] = "small"
    """`small` learns on a laptop; `large` wants a GPU."""
    n_fft: int = Field(1024, ge=64)
    """Window of the spectrum, samples: 46 ms at 22,050 Hz; the hop is a quarter of it."""
    stride: Literal[2, 4, 8] = 4
    """Frames of the spectrum that one frame of latents stands for."""
    width: int | None = Field(None, ge=8)
    """Channels of the convolutions; default 192, large 768."""
    blocks: int | None = Field(None, ge=0)
    """Residual blocks in the encoder and in the decoder; default 2, large 6."""
    latents: int | None = Field(None, ge=1)
    """Numbers in a frame of latents; default 96, large 128."""
    global_latents: int | None = Field(None, ge=1)
    """Numbers in the vector that stands for a whole recording; default 16, large 32."""
    crop_seconds: float = Field(2.5, gt=0)
    """Length of the crops it learns from; shorter recordings are padded, and the padding masked."""
    batch: int = Field(16, ge=1)
    """Crops in a step, of all devices together."""
    steps: int = Field(600, ge=1)
    """Steps of training."""
    epoch_steps: int = Field(50, ge=1)
    """Steps between validations, after each of which the state is saved."""
    learning_rate: float = Field(1e-3, gt=0)
    """Highest rate: warmed up over a twentieth of the steps, then falling along a cosine."""
    kl_weight: float = Field(1.0, ge=0)
    """Weight of the divergence from the prior at the end of its warm-up; 1 is the true bound."""
    kl_warmup: float = Field(0.3, ge=0, le=1)
    """Share of the steps over which this weight rises from 0."""
    free_bits: float = Field(0.05, ge=0)
    """Nats of each latent that cost nothing, so that none is given up early."""
    stft_weight: float = Field(0.1, ge=0)
    """Weight of the multi-resolution STFT loss of the decoded sound."""
    condition_dropout: float = Field(0.2, ge=0, le=1)
    """Share of the crops whose labels are hidden, so that it can do without."""
    precision: Literal["32-true", "bf16-mixed"] = "32-true"
    """Arithmetic; `bf16-mixed` is faster on a GPU, and on a CPU with AMX."""
    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    """What to train on."""
    devices: int = Field(1, ge=1)
    """Devices of a node that share each batch, one process each; with `cpu` processes."""
    nodes: int = Field(1, ge=1)
    """Nodes of the cluster that share each batch; more than one needs Slurm."""
    threads: int = Field(8, ge=1)
    """CPU threads of a device at most; those of a small network mostly wait for one another."""

    @model_validator(mode="before")
    @classmethod
    def _size(cls, data: object) -> object:
        if isinstance(data, dict):
            size = SIZES.get(data.get("size", "small"), {})
            return {**data, **{k: v for k, v in size.items() if data.get(k) is None}}
        return data

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.n_fft % 4:
            raise ValueError(f"n_fft: {self.n_fft} must be a multiple of 4")
        check_shares(self.batch, self.devices, self.nodes, self.accelerator)
        return self

    @property
    def hop(self) -> int:
        """Samples from frame to frame."""
        return self.n_fft // 4
