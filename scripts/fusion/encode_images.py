"""Write down what a network says of every image, clean and damaged."""

from soundmill.log import job_log

with job_log(snakemake):
    from pathlib import Path

    from soundmill.fusion.image_encoding import encode_images

    files, params = snakemake.input, snakemake.params
    encode_images(
        files.images,
        files.manifest,
        files.task,
        files.model,
        Path(snakemake.output[0]),
        modality=snakemake.wildcards.modality,
        most=params.most,
        seed=params.seed,
        threads=snakemake.threads,
    )
