"""Options of the prior over latents and of its training."""

from pydantic import Field

from soundmill.options import Options


class PriorOptions(Options):
    """An autoregressive network that knows which latents follow which."""

    width: int = Field(256, ge=8)
    """Units of the recurrent layer."""
    layers: int = Field(1, ge=1)
    """Recurrent layers."""
    mixtures: int = Field(256, ge=1)
    """Normal distributions, shared by all frames, of which the network gives the weights."""
    steps: int = Field(1000, ge=1)
    """Steps of training."""
    epoch_steps: int = Field(50, ge=1)
    """Steps between validations, after each of which the state is saved."""
    batch: int = Field(8, ge=1)
    """Sequences in a step."""
    sequence_seconds: float = Field(4.0, gt=0)
    """Length of the sequences it learns from."""
    learning_rate: float = Field(2e-3, gt=0)
    """Highest rate: warmed up over a twentieth of the steps, then falling along a cosine."""
    input_noise: float = Field(0.1, ge=0)
    """Standard deviation of noise on what it hears, so that it can recover from its own errors."""
    dropout: float = Field(0.1, ge=0, lt=1)
    """Share of the units left out in each step of training."""
    condition_dropout: float = Field(0.2, ge=0, le=1)
    """Share of the sequences whose labels are hidden."""
