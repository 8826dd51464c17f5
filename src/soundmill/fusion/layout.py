"""Where the files of a fusion task lie: what its rules require, from its options alone.

Read while the workflow is parsed, so it imports nothing heavy.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from soundmill.classification.layout import ALL, Layout
from soundmill.fusion.image_options import ImageModality
from soundmill.fusion.options import LATE, FusionTaskOptions, SoundModality


@dataclass(frozen=True)
class FusionLayout:
    """The files of one fusion task.

    Attributes
    ----------
    name : of the task; options : its options.
    tasks : layouts of the classification tasks, by name.
    """

    name: str
    options: FusionTaskOptions
    tasks: Mapping[str, Layout]

    @property
    def folder(self) -> str:
        """Folder of all results of the task."""
        return f"results/fusion/{self.name}"

    @property
    def first(self) -> SoundModality:
        """The modality whose folds are the task's."""
        modality = next(iter(self.options.modalities.values()))
        assert isinstance(modality, SoundModality)
        return modality

    @property
    def heard(self) -> Layout:
        """The classification task of the first modality."""
        return self.tasks[self.first.task]

    @property
    def folds(self) -> list[str]:
        """Folds that are tested, one job each."""
        return self.heard.honest_folds

    @property
    def images(self) -> list[str]:
        """Names of the modalities that are seen."""
        return [n for n, m in self.options.modalities.items() if isinstance(m, ImageModality)]

    @property
    def sounds(self) -> list[str]:
        """Names of the modalities that are heard."""
        return [n for n, m in self.options.modalities.items() if isinstance(m, SoundModality)]

    def image(self, modality: str) -> ImageModality:
        """Return the options of a modality that is seen."""
        options = self.options.modalities[modality]
        assert isinstance(options, ImageModality)
        return options

    def sound(self, modality: str) -> SoundModality:
        """Return the options of a modality that is heard."""
        options = self.options.modalities[modality]
        assert isinstance(options, SoundModality)
        return options

    def task_of(self, modality: str) -> str:
        """Return the folder of a modality's examples and folds."""
        if modality in self.images:
            return f"{self.folder}/modalities/{modality}/task"
        return self.tasks[self.sound(modality).task].task

    def encoder(self, modality: str, fold: str = ALL) -> str:
        """Return the model folder of a modality's encoder; of an image encoder there is but one."""
        if modality in self.images:
            return f"{self.folder}/modalities/{modality}/model"
        sound = self.sound(modality)
        return self.tasks[sound.task].fold_model(sound.learner, fold)

    def outputs(self, modality: str, fold: str) -> str:
        """Return the folder of what an encoder says of every sample in a fold."""
        folder = f"{self.folder}/modalities/{modality}"
        return f"{folder}/outputs" if modality in self.images else f"{folder}/folds/{fold}/outputs"

    def outputs_of_fold(self, fold: str) -> list[str]:
        """Return the same for all modalities, in their order."""
        return [self.outputs(modality, fold) for modality in self.options.modalities]

    def all_outputs(self) -> list[str]:
        """Return the outputs of all modalities in all folds, fold by fold."""
        return [path for fold in self.folds for path in self.outputs_of_fold(fold)]

    def fold_parts(self, name: str) -> list[str]:
        """Return a result file of the job of each fold."""
        return [f"{self.folder}/folds/{fold}/{name}" for fold in self.folds]

    def spectra(self, modality: str, suffix: str) -> list[str]:
        """Return arrays (``npy``) or indices (``csv``) of a modality's spectra."""
        return self.tasks[self.sound(modality).task].spectra(suffix)

    def augmented(self, modality: str) -> list[str]:
        """Return arrays and indices of the damaged copies of a modality's spectra."""
        sound = self.sound(modality)
        return self.tasks[sound.task].stored_copies(sound.damages)

    def practical(self, ending: str = ".json") -> list[str]:
        """Return a result of the practical's network, where it is asked for."""
        return [f"{self.folder}/practical{ending}"] if self.options.practical_cnn else []

    def encoder_curves(self) -> list[str]:
        """Return the learning curves of the networks that see."""
        return [f"{self.folder}/modalities/{name}/curves.csv" for name in self.images]

    def wav(self) -> list[str]:
        """Return the folders of the recordings of all modalities that are heard."""
        return [path for name in self.sounds for path in self.tasks[self.sound(name).task].wav]

    def arrays(self) -> list[str]:
        """Return the arrays of all image corpora."""
        return [f"results/{self.image(name).images}/images.npy" for name in self.images]

    def image_files(self, modality: str) -> tuple[str, str, str]:
        """Return the task folder, the manifest and the array of an image modality."""
        folder = f"results/{self.image(modality).images}"
        return self.task_of(modality), f"{folder}/manifest.csv", f"{folder}/images.npy"

    def manifests(self) -> list[str]:
        """Return the manifests of all modalities, in their order."""
        return [
            f"results/{self.image(name).images}/manifest.csv"
            if name in self.images
            else f"results/{self.tasks[self.sound(name).task].options.corpus}/manifest.csv"
            for name in self.options.modalities
        ]

    def targets(self) -> list[str]:
        """Return what the target `fusion` builds of this task."""
        return [f"{self.folder}/report", f"{self.folder}/export.json"]

    def split_files(self, modality: str) -> list[str]:
        """Return lists of images that the split of a modality is given by."""
        files = self.image(modality).split.files
        return [path for path in (files.train, files.test, files.valid) if path] if files else []

    def image_task(self, modality: str) -> dict[str, Any]:
        """Return the options of the task that the images of a modality make."""
        image = self.image(modality).model_dump(mode="json")
        names = ("target", "group", "aliases", "split")
        return {name: image[name] for name in names}

    def seen(self, modality: str) -> dict[str, Any]:
        """Return the options of a modality that decide what its encoder learns."""
        options = self.image(modality).model_dump(mode="json")
        del options["most"]
        return options

    def learned(self) -> dict[str, Any]:
        """Return the options that decide what the fusions of a fold learn and are asked."""
        options = self.options.model_dump(mode="json")
        for name in ("evaluation", "practical_cnn"):
            del options[name]
        for modality in options["modalities"].values():
            modality.pop("encoder", None)
        # which of them is used decides nothing here, but must be one of them
        options["use"] = next(n for n, f in self.options.fusions.items() if f.kind in LATE)
        return options

    def used(self) -> dict[str, Any]:
        """Return the options that decide what the fusion in use learns, and its model folder."""
        use = self.options.use
        options = self.learned() | {"use": use}
        options["fusions"] = {use: options["fusions"][use]}
        del options["seeds"], options["pairs"]["test"]
        return options
