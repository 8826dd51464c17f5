"""How decisions hold when recordings get worse."""

import numpy as np
import pytest
import soundfile
from heard_task import CLASSES, RATE, SPECTRA, sound

from soundmill.classification import robustness
from soundmill.classification.deciding import Decider, decide_file, load_decider
from soundmill.classification.robustness import (
    changes,
    choose_recordings,
    compare_changes,
    measure_robustness,
)
from soundmill.classification.study_options import RobustnessOptions
from soundmill.classification.task import Task, read_task
from soundmill.errors import InputError
from soundmill.files import read_json

QUIET = {"noise": (), "pitch": (), "tempo": (), "mp3": ()}


def plan(**changed):
    return RobustnessOptions(**{"learners": ("ear",), **QUIET, **changed})


def ear(classes=CLASSES):
    """A planted detector: loud below 250 Hz is bass, around 1200 Hz a flute, everywhere noise."""

    def decide(spectrum):
        power = (10 ** (spectrum.astype(float) / 10)).mean(axis=0)
        low, middle, high = power[:2].sum(), power[5:12].sum(), power[15:].sum()
        sums = np.array([low, middle, 20 * high])
        return sums / sums.sum()

    return Decider("single", list(classes), SPECTRA, decide)


@pytest.fixture
def tones(tmp_path):
    """Eight recordings of bass and flute in two buckets, of which fold 0 and 1 test a half each."""
    kinds = [0, 1] * 4
    examples = []
    for number, kind in enumerate(kinds):
        bucket = str(number % 2)
        path = tmp_path / bucket / f"r{number}.wav"
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, sound(CLASSES[kind], number), RATE)
        examples.append({"id": f"r{number}", "source": f"r{number}.mp3", "bucket": bucket,
                         "seconds": "1.2", "group": ""})  # fmt: skip
    place = np.arange(8)
    folds = {str(k): np.where(place // 4 == k, "test", "train") for k in (0, 1)}
    folds |= {"all": np.full(8, "train"), "random-0": np.full(8, "test")}
    task = Task("single", list(CLASSES), examples, np.array(kinds), folds)
    return task, {bucket: str(tmp_path / bucket) for bucket in "01"}


def compare(tones, options, loaded=None, seed=3):
    task, wav = tones
    tested = choose_recordings(task, wav, options.recordings, 1)

    def load(learner, fold):
        (loaded if loaded is not None else []).append((learner, fold))
        return ear()

    return compare_changes(task, tested, options.learners, load, options, seed)


def values(found):
    return {(row["kind"], row["value"]): row["measure"]["value"] for row in found["rows"]}


def test_loud_noise_deafens_a_detector_and_a_little_does_not(tones):
    found = values(compare(tones, plan(noise=(40.0, -10.0))))
    assert found[None, 0.0] == 1
    assert found["noise", 40.0] == 1
    assert found["noise", -10.0] <= 0.25  # all is heard as noise


def test_each_fold_is_heard_by_the_learner_that_did_not_learn_from_it(tones):
    loaded = []
    found = compare(tones, plan(learners=("ear", "other")), loaded)
    assert sorted(loaded) == [("ear", "0"), ("ear", "1"), ("other", "0"), ("other", "1")]
    assert found["items"] == 8 and found["metric"] == "accuracy"
    assert [row["learner"] for row in found["rows"]] == ["ear", "other"]
    assert found["rows"][0]["measure"]["items"] == 8

    def load(learner, fold):
        own = ear()
        wrong = Decider("single", list(CLASSES), SPECTRA, lambda heard: 1 - own.decide(heard))
        return wrong if fold == "1" else own

    task, wav = tones
    half = compare_changes(task, choose_recordings(task, wav, 8, 1), ("ear",), load, plan(), 1)
    assert values(half) == {(None, 0.0): 0.5}


def test_the_same_seed_draws_the_same_and_another_seed_other_noise(tones):
    options = plan(noise=(3.0,), learners=("ear",))
    heard = []

    def load(learner, fold):
        own = ear()

        def decide(spectrum):
            heard[-1].append(float(spectrum.astype(float).mean()))
            return own.decide(spectrum)

        return Decider("single", list(CLASSES), SPECTRA, decide)

    task, wav = tones
    found = []
    for seed in (1, 1, 2):
        heard.append([])
        tested = choose_recordings(task, wav, 100, 1)
        found.append(compare_changes(task, tested, ("ear",), load, options, seed))
    assert heard[0] == heard[1] and found[0] == found[1]
    assert heard[0] != heard[2]
    assert heard[0][::2] == heard[2][::2]  # what is not changed does not depend on the seed


def test_changes_are_those_asked_for_and_none_first():
    asked = plan(mp3=(64, 16), noise=(0.0,), tempo=(0.8,))
    assert [(c.kind, c.value) for c in changes(asked)] == [
        (None, 0.0), ("noise", 0.0), ("tempo", 0.8), ("mp3", 64.0), ("mp3", 16.0),
    ]  # fmt: skip
    assert len(list(changes(RobustnessOptions(learners=("a",))))) == 17


def test_recordings_are_drawn_from_all_honest_folds_once(tones):
    task, wav = tones
    every = choose_recordings(task, wav, 100, 1)
    assert [item.row for item in every] == list(range(8))
    assert [item.fold for item in every] == ["0"] * 4 + ["1"] * 4
    assert every[5] == robustness.Tested(5, "1", every[5].path) and every[5].path.exists()
    some = choose_recordings(task, wav, 3, 1)
    assert len(some) == 3 and set(some) <= set(every)
    assert some == choose_recordings(task, wav, 3, 1)
    assert len({tuple(i.row for i in choose_recordings(task, wav, 3, s)) for s in range(9)}) > 2


def test_a_task_that_tests_nothing_is_refused(tones):
    task, wav = tones
    bare = Task(task.kind, task.classes, task.examples, task.targets, {"all": task.folds["all"]})
    with pytest.raises(InputError, match="no fold has a test part"):
        choose_recordings(bare, wav, 5, 1)


def test_learners_that_hear_alike_hear_once(tones, monkeypatch):
    count = []

    def counted(*arguments):
        count.append(arguments)
        return hear(*arguments)

    hear = robustness.hear
    monkeypatch.setattr(robustness, "hear", counted)
    compare(tones, plan(learners=("ear", "other"), recordings=2, mp3=(64,)))
    assert len(count) == 2 * 2


def test_the_file_holds_the_decisions_of_real_learners(heard, tmp_path):
    folders = {
        "parts": str(heard / "learners/parts/model"),
        "net": str(heard / "learners/net/folds/{fold}/model"),
    }
    options = plan(learners=("parts", "net"), noise=(0.0,))
    wav = {"0": str(heard / "songs/wav/0")}
    for name in ("a.json", "b.json"):
        measure_robustness(heard / "task", wav, folders, options, tmp_path / name, seed=1)
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    found = read_json(tmp_path / "a.json")
    task = read_task(heard / "task")
    for name, folder in folders.items():
        right = []
        for fold in task.honest_folds:
            own = load_decider(folder.format(fold=fold), fold if name == "parts" else None)
            for row in task.rows(fold, "test"):
                said = decide_file(heard / f"songs/wav/0/{task.ids[row]}.wav", own)
                right.append(said.argmax() == task.targets[row])
        clean = next(r for r in found["rows"] if r["learner"] == name and r["kind"] is None)
        assert clean["measure"]["value"] == pytest.approx(np.mean(right), abs=1e-6)
    assert found["items"] == 6  # what the two folds test
