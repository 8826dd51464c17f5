"""Where the files of a task lie: what its rules require of one another, from its options alone.

Read while the workflow is parsed, so it imports nothing heavy.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from soundmill.classification.network_options import ClassifierOptions
from soundmill.classification.options import FLOORS, ClassificationOptions

ALL = "all"


@dataclass(frozen=True)
class Layout:
    """The files of one task.

    Attributes
    ----------
    name : of the task; options : its options.
    buckets : names of the buckets of each corpus.
    """

    name: str
    options: ClassificationOptions
    buckets: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def folder(self) -> str:
        """Folder of all results of the task."""
        return f"results/classification/{self.name}"

    @property
    def task(self) -> str:
        """Folder of its examples, targets and folds."""
        return f"{self.folder}/task"

    @property
    def split_files(self) -> list[str]:
        """Lists of recordings the split is given by."""
        files = self.options.split.files
        return [path for path in (files.train, files.test, files.valid) if path] if files else []

    @property
    def template(self) -> list[str]:
        """The CSV that says what a submission must answer."""
        asked = self.options.prediction
        return [asked.submission.template] if asked and asked.submission.template else []

    @property
    def wav(self) -> list[str]:
        """Folders of the decoded recordings; none for a task from a table."""
        if self.options.corpus is None:
            return []
        names = self.buckets[self.options.corpus]
        return [f"results/{self.options.corpus}/wav/{name}" for name in names]

    def families(self) -> dict[str, dict[str, str]]:
        """Return kind and family (floor, classical, network) of each learner."""
        found = {}
        for name, options in self.options.learners.items():
            family = "network" if self.is_network(name) else "classical"
            found[name] = {"kind": options.kind, "family": "floor" if name in FLOORS else family}
        return found

    @property
    def honest_folds(self) -> list[str]:
        """Names of the folds the evaluation believes, where the options know them."""
        return [str(number) for number in range(self.options.fold_count or 0)]

    def folds(self, learner: str) -> list[str]:
        """Return the folds a network is trained on, one job each."""
        options = self.options.learners[learner]
        leaky = isinstance(options, ClassifierOptions) and options.compare_random
        count = self.options.leaky_fold_count if leaky else 0
        return [*self.honest_folds, *(f"random-{number}" for number in range(count)), ALL]

    def is_network(self, learner: str) -> bool:
        """Tell a network from a classical learner."""
        return learner in self.options.networks

    def tables(self, learner: str, corpus: str | None = None) -> list[str]:
        """Return the tables of descriptors a classical learner reads, of the task's own corpus."""
        if self.options.table and corpus is None:
            return [f"{self.folder}/table.parquet"]
        level = getattr(self.options.learners[learner], "level", "recording")
        return self.descriptors("segments" if level == "segment" else "features", corpus)

    def descriptors(self, kind: str = "features", corpus: str | None = None) -> list[str]:
        """Return the tables of descriptors (``features`` or ``segments``), one a bucket."""
        if self.options.table and corpus is None:
            return [f"{self.folder}/table.parquet"]
        return self._buckets(f"{kind}/{self.options.descriptors}", "parquet", corpus)

    def spectra(self, suffix: str, corpus: str | None = None) -> list[str]:
        """Return the arrays (``npy``) of the spectra or their indices (``csv``), one a bucket."""
        return self._buckets(f"spectra/{self.options.spectra}", suffix, corpus)

    def augmented(self, learner: str) -> list[str]:
        """Return arrays and indices of the stored copies a network learns from."""
        return self.stored_copies(getattr(self.options.learners[learner], "augmentations", ()))

    def stored_copies(self, augmentations: Sequence[str]) -> list[str]:
        """Return arrays and indices of the spectra of changed copies, by what changed them."""
        folder = f"augmented/{self.options.spectra}"
        return [
            path
            for name in augmentations
            for suffix in ("npy", "csv")
            for path in self._buckets(f"{folder}/{name}", suffix)
        ]

    def start(self, learner: str) -> list[str]:
        """Return the network another task lends to this one."""
        start = getattr(self.options.learners[learner], "start_from", None)
        return [network_model(start.task, start.learner)] if start else []

    def _buckets(self, folder: str, suffix: str, corpus: str | None = None) -> list[str]:
        corpus = corpus or self.options.corpus or ""
        return [f"results/{corpus}/{folder}/{name}.{suffix}" for name in self.buckets[corpus]]

    def parts(self, learner: str, name: str) -> list[str]:
        """Return a result file of each job of a learner: of each fold of a network."""
        folder = f"{self.folder}/learners/{learner}"
        if not self.is_network(learner):
            return [f"{folder}/{name}"]
        return [f"{folder}/folds/{fold}/{name}" for fold in self.folds(learner)]

    def all_parts(self, name: str) -> list[str]:
        """Return a result file of each job of all learners."""
        return [path for learner in self.options.learners for path in self.parts(learner, name)]

    def model(self, learner: str) -> str:
        """Return the folder of the model that learned from everything."""
        if self.is_network(learner):
            return network_model(self.name, learner)
        return f"{self.folder}/learners/{learner}/model"

    def fold_model(self, learner: str, fold: str) -> str:
        """Return the folder of the model of a fold; a classical learner keeps all in one."""
        if self.is_network(learner):
            return f"{self.folder}/learners/{learner}/folds/{fold}/model"
        return self.model(learner)

    # what the studies of a task need

    def tested_folders(self) -> dict[str, str]:
        """Return the model folder of each learner whose robustness is measured."""
        study = self.options.studies.robustness
        return {name: self.fold_model(name, "{fold}") for name in (study.learners if study else ())}

    def tested_models(self) -> list[str]:
        """Return the same for every fold that tests."""
        folders = self.tested_folders().values()
        paths = [f.replace("{fold}", fold) for f in folders for fold in self.honest_folds or ["0"]]
        return list(dict.fromkeys(paths))

    def transfer_start(self) -> list[str]:
        """Return the other task's network that transfer starts from."""
        study = self.options.studies.transfer
        return [network_model(study.start_from.task, study.start_from.learner)] if study else []

    def study(self, name: str) -> dict[str, Any]:
        """Return the options of a study, without what names files."""
        raw = getattr(self.options.studies, name).model_dump(mode="json")
        files = ("learner", "learners", "start_from")
        return {key: raw[key] for key in raw if key not in files}

    def results(self) -> list[str]:
        """Return what is looked into beyond the figures, as the options ask."""
        studies = self.options.studies
        weighed = studies.importance.learners if studies.importance else ()
        names = [f"importance/{name}.json" for name in weighed]
        names += ["occlusion.npz"] if studies.occlusion else []
        asked = ("robustness", "transfer", "ablation")
        names += [f"{name}.json" for name in asked if getattr(studies, name)]
        return [f"{self.folder}/{name}" for name in names]

    def chapters(self) -> list[str]:
        """Return all that the task's page shows beyond the evaluation."""
        answered = [f"{self.folder}/prior.json"] if self.options.prediction else []
        return [*self.results(), *answered]

    def targets(self) -> list[str]:
        """Return what the target `classification` builds of this task."""
        exported = [f"{self.folder}/learners/{name}/export.json" for name in self.options.networks]
        answered = [f"{self.folder}/submission.csv"] if self.options.prediction else []
        return [f"{self.folder}/report", f"{self.folder}/model_card.md", *exported, *answered]

    # what deciding on another corpus needs

    def deciding_names(self) -> list[str]:
        """Return the learner that decides on the unlabelled corpus, or an ensemble's members."""
        learner = self.options.prediction.learner if self.options.prediction else ""
        if learner in self.options.ensembles:
            return list(self.options.ensembles[learner].members)
        return [learner]

    def deciding_models(self) -> list[str]:
        """Return their model folders."""
        return [self.model(name) for name in self.deciding_names()]

    def deciding_weights(self) -> list[str]:
        """Return the file of how an ensemble combines its members, where an ensemble decides."""
        learner = self.options.prediction.learner if self.options.prediction else ""
        return [f"{self.folder}/ensembles.json"] if learner in self.options.ensembles else []

    def deciding_tables(self) -> list[str]:
        """Return the tables of descriptors they need of the unlabelled corpus."""
        corpus = self.options.prediction.corpus if self.options.prediction else None
        names = [name for name in self.deciding_names() if not self.is_network(name)]
        return list(dict.fromkeys(path for name in names for path in self.tables(name, corpus)))

    def deciding_spectra(self, suffix: str) -> list[str]:
        """Return the spectra they need of it."""
        corpus = self.options.prediction.corpus if self.options.prediction else None
        if not any(self.is_network(name) for name in self.deciding_names()):
            return []
        return self.spectra(suffix, corpus)


def network_model(task: str, learner: str) -> str:
    """Return the model folder of a network that learned from all of a task."""
    return f"results/classification/{task}/learners/{learner}/folds/{ALL}/model"
