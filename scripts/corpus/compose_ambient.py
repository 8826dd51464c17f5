"""Compose the ambient demo corpus: MP3 files, their exact notes, their labels."""

from pathlib import Path

from soundmill.log import job_log

with job_log(snakemake):
    from soundmill.corpus.demo.ambient import compose_ambient

    compose_ambient(
        Path(snakemake.output[0]), seed=snakemake.params.seed, threads=snakemake.threads
    )
