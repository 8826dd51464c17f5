"""Build the gallery of one music model: its pieces with piano rolls and spectrograms."""

from pathlib import Path

from soundmill.log import job_log

with job_log(snakemake):
    from soundmill.report.gallery import build_gallery

    build_gallery(
        Path(snakemake.input.generated),
        Path(snakemake.input.rendered),
        Path(snakemake.input.manifest),
        Path(snakemake.output[0]),
        name=snakemake.wildcards.model,
    )
