"""Plot a few recordings of one corpus as sound and as transcribed notes."""

from pathlib import Path

from soundmill.log import job_log

with job_log(snakemake):
    from soundmill.report.transcription import plot_transcription

    truth = snakemake.params.truth
    plot_transcription(
        snakemake.input.manifest,
        Path(snakemake.params.wav),
        Path(snakemake.params.midi),
        snakemake.output[0],
        truth=Path(truth) if truth else None,
    )
