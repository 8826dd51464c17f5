"""Make a task from the labels of a corpus."""

from soundmill.log import job_log

with job_log(snakemake):
    from soundmill.classification.preparation import prepare_task
    from soundmill.classification.task_options import TaskOptions

    prepare_task(
        snakemake.input.manifest,
        snakemake.output[0],
        TaskOptions(**snakemake.params.options),
        snakemake.params.seed,
    )
