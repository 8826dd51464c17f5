"""Count the rejected images of a corpus, and stop when they are too many."""

from pathlib import Path

from soundmill.log import job_log

with job_log(snakemake):
    from soundmill.corpus.image_acceptance import accept_images

    accept_images(
        Path(snakemake.input[0]),
        snakemake.output[0],
        max_rejected=snakemake.params.max_rejected,
    )
