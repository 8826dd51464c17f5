"""Options of the network that sees images, and of the damage it learns to bear."""

from pydantic import Field

from soundmill.options import Options


class ImageEncoderOptions(Options):
    """A small convolutional network; the defaults suit 28x28 digits on a laptop's CPU."""

    width: int = Field(24, ge=4, le=256)
    """Channels of the first of three blocks; each next has twice as many, but the last."""
    embedding: int = Field(64, ge=8, le=1024)
    """Numbers of an embedding."""
    dropout: float = Field(0.2, ge=0, lt=1)
    """Share of the embedding dropped before the last layer."""
    epochs: int = Field(5, ge=1, le=1000)
    """Passes over the training images."""
    batch: int = Field(128, ge=1, le=4096)
    """Images a step."""
    learning_rate: float = Field(5e-3, gt=0, le=1)
    """Highest learning rate, reached after 15 % of the steps; falls along a cosine to zero."""
    weight_decay: float = Field(0.01, ge=0, le=1)
    """AdamW's decay of the weight matrices."""
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    """Share of the target given to all classes alike."""
    rotate: float = Field(10.0, ge=0, le=180)
    """Largest turn of a training image, degrees."""
    scale: float = Field(0.1, ge=0, le=0.9)
    """Largest relative change of size."""
    shift: float = Field(0.07, ge=0, le=0.5)
    """Largest shift along either axis, as a share of the image."""
    damaged: float = Field(0.4, ge=0, le=1)
    """Share of the training images that are damaged: PCA energy or noise of a random amount. They
    are not turned, scaled or shifted."""
    precision: str = Field("32-true", pattern="^(32-true|bf16-mixed)$")
    """Arithmetic of training; bfloat16 is faster on processors with AMX or AVX512-BF16."""
