"""Options of the networks that classify spectra: shape, training, augmentation, transfer."""

from typing import Literal, Self

from pydantic import Field, model_validator

from soundmill.options import Options


class SpectralAugmentationOptions(Options):
    """Changes made to the log-mel crops while a network learns; each is off at 0.

    They are drawn anew for every crop. Strengths are the far ends of uniform distributions.
    """

    speed: float = Field(0.0, ge=0, le=1)
    """Largest relative change of tempo, pitch kept: .25 plays up to 1.25 times as fast or slow."""
    tape: float = Field(0.0, ge=0, le=1)
    """Largest relative change of tempo and all frequencies together, as a tape's speed makes it."""
    warp: float = Field(0.0, ge=0, le=1)
    """Largest relative change of all frequencies, tempo kept: another pitch and size of the vocal
    tract or instrument (VTLP, Jaitly and Hinton 2013). Follows the mel axis; on spectra of another
    kind the axis is taken as linear."""
    shift: float = Field(0.0, ge=0, le=32)
    """Largest shift along the bands, in bands; fractions are interpolated."""
    time_shift: float = Field(0.0, ge=0, le=1)
    """Largest rotation of a crop in time, as a share of the crop; 1: any."""
    gain: float = Field(0.0, ge=0, le=40)
    """Largest change of level in dB."""
    tilt: float = Field(0.0, ge=0, le=40)
    """Largest level difference (dB) between the lowest and the highest band, as another microphone
    or room makes it."""
    equaliser: float = Field(0.0, ge=0, le=40)
    """Typical level (dB, standard deviation) of a random smooth curve over the bands."""
    noise: float = Field(0.0, ge=0, le=1)
    """Share of the crops that get noise of a random colour."""
    noise_snr: tuple[float, float] = (5.0, 30.0)
    """Least and largest ratio (dB) of a crop's mean power to that noise's."""
    band_limit: float = Field(0.0, ge=0, le=1)
    """Share of the crops whose bands above a random one fall silent, as in a telephone."""
    time_masks: int = Field(0, ge=0, le=10)
    """Spans of time replaced by the crop's mean (SpecAugment, Park et al. 2019)."""
    time_mask_share: float = Field(0.15, ge=0, le=1)
    """Longest such span as a share of the crop."""
    frequency_masks: int = Field(0, ge=0, le=10)
    """Spans of bands replaced by the crop's mean."""
    frequency_mask_share: float = Field(0.15, ge=0, le=1)
    """Widest such span as a share of the bands."""
    mixup: float = Field(0.0, ge=0, le=10)
    """Alpha of the Beta distribution by which pairs of crops and their targets are mixed (Zhang et
    al. 2018)."""
    mixup_share: float = Field(1.0, ge=0, le=1)
    """Share of the batches that are mixed."""
    mixup_domain: Literal["input", "power"] = "input"
    """Mix what the network sees, as images are mixed; or the powers of crops brought to the same
    level, as sounds mix."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.noise_snr[0] > self.noise_snr[1]:
            raise ValueError(f"noise_snr {list(self.noise_snr)} must rise")
        return self


class StartOptions(Options):
    """Where a network's first weights come from: another task's trained network."""

    task: str
    """Name of the task; its network of fold ``all`` is taken."""
    learner: str
    """Name of its learner; kind, width and depth must be the same."""
    freeze: int = Field(0, ge=0, le=32)
    """First blocks that are not trained; 0 trains all."""
    rate_factor: float = Field(0.1, gt=0, le=1)
    """Learning rate of the taken blocks as a share of the new head's."""


NetworkKind = Literal["cnn", "cnn1d", "crnn", "attention", "residual"]


