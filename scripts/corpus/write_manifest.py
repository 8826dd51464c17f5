"""Join the buckets' tables and the labels of a corpus."""

from soundmill.log import job_log

with job_log(snakemake):
    from soundmill.corpus.manifest import write_manifest
    from soundmill.corpus.options import LabelOptions

    labels = snakemake.params.labels
    write_manifest(
        snakemake.input.tables,
        snakemake.output[0],
        labels=LabelOptions(**labels) if labels else None,
        source=snakemake.params.source,
    )
