import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from soundmill.music.events import BIN_SIZE, decode_checked, encode
from soundmill.music.generation_options import GenerationOptions, scale_pitch_classes
from soundmill.music.grammar import Grammar
from soundmill.music.limits import Limits, measure_limits
from soundmill.music.vocabulary import END, NOTE_OFF, NOTE_ON, PAD, TIME_SHIFT, VELOCITY
from soundmill.notes import make_notes

OPTIONS = st.builds(
    GenerationOptions,
    seconds=st.none() | st.floats(0.01, 8),
    events=st.integers(8, 120),
    shortest=st.floats(0, 1),
    pitch_range=st.sampled_from([(21, 108), (60, 64), (60, 60)]),
    scale=st.sampled_from([None, "C major", "a minor pentatonic"]),
    velocity_range=st.sampled_from([(1, 127), (40, 80), (64, 64)]),
    max_note_seconds=st.none() | st.floats(0.01, 3),
    max_polyphony=st.none() | st.integers(1, 4),
)
PRIMER = make_notes([0, 0, 0.4], [0.5, 9, 9], [60, 64, 90], [100, 100, 30])


def ordered(tokens):
    """Sort the note-offs of one time by pitch: their order is free."""
    is_off = (tokens >= NOTE_OFF) & (tokens < TIME_SHIFT)
    group = np.cumsum(~is_off) * 2 + is_off
    return tokens[np.lexsort((tokens, group))]


def most_at_once(notes):
    return max(
        ((notes["onset"] <= t) & (notes["offset"] > t + 0.001)).sum() for t in notes["onset"]
    )


def compose(options, seed, batch=3, primer=(), begin=None):
    """Play random events, as a network with random logits would; some kinds more often."""
    random = np.random.default_rng(seed)
    favour = random.exponential(size=391) * np.repeat(random.exponential(size=23), 17)
    grammar = Grammar(batch, options)
    for token in primer:
        grammar.update(np.full(batch, token))
    grammar.begin(begin)
    pieces = []
    while not grammar.done.all():
        allowed = grammar.allowed()
        assert allowed.any(1).all(), "no event is allowed"
        shifts = allowed[:, TIME_SHIFT:VELOCITY]
        longest = np.where(shifts.any(1), 100 - shifts[:, ::-1].argmax(1), 0)
        early = grammar.time < (begin or 0)
        assert (early | (longest == grammar.longest_shift()) | (longest == 0)).all()
        scores = np.where(allowed, favour * random.exponential(size=allowed.shape) + 1e-9, 0)
        tokens = scores.argmax(1)
        pieces.append(tokens)
        grammar.update(tokens)
        assert len(pieces) < 5000, "it does not end"
    return np.stack(pieces, 1), grammar


