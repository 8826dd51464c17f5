"""Compose the demo corpus of songs: MP3 files, their exact notes, their labels."""

from pathlib import Path

from soundmill.log import job_log

with job_log(snakemake):
    from soundmill.corpus.demo.songs import compose_songs

    compose_songs(Path(snakemake.output[0]), seed=snakemake.params.seed, threads=snakemake.threads)
