"""Write the page of a classification task, with its figures and sounds."""

from pathlib import Path

from soundmill.log import job_log

with job_log(snakemake):
    from soundmill.report.task_mistakes import show_mistakes
    from soundmill.report.task_page import write_task_page
    from soundmill.report.task_studies import draw_studies, read_card
    from soundmill.status import read_table

    files, folder = snakemake.input, Path(snakemake.output[0])
    importance, studies = draw_studies(folder, list(files.studies))
    write_task_page(
        folder,
        name=snakemake.wildcards.task,
        corpus=snakemake.params.corpus,
        group=snakemake.params.group,
        task=files.task,
        evaluation=files.evaluation,
        importance=importance,
        mistakes=show_mistakes(
            folder,
            files.mistakes,
            {Path(path).name: path for path in files.wav},
            read_table(Path(files.task) / "examples.csv"),
        ),
        studies=studies,
        card=read_card(files.card),
    )
