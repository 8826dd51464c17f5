"""Write the model card of a task."""

from pathlib import Path

from soundmill.log import job_log

with job_log(snakemake):
    from soundmill.classification.model_card import write_model_card
    from soundmill.classification.model_card_options import ModelCardOptions

    write_model_card(
        Path(snakemake.input.evaluation),
        Path(snakemake.input.task),
        Path(snakemake.output.markdown),
        Path(snakemake.output.card),
        ModelCardOptions(**snakemake.params.options),
    )
