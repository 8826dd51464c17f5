"""Compose the demo corpus of soundscapes: recordings of nine kinds at six sites, their labels."""

from pathlib import Path

from soundmill.log import job_log

with job_log(snakemake):
    from soundmill.corpus.demo.soundscapes import compose_soundscapes

    compose_soundscapes(
        Path(snakemake.output[0]), seed=snakemake.params.seed, threads=snakemake.threads
    )
