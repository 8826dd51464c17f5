"""The Music Transformer: a pre-norm decoder with relative self-attention, and its folder on disk.

Huang et al., "Music Transformer: generating music with long-term structure" (2018).
Shapes: B batch, H heads, N queries, M keys (M >= N; the first M - N are remembered), D width of a
head.
"""

import hashlib
import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import ValidationError
from torch import Tensor, nn
from torch.nn import functional as F

from soundmill.errors import InputError
from soundmill.files import atomic_folder
from soundmill.music import vocabulary
from soundmill.music.limits import Limits
from soundmill.music.network_options import NetworkOptions


def relative_logits(query: Tensor, embedding: Tensor) -> Tensor:
    """Return query . embedding[distance] for every query and key, by skewing (section 3.4).

    Memory is O(N M) for the logits plus O(M D) for the embedding; the naive form holds one vector
    for each pair of query and key, O(N M D).

    Parameters
    ----------
    query : (B, H, N, D), the last N of M positions.
    embedding : (H, M, D); row M - 1 - d belongs to distance d = query position - key position.

    Returns
    -------
    (B, H, N, M); where a key lies after the query the value means nothing and is to be masked.
    """
    n, m = query.shape[-2], embedding.shape[-2]
    by_distance = query @ embedding.transpose(-1, -2)  # column c: distance M - 1 - c
    # Row i must move left by N - 1 - i. One extra column in front makes every row one longer, so
    # reading the same numbers in rows of M again shifts each row by one more than the row before.
    return F.pad(by_distance, (1, 0)).flatten(-2)[..., n:].unflatten(-1, (n, m))


