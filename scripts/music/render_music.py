"""Render the generated pieces to audio."""

from pathlib import Path

from soundmill.log import job_log

with job_log(snakemake):
    from soundmill.synthesis.options import RenderOptions
    from soundmill.synthesis.render import render_pieces

    render_pieces(
        Path(snakemake.input[0]),
        Path(snakemake.output[0]),
        options=RenderOptions(**snakemake.params.options),
        threads=snakemake.threads,
    )
