"""soundmill: recordings become music, soundscapes, classifiers; sound and image decide together.

Targets: all, corpora, transcripts, music, features, soundscapes, classification, fusion.
"""

import os
from pathlib import Path

from snakemake.utils import min_version

min_version("9.10")

# a configuration given on the command line, or by workflow/Snakefile, replaces the demo's instead
# of being mixed with it
if not workflow.configfiles:

    configfile: "config.yaml"


report: "report/workflow.rst"


# an importing workflow that has a rule by now keeps its own default target
OWN_TARGET = not workflow.default_target


include: "rules/checkout.smk"
include: "rules/common.smk"
include: "rules/requests.smk"
include: "rules/cluster.smk"
include: "rules/corpus.smk"
include: "rules/features.smk"
include: "rules/transcription.smk"
include: "rules/music.smk"
include: "rules/soundscape.smk"
include: "rules/classification.smk"
include: "rules/fusion.smk"
include: "rules/report.smk"


rule corpora:
    """Every corpus of recordings or images, read and in its manifest."""
    input:
        expand("results/{corpus}/accepted.json", corpus=[*CORPORA, *CONFIG.images]),
    localrule: True


rule transcripts:
    """The notes of every corpus that a music model learns, with scores where truth is known."""
    input:
        [notes_of(model) for model in CONFIG.music],
        [scores_of(model) for model in CONFIG.music],
    localrule: True


rule music:
    """Every music model with its pieces, rendered and evaluated."""
    input:
        results_of_models("rendered", "evaluation.json"),
    localrule: True


rule features:
    """Descriptors and spectra of every corpus that is classified, for whatever reads them."""
    input:
        [task.descriptors() for task in TASKS.values() if task.options.corpus],
        [task.spectra("npy") for task in TASKS.values() if task.options.networks],
    localrule: True


rule soundscapes:
    """Every soundscape model with its pieces, evaluated, and its page."""
    input:
        results_of_soundscapes("generated", "evaluation.json", "report"),
    localrule: True


rule classification:
    """Every classification task: learners, evaluation, page, and answers where asked for."""
    input:
        [task.targets() for task in TASKS.values()],
    localrule: True


rule fusion:
    """Every task that several modalities decide together: evaluation, page, model, export."""
    input:
        [task.targets() for task in FUSIONS.values()],
    localrule: True


rule all:
    """Everything the configuration asks for, and the page to listen to it."""
    default_target: OWN_TARGET
    input:
        rules.corpora.input,
        rules.transcripts.input,
        rules.music.input,
        rules.soundscapes.input,
        rules.classification.input,
        rules.fusion.input,
        [figures_of(model) for model in CONFIG.music],
        expand("results/{corpus}/figures/recordings.html", corpus=CORPORA),
        "results/costs.html",
        "results/index.html",
    localrule: True
