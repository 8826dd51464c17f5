"""Let voices speak the demo corpus of digits, with labels."""

from pathlib import Path

from soundmill.log import job_log

with job_log(snakemake):
    from soundmill.corpus.demo.digits import compose_digits

    compose_digits(Path(snakemake.output[0]), seed=snakemake.params.seed, threads=snakemake.threads)
