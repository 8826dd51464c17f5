"""Weigh the descriptors a classical learner decides by."""

from soundmill.log import job_log

with job_log(snakemake):
    from soundmill.classification.importance import explain_classical
    from soundmill.classification.importance_options import ImportanceOptions

    explain_classical(
        snakemake.input.task,
        list(snakemake.input.tables),
        snakemake.input.model,
        snakemake.output[0],
        ImportanceOptions(**snakemake.params.get("options", {})),
        seed=snakemake.params.seed,
    )
