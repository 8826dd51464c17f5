"""Make the soundscapes that are asked for."""

from pathlib import Path

from soundmill.log import job_log

with job_log(snakemake):
    from soundmill.soundscape.generation_options import GenerationOptions
    from soundmill.soundscape.pieces import make_pieces

    make_pieces(
        snakemake.input.model,
        snakemake.input.recordings,
        Path(snakemake.output[0]),
        GenerationOptions(**snakemake.params.options),
        name=snakemake.wildcards.soundscape,
        seed=snakemake.params.seed,
        threads=snakemake.threads,
    )
