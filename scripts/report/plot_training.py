"""Plot the learning curves of one music model, and tabulate its test figures."""

from soundmill.log import job_log

with job_log(snakemake):
    from soundmill.report.training import plot_training

    plot_training(
        snakemake.input.curves,
        snakemake.input.metrics,
        snakemake.output.figure,
        snakemake.output.table,
        name=snakemake.wildcards.model,
    )
