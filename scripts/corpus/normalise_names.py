"""Name the recordings of one bucket and hash their contents."""

from soundmill.log import job_log

with job_log(snakemake):
    from soundmill.corpus.listing import normalise_bucket

    normalise_bucket(
        snakemake.params.source,
        snakemake.wildcards.bucket,
        snakemake.params.buckets,
        output_csv=snakemake.output[0],
        index_csv=snakemake.params.index,
        place=f"corpora.{snakemake.wildcards.corpus}.source",
        fetched_csv=snakemake.input.fetched or None,
    )
