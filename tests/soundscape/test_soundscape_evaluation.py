"""The evaluation as a whole: floor below baseline below noise, copies named, small sets honest."""

import json

import heard_task
import numpy as np
import pytest
import soundfile
import soxr
from paths import real_data

from soundmill.errors import InputError
from soundmill.files import write_json
from soundmill.soundscape.clip_sets import ClipSets, evenly
from soundmill.soundscape.evaluation import evaluate
from soundmill.soundscape.evaluation_options import JudgeOptions, SoundscapeEvaluationOptions
from soundmill.soundscape.judging import OWN
from soundmill.soundscape.training_sound import TrainingSound
from soundmill.status import write_table

RATE = 22_050
OPTIONS = SoundscapeEvaluationOptions(resamples=50)
COLUMNS = ["kind", "file", "source", "label", "reference"]


class Folder:
    """Collects clips and recordings in the files of the line."""

    def __init__(self, path):
        self.path, self.rows, self.recordings = path, [], []
        (path / "clips").mkdir()

    def clip(self, kind, samples, source="", label="", reference="", rate=RATE):
        file = f"{kind}-{len(self.rows)}.wav"
        soundfile.write(self.path / "clips" / file, samples, rate, subtype="FLOAT")
        self.rows.append(dict(zip(COLUMNS, (kind, file, source, label, reference), strict=True)))
        return file

    def recording(self, name, samples, train):
        """Add a recording of which a share is learned from and the rest held out."""
        path = self.path / f"{name}.wav"
        soundfile.write(path, samples, RATE, subtype="FLOAT")
        seconds = len(samples) / RATE
        for split, start, stop in (
            ("train", 0, train * seconds),
            ("test", train * seconds, seconds),
        ):
            if stop > start:
                row = {"id": name, "source": name, "wav": path, "gain": 1}
                self.recordings.append({**row, "split": split, "start": start, "stop": stop})

    def evaluate(self, options=OPTIONS, output="evaluation.json", **how):
        write_table(self.path / "clips/clips.csv", self.rows, COLUMNS)
        if self.recordings:
            write_table(self.path / "recordings.csv", self.recordings, list(self.recordings[0]))
            how["recordings"] = self.path / "recordings.csv"
        evaluate(self.path / "clips", self.path / output, options, seed=1, **how)
        return json.loads((self.path / output).read_text())


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