class Memory:
    """Keys and values of one layer, kept so that each event passes the network once (KV cache)."""

    def __init__(self, shape: tuple[int, int, int, int], like: Tensor) -> None:
        self.keys, self.values = like.new_zeros(shape), like.new_zeros(shape)
        self.length = 0

    def append(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Store (B, H, N, D) more and return all, (B, H, M, D)."""
        start, self.length = self.length, self.length + keys.shape[-2]
        self.keys[:, :, start : self.length] = keys
        self.values[:, :, start : self.length] = values
        return self.keys[:, :, : self.length], self.values[:, :, : self.length]


class Attention(nn.Module):
    """Causal multi-head self-attention, relative (equation 3 of the paper) or plain."""

    def __init__(self, options: NetworkOptions) -> None:
        super().__init__()
        self.heads = options.heads
        self.project_in = nn.Linear(options.width, 3 * options.width)
        self.project_out = nn.Linear(options.width, options.width)
        size = (options.heads, options.context, options.width // options.heads)
        self.distance = nn.Parameter(torch.empty(size)) if options.positions == "relative" else None

    def forward(self, x: Tensor, memory: Memory | None) -> Tensor:
        """Map (B, N, width) to the same shape; ``memory`` holds the events before and grows."""
        projected = self.project_in(x).unflatten(-1, (3, self.heads, -1))
        query, key, value = projected.permute(2, 0, 3, 1, 4)  # each (B, H, N, D)
        if memory is not None:
            key, value = memory.append(key, value)
        n, m = query.shape[-2], key.shape[-2]
        query = query / math.sqrt(query.shape[-1])
        logits = query @ key.transpose(-1, -2)
        if self.distance is not None:
            logits = logits + relative_logits(query, self.distance[:, -m:])
        if n > 1:  # a single query is the last position: nothing lies after it
            future = torch.ones(n, m, dtype=torch.bool, device=x.device).triu(m - n + 1)
            logits = logits.masked_fill_(future, -torch.inf)
        mixed = logits.softmax(-1) @ value
        return self.project_out(mixed.transpose(1, 2).flatten(2))


class Block(nn.Module):
    """Attention, then feed-forward; each normalised before and added to the stream."""

    def __init__(self, options: NetworkOptions, dropout: float) -> None:
        super().__init__()
        self.norm_attention = nn.LayerNorm(options.width)
        self.attention = Attention(options)
        self.norm_feedforward = nn.LayerNorm(options.width)
        self.expand = nn.Linear(options.width, options.feedforward * options.width)
        self.contract = nn.Linear(options.feedforward * options.width, options.width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, memory: Memory | None) -> Tensor:
        """Map (B, N, width) to the same shape."""
        x = x + self.dropout(self.attention(self.norm_attention(x), memory))
        return x + self.dropout(self.contract(F.gelu(self.expand(self.norm_feedforward(x)))))


class MusicTransformer(nn.Module):
    """Predicts the next event from all events before it.

    Parameters
    ----------
    options : shape of the network.
    dropout : used in training only.
    """

    def __init__(self, options: NetworkOptions, dropout: float = 0.0) -> None:
        super().__init__()
        self.options = options
        self.limits = Limits()  # of the corpus, set when a model folder is loaded
        self.embedding = nn.Embedding(vocabulary.SIZE, options.width)
        if options.positions == "learned":
            self.position = nn.Parameter(torch.empty(options.context, options.width))
        elif options.positions == "sinusoidal":
            table = _sinusoids(options.context, options.width)
            self.register_buffer("position", table, persistent=False)
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(Block(options, dropout) for _ in range(options.layers))
        self.norm = nn.LayerNorm(options.width)
        self._initialise()

    def _initialise(self) -> None:
        """GPT-2's start: normal(0, 0.02), smaller where a layer writes into the stream."""
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
            elif ".norm" not in name and not name.startswith("norm"):
                into_stream = name.endswith(("project_out.weight", "contract.weight"))
                scale = math.sqrt(2 * self.options.layers) if into_stream else 1.0
                nn.init.normal_(parameter, std=0.02 / scale)

    def new_memory(self, batch: int) -> list[Memory]:
        """Return empty memories for ``batch`` sequences of up to ``context`` events."""
        o = self.options
        shape = (batch, o.heads, o.context, o.width // o.heads)
        return [Memory(shape, self.embedding.weight) for _ in self.blocks]

    def forward(self, tokens: Tensor, memory: list[Memory] | None = None) -> Tensor:
        """Return logits of the next event after each token.

        Parameters
        ----------
        tokens : (B, N) token ids, N at most ``context``.
        memory : what `new_memory` gave; the tokens continue those it has seen, and it grows by N.

        Returns
        -------
        (B, N, vocabulary.SIZE)
        """
        past = memory[0].length if memory else 0
        if past + tokens.shape[1] > self.options.context:
            raise ValueError(f"more than {self.options.context} events in one window")
        x = self.embedding(tokens)
        if self.options.positions != "relative":
            x = x + self.position[past : past + tokens.shape[1]]
        x = self.dropout(x)
        for i, block in enumerate(self.blocks):
            x = block(x, memory[i] if memory else None)
        return F.linear(self.norm(x), self.embedding.weight)  # input and output share the table


def _sinusoids(length: int, width: int) -> Tensor:
    """(length, width) of sines and cosines; Vaswani et al. (2017), section 3.5."""
    rates = torch.exp(torch.arange(0, width, 2) * (-math.log(10000.0) / width))
    angles = torch.arange(length)[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)


# --- the folder: model.safetensors (best weights), last.safetensors, config.json ----------------

FORMAT = "soundmill.music_transformer"
WEIGHTS = {"best": "model.safetensors", "last": "last.safetensors"}
VOCABULARY = {
    "size": vocabulary.SIZE,
    "steps_per_second": vocabulary.STEPS_PER_SECOND,
    "velocity_bins": vocabulary.VELOCITY_BINS,
}


def check_vocabulary(found: Any, what: str, remedy: str) -> None:
    """Raise `InputError` when the vocabulary described by ``found`` is not this one.

    Parameters
    ----------
    found : the entry ``vocabulary`` of a model's config.json or of the card.json of shards.
    """
    entries = found if isinstance(found, dict) else {}
    if any(entries.get(key) != value for key, value in VOCABULARY.items()):
        raise InputError(
            f"{what} has another event vocabulary ({found}) than this soundmill ({VOCABULARY}). "
            f"{remedy}"
        )


def check_shards(folder: Path) -> None:
    """Raise `InputError` when the card of the shards tells of another vocabulary."""
    card = folder / "card.json"
    if card.exists():
        found = json.loads(card.read_text(encoding="utf-8")).get("vocabulary")
        check_vocabulary(found, f"{folder}", "Build the shards again.")


def save_model(
    folder: Path,
    options: NetworkOptions,
    weights: dict[str, Tensor],
    last: dict[str, Tensor] | None = None,
    limits: Limits | None = None,
    **facts: Any,
) -> None:
    """Write a model folder atomically: readers see the old folder, none, or the whole new one.

    Parameters
    ----------
    weights, last : state dicts of the best and of the last step.
    limits : of the corpus, for composing.
    facts : what else config.json shall say; plain JSON values.
    """
    from safetensors.torch import save

    with atomic_folder(folder) as temporary:
        checksums = {}
        for file, state in ((WEIGHTS["best"], weights), (WEIGHTS["last"], last)):
            if state is not None:
                content = save({name: value.contiguous() for name, value in state.items()})
                (temporary / file).write_bytes(content)
                checksums[file] = hashlib.sha256(content).hexdigest()
        config = {
            "format": FORMAT, "vocabulary": VOCABULARY, "network": options.model_dump(),
            "limits": asdict(limits or Limits()),
            "sha256": checksums, **facts,
        }  # fmt: skip
        (temporary / "config.json").write_text(json.dumps(config, indent=2) + "\n")


def load_model(folder: Path, weights: Literal["best", "last"] = "best") -> MusicTransformer:
    """Load a model folder written by `save_model`, ready to compose (eval mode, on the CPU).

    Parameters
    ----------
    weights : those of the best validation, or of the last step.

    Raises
    ------
    InputError
        when a file is missing or damaged, or the model was made for another vocabulary.
    """
    from safetensors.torch import load

    folder = Path(folder)
    again = "Train the model again, or name the folder of another."
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        content = (folder / WEIGHTS[weights]).read_bytes()
    except (OSError, ValueError) as error:
        raise InputError(f"{folder} is not a readable model folder: {error}. {again}") from error
    if not isinstance(config, dict) or config.get("format") != FORMAT:
        raise InputError(f"{folder / 'config.json'} is not that of a music model. {again}")
    check_vocabulary(config.get("vocabulary"), f"the model in {folder}", again)
    if hashlib.sha256(content).hexdigest() != config.get("sha256", {}).get(WEIGHTS[weights]):
        raise InputError(
            f"{folder / WEIGHTS[weights]} is damaged or belongs to another config.json: its "
            f"checksum differs. {again}"
        )
    try:
        model = MusicTransformer(NetworkOptions(**config["network"]))
        model.load_state_dict(load(content))
        model.limits = Limits(**config["limits"])
    except (KeyError, TypeError, ValidationError, RuntimeError) as error:
        raise InputError(f"{folder} does not fit this soundmill: {error}. {again}") from error
    return model.eval()
