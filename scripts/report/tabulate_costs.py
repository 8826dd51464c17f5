"""Add up what all jobs cost, from Snakemake's benchmark files."""

from soundmill.log import job_log

with job_log(snakemake):
    from soundmill.report.costs import tabulate_costs

    tabulate_costs(
        snakemake.params.benchmarks,
        snakemake.output.page,
        snakemake.output.table,
        manifests=snakemake.params.manifests,
        pieces=snakemake.params.pieces,
        stages=snakemake.params.stages,
        logs=snakemake.params.logs,
        tasks=snakemake.params.tasks,
        fusions=snakemake.params.fusions,
        soundscapes=snakemake.params.soundscapes,
    )
