"""Answer for every recording of an unlabelled corpus, in the asked form."""

from soundmill.log import job_log

with job_log(snakemake):
    from soundmill.classification.submission import answer_corpus
    from soundmill.classification.submission_options import SubmissionOptions

    options, tables = snakemake.params.submission, snakemake.input.predictions
    answer_corpus(
        snakemake.input.manifest,
        [tables] if isinstance(tables, str) else tables,
        snakemake.input.task,
        snakemake.output.table,
        snakemake.output.prior,
        snakemake.output.get("submission"),
        SubmissionOptions(**options) if options else None,
    )
