"""Count what was rejected of a corpus, and stop when they are too many."""

from pathlib import Path

from soundmill.log import job_log

with job_log(snakemake):
    from soundmill.corpus.acceptance import accept_corpus

    accept_corpus(
        Path(snakemake.input[0]),
        snakemake.output[0],
        max_rejected=snakemake.params.max_rejected,
    )
