"""soundmill: a folder of recordings becomes new music. Targets: all, corpora, transcripts, music."""

import os
from pathlib import Path

from snakemake.utils import min_version

min_version("9.10")

# a configuration given on the command line replaces the demo's instead of being mixed with it
if not workflow.overwrite_configfiles:

    configfile: "config.yaml"


include: "rules/common.smk"
include: "rules/corpus.smk"
include: "rules/transcription.smk"
include: "rules/music.smk"
include: "rules/report.smk"
include: "rules/collect.smk"
