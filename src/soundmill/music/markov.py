"""A first-order Markov chain over events: the floor generated music has to beat."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from soundmill.music.events import Tokens
from soundmill.music.vocabulary import (
    NOTE_OFF,
    NOTE_ON,
    PITCHES,
    SIZE,
    START,
    STEPS_PER_SECOND,
    TIME_SHIFT,
    VELOCITY,
)


class MarkovChain:
    """Event counts after each event, and pieces drawn from them.

    Parameters
    ----------
    pieces : token sequences with start and end.
    """

    def __init__(self, pieces: Iterable[npt.NDArray[np.int16]]) -> None:
        self.counts = np.zeros((SIZE, SIZE))
        for tokens in pieces:
            pairs = tokens[:-1].astype(np.int64) * SIZE + tokens[1:]
            self.counts += np.bincount(pairs, minlength=SIZE**2).reshape(SIZE, SIZE)
        self.totals = self.counts.sum(axis=0)

    def sample(self, seconds: float, random: np.random.Generator) -> Tokens:
        """Draw the events of a piece of a given length that keep the grammar of events.

        No note-off without its note-on, no note of zero length, no note struck while it sounds.
        Where no event the chain knows is allowed, one is drawn by how often it occurs at all.
        """
        allowed = np.zeros(SIZE, bool)
        allowed[NOTE_ON:NOTE_OFF] = allowed[TIME_SHIFT:] = True
        new: list[int] = []  # pitches struck on this step
        tokens, steps, event = [], 0, START
        while steps < seconds * STEPS_PER_SECOND:
            weights = self.counts[event] * allowed
            if not weights.any():
                weights = self.totals * allowed
            event = int(
                np.searchsorted(np.cumsum(weights), random.random() * weights.sum(), "right")
            )
            tokens.append(event)
            if event < NOTE_OFF:
                allowed[event] = False
                new.append(event + PITCHES)
            elif event < TIME_SHIFT:
                allowed[event], allowed[event - PITCHES] = False, True
            elif event < VELOCITY:
                steps += event - TIME_SHIFT + 1
                allowed[new] = True
                new = []
        return np.array(tokens, np.int16)
