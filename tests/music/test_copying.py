"""The copy check: exact, blind to key, and aware of rhythm when asked."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soundmill.music import copying
from soundmill.music.copying import Line, longest_runs, make_line
from soundmill.music.events import stretch, transpose
from soundmill.notes import make_notes

symbols = st.lists(st.integers(0, 2), max_size=30)


def line(values, name=""):
    values = np.array(values, np.int64)
    return Line(name, values, np.arange(len(values) + 1.0))


def longest_common(a, b):
    table = np.zeros((len(a) + 1, len(b) + 1), int)
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            table[i + 1, j + 1] = table[i, j] + 1 if x == y else 0
    return int(table.max())


@pytest.mark.parametrize("block", [1 << 20, 10])
@given(pieces=st.lists(symbols, max_size=3), references=st.lists(symbols, max_size=4))
def test_equal_to_dynamic_programming(block, pieces, references):
    copying_block, copying.BLOCK = copying.BLOCK, block
    try:
        lines = [line(values, str(i)) for i, values in enumerate(references)]
        found = longest_runs([line(values) for values in pieces], iter(lines))
    finally:
        copying.BLOCK = copying_block
    for values, run in zip(pieces, found, strict=True):
        steps = max((longest_common(values, other) for other in references), default=0)
        assert run.notes == (steps + 1 if steps else 0)
        if steps:  # and it is where it is said to be
            here, there = int(run.seconds), int(run.at_seconds)
            assert values[here : here + steps] == references[int(run.name)][there : there + steps]


def make_piece(seed, notes=100):
    rng = np.random.default_rng(seed)
    onset = np.cumsum(rng.integers(1, 8, notes)) * 0.1
    return make_notes(onset, onset + 0.2, rng.integers(40, 80, notes), np.full(notes, 64))


@pytest.mark.parametrize("step", [0.05, None])
def test_finds_a_transposed_excerpt_and_its_place(step):
    pieces = {str(i): make_piece(i) for i in range(6)}
    own = make_piece(50)
    copied = transpose(pieces["4"][20:60], 7)
    shift = own["offset"].max() + 1 - copied["onset"][0]
    copied["onset"] += shift
    copied["offset"] += shift
    piece = np.concatenate((own, copied))
    run = longest_runs(
        [make_line("", piece, step)], [make_line(name, n, step) for name, n in pieces.items()]
    )[0]
    assert 40 <= run.notes <= 42  # a step before may fit by chance
    assert run.name == "4"
    if run.notes == 40:
        assert run.seconds == pytest.approx(copied["onset"][0], abs=0.005)
        assert run.at_seconds == pytest.approx(pieces["4"]["onset"][20], abs=0.005)


def test_rhythm_counts_in_the_timed_reading_only():
    piece = make_piece(1)
    slow = stretch(piece, 2.0)
    timed = longest_runs([make_line("", slow, 0.05)], [make_line("", piece, 0.05)])[0]
    melodic = longest_runs([make_line("", slow, None)], [make_line("", piece, None)])[0]
    assert timed.notes < 10
    assert melodic.notes == len(piece)


def test_small_shifts_in_time_do_not_hide_a_copy():
    piece = make_piece(1)
    moved = piece.copy()
    moved["onset"] += np.random.default_rng(0).uniform(-0.009, 0.009, len(piece))
    run = longest_runs([make_line("", moved, 0.05)], [make_line("", piece, 0.05)])[0]
    assert run.notes == len(piece)


def test_nothing_to_share():
    empty, single = make_notes([], [], [], []), make_notes([0], [1], [60], [64])
    lines = [make_line("", notes, 0.05) for notes in (empty, single)]
    assert [run.notes for run in longest_runs(lines, lines)] == [0, 0]
    assert [run.notes for run in longest_runs(lines, [])] == [0, 0]
    assert longest_runs([], lines) == []
