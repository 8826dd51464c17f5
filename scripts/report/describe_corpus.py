"""Write the page of one corpus: accepted, rejected and ignored recordings."""

from soundmill.log import job_log

with job_log(snakemake):
    from soundmill.report.corpus import describe_corpus

    describe_corpus(snakemake.input[0], snakemake.output[0], name=snakemake.wildcards.corpus)
