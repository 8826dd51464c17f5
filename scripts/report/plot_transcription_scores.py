"""Plot the scores of one transcriber on one corpus, and list them by recording."""

from soundmill.log import job_log

with job_log(snakemake):
    from soundmill.report.transcription_scores import plot_transcription_scores

    plot_transcription_scores(
        snakemake.input[0],
        snakemake.output.figure,
        snakemake.output.table,
        corpus=snakemake.wildcards.corpus,
        transcriber=snakemake.wildcards.transcriber,
    )
