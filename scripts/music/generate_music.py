"""Compose new pieces and continuations with one trained model."""

from soundmill.log import job_log

with job_log(snakemake):
    from pathlib import Path

    from soundmill.music.generation import generate_pieces
    from soundmill.music.generation_options import GenerationOptions

    generate_pieces(
        model=Path(snakemake.input.model),
        shards=Path(snakemake.input.shards),
        output=Path(snakemake.output[0]),
        options=GenerationOptions(**snakemake.params.options),
        seed=snakemake.params.seed,
        threads=snakemake.threads,
    )
