"""Fetch the table of labels of a corpus."""

from soundmill.log import job_log

with job_log(snakemake):
    from soundmill.corpus.fetching import fetch_file

    fetch_file(
        snakemake.params.listed,
        snakemake.output[0],
        place=f"corpora.{snakemake.wildcards.corpus}.labels.csv",
    )
