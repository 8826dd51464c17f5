"""Train the network of a fusion task that sees images."""

from soundmill.log import job_log

with job_log(snakemake):
    from pathlib import Path

    from soundmill.fusion.classes import check_classes
    from soundmill.fusion.image_options import ImageModality
    from soundmill.fusion.image_training import train_image_encoder

    files, output, params = snakemake.input, snakemake.output, snakemake.params
    # said before hours of training, not after
    check_classes(dict(zip(params.modalities, files.tasks, strict=True)))
    train_image_encoder(
        files.images,
        files.manifest,
        files.task,
        Path(output.model),
        Path(output.training),
        Path(output.curves),
        Path(params.state),
        ImageModality(**params.options),
        seed=params.seed,
        code=params.code,
        threads=snakemake.threads,
    )
