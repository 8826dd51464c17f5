"""What is wrong with the options of a task is said with its place, and the nearest spelling."""

import copy

import pytest

from soundmill.classification.options import part_of_task
from soundmill.config import load_config
from soundmill.errors import InputError

RAW = {
    "corpora": {"songs": {"source": "x"}, "new": {"source": "y"}},
    "augmentations": {"far": {"kind": "noise"}},
    "classification": {
        "style": {
            "corpus": "songs",
            "target": "style",
            "learners": {"svm": {"kind": "svm"}, "cnn": {"kind": "cnn"}},
            "ensembles": {"all": {"members": ["svm", "cnn"]}},
        }
    },
}
PLACE = "classification.style"


def config(**changes):
    """The configuration with entries of the task changed; None takes one out."""
    raw = copy.deepcopy(RAW)
    task = raw["classification"]["style"]
    for name, value in changes.items():
        if value is None:
            del task[name]
        elif isinstance(value, dict) and name in ("learners", "ensembles"):
            task[name].update(value)
        else:
            task[name] = value
    return load_config(raw)


def refused(**changes):
    with pytest.raises(InputError) as caught:
        config(**changes)
    return str(caught.value)


def test_the_floors_are_always_there_and_can_be_changed():
    learners = config().classification["style"].learners
    assert list(learners)[:2] == ["majority", "knn_mfcc"]
    assert learners["knn_mfcc"].families == ["mfcc"]
    changed = config(learners={"knn_mfcc": {"kind": "knn", "neighbours": 1}})
    assert changed.classification["style"].learners["knn_mfcc"].neighbours == 1
    assert "majority" in config(learners=None, ensembles=None).classification["style"].learners


def test_a_floor_set_to_null_is_left_out():
    learners = config(learners={"knn_mfcc": None}, ensembles=None).classification["style"].learners
    assert "knn_mfcc" not in learners
    assert "majority" in learners


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"learners": {"a": {"kind": "randomforest"}}},
         [f"{PLACE}.learners.a: got", "kind must be one of", "did you mean 'random_forest'"]),
        ({"learners": {"a": {"kind": "crn"}}}, ["did you mean 'crnn'"]),
        ({"learners": {"a": {"trees": 5}}}, [f"{PLACE}.learners.a: got", "kind must be one of"]),
        ({"learners": {"a": {"kind": "svm", "kernl": "rbf"}}},
         [f"{PLACE}.learners.a.kernl: unknown option; did you mean 'kernel'"]),
        ({"learners": {"a": {"kind": "cnn", "epochs": 0}}},
         [f"{PLACE}.learners.a.epochs: got 0", "greater than or equal to 1"]),
        ({"learners": {"a": {"kind": "cnn", "spectral": {"mixupp": 1}}}},
         [f"{PLACE}.learners.a.spectral.mixupp", "did you mean 'mixup'"]),
        ({"learners": {"a": {"kind": "svm", "search": {"trails": 3}}}},
         [f"{PLACE}.learners.a.search.trails", "did you mean 'trials'"]),
        ({"learners": {"Bad Name": {"kind": "svm"}}}, [f"{PLACE}.learners.Bad Name"]),
        ({"ensembles": {"all": {"members": ["svm", "fores"]}}},
         [f"{PLACE}: ensembles.all.members: 'fores' is not among"]),
        ({"ensembles": {"svm": {"members": ["cnn"]}}}, ["ensembles.svm", "rename one"]),
        ({"prediction": {"corpus": "new", "learner": "bvm"}},
         ["prediction.learner: 'bvm' is not among", "did you mean 'svm'"]),
        ({"prediction": {"corpus": "newer", "learner": "svm"}},
         [f"{PLACE}.prediction.corpus: 'newer' is not in corpora", "did you mean 'new'"]),
        ({"corpus": "song"}, [f"{PLACE}.corpus", "did you mean 'songs'"]),
        ({"corpus": None}, [f"{PLACE}: give either corpus or table"]),
        ({"table": {"path": "x.csv"}}, ["give either corpus or table"]),
        ({"descriptors": "wide"}, [f"{PLACE}.descriptors: 'wide' is not in descriptors (default)"]),
        ({"spectra": "defalt"}, [f"{PLACE}.spectra", "did you mean 'default'"]),
        ({"split": {"method": "column", "column": "fold"}},
         ["split.folds", "column", "each fold of a network"]),
        ({"split": {"method": "leave_one_group_out"}, "group": "artist"}, ["split.folds"]),
        ({"split": {"method": "folds", "foldes": 3}}, [f"{PLACE}.split.foldes", "'folds'"]),
        ({"learners": {"cnn": {"kind": "cnn", "augmentations": ["fa"]}}},
         [f"{PLACE}.learners.cnn.augmentations: 'fa' is not in augmentations (far)"]),
        ({"learners": {"cnn": {"kind": "cnn", "start_from": {"task": "styl", "learner": "cnn"}}}},
         [f"{PLACE}.learners.cnn.start_from.task: 'styl'", "did you mean 'style'"]),
        ({"learners": {"cnn": {"kind": "cnn", "start_from": {"task": "style", "learner": "svm"}}}},
         ["start_from.learner: 'svm' is not in the networks of style (cnn)"]),
        ({"studies": {"importance": {"learners": ["cnn"]}}},
         ["studies.importance.learners: 'cnn' is a network", "occlusion"]),
        ({"studies": {"importance": {"learners": ["bvm"]}}}, ["studies", "'bvm' is not among"]),
        ({"studies": {"occlusion": {"learner": "svm"}}},
         ["studies.occlusion.learner: 'svm' is not a network"]),
        ({"studies": {"ablation": {"learner": "svm"}}}, ["studies.ablation.learner"]),
        ({"studies": {"ocklusion": {"learner": "cnn"}}}, ["did you mean 'occlusion'"]),
        ({"studies": {"transfer": {"learner": "cnn", "clips": [5, 2],
                                   "start_from": {"task": "style", "learner": "cnn"}}}},
         [f"{PLACE}.studies.transfer: clips [5, 2] must rise"]),
        ({"evaluation": {"resamples": 5}}, [f"{PLACE}.evaluation.resamples: got 5"]),
    ],
)  # fmt: skip
def test_an_error_names_place_value_and_remedy(changes, said):
    text = refused(**changes)
    for words in said:
        assert words in text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"learners": {"cnn": {"kind": "cnn"}}}, "learners.cnn: a network needs recordings"),
        ({"prediction": {"corpus": "new", "learner": "svm"}}, "prediction: a task from a table"),
        ({"studies": {"robustness": {"learners": ["svm"]}}}, "studies.robustness: a table"),
    ],
)
def test_a_table_cannot_be_heard(changes, said):
    raw = copy.deepcopy(RAW)
    task = {"table": {"path": "x.csv"}, "target": "y", "learners": {"svm": {"kind": "svm"}}}
    raw["classification"] = {"style": task}
    assert load_config(raw).classification["style"].corpus is None
    raw["classification"]["style"] = {**task, **changes}
    with pytest.raises(InputError, match=said):
        load_config(raw)


