"""Write the listening page and the folder of its sounds and pictures."""

from pathlib import Path

from soundmill.log import job_log

with job_log(snakemake):
    from soundmill.report.listening import (
        SoundscapeResults,
        TaskResults,
        find_results,
        write_listening_page,
    )

    write_listening_page(
        [find_results(Path("results"), **model) for model in snakemake.params.models],
        snakemake.output.page,
        snakemake.output.folder,
        costs=snakemake.input.costs,
        tasks=[
            TaskResults(name, folder / name / "evaluation.json", folder / name / "report")
            for folder in [Path("results/classification")]
            for name in snakemake.params.tasks
        ],
        fusions=[
            TaskResults(name, folder / name / "evaluation.json", folder / name / "report")
            for folder in [Path("results/fusion")]
            for name in snakemake.params.fusions
        ],
        soundscapes=[
            SoundscapeResults(name, folder / name / "evaluation.json", folder / name / "report")
            for folder in [Path("results/soundscapes")]
            for name in snakemake.params.soundscapes
        ],
    )
