"""New soundscapes, variations, interpolations: lengths, seams, labels, controls."""

import gc
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from soundscape.tiny_model import RATE, hiss, pulses

from soundmill.errors import InputError
from soundmill.soundscape import latents
from soundmill.soundscape.conditions import Script
from soundmill.soundscape.encoding import Encoded
from soundmill.soundscape.generation import NeuralGenerator, turn
from soundmill.soundscape.generation_options import SamplingOptions
from soundmill.soundscape.latents import (
    METHODS,
    Steps,
    decode_path,
    interpolate,
    looped,
    new_path,
    slerp,
    vary,
)
from soundmill.soundscape.layers import split_layers
from soundmill.soundscape.recordings import read_recordings
from soundmill.soundscape.sounds import MemorySound

QUICK = SamplingOptions(phase_iterations=0)


def make(tiny, seconds=3.0, seed=1, lines=None, options=QUICK, controls=None, **wish):
    generator = NeuralGenerator(tiny.model, options, controls)
    script = Script(generator.vocabulary, lines or [(0.0, wish)])
    return list(generator.stream(script, seconds, seed))


def joined(blocks):
    return np.concatenate(list(blocks), axis=1)


def centroid(sound):
    """Return the spectral centroid in octaves above 100 Hz."""
    power = np.square(np.abs(np.fft.rfft(sound[0])))
    hertz = np.linspace(0, RATE / 2, len(power))
    return np.log2((power * hertz).sum() / power.sum() / 100)


def levels(sound, bands=20):
    """Return levels (frames, bands) in dB."""
    frames = np.lib.stride_tricks.sliding_window_view(sound[0], 256)[::64] * np.hanning(256)
    power = np.square(np.abs(np.fft.rfft(frames, axis=1)))[:, 1:]
    bins = np.array_split(power, bands, axis=1)
    return 10 * np.log10(np.stack([part.mean(1) for part in bins], 1) + 1e-9)


def log_distance(one, other):
    n = min(one.shape[1], other.shape[1])
    return np.abs(levels(one[:, :n]) - levels(other[:, :n])).mean()


def path(tiny, count, seed=1, lines=((0.0, {}),), **options):
    (layer,) = split_layers(Script(tiny.model.front.vocabulary, list(lines)))
    parts = list(new_path(tiny.model, layer, count, SamplingOptions(**options), seed))
    return Steps(*(torch.cat(part) for part in zip(*parts, strict=True)))


# lengths, seeds, memory


@settings(max_examples=25)
@given(st.floats(1 / RATE, 3), st.sampled_from(["autoregressive", "random_walk", "slerp"]))
def test_any_length_is_met_to_the_sample(tiny, seconds, method):
    blocks = make(tiny, seconds, options=QUICK.model_copy(update={"method": method}))
    assert sum(block.shape[1] for block in blocks) == round(seconds * RATE)
    for block in blocks:
        assert block.shape[0] == 1 and block.dtype == np.float32 and np.isfinite(block).all()


@pytest.mark.parametrize("seconds", [0, -1, 1e-6, math.nan, math.inf])
def test_what_is_no_length_is_refused_at_once(tiny, seconds):
    generator = NeuralGenerator(tiny.model)
    recording = read_recordings(tiny.table, "test")[0]
    script = Script(generator.vocabulary, [(0.0, {})])
    for ask in (
        lambda: generator.stream(script, seconds, 1),
        lambda: generator.variation(recording, seconds, 0.5, 1, {}),
        lambda: generator.interpolation(recording, recording, seconds, 1, {}),
    ):
        with pytest.raises(InputError, match="more than 0 s"):
            ask()


def test_the_seed_chooses_and_nothing_else_does(tiny):
    first = joined(make(tiny, seed=7, kind={"hiss": 1.0}))
    torch.manual_seed(123)
    assert np.array_equal(joined(make(tiny, seed=7, kind={"hiss": 1.0})), first)
    other = joined(make(tiny, seed=8, kind={"hiss": 1.0}))
    assert abs(np.corrcoef(first[0], other[0])[0, 1]) < 0.1
    # a longer one begins as a shorter one does
    longer = joined(make(tiny, 5.0, seed=7, kind={"hiss": 1.0}))
    assert np.allclose(longer[:, :RATE], first[:, :RATE], atol=1e-4)