def test_a_network_does_not_start_from_one_that_learned_what_it_tests():
    raw = copy.deepcopy(RAW)
    style = raw["classification"]["style"]
    start = {"task": "other", "learner": "cnn"}
    style["studies"] = {"transfer": {"learner": "cnn", "start_from": start}}
    raw["classification"]["other"] = {**copy.deepcopy(style), "studies": {}}
    with pytest.raises(InputError, match="start_from: the network of other has learned"):
        load_config(raw)
    start["task"] = "style"
    with pytest.raises(InputError, match="the network of style has learned"):
        load_config(raw)
    start["task"] = "other"
    raw["classification"]["other"]["corpus"] = "new"
    load_config(raw)


def test_classical_learners_may_leave_the_number_of_folds_to_the_data():
    task = {"learners": None, "ensembles": None, "split": {"method": "column", "column": "fold"}}
    assert config(**task).classification["style"].fold_count is None


def test_unknown_kinds_of_an_augmentation_are_named():
    raw = {**RAW, "augmentations": {"far": {"kind": "nois"}}}
    with pytest.raises(InputError, match=r"augmentations\.far: .*did you mean 'noise'"):
        load_config(raw)


def test_only_what_decides_examples_and_folds_goes_into_the_task():
    options = config(evaluation={"bins": 5}, seed=7).classification["style"]
    part = part_of_task(options)
    assert part["target"] == "style" and part["split"]["method"] == "holdout"
    assert not {"learners", "evaluation", "seed", "studies", "spectra"} & set(part)


def test_results_of_a_corpus_do_not_hide_those_of_the_tasks():
    with pytest.raises(InputError, match=r"corpora\.classification.*rename it"):
        load_config({"corpora": {"classification": {"source": "x"}}})
