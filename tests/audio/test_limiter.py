"""The limiter and blocks of even size."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from soundmill.audio.limiter import Limiter, reblock

RATE = 8000


def limited(samples, block=800, ceiling=0.5):
    limiter = Limiter(RATE, len(samples), ceiling)
    parts = [limiter.add(part) for part in reblock([samples], block)]
    return np.concatenate([*parts, limiter.end()], axis=1), limiter


@given(st.lists(st.integers(0, 40), max_size=12), st.integers(1, 17))
def test_reblocking_keeps_all_samples_in_order(lengths, size):
    samples = np.arange(2 * sum(lengths), dtype=np.float32).reshape(2, -1)
    cuts = np.cumsum([0, *lengths])
    blocks = [samples[:, a:b] for a, b in pairwise(cuts)]
    out = list(reblock(blocks, size))
    assert all(block.shape[1] == size for block in out[:-1])
    assert np.array_equal(np.concatenate([samples[:, :0], *out], axis=1), samples)


@given(st.integers(0, 2**32), st.integers(200, 4000), st.floats(0.1, 20))
def test_nothing_passes_the_ceiling_and_nothing_is_lost(seed, block, level):
    rng = np.random.default_rng(seed)
    samples = rng.standard_normal((2, 3000)).astype(np.float32) * np.float32(level)
    samples[:, 0] = samples[:, -1] = 30  # where a filter has no past or no future
    out, _ = limited(samples, block)
    assert out.shape == samples.shape
    assert np.abs(out).max() <= 0.5


def test_soft_sound_passes_untouched_and_loud_sound_keeps_its_shape():
    time = np.arange(RATE) / RATE
    soft = 0.4 * np.sin(2 * np.pi * 440 * time, dtype=np.float32)[None]
    out, limiter = limited(soft)
    assert np.array_equal(out, soft)
    assert limiter.limited == 0
    loud, limiter = limited(soft * 4)
    assert limiter.limited == RATE
    # a cut-off sine has a third harmonic at -13 dB; a turned-down one has none
    spectrum = np.abs(np.fft.rfft(loud[0, RATE // 4 : -RATE // 4] * np.hanning(RATE // 2)))
    assert spectrum[3 * 220] < 0.003 * spectrum[220]


def test_the_gain_comes_back_after_a_click():
    samples = np.full((1, 3 * RATE), 0.1, np.float32)
    samples[0, 1000] = 5
    out, limiter = limited(samples)
    assert out[0, 900] == np.float32(0.1)
    assert out[0, -1] == np.float32(0.1)
    assert 0.005 * RATE < limiter.limited < 0.8 * RATE