def test_a_sound_begins_at_its_beginning(tiny):
    """The half window that comes before it is cut off: there it would fade in."""
    sounds = [joined(make(tiny, 0.5, seed, kind={"hiss": 1.0})) for seed in range(12)]
    power = np.mean([np.square(sound[0]) for sound in sounds], axis=0)
    assert power[:32].mean() > 0.5 * power[1000:].mean()


def test_memory_does_not_grow_with_the_length(tiny):
    def largest(seconds):
        generator = NeuralGenerator(tiny.model, QUICK)
        script = Script(generator.vocabulary, [(0.0, {})])
        found = []
        for number, _ in enumerate(generator.stream(script, seconds, 1)):
            if number % 8 == 7:
                kept = [o.untyped_storage() for o in gc.get_objects() if type(o) is torch.Tensor]
                found.append(sum({s.data_ptr(): s.nbytes() for s in kept}.values()))
                del kept  # else they are found the next time
        return max(found)

    assert largest(80) < 1.05 * largest(20)


# seams


def test_decoded_in_blocks_or_at_once(tiny):
    whole = path(tiny, 150)
    decoded = list(decode_path(tiny.model, iter([whole])))
    once = [torch.cat([d[k] for d in decoded], 1) for k in (0, 1)]
    with torch.no_grad():
        exact = tiny.model.network.decode(*(part[None] for part in whole))
    assert torch.allclose(once[0][0], tiny.model.network.restore(exact.mean[0]), atol=1e-4)
    for size in (1, 7, 64):
        parts = [Steps(*each) for each in zip(*(p.split(size) for p in whole), strict=True)]
        decoded = list(decode_path(tiny.model, iter(parts)))
        for k in (0, 1):
            assert torch.allclose(torch.cat([d[k] for d in decoded], 1), once[k], atol=1e-4)
    assert once[0].shape == (1, 600, 129)


def test_an_offset_is_added_everywhere(tiny):
    whole = path(tiny, 100)
    offset = Steps(torch.full((4,), 0.5), torch.full((4,), -0.5), torch.zeros(0))
    moved = Steps(whole.z + offset.z, whole.g + offset.g, whole.condition)
    parts = [Steps(*each) for each in zip(*(p.split(30) for p in whole), strict=True)]
    found = torch.cat([d[0] for d in decode_path(tiny.model, iter(parts), offset)], 1)
    expected = torch.cat([d[0] for d in decode_path(tiny.model, iter([moved]))], 1)
    assert torch.allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("kind", ["hiss", "rumble"])
def test_blocks_leave_no_seam(tiny, monkeypatch, kind):
    monkeypatch.setattr(latents, "BLOCK", 16)
    ratios, steps = [], []
    for seed in range(3):
        options = SamplingOptions(phase_iterations=8)
        blocks = make(tiny, 12, seed, options=options, kind={kind: 1.0})
        ends = np.cumsum([block.shape[1] for block in blocks])[:-1]
        assert len(ends) > 15
        sound = joined(blocks)[0]
        frames = np.lib.stride_tricks.sliding_window_view(sound, 128)[::16] * np.hanning(128)
        spectra = np.log10(np.abs(np.fft.rfft(frames, axis=1)) + 1e-4)
        flux = np.abs(spectra[4:] - spectra[:-4]).mean(1)
        middle = np.arange(len(flux)) * 16 + 96
        near = np.abs(middle[:, None] - ends[None]).min(1) < 128
        ratios.append(flux[near].mean() / flux[~near].mean())
        bends = np.abs(np.diff(sound, 2))
        steps.append(max(bends[e - 2 : e + 1].max() for e in ends) / bends.max())
    assert np.mean(ratios) == pytest.approx(1, abs=0.05)
    assert max(steps) < 1 and np.mean(steps) < 0.9


# what is asked for is what comes


def test_labels_choose_the_sound(tiny):
    heard = {
        kind: np.mean([centroid(joined(make(tiny, seed=s, kind={kind: 1.0}))) for s in range(4)])
        for kind in ("hiss", "rumble")
    }
    assert heard["hiss"] > heard["rumble"] + 1.2
    mixed = np.mean(
        [centroid(joined(make(tiny, seed=s, kind={"hiss": 0.5, "rumble": 0.5}))) for s in range(4)]
    )
    assert heard["rumble"] + 0.2 < mixed < heard["hiss"] - 0.05


