"""A corpus small and regular enough to be learned in seconds."""

import numpy as np

from soundmill.music.events import encode
from soundmill.music.shards import Piece
from soundmill.music.vocabulary import END, START
from soundmill.notes import make_notes
from soundmill.records import shard_paths, write_records


def arpeggio(seed, notes=40):
    """Return a figure of four notes that repeats; what comes next follows from the last four."""
    random = np.random.default_rng(seed)
    figure = 48 + random.permutation(12)[:4] + 12 * random.integers(2)
    onset = 0.2 * np.arange(notes)
    return make_notes(onset, onset + 0.2, np.resize(figure, notes), np.full(notes, 64))


def write_toy_shards(folder, train=12, valid=3, test=3, notes=40, longer=0):
    """Write shards; each piece of a split has ``longer`` notes more than the one before it."""
    for number, (split, count) in enumerate({"train": train, "valid": valid, "test": test}.items()):
        pieces = []
        for i in range(count):
            events = encode(arpeggio(100 * number + i, notes + i * longer))
            tokens = np.concatenate(([START], events, [END])).astype(np.int16)
            name = f"{split}-{i}"
            pieces.append(Piece(name, name, 0, 1.0, tokens).to_bytes())
        write_records(shard_paths(folder, split, 1)[0], pieces)
    return folder
