"""Bring the images of a corpus to one size, and write their manifest."""

from soundmill.log import job_log

with job_log(snakemake):
    from soundmill.corpus.image_options import ImageCorpusOptions
    from soundmill.corpus.images import read_images

    read_images(
        snakemake.output.array,
        snakemake.output.manifest,
        ImageCorpusOptions(**snakemake.params.options),
        threads=snakemake.threads,
        place=f"images.{snakemake.wildcards.images}.source",
    )
