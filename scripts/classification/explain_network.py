"""Find which part of a spectrum a network's decisions rest on."""

from soundmill.log import job_log

with job_log(snakemake):
    from soundmill.classification.explaining import explain_network
    from soundmill.classification.network_files import pair_buckets
    from soundmill.classification.study_options import OcclusionOptions

    explain_network(
        snakemake.input.task,
        pair_buckets(snakemake.input.spectra, snakemake.input.index),
        snakemake.input.model,
        snakemake.output[0],
        OcclusionOptions(**snakemake.params.options),
    )
