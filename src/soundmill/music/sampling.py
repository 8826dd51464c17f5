"""From logits to one event: temperature, top-k, top-p, min-p, repetition control, the draw.

Logits are (B, V) float tensors on the CPU; what may not be drawn is minus infinity.
"""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from soundmill.music.generation_options import GenerationOptions
from soundmill.music.vocabulary import NOTE_OFF, NOTE_ON, PITCHES, TIME_SHIFT, TIME_SHIFTS

REMEMBERED = 512
"""Notes back in which repetitions are looked for."""


def clip_shifts(logits: Tensor, longest: npt.NDArray[np.int64]) -> Tensor:
    """Give the probability of longer time shifts to the longest that is allowed.

    Were they only forbidden, the other events would share it: a burst of notes before every limit.

    Parameters
    ----------
    longest : (B,) steps, 0 to 100; rows with 0 stay as they are.
    """
    clipped = logits.clone()
    shifts = clipped[:, TIME_SHIFT : TIME_SHIFT + TIME_SHIFTS]
    for row in np.flatnonzero((longest > 0) & (longest < TIME_SHIFTS)):
        limit = int(longest[row])
        shifts[row, limit - 1] = shifts[row, limit - 1 :].logsumexp(0)
        shifts[row, limit:] = -torch.inf
    return clipped


def shape(logits: Tensor, options: GenerationOptions) -> Tensor:
    """Apply temperature, then top-k, top-p and min-p, in this order."""
    if options.temperature == 0:
        return top_k(logits, 1)
    logits = logits / options.temperature
    if options.top_k is not None:
        logits = top_k(logits, options.top_k)
    if options.top_p is not None and options.top_p < 1:
        logits = top_p(logits, options.top_p)
    if options.min_p is not None:
        logits = min_p(logits, options.min_p)
    return logits


def top_k(logits: Tensor, k: int) -> Tensor:
    """Keep the k likeliest events of each row, and those as likely as the last of them.

    With k = 1 a tie goes to the first, so that the choice is one.
    """
    if k == 1:
        best = logits.argmax(-1, keepdim=True)
        return torch.full_like(logits, -torch.inf).scatter(-1, best, logits.gather(-1, best))
    least = logits.topk(min(k, logits.shape[-1])).values[:, -1:]
    return logits.masked_fill(logits < least, -torch.inf)


def top_p(logits: Tensor, p: float) -> Tensor:
    """Keep the smallest set of likeliest events with probability of at least p.

    Nucleus sampling: Holtzman et al., "The curious case of neural text degeneration" (2020).
    """
    ordered, order = logits.sort(dim=-1, descending=True, stable=True)
    probability = ordered.softmax(-1)
    before = probability.cumsum(-1) - probability
    dropped = torch.zeros_like(logits, dtype=torch.bool).scatter(-1, order, before >= p)
    return logits.masked_fill(dropped, -torch.inf)


def min_p(logits: Tensor, p: float) -> Tensor:
    """Keep events with at least p times the probability of the likeliest.

    Nguyen et al., "Turning up the heat: min-p sampling" (2025).
    """
    if p == 0:
        return logits
    least = logits.max(-1, keepdim=True).values + float(np.log(p))
    return logits.masked_fill(logits < least, -torch.inf)


def draw(logits: Tensor, uniform: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Draw one event a row by inverting its distribution.

    Parameters
    ----------
    uniform : (B,) numbers in [0, 1), one a row, so that a piece does not depend on the others of
        its batch.
    """
    mass = logits.double().softmax(-1).cumsum(-1)
    point = torch.from_numpy(uniform)[:, None] * mass[:, -1:]
    return (mass > point).int().argmax(-1).numpy()


class Repetition:
    """Takes probability from notes that would prolong a repetition of what was played.

    The melody is the sequence of note-on pitches. A note that makes the last n notes equal to n
    earlier ones, n > ``length``, loses ``penalty * (n - length)`` nats, whatever their rhythm:
    figures may return, but a loop ends. The same idea for words is the DRY sampler
    (text-generation-webui, 2024).
    """

    def __init__(self, batch: int, length: int, penalty: float) -> None:
        self._length, self._penalty = length, penalty
        self._pitches: list[npt.NDArray[np.int64]] = [np.zeros(0, np.int64) for _ in range(batch)]
        # for each note but the last: how many notes up to it equal those up to the last
        self._equal = [np.zeros(0, np.int64) for _ in range(batch)]
        self._penalties = torch.zeros(batch, PITCHES)

    def apply(self, logits: Tensor) -> Tensor:
        """Return (B, V) logits with the penalties taken from the note-ons."""
        if self._penalty == 0:
            return logits
        logits = logits.clone()
        logits[:, NOTE_ON:NOTE_OFF] -= self._penalties
        return logits

    def update(self, tokens: npt.NDArray[np.int64]) -> None:
        """Take note of one more event for each piece, (B,)."""
        if self._penalty == 0:
            return
        for row in np.flatnonzero((tokens >= NOTE_ON) & (tokens < NOTE_OFF)):
            self._add(int(row), int(tokens[row]) - NOTE_ON)

    def _add(self, row: int, pitch: int) -> None:
        past = self._pitches[row]
        before = np.concatenate(([0], self._equal[row]))[: len(past)]
        equal = np.where(past == pitch, before + 1, 0)
        self._pitches[row] = np.append(past, pitch)[-REMEMBERED:]
        self._equal[row] = equal[-(REMEMBERED - 1) :]
        excess = np.zeros(PITCHES)
        np.maximum.at(excess, self._pitches[row][1:], self._equal[row] + 1 - self._length)
        self._penalties[row] = torch.from_numpy(self._penalty * excess)
