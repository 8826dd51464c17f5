"""Fetch the recordings of one bucket of a remote corpus."""

from soundmill.log import job_log

with job_log(snakemake):
    from soundmill.corpus.fetching import fetch_bucket

    fetch_bucket(
        snakemake.params.listed,
        folder=snakemake.output.folder,
        table_csv=snakemake.output.table,
        cache_root=snakemake.params.cache,
        place=f"corpora.{snakemake.wildcards.corpus}.source",
    )
