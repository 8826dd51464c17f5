"""Make a task from a table of features."""

from soundmill.log import job_log

with job_log(snakemake):
    from soundmill.classification.tables import prepare_table
    from soundmill.classification.task_options import TableOptions, TaskOptions

    prepare_table(
        snakemake.output.task,
        snakemake.output.table,
        TableOptions(**snakemake.params.table),
        TaskOptions(**snakemake.params.options),
        snakemake.params.seed,
    )
