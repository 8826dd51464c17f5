"""Plot how the music of one model compares with its corpus, and tabulate the figures."""

from soundmill.log import job_log

with job_log(snakemake):
    from soundmill.report.music_evaluation import plot_music_evaluation

    plot_music_evaluation(
        snakemake.input[0],
        snakemake.output.figure,
        snakemake.output.table,
        name=snakemake.wildcards.model,
    )
