"""Where the files of a task lie, from its options alone."""

from soundmill.classification.layout import Layout
from soundmill.classification.options import ClassificationOptions

BUCKETS = {"songs": ["00", "01"], "new": ["0"]}
CNN = {"kind": "cnn"}
STUDIES = {
    "importance": {"learners": ["svm"]},
    "occlusion": {"learner": "cnn"},
    "robustness": {"learners": ["svm", "cnn"]},
    "transfer": {"learner": "cnn", "start_from": {"task": "genre", "learner": "big"}},
    "ablation": {"learner": "cnn"},
}
HOME = "results/classification/style"


def layout(**changes):
    raw = {
        "corpus": "songs",
        "target": "style",
        "split": {"method": "folds", "folds": 2},
        "learners": {"svm": {"kind": "svm"}, "cnn": CNN},
    }
    return Layout("style", ClassificationOptions(**{**raw, **changes}), BUCKETS)


def test_a_network_has_a_job_a_fold_and_a_classical_learner_has_one():
    task = layout()
    assert task.folds("cnn") == ["0", "1", "all"]
    assert task.parts("cnn", "x.json") == [
        f"{HOME}/learners/cnn/folds/{fold}/x.json" for fold in ("0", "1", "all")
    ]
    assert task.parts("svm", "x.json") == [f"{HOME}/learners/svm/x.json"]
    assert len(task.all_parts("x.json")) == 3 + 3  # svm and the two floors


def test_leaky_folds_are_trained_only_where_a_network_asks_for_them():
    split = {"method": "folds", "folds": 2, "compare_random": True}
    learners = {"cnn": CNN, "twin": {**CNN, "compare_random": True}}
    task = layout(group="artist", split=split, learners=learners)
    assert task.folds("cnn") == ["0", "1", "all"]
    assert task.folds("twin") == ["0", "1", "random-0", "random-1", "all"]
    one = layout(group="artist", split={**split, "random_folds": 1}, learners=learners)
    assert one.folds("twin") == ["0", "1", "random-0", "all"]
    none = layout(split={"method": "folds", "folds": 2}, learners=learners)
    assert none.folds("twin") == ["0", "1", "all"]


def test_folds_by_split():
    assert layout(split={}).honest_folds == ["0"]
    column = {"method": "column", "column": "fold", "folds": 3}
    assert layout(split=column).honest_folds == ["0", "1", "2"]
    loose = layout(split={**column, "folds": None}, learners={})
    assert loose.honest_folds == []  # only the data know


def test_families_name_floors_even_when_they_are_changed():
    task = layout(learners={"knn_mfcc": {"kind": "knn", "neighbours": 1}, "cnn": CNN})
    assert task.families() == {
        "majority": {"kind": "majority", "family": "floor"},
        "knn_mfcc": {"kind": "knn", "family": "floor"},
        "cnn": {"kind": "cnn", "family": "network"},
    }
    assert task.options.learners["knn_mfcc"].neighbours == 1


def test_a_learner_reads_the_tables_of_its_level():
    learners = {"whole": {"kind": "svm"}, "parts": {"kind": "svm", "level": "segment"}}
    task = layout(learners=learners, descriptors="wide")
    assert task.tables("whole") == [
        f"results/songs/features/wide/{b}.parquet" for b in BUCKETS["songs"]
    ]
    assert task.tables("parts", "new") == ["results/new/segments/wide/0.parquet"]


def test_a_table_takes_the_place_of_a_corpus():
    task = layout(corpus=None, table={"path": "x.csv"}, learners={"svm": {"kind": "svm"}})
    assert task.tables("svm") == task.descriptors() == [f"{HOME}/table.parquet"]
    assert task.wav == []
    assert task.targets() == [f"{HOME}/report", f"{HOME}/model_card.md"]


def test_stored_copies_and_lent_networks():
    learners = {
        "cnn": {**CNN, "augmentations": ["far"], "start_from": {"task": "genre", "learner": "big"}}
    }
    task = layout(learners=learners)
    assert task.augmented("cnn") == [
        f"results/songs/augmented/default/far/{bucket}.{suffix}"
        for suffix in ("npy", "csv")
        for bucket in ("00", "01")
    ]
    assert task.start("cnn") == ["results/classification/genre/learners/big/folds/all/model"]
    assert task.augmented("majority") == task.start("majority") == []


def test_studies_need_the_models_of_the_folds_that_test():
    task = layout(studies=STUDIES)
    assert task.tested_folders() == {
        "svm": f"{HOME}/learners/svm/model",
        "cnn": f"{HOME}/learners/cnn/folds/{{fold}}/model",
    }
    assert task.tested_models() == [
        f"{HOME}/learners/svm/model",
        f"{HOME}/learners/cnn/folds/0/model",
        f"{HOME}/learners/cnn/folds/1/model",
    ]
    assert task.transfer_start() == ["results/classification/genre/learners/big/folds/all/model"]
    assert task.chapters() == [
        f"{HOME}/{name}"
        for name in ("importance/svm.json", "occlusion.npz", "robustness.json", "transfer.json",
                     "ablation.json")
    ]  # fmt: skip
    assert layout().chapters() == []


def test_the_options_of_a_study_name_no_files():
    task = layout(studies=STUDIES)
    assert set(task.study("transfer")) == {"clips", "freeze", "rate_factor", "seeds", "epochs"}
    assert set(task.study("ablation")) == {"seeds", "epochs"}
    assert "learners" not in task.study("importance")


def test_an_ensemble_that_decides_needs_its_members_and_its_weights():
    asked = {"corpus": "new", "learner": "all", "submission": {"template": "asked.csv"}}
    ensembles = {"all": {"members": ["svm", "cnn"]}}
    task = layout(ensembles=ensembles, prediction=asked)
    assert task.deciding_models() == [
        f"{HOME}/learners/svm/model", f"{HOME}/learners/cnn/folds/all/model",
    ]  # fmt: skip
    assert task.deciding_tables() == ["results/new/features/default/0.parquet"]
    assert task.deciding_spectra("npy") == ["results/new/spectra/default/0.npy"]
    assert task.deciding_weights() == [f"{HOME}/ensembles.json"]
    assert task.template == ["asked.csv"]
    assert f"{HOME}/submission.csv" in task.targets()
    assert f"{HOME}/prior.json" in task.chapters()


def test_a_single_learner_that_decides_needs_nothing_of_the_others():
    task = layout(ensembles={"all": {"members": ["svm", "cnn"]}},
                  prediction={"corpus": "new", "learner": "svm"})  # fmt: skip
    assert task.deciding_models() == [f"{HOME}/learners/svm/model"]
    assert task.deciding_spectra("npy") == task.deciding_weights() == []
    network = layout(prediction={"corpus": "new", "learner": "cnn"})
    assert network.deciding_tables() == []
    assert network.deciding_spectra("csv") == ["results/new/spectra/default/0.csv"]


def test_lists_that_give_the_split_are_inputs():
    files = {"train": "a.txt", "test": "b.txt", "valid": None}
    assert layout(split={"method": "files", "files": files}).split_files == ["a.txt", "b.txt"]
    assert layout().split_files == layout().template == []
