"""Measure how decisions hold when recordings get worse."""

from pathlib import Path

from soundmill.log import job_log

with job_log(snakemake):
    from soundmill.classification.robustness import measure_robustness
    from soundmill.classification.study_options import RobustnessOptions

    measure_robustness(
        snakemake.input.task,
        {Path(folder).name: folder for folder in snakemake.input.wav},
        snakemake.params.folders,
        RobustnessOptions(**snakemake.params.options),
        snakemake.output[0],
        seed=snakemake.params.seed,
    )
