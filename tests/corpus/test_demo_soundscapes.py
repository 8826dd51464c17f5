import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from scipy import signal
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import GroupKFold, cross_val_predict

from soundmill.audio.files import read_audio, write_audio
from soundmill.audio.levels import peak_dbfs
from soundmill.corpus.demo import soundscapes
from soundmill.corpus.demo.soundscape_catalogue import KINDS, SITES, soundscape_catalogue
from soundmill.corpus.demo.soundscape_files import ogg_checksum, with_serial
from soundmill.corpus.demo.soundscape_life import draw_birds, draw_insects, make_birds
from soundmill.corpus.demo.soundscape_recipes import RECIPES, make_kind
from soundmill.corpus.demo.soundscape_site import PEAK, mix, record
from soundmill.corpus.demo.soundscape_tools import (
    bubbles,
    frame_times,
    frequencies,
    hump,
    moving_noise,
    poisson_times,
    rms,
    scaled,
)
from soundmill.corpus.demo.soundscape_town import draw_town
from soundmill.corpus.demo.soundscape_water import draw_fire, draw_stream, make_fire, make_stream
from soundmill.corpus.demo.soundscape_weather import (
    draw_rain,
    draw_thunder,
    draw_wind,
    make_rain,
    make_thunder,
    make_wind,
)
from soundmill.corpus.options import CorpusOptions
from soundmill.corpus.sources import resolve_corpus
from soundmill.status import read_table

RECORDINGS = soundscape_catalogue()
RATE = 22050


def rng(seed=0):
    return np.random.default_rng(seed)


def spectrum(samples):
    """Mean power by frequency."""
    return signal.welch(samples, RATE, nperseg=2048)


def share(samples, low, high):
    """Share of the power between two frequencies."""
    frequency, power = spectrum(samples)
    return power[(frequency >= low) & (frequency < high)].sum() / power.sum()