@settings(max_examples=60, deadline=None)
@given(OPTIONS, st.integers(0, 2**32))
def test_random_logits_give_whole_pieces_within_the_constraints(options, seed):
    pieces, _ = compose(options, seed)
    for piece in pieces:
        tokens = piece[piece != PAD]
        assert tokens[-1] == END
        assert len(tokens) - 1 <= options.events
        notes, faults = decode_checked(tokens)
        assert not any(faults), faults
        assert len(notes) and notes["onset"].min() == 0
        if options.seconds is not None:
            assert notes["offset"].max() <= max(round(options.seconds * 100), 1) / 100
        if options.max_note_seconds is not None:
            longest = (notes["offset"] - notes["onset"]).max()
            assert longest <= max(options.max_note_seconds, 0.01) + 0.006
        assert most_at_once(notes) <= (options.max_polyphony or 128)
        low, high = options.pitch_range
        assert low <= notes["pitch"].min() and notes["pitch"].max() <= high
        if options.scale:
            assert set(notes["pitch"] % 12) <= set(scale_pitch_classes(options.scale))
        low, high = ((v - 1) // BIN_SIZE for v in options.velocity_range)
        bins = (notes["velocity"].astype(int) - 1) // BIN_SIZE
        assert low <= bins.min() and bins.max() <= high


@settings(max_examples=60, deadline=None)
@given(OPTIONS, st.integers(0, 2**32))
def test_pieces_are_what_the_encoder_would_write(options, seed):
    for piece in compose(options, seed, batch=1)[0]:
        tokens = piece[:-1]  # the end
        is_shift = (tokens >= TIME_SHIFT) & (tokens < VELOCITY)
        tokens = tokens[: np.flatnonzero(~is_shift)[-1] + 1]  # silence at the end is not encoded
        written = encode(decode_checked(tokens)[0])
        np.testing.assert_array_equal(ordered(written), ordered(tokens))


@settings(max_examples=40, deadline=None)
@given(st.floats(0.2, 6), st.integers(0, 2**32))
def test_density_holds_in_every_window(density, seed):
    options = GenerationOptions(seconds=20, max_notes_per_second=density, pitch_range=(60, 84))
    window = max(1.0, 1 / density)
    for piece in compose(options, seed)[0]:
        onsets = decode_checked(piece)[0]["onset"]
        counts = [(abs(onsets - t - window / 2) < window / 2 - 0.006).sum() for t in onsets - 0.005]
        assert max(counts) <= density * window + 1e-6


@settings(max_examples=40, deadline=None)
@given(OPTIONS, st.integers(0, 2**32), st.integers(41, 400))
def test_a_primer_goes_on_in_time_and_all_is_closed(options, seed, begin):
    primer = encode(PRIMER)[:6]  # up to the onset at 0.4 s: two notes still sound
    pieces, _ = compose(options, seed, primer=primer, begin=begin)
    last = np.inf if options.seconds is None else begin + max(round(options.seconds * 100), 1)
    for piece in pieces:
        tokens = np.concatenate((primer, piece[piece != PAD]))
        notes, faults = decode_checked(tokens)
        assert not any(faults), faults
        times = np.sort(np.concatenate((notes["onset"], notes["offset"]))) * 100
        assert ((times < 41) | (times > begin - 0.5)).all()
        assert times.max() <= last + 0.5


def test_a_piece_may_not_end_before_its_shortest_length():
    options = GenerationOptions(seconds=10, shortest=0.5)
    grammar = Grammar(1, options)
    on, off, shift = NOTE_ON + 60, NOTE_ON + 128 + 60, TIME_SHIFT + 99
    for token in (VELOCITY + 10, on, shift, off):
        assert grammar.allowed()[0, token]
        grammar.update(np.array([token]))
    assert not grammar.allowed()[0, END]
    for token in (shift, shift, shift, shift, on, shift, off):
        grammar.update(np.array([token]))
    assert grammar.allowed()[0, END]


def test_limits_come_from_the_corpus_unless_the_options_say_otherwise():
    notes = make_notes(
        [0, 0, 0, *range(100, 400)], [200, 90, 90, *(np.arange(100, 400) + 0.5)],
        [50, 52, 54, *[60] * 300], np.full(303, 64),
    )  # fmt: skip
    limits = measure_limits([notes])
    assert limits == Limits(note_seconds=0.5, polyphony=2)
    assert measure_limits([notes[:0]]) == Limits()
    for options, most in ((GenerationOptions(), 2), (GenerationOptions(max_polyphony=3), 3)):
        grammar = Grammar(1, options, limits)
        for token in (VELOCITY + 10, NOTE_ON + 50, NOTE_ON + 52):
            grammar.update(np.array([token]))
        assert grammar.allowed()[0, NOTE_ON + 54] == (most == 3)
        grammar.update(np.array([TIME_SHIFT + 49]))  # half a second: both are due
        off = np.flatnonzero(grammar.allowed()[0])
        assert list(off) == [NOTE_OFF + 50, NOTE_OFF + 52]
