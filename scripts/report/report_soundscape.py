"""Write the page of a soundscape model, with its figures and sounds."""

from soundmill.log import job_log

with job_log(snakemake):
    from soundmill.report.soundscape_page import write_soundscape_page

    files = snakemake.input
    write_soundscape_page(
        snakemake.output[0],
        evaluation=files.evaluation,
        metrics=files.metrics,
        curves=files.curves,
        generated=files.generated,
        clips=files.clips,
        recordings=files.recordings,
        long=files.get("long"),
    )
