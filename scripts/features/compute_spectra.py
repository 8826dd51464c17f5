"""Compute the spectra of one bucket's recordings."""

from soundmill.log import job_log

with job_log(snakemake):
    from soundmill.features.spectra_bucket import compute_spectra_bucket
    from soundmill.features.spectra_options import SpectraOptions

    compute_spectra_bucket(
        snakemake.input.table,
        snakemake.input.wav,
        snakemake.output.array,
        snakemake.output.index,
        cache=snakemake.params.cache,
        options=SpectraOptions(**snakemake.params.options),
        code=snakemake.params.code,
        threads=snakemake.threads,
    )
