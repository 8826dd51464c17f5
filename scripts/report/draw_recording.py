"""Draw waveform and mel spectrogram of one recording."""

from pathlib import Path

from soundmill.log import job_log

with job_log(snakemake):
    from soundmill.report.recording_pictures import draw_recording

    draw_recording(
        Path(snakemake.input.wav, f"{snakemake.wildcards.recording}.wav"), snakemake.output[0]
    )