def onsets(samples):
    """How often the level above 2 kHz jumps by 6 dB."""
    high = signal.sosfilt(signal.butter(4, 2000, "high", fs=RATE, output="sos"), samples)
    size = RATE // 200
    level = np.sqrt((high[: len(high) // size * size].reshape(-1, size) ** 2).mean(axis=1))
    return int(np.sum(level[1:] > 2 * level[:-1]))


def test_the_catalogue_imports_nothing_heavy():
    code = (
        "import sys; from soundmill.corpus.demo.soundscape_catalogue import soundscape_catalogue;"
        "soundscape_catalogue();"
        "sys.exit(any(name in sys.modules for name in ('numpy', 'scipy', 'soundfile', 'torch')))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_nine_kinds_each_at_every_site():
    assert set(KINDS) == set(RECIPES)
    assert len(RECORDINGS) == 76
    for kind in KINDS:
        own = [recording for recording in RECORDINGS if recording.kind == kind]
        assert len(own) in (8, 9)
        assert {recording.site for recording in own} == set(SITES)
    assert 21 < sum(recording.seconds for recording in RECORDINGS) / 60 < 23
    assert all(10 <= recording.seconds <= 30 for recording in RECORDINGS)
    assert all(0 <= recording.hour < 24 for recording in RECORDINGS)
    mixed = [recording for recording in RECORDINGS if recording.background]
    assert len(mixed) > 25
    assert len({recording.level for recording in mixed}) >= 4
    assert all(r.background in KINDS and r.background != r.kind for r in mixed)


def test_names_are_untidy_but_legal_and_unambiguous():
    names = [recording.file for recording in RECORDINGS]
    assert not any(set(name) & set('/\\\0\n:*?"<>|') for name in names)
    assert max(Counter(Path(name).stem.casefold() for name in names).values()) == 1
    assert all(any(part in name for name in names) for part in (" ", "#", "é", "ß", "2023-", "["))
    formats = Counter(Path(name).suffix.lower() for name in names)
    assert set(formats) == {".mp3", ".ogg", ".flac"} and min(formats.values()) >= 24


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """One recording of each site and format, made with one thread and with two."""
    picked = RECORDINGS[::7]
    folders = [tmp_path_factory.mktemp("soundscapes") for _ in range(2)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(soundscapes, "soundscape_catalogue", lambda: picked)
        for threads, folder in enumerate(folders, start=1):
            soundscapes.compose_soundscapes(folder, seed=1, threads=threads)
    return picked, folders


def test_threads_do_not_change_a_byte(corpus):
    picked, (first, second) = corpus
    files = sorted(path.relative_to(first) for path in first.rglob("*") if path.is_file())
    assert len(files) == len(picked) + 1
    assert all((first / path).read_bytes() == (second / path).read_bytes() for path in files)


def test_a_stream_of_ogg_gets_its_number_and_stays_whole(tmp_path):
    tone = (0.3 * np.sin(np.arange(RATE) * 0.1)).astype(np.float32)
    write_audio(tmp_path / "a.ogg", tone[None], RATE)
    data = (tmp_path / "a.ogg").read_bytes()
    first = data[: data.index(b"OggS", 4)]
    written = int.from_bytes(first[22:26], "little")
    assert ogg_checksum(first[:22] + bytes(4) + first[26:]) == written  # as libogg has it
    changed = with_serial(data, 77)
    assert changed != data and with_serial(changed, 77) == changed
    (tmp_path / "b.ogg").write_bytes(changed)
    np.testing.assert_array_equal(*(read_audio(tmp_path / f"{n}.ogg")[0] for n in "ab"))
    with pytest.raises(ValueError, match="byte 0"):
        with_serial(b"RIFF" + data, 1)


def test_other_seeds_and_other_names_sound_otherwise():
    shortest = min(RECORDINGS, key=lambda recording: recording.seconds)
    made = soundscapes.make_soundscape(shortest, RATE, 1)
    other = soundscapes.make_soundscape(shortest, RATE, 2)
    renamed = soundscapes.make_soundscape(shortest._replace(file="other.mp3"), RATE, 1)
    for another in (other, renamed):
        assert abs(np.corrcoef(made, another)[0, 1]) < 0.2


def test_labels_are_those_of_the_catalogue(corpus):
    picked, (folder, _) = corpus
    rows = read_table(folder / "labels.csv")
    assert tuple(rows[0]) == ("file", "kind", "site", "hour", "background", "level")
    assert {row["file"] for row in rows} == {path.name for path in (folder / "audio").iterdir()}
    for row, recording in zip(rows, picked, strict=True):
        assert (row["kind"], row["site"]) == (recording.kind, recording.site.name)
        assert float(row["hour"]) == recording.hour
        assert row["background"] == recording.background
        assert bool(row["level"]) == bool(recording.background)


def test_recordings_are_as_long_as_said_and_neither_clip_nor_fall_silent(corpus):
    picked, (folder, _) = corpus
    assert {Path(recording.file).suffix.lower() for recording in picked} == {
        ".mp3", ".ogg", ".flac",
    }  # fmt: skip
    for recording in picked:
        decoded, rate = read_audio(folder / "audio" / recording.file, channels="keep")
        assert (rate, len(decoded)) == (RATE, 1)
        assert decoded.shape[1] / rate == pytest.approx(recording.seconds, abs=0.1)
        assert peak_dbfs(decoded) <= -0.5
        blocks = decoded[0, : decoded.shape[1] // rate * rate].reshape(-1, rate)
        assert np.sqrt((blocks**2).mean(axis=1)).min() > 10 ** (-66 / 20)
        assert rms(decoded[0]) > 10 ** (-45 / 20)


def clip_statistics(samples):
    """Mean, spread and change of the level in 24 bands: what a texture is told by."""
    _, _, power = signal.spectrogram(samples, RATE, nperseg=1024, noverlap=512)
    edges = np.unique(np.geomspace(2, power.shape[0], 25).astype(int))
    bands = 10 * np.log10(np.add.reduceat(power, edges[:-1], axis=0) + 1e-10)
    return np.concatenate([
        bands.mean(axis=1) - bands.mean(), bands.std(axis=1),
        np.abs(np.diff(bands, axis=1)).mean(axis=1),
    ])  # fmt: skip


@pytest.fixture(scope="module")
def clips():
    """Four recordings of each kind at as many sites, six seconds long: statistics and labels."""
    picked = [
        recording._replace(seconds=6.0)
        for kind in KINDS
        for recording in [r for r in RECORDINGS if r.kind == kind][:6]
    ]
    made = [soundscapes.make_soundscape(recording, RATE, 1) for recording in picked]
    half = 3 * RATE
    parts = [clip_statistics(sound[k * half : (k + 1) * half]) for sound in made for k in (0, 1)]
    twice = [recording for recording in picked for _ in (0, 1)]
    return np.array(parts), twice


def test_kinds_are_told_apart_at_sites_never_heard(clips):
    statistics, recordings = clips
    kinds = np.array([recording.kind for recording in recordings])
    sites = np.array([recording.site.name for recording in recordings])
    forest = RandomForestClassifier(200, random_state=0)
    guessed = cross_val_predict(forest, statistics, kinds, groups=sites, cv=GroupKFold(3))
    assert np.mean(guessed == kinds) > 0.7  # chance is 1/9


@pytest.mark.parametrize(
    ("kind", "low", "high", "least"),
    [
        ("wind", 0, 700, 0.75), ("thunder", 0, 400, 0.85), ("insects", 2000, 10000, 0.95),
        ("birds", 1200, 9000, 0.9), ("stream", 300, 4000, 0.75), ("rain", 1000, 11025, 0.5),
    ],
)  # fmt: skip
def test_kinds_lie_where_they_should(kind, low, high, least):
    for seed in range(3):
        assert share(make_kind(kind, 12, 6 * RATE, RATE, rng(seed)), low, high) > least


def peakiness(samples):
    """Mean of the highest bin over the mean bin, frame by frame: high for tones."""
    _, _, power = signal.spectrogram(samples, RATE, nperseg=1024)
    loud = power[:, power.sum(axis=0) > np.median(power.sum(axis=0))]
    return float(np.mean(loud.max(axis=0) / loud.mean(axis=0)))


def test_birds_are_tones_and_rain_is_none():
    birds, rain = (
        np.mean([peakiness(make_kind(kind, 6, 6 * RATE, RATE, rng(seed))) for seed in range(3)])
        for kind in ("birds", "rain")
    )
    assert birds > 3 * rain


def test_more_drops_and_crackles_give_more_onsets():
    rain = draw_rain(rng(), 12)._replace(near=10.0, ringing=0.1)
    few, many = (
        onsets(make_rain(rain._replace(drops=drops), 6 * RATE, RATE, rng())) for drops in (5, 60)
    )
    assert many > 3 * few
    fire = draw_fire(rng(), 12)._replace(hiss=-60.0, flames=-60.0)
    few, many = (
        onsets(make_fire(fire._replace(crackles=rate), 6 * RATE, RATE, rng())) for rate in (3, 40)
    )
    assert many > 3 * few


def test_gusts_make_wind_louder_and_brighter():
    wind = draw_wind(rng(), 12)._replace(whistle=-60.0, leaves=-60.0, buffet=-60.0, strength=6.0)
    sound = make_wind(wind, 20 * RATE, RATE, rng())
    blocks = sound.reshape(-1, RATE // 2)
    level = np.array([rms(block) for block in blocks])
    bright = np.array([share(block, 600, 11025) for block in blocks])
    assert level.max() > 2 * level.min()
    assert np.corrcoef(np.log(level), np.log(bright))[0, 1] > 0.5


def test_larger_bubbles_are_deeper():
    out = np.zeros(RATE, np.float32)
    bubbles(rng(), out, RATE, np.array([0.1]), np.array([0.003]))
    frequency, power = spectrum(out)
    assert frequency[power.argmax()] == pytest.approx(1000, abs=60)  # 3 / r
    stream = draw_stream(rng(), 12)._replace(rush=-60.0)
    small, large = (
        make_stream(stream._replace(smallest=r, largest=2 * r), 3 * RATE, RATE, rng())
        for r in (0.8, 4.0)
    )
    assert share(small, 1500, 5000) > 0.8 > 0.2 > share(large, 1500, 5000)


def test_far_lightning_is_duller_than_near():
    storm = draw_thunder(rng(), 17)._replace(strokes=(0.1,), murmur=-60.0)
    near, far = (
        make_thunder(storm._replace(distance=(metres,)), 4 * RATE, RATE, rng())
        for metres in (300.0, 4000.0)
    )
    assert share(near, 400, 11025) > 2 * share(far, 400, 11025)


def test_the_hour_plays_its_part():
    at = {hour: [draw_birds(rng(s), hour).songs for s in range(20)] for hour in (5.5, 1)}
    assert np.mean(at[5.5]) > 1.5 * np.mean(at[1])
    night, noon = ([draw_insects(rng(s), hour).crickets for s in range(20)] for hour in (23, 11))
    assert np.mean(night) > np.mean(noon) + 4
    assert draw_town(rng(), 17.5).cars > 2 * draw_town(rng(), 3).cars
    assert draw_wind(rng(), 15).strength > draw_wind(rng(), 3).strength
    birds = draw_birds(rng(), 12)
    quiet, busy = (
        np.mean(np.abs(make_birds(birds._replace(songs=songs), 6 * RATE, RATE, rng())) > 0.3)
        for songs in (0.3, 3.0)
    )
    assert busy > 1.5 * quiet


def test_a_background_is_as_soft_as_its_label_says():
    first, second = rng().standard_normal((2, RATE)).astype(np.float32)
    mixed = mix(first, 5 * second, 12.0)
    assert 20 * np.log10(rms(first) / rms(mixed - first)) == pytest.approx(12, abs=0.01)


def test_sites_differ_in_what_they_do_to_one_sound():
    noise = rng().standard_normal(4 * RATE).astype(np.float32)
    heard = [10 * np.log10(spectrum(record(noise, s, 12, RATE, rng()))[1] + 1e-12) for s in SITES]
    shapes = [shape[10:700] - shape[10:700].mean() for shape in heard]
    for number, one in enumerate(shapes):
        assert all(np.std(one - other) > 1.5 for other in shapes[:number])
    for site in SITES:
        assert peak_dbfs(record(noise, site, 12, RATE, rng())[None]) <= PEAK + 0.01


def test_moving_noise_follows_its_spectrum_without_a_seam():
    n = 4 * RATE
    times, frequency = frame_times(n, RATE), frequencies(RATE)
    centre = np.where(times < 2, 500, 4000)
    sound = moving_noise(rng(), hump(frequency, centre[:, None], 0.2), n)
    assert (len(sound), sound.dtype) == (n, np.float32)
    assert share(sound[: 2 * RATE], 300, 800) > 0.95
    assert share(sound[2 * RATE + 2048 :], 2800, 6000) > 0.95
    flat = moving_noise(rng(), np.ones((1, len(frequency))), 60 * RATE)
    places = (flat[: len(flat) // 512 * 512].reshape(-1, 512) ** 2).mean(axis=0)
    assert np.std(places) < 0.05  # as loud in the middle of a frame as between two


def test_events_fall_where_their_density_says():
    density = np.concatenate([np.zeros(50), np.ones(50)])
    times = poisson_times(rng(), 10.0, 100.0, density)
    assert len(times) == pytest.approx(1000, abs=120)
    assert times.min() > 4.8 and np.mean(times > 7.5) == pytest.approx(0.5, abs=0.06)


def test_silence_stays_silent():
    assert not np.any(scaled(np.zeros(100, np.float32)))


def test_the_demo_has_labels_and_no_truth():
    options = resolve_corpus("field", CorpusOptions(source="demo:soundscapes"))
    assert options.truth is None
    assert options.labels.csv == "results/field/demo/labels.csv"
    assert resolve_corpus("a", CorpusOptions(source="demo:songs")).truth == "results/a/demo/truth"
