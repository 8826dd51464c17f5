"""Train a classical learner of a task."""

from soundmill.log import job_log

with job_log(snakemake):
    from soundmill.classification.classical import train_classical
    from soundmill.classification.classical_options import read_options

    train_classical(
        snakemake.input.task,
        list(snakemake.input.tables),
        snakemake.output.predictions,
        snakemake.output.training,
        snakemake.output.model,
        read_options(snakemake.params.options),
        seed=snakemake.params.seed,
        code=snakemake.params.code,
        threads=snakemake.threads,
        descriptors=snakemake.params.descriptors,
        decode=snakemake.params.decode,
    )