def pink(n, rng):
    spectrum = np.fft.rfft(rng.normal(size=n)) / np.sqrt(np.maximum(np.arange(n // 2 + 1), 1))
    return np.fft.irfft(spectrum, n)


def grains(samples, n, rng, size=RATE // 4):
    """A granular texture without a network: overlapping grains from anywhere."""
    found = np.zeros(n + 2 * size)
    for start in range(0, n + size, size // 2):
        place = rng.integers(0, len(samples) - size)
        found[start : start + size] += np.hanning(size) * samples[place : place + size]
    return found[size : size + n]


def smeared(samples, rng):
    """The magnitudes smoothed and given random phases, as a poor autoencoder would."""
    import librosa
    from scipy.ndimage import uniform_filter

    spectrum = librosa.stft(samples, n_fft=1024, hop_length=256)
    smooth = np.exp(uniform_filter(np.log(np.abs(spectrum) + 1e-6), (15, 9)))
    phase = np.exp(2j * np.pi * rng.random(spectrum.shape))
    return librosa.istft(smooth * phase, hop_length=256, length=len(samples))


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """First against second halves of real recordings, grains, pink noise, and planted copies."""
    rng = np.random.default_rng(3)
    folder = Folder(tmp_path_factory.mktemp("real"))
    length = 2 * RATE
    for path in sorted(real_data("ambience").glob("*.ogg")):
        if "noise" in path.name:
            continue
        samples, rate = soundfile.read(path, frames=44_100 * 30, always_2d=True)
        samples = soxr.resample(samples.mean(axis=1), rate, RATE)
        half, name = len(samples) // 2, path.stem
        folder.recording(name, samples, 0.5)
        for _ in range(3):
            first, second = rng.integers(0, half - length, 2)
            folder.clip("train", samples[first : first + length], name, name)
            held = samples[half + second : half + second + length]
            reference = folder.clip("real", held, name, name)
            folder.clip("granular", grains(samples[:half], length, rng), "", name)
            copied = int(rng.integers(0, half - length))
            folder.clip("sample", 0.5 * samples[copied : copied + length], "", name)
            noise = pink(length, rng)
            noise *= np.sqrt(np.square(held).mean() / np.square(noise).mean())
            folder.clip("noise", noise, name, name, reference)
            folder.clip("reconstruction", smeared(held, rng), name, name, reference)
    return folder.evaluate(), folder


def test_the_floor_is_below_the_baseline_and_that_below_noise(real):
    found = real[0]["distribution"]["texture"]
    for name in ("fad", "kad"):
        values = {key: entry["value"] for key, entry in found[name].items()}
        assert values["floor"] < values["granular"] < values["noise"]
        assert values["floor"] < values["reconstruction"] < values["noise"]
        assert values["variation"] is None and found[name]["variation"]["n"] == 0
    assert found["fad"]["floor"]["n"] == 36 and real[0]["distribution"]["judge"] is None
    held = found["fad_held_out"]
    assert held["floor"]["value"] < held["granular"]["value"] < held["noise"]["value"]


def test_reconstructions_are_nearer_than_noise(real):
    for name, entry in real[0]["reconstruction"].items():
        if name != "loudness_error":
            assert entry["reconstruction"]["value"] < entry["noise"]["value"]
        low, high = entry["noise"]["interval"]
        assert low < entry["noise"]["value"] < high
    assert real[0]["reconstruction"]["log_spectral_distance"]["unit"] == "dB"


def test_copies_are_found_in_the_recordings_not_only_in_the_clips(real):
    patches = real[0]["copying"]["patches"]
    assert patches["sample"]["value"] > 0.9 > patches["real"]["value"]
    # the held-out halves of some recordings repeat the first: 5 % of the rest stay below
    assert patches["share_above_real"]["sample"]["value"] > 0.75
    assert patches["share_above_real"]["granular"]["value"] > 0.3
    assert real[0]["copying"]["share_nearer_than_real"]["sample"]["value"] > 0.1
    assert patches["searched_seconds"] == patches["training_seconds"] > 100


def test_the_own_judge_hears_the_label(real):
    fidelity = real[0]["fidelity"]
    assert "logistic regression" in fidelity["judge"] and len(fidelity["classes"]) == 12
    assert fidelity["real"]["value"] > 0.8 and fidelity["chance"] == pytest.approx(1 / 12, abs=1e-3)
    assert np.array(fidelity["confusion"]["sample"]).sum(axis=1).tolist() == [3] * 12
    assert (
        real[0]["diversity"]["within_label"]["real"]["value"]
        < real[0]["diversity"]["real"]["value"]
    )


def test_the_same_again_is_the_same_and_the_counts_are_said(real):
    found, folder = real
    assert folder.evaluate(output="again.json") == found
    assert found["held_out"] == "ends" and found["recordings"] == {
        "train": 12,
        "valid": 0,
        "test": 12,
    }
    assert found["clips"]["train"] == 36 and found["clips"]["phase"] == 0


def test_of_much_training_sound_a_share_of_each_recording_is_searched(folder):
    rng = np.random.default_rng(0)
    samples = [rng.normal(0, 0.1, 8 * RATE) for _ in range(2)]
    for number, one in enumerate(samples):
        folder.recording(f"r{number}", one, 1)
        folder.clip("sample", one)
    options = OPTIONS.model_copy(update={"real_seconds": 10.0, "patches": 20})
    patches = folder.evaluate(options)["copying"]["patches"]
    assert (patches["searched_seconds"], patches["training_seconds"]) == (10, 16)
    given = list(TrainingSound(folder.path / "recordings.csv", 10.0, RATE // 2, 2, 0))
    assert [one.shape for one in given] == [(2, 5 * RATE // 2)] * 2  # resampled, in stereo
    assert patches["sample"]["value"] > 0.9  # both were found: 5 s of either were searched
    assert patches["share_above_real"]["sample"]["value"] is None


@pytest.mark.parametrize("kinds", [("train",), ("sample",), ("train", "real", "sample"), ("real",)])
def test_few_clips_without_labels_have_no_figures_and_no_error(folder, kinds):
    rng = np.random.default_rng(0)
    folder.recording("one", rng.normal(0, 0.1, RATE), 1)
    for kind in kinds:
        folder.clip(kind, rng.normal(0, 0.1, RATE // 4), "" if kind == "sample" else "one")
    found = folder.evaluate()
    assert found["distribution"]["texture"]["fad"]["sample"]["value"] is None
    assert found["fidelity"] is None and found["long"] is None and found["held_out"] is None
    assert found["labels"] == [] and found["latents"] is None and found["controls"] == []
    assert found["clips"]["sample"] == kinds.count("sample")


def test_silence_and_a_second_of_sound_are_judged(folder):
    rng = np.random.default_rng(0)
    for kind in ("train", "real", "sample", "granular"):
        for number in range(6):
            samples = rng.normal(0, 0.1 * (number % 2), (RATE, 2))
            folder.clip(kind, samples, "one", "rain" if number % 2 else "silence")
    found = folder.evaluate()
    assert found["channels"] == 2 and found["fidelity"]["real"]["value"] == 1
    assert found["distribution"]["texture"]["kad"]["sample"]["n"] == 6


def test_other_files_are_carried_over(folder):
    folder.clip("train", np.zeros(RATE))
    write_json(
        folder.path / "metrics.json", {"latents": {"active": 3}, "controls": [{"name": "a"}]}
    )
    write_json(folder.path / "long.json", {"seconds": 60})
    found = folder.evaluate(metrics=folder.path / "metrics.json", long=folder.path / "long.json")
    assert found["latents"] == {"active": 3} and found["controls"] == [{"name": "a"}]
    assert found["long"] == {"seconds": 60}


def test_clips_that_do_not_compare_are_refused(folder):
    one = folder.clip("train", np.zeros(RATE))
    folder.clip("real", np.zeros(RATE), rate=16_000)
    with pytest.raises(InputError, match="16000 Hz"):
        folder.evaluate()
    folder.rows[1]["kind"] = "dream"
    with pytest.raises(InputError, match="dream"):
        folder.evaluate()
    folder.rows[1] = {**folder.rows[0], "kind": "phase", "reference": "gone.wav"}
    with pytest.raises(InputError, match=r"gone\.wav"):
        folder.evaluate()
    folder.rows.pop()
    (folder.path / "clips" / one).unlink()
    with pytest.raises(InputError, match="Make the clips again"):
        folder.evaluate()
    with pytest.raises(InputError, match=r"holds no clips\.csv"):
        evaluate(folder.path, folder.path / "x.json", OPTIONS, seed=1)


def test_clips_are_drawn_evenly(folder):
    for label, count in (("rain", 20), ("wind", 4)):
        for number in range(count):
            folder.clip("sample", np.zeros(100), f"{label}{number // 2}", label)
    folder.evaluate()
    clips = ClipSets(folder.path / "clips").of("sample")
    chosen = [clips[i] for i in evenly(clips, 12, 0)]
    assert len({clip.source for clip in chosen}) == 12
    assert evenly(clips, 99, 0) == list(range(24)) and evenly(clips, 12, 1) != evenly(clips, 12, 0)


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    path = tmp_path_factory.mktemp("task")
    heard_task.build(path, classical=("forest",))
    return path


def toy_clips(folder, labels=heard_task.CLASSES):
    for kind, seed in (("train", 100), ("real", 200), ("sample", 300)):
        for number in range(9):
            label = heard_task.CLASSES[number % 3]
            samples = heard_task.sound(label, seed + number)
            # the samples do not sound as they were asked to
            name = labels[(number + (kind == "sample")) % 3]
            folder.clip(kind, samples, f"{kind}{number}", name, rate=heard_task.RATE)
    return folder


@pytest.mark.parametrize(
    "learner, model", [("net", "learners/net/folds/all/model"), ("forest", "learners/forest/model")]
)
def test_a_learner_of_the_classification_line_judges(folder, learned, learner, model):
    options = OPTIONS.model_copy(update={"judge": JudgeOptions(task="toys", learner=learner)})
    found = toy_clips(folder).evaluate(options, judge=learned / model)
    assert found["fidelity"]["judge"] == f"{learner} of the task toys"
    assert found["fidelity"]["classes"] == list(heard_task.CLASSES)
    assert found["fidelity"]["real"]["value"] > 0.85 > 0.15 > found["fidelity"]["sample"]["value"]
    confusion = np.array(found["fidelity"]["confusion"]["sample"])
    assert confusion[1, 0] >= 2 and confusion.sum() == 9  # asked for a flute, sounds like a bass
    judged = found["distribution"]["judge"]
    if learner == "forest":
        assert judged is None
    else:
        assert judged["fad"]["floor"]["n"] == 9 and judged["fad"]["noise"]["value"] is None


def test_a_judge_with_classes_of_its_own_judges_distances_only(folder, learned):
    judge = JudgeOptions(task="toys", learner="net", labels=False)
    options = OPTIONS.model_copy(update={"judge": judge})
    toy_clips(folder, labels=("sea", "wood", "wind"))
    found = folder.evaluate(options, judge=learned / "learners/net/folds/all/model")
    assert found["fidelity"]["judge"] == OWN
    assert found["fidelity"]["classes"] == ["sea", "wind", "wood"]
    assert found["distribution"]["judge"]["fad"]["floor"]["n"] == 9
    assert found["distribution"]["judge_name"] == "net of the task toys"
    with pytest.raises(InputError, match="no last layer"):
        folder.evaluate(options, judge=learned / "learners/forest/model")


def test_a_judge_of_other_labels_is_refused(folder, learned):
    toy_clips(folder, labels=("bass", "flutes", "noise"))
    options = OPTIONS.model_copy(update={"judge": JudgeOptions(task="toys", learner="forest")})
    with pytest.raises(InputError, match=r"'flutes'; did you mean 'flute'\?.*bass, flute, noise"):
        folder.evaluate(options, judge=learned / "learners/forest/model")
    with pytest.raises(InputError, match="was not given"):
        folder.evaluate(options)