def test_a_script_goes_from_one_sound_to_another(tiny):
    lines = [(0.0, {"kind": {"hiss": 1.0}}), (12.0, {"kind": {"rumble": 1.0}})]
    sound = joined(make(tiny, 40, lines=lines))
    heard = [centroid(sound[:, k * 4 * RATE : (k + 1) * 4 * RATE]) for k in range(10)]
    assert heard[0] > heard[-1] + 1.2
    assert heard[0] > np.mean(heard[1:4]) > heard[-1]
    jumps = np.abs(np.diff([centroid(sound[:, k : k + RATE]) for k in range(0, 39 * RATE, RATE)]))
    assert jumps.max() < 0.6 * (heard[0] - heard[-1])  # slowly


def test_the_environment_wanders_as_far_as_it_is_told(tiny):
    drift = tiny.model.bank.drift
    assert (drift > 0).any()
    still = path(tiny, 400, wander=0.0, method="slerp").g
    assert torch.allclose(still, still[:1].expand_as(still))
    spread = torch.stack(
        [path(tiny, 2, seed=s, wander=2.0, method="slerp").g[0] for s in range(150)]
    )
    base = torch.stack([path(tiny, 2, seed=s, wander=0.0, method="slerp").g[0] for s in range(150)])
    ratio = (spread - base).std(0)[drift > 0] / drift[drift > 0]
    assert ratio == pytest.approx(torch.full_like(ratio, 2.0), rel=0.25)
    walk = path(tiny, 3000, wander=2.0, method="slerp").g - still[:1]
    steps = (walk[1:] - walk[:-1]).std(0)[drift > 0] / drift[drift > 0]
    expected = 2 * math.sqrt(2 / (latents.WANDER_SECONDS * tiny.model.rate))
    assert steps == pytest.approx(torch.full_like(steps, expected), rel=0.2)


@pytest.mark.parametrize("method", METHODS)
def test_the_temperature_says_how_far_latents_go(tiny, method):
    cold, warm = (path(tiny, 600, method=method, temperature=t).z for t in (0.2, 1.0))
    assert cold.std(0).mean() < 0.97 * warm.std(0).mean()
    assert torch.isfinite(warm).all() and warm.shape == (600, 4)


def toy(size=6, rate=30.0, keep=0.9):
    network = SimpleNamespace(latents=size)
    return SimpleNamespace(rate=rate, autocorrelation=torch.full((size,), keep), network=network)


def test_a_random_walk_moves_as_fast_as_recordings_do():
    walk = METHODS["random_walk"](toy(), SamplingOptions(), torch.Generator().manual_seed(1))
    x = torch.stack([walk(None, None) for _ in range(8000)])
    assert x.std() == pytest.approx(1, rel=0.08) and abs(float(x.mean())) < 0.1
    assert (x[1:] * x[:-1]).mean() / x.square().mean() == pytest.approx(0.9, abs=0.02)


def test_slerp_goes_evenly_from_point_to_point():
    a, b = torch.tensor([2.0, 0.0]), torch.tensor([0.0, 2.0])
    assert slerp(a, b, 0).tolist() == [2, 0] and slerp(a, b, 1)[1] == pytest.approx(2)
    for share in (0.25, 0.5, 0.9):
        angle = share * math.pi / 2
        assert slerp(a, b, share).tolist() == pytest.approx(
            [2 * math.cos(angle), 2 * math.sin(angle)], abs=1e-5
        )
    assert slerp(a, a, 0.3).tolist() == pytest.approx([2, 0])
    assert torch.isfinite(slerp(a, -a, 0.5)).all() and not slerp(0 * a, 0 * a, 0.5).any()
    walk = METHODS["slerp"](toy(), SamplingOptions(), torch.Generator().manual_seed(1))
    x = torch.stack([walk(None, None) for _ in range(3000)])
    assert (x[1:] - x[:-1]).norm(dim=1).max() < 0.25  # no jump where a new point is drawn
    assert x[::60].std() == pytest.approx(1, rel=0.15)


# variations


