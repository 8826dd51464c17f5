"""Write down what the network of a fold says of every recording, clean and damaged."""

from soundmill.log import job_log

with job_log(snakemake):
    from pathlib import Path

    from soundmill.classification.network_files import group_copies, pair_buckets
    from soundmill.fusion.sound_encoding import encode_sounds

    files, wildcards = snakemake.input, snakemake.wildcards
    encode_sounds(
        files.task,
        wildcards.fold,
        files.model,
        pair_buckets(files.spectra, files.index),
        group_copies(files.augmented),
        Path(snakemake.output[0]),
        modality=wildcards.modality,
        threads=snakemake.threads,
    )