class ClassifierOptions(Options):
    """A network on spectra and how it learns.

    The defaults suit some hundred to some thousand clips of a few seconds on a laptop's CPU. Every
    budget is a number of epochs, never of seconds: a slow machine learns the same.
    """

    kind: NetworkKind = "cnn"
    """cnn: 2-D convolutions (VGG-like); cnn1d: convolutions over time with the bands as channels;
    crnn: convolutions, then a bidirectional LSTM; attention: convolutions, then attention over
    time; residual: short-chunk CNN with residual blocks (Won et al. 2020)."""
    width: int = Field(32, ge=4, le=512)
    """Channels of the first block."""
    growth: int = Field(4, ge=1, le=16)
    """Channels double from block to block up to this multiple of width; 1: all blocks alike."""
    depth: int = Field(4, ge=1, le=8)
    """Convolutional blocks, each halving time and bands."""
    convolutions: int = Field(1, ge=1, le=3)
    """Convolutions a block (cnn, crnn, attention); the first block, the costliest, has one."""
    first_pool: int = Field(2, ge=1, le=8)
    """Frames the first block pools into one (not cnn1d, residual): 4 is twice as fast as 2."""
    pooling: Literal["mean", "max", "mean_max"] = "mean_max"
    """How cnn, cnn1d and residual summarise time; crnn and attention have their own way."""
    reduce_frames: int = Field(1, ge=1, le=16)
    """Frames averaged into one before the first block: faster, and coarser in time."""
    normalise: Literal["band", "global", "chunk", "peak"] = "band"
    """Mean and deviation that are taken off: each band's or all bands' over the training part; or
    each chunk's own, or the level of its loudest frames, which make loudness invisible."""
    dynamic_range: float = Field(80.0, ge=0, le=200)
    """Levels further (dB) below the chunk's loudest are raised to there, so that digital silence is
    no cliff; 0: they are left."""
    mean_removal: float = Field(0.0, ge=0, le=1)
    """Share of each chunk's own mean spectrum that is taken off, against the colour of a microphone
    or a voice (as cepstral mean normalisation does)."""
    dropout: float = Field(0.2, ge=0, lt=1)
    """Share of the numbers dropped before the last layer."""
    block_dropout: float = Field(0.0, ge=0, lt=1)
    """Share of the channels dropped after each block."""

    silence: Literal["keep", "trim", "drop"] = "keep"
    """Quiet frames: kept, cut off at both ends of a recording (but two), or all left out."""
    silence_below: float = Field(60.0, gt=0, le=200)
    """Frames are quiet that lie further (dB) below the recording's loudest."""
    chunk_seconds: float = Field(4.0, gt=0, le=120)
    """What the network hears at once: a random crop in training, overlapping chunks after."""
    overlap: float = Field(0.5, ge=0, le=0.95)
    """Overlap of neighbouring chunks in evaluation, as a share of a chunk."""
    padding: Literal["repeat", "silence"] = "repeat"
    """Recordings shorter than a chunk are repeated, or lie in silence, which the dynamic range
    makes the chunk's floor."""
    aggregation: Literal["mean", "log_mean", "vote", "max", "attention"] = "mean"
    """How decisions on chunks become one on the recording; attention is learned (Ilse et al.
    2018)."""
    attention_chunks: int = Field(3, ge=2, le=16)
    """Chunks of one recording the network sees together where the aggregation is learned."""

    epochs: int = Field(40, ge=1, le=10_000)
    """Passes over the training part."""
    crops: int = Field(1, ge=1, le=64)
    """Crops of each recording in one pass."""
    batch: int = Field(16, ge=1, le=4096)
    """Recordings a step."""
    learning_rate: float = Field(2e-3, gt=0, le=1)
    """Highest learning rate, reached after 15 % of the steps; falls along a cosine to zero."""
    weight_decay: float = Field(0.01, ge=0, le=1)
    """AdamW's decay of the weight matrices."""
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    """Share of the target given to all classes alike."""
    class_weights: bool = False
    """Weigh examples so that all classes count alike; multi-label: rare tags weigh more."""
    average: float = Field(0.0, ge=0, lt=1)
    """Decay a step of a running mean of the weights, which is then what is evaluated; 0: none."""
    patience: int = Field(0, ge=0)
    """Epochs without a better validation before training stops; 0: never. The best epoch's weights
    are kept where the fold has a validation part, else the last."""
    precision: Literal["32-true", "bf16-mixed"] = "32-true"
    """Arithmetic of training; bfloat16 is faster on processors with AMX or AVX512-BF16."""
    seeds: int = Field(3, ge=1, le=20)
    """Trainings from different first weights; all are evaluated, and averaged in use."""

    spectral: SpectralAugmentationOptions = SpectralAugmentationOptions()
    """Changes made to the crops."""
    augmentations: tuple[str, ...] = ()
    """Names from ``augmentations``: stored copies of the recordings the crops are also taken
    from."""
    augmented_share: float = Field(0.5, ge=0, le=1)
    """Share of the crops taken from a stored copy."""
    compare_random: bool = False
    """Train on the folds that ignore groups as well, to show the difference."""
    start_from: StartOptions | None = None
    """Transfer: start from another task's network."""

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.padding == "silence" and self.dynamic_range == 0:
            raise ValueError("padding with silence needs a dynamic_range above 0")
        if self.start_from and self.start_from.freeze > self.depth:
            raise ValueError(f"freeze {self.start_from.freeze} exceeds depth {self.depth}")
        return self
