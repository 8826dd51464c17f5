"""Compute the descriptors of one bucket's recordings."""

from soundmill.log import job_log

with job_log(snakemake):
    from soundmill.features.descriptor_bucket import describe_bucket
    from soundmill.features.descriptor_options import DescriptorOptions

    describe_bucket(
        snakemake.input.table,
        snakemake.input.wav,
        snakemake.output.features,
        snakemake.output.segments,
        snakemake.output.table,
        cache=snakemake.params.cache,
        options=DescriptorOptions(**snakemake.params.options),
        code=snakemake.params.code,
        threads=snakemake.threads,
    )
