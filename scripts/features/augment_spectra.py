"""Compute the spectra of changed copies of one bucket's recordings."""

from soundmill.log import job_log

with job_log(snakemake):
    from soundmill.audio.perturbation_options import read_augmentation
    from soundmill.features.augmented_bucket import augment_bucket
    from soundmill.features.spectra_options import SpectraOptions

    augment_bucket(
        snakemake.input.table,
        snakemake.input.wav,
        snakemake.output.array,
        snakemake.output.index,
        cache=snakemake.params.cache,
        name=snakemake.wildcards.augmentation,
        augmentation=read_augmentation(snakemake.params.augmentation),
        options=SpectraOptions(**snakemake.params.options),
        code=snakemake.params.code,
        threads=snakemake.threads,
    )