@given(st.integers(1, 60), st.integers(0, 100), st.integers(1, 400))
def test_latents_come_as_they_are_as_far_as_they_reach(length, seed, count):
    values = torch.arange(1.0, length + 1)[:, None]
    at = looped(values, count)
    found = torch.stack([at(step) for step in range(count)])[:, 0]
    fade = min(latents.FADE_STEPS, length // 2)
    same = min(count, length if count <= length + 2 else length - fade)
    assert torch.equal(found[:same], values[:same, 0])
    if count <= length + 2:
        assert (found[length:] == length).all()
    elif length > 1:
        assert found[same:].min() >= 1 and found[same:].max() <= math.sqrt(2) * length
        period = length - fade
        assert torch.equal(found[2 * period :], found[period : len(found) - period])


def test_the_end_of_a_loop_fades_evenly_into_its_beginning():
    values = torch.randn(4000, 1, 8, generator=torch.Generator().manual_seed(1))
    drawn = torch.randn(4000, 40, 8, generator=torch.Generator().manual_seed(2))
    del values
    at = [looped(each, 100) for each in drawn[:400]]
    spread = torch.stack([torch.stack([f(step) for f in at]).std() for step in range(60)])
    assert spread == pytest.approx(torch.ones(60), abs=0.06)
    one = looped(drawn[0], 100)
    # the first faded step is nearly what followed, the last nearly what comes then
    assert (one(28) - drawn[0, 28]).norm() < 0.2 * drawn[0, 28].norm() + 0.2
    assert (one(39) - drawn[0, 11]).norm() < 0.2 * drawn[0, 11].norm() + 0.2


def encoded(length=50, seed=3):
    random = torch.Generator().manual_seed(seed)
    return Encoded(
        torch.randn(4, generator=random), torch.randn(length, 4, generator=random),
        torch.zeros(length, 4),
    )  # fmt: skip


def test_a_variation_of_strength_0_is_the_recording_and_of_1_only_its_environment(tiny):
    recording, script = encoded(), Script(tiny.model.front.vocabulary, [(0.0, {})])

    def varied(strength, seed=1, count=52):
        parts = vary(tiny.model, recording, script, count, strength, SamplingOptions(), seed)
        return Steps(*(torch.cat(part) for part in zip(*parts, strict=True)))

    same = varied(0.0)
    assert torch.equal(same.z[:50], recording.mean) and torch.equal(same.g[0], recording.g)
    assert torch.equal(same.z, varied(0.0, seed=2).z)
    new = varied(1.0)
    assert not torch.allclose(new.g[0], recording.g)
    between = varied(0.5)
    assert torch.allclose(between.g, between.g[:1].expand_as(between.g))
    correlation = [
        float(np.corrcoef(v.z[:50].flatten(), recording.mean.flatten())[0, 1])
        for v in (same, between, new)
    ]
    assert correlation[0] > 0.999 and 0.4 < correlation[1] < 0.95 and abs(correlation[2]) < 0.25


def test_a_weaker_variation_is_nearer_to_the_recording(tiny):
    generator = NeuralGenerator(tiny.model, SamplingOptions())
    apart = {0.0: [], 0.5: [], 1.0: []}
    for recording in read_recordings(tiny.table, "test"):
        real = recording.read(0, recording.frames, 1)
        seconds = recording.frames / RATE
        labels = generator.vocabulary.wish(recording.labels)
        for strength, found in apart.items():
            for seed in (1, 2):
                made = joined(generator.variation(recording, seconds, strength, seed, labels))
                assert made.shape == real.shape
                found.append(log_distance(made, real))
    means = [np.mean(found) for found in apart.values()]
    assert means[0] < 0.97 * means[1] < 0.97 * means[2]


def test_a_reconstruction_is_as_near_at_its_end_as_at_its_beginning(tiny):
    generator = NeuralGenerator(tiny.model)
    quiet = np.concatenate([hiss(2, 5), 0.05 * hiss(1, 6)])[None] * np.float32(0.5)
    made = generator.reconstruction(MemorySound(quiet), 16, {"kind": {"hiss": 1.0}})
    assert made.shape == quiet.shape and made.dtype == np.float32
    first, last = (np.sqrt(np.square(made[:, cut]).mean()) for cut in (
        slice(RATE // 2, 3 * RATE // 2), slice(5 * RATE // 2, 3 * RATE - 300)))  # fmt: skip
    assert last < 0.5 * first  # its beginning does not come back
    again = generator.reconstruction(MemorySound(quiet), 16, {"kind": {"hiss": 1.0}})
    assert np.array_equal(made, again)
    new = joined(generator.stream(Script(generator.vocabulary, [(0.0, {})]), 3, 1))
    assert log_distance(made, quiet) < log_distance(new, quiet)


def test_an_interpolation_leaves_one_sound_and_ends_in_another(tiny):
    script = Script(
        tiny.model.front.vocabulary, [(0, {"kind": {"hiss": 1}}), (1, {"kind": {"rumble": 1}})]
    )
    one, other = encoded(200), encoded(80, seed=4)
    parts = interpolate(tiny.model, one, other, script, 200)
    found = Steps(*(torch.cat(part) for part in zip(*parts, strict=True)))
    assert torch.allclose(found.z[0], one.mean[0]) and torch.allclose(found.g[0], one.g)
    assert torch.allclose(found.g[-1], other.g, atol=1e-4)
    assert torch.allclose(found.z[-1], looped(other.mean, 200)(199), atol=0.02)
    assert found.condition[0, :3].tolist() == [1, 0, 0]
    assert found.condition[-1, :3].tolist() == pytest.approx([0, 0, 1], abs=1e-4)
    steps = (found.g[1:] - found.g[:-1]).norm(dim=1)
    assert steps[0] < 0.1 * steps.max() and steps[-1] < 0.1 * steps.max()
    assert found.z.std() == pytest.approx(1, rel=0.15)
    generator = NeuralGenerator(tiny.model, QUICK)
    bright, beaten = MemorySound(hiss(4, 30)[None] / 2), MemorySound(pulses(4, 31)[None])
    blocks = generator.interpolation(
        bright, beaten, 12, 1, {"kind": {"hiss": 1.0}}, {"kind": {"pulses": 1.0}}
    )
    sound = joined(blocks)
    assert sound.shape == (1, 12 * RATE)
    rough = [np.diff(levels(sound[:, cut]).mean(1)).std() for cut in (
        slice(0, 2 * RATE), slice(10 * RATE, None))]  # fmt: skip
    real = [np.diff(levels(s.samples).mean(1)).std() for s in (bright, beaten)]
    assert abs(rough[0] - real[0]) < abs(rough[0] - real[1])
    assert abs(rough[1] - real[1]) < abs(rough[1] - real[0])


# controls


def test_brightness_is_turned_up_and_down(tiny):
    for kind in ("hiss", "pulses"):
        heard = [
            np.mean([
                centroid(joined(make(tiny, seed=s, controls={"brightness": v}, kind={kind: 1.0})))
                for s in range(3)
            ])
            for v in (-2, 0, 2)
        ]  # fmt: skip
        assert heard == sorted(heard) and heard[2] - heard[0] > 0.5


def test_controls_add_up(tiny):
    assert turn(tiny.model, {}) is None
    found = turn(tiny.model, {"latent 2": 1.5, "global 0": -2, "brightness": 0.5})
    assert found.z.tolist() == [0, 0, 1.5, 0]
    expected = 0.5 * tiny.model.directions["brightness"] + torch.tensor([-2.0, 0, 0, 0])
    assert torch.allclose(found.g, expected)


@pytest.mark.parametrize(
    ("controls", "said"),
    [
        ({"brigthness": 1}, "no control 'brigthness'; did you mean 'brightness'.*latent 0 to 3"),
        ({"latent 4": 1}, "no control 'latent 4'"),
        ({"global": 1}, "no control 'global'"),
        ({"brightness": 4.5}, "beyond -4 to 4"),
        ({"brightness": float("nan")}, "beyond"),
    ],
)
def test_controls_that_cannot_be_turned(tiny, controls, said):
    with pytest.raises(InputError, match=said):
        make(tiny, controls=controls)


def test_options_that_cannot_be_are_refused():
    for wrong in ({"temperature": 0}, {"noise": 1.1}, {"method": "walk"}, {"phase_iterations": -1}):
        with pytest.raises(ValidationError):
            SamplingOptions.model_validate(wrong)
