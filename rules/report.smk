"""Report. Requires: the result files of all lines. Gives: results/<corpus>/figures,
results/music/<model>/figures and gallery, results/classification/<task>/report, results/costs.csv, results/index.html and listen/.
"""

# the last fixed part of a benchmark's path is the rule's name, whatever an importing workflow calls
# it; read before any rule of this file, so that the report's own jobs are never counted
STAGES = [
    [
        part
        for part in Path(str(rule.benchmark)).with_suffix("").parts
        if "{" not in part
    ][-1]
    for rule in workflow.rules
    if rule.benchmark and rule in workflow.modifier.rules
]


rule describe_corpus:
    """List the recordings of a corpus, and why some could not be used."""
    input:
        "results/{corpus}/manifest.csv",
    output:
        report(
            "results/{corpus}/figures/recordings.html",
            category="1. Recordings",
            labels={"corpus": "{corpus}", "shows": "accepted and rejected"},
            caption="../report/corpus.rst",
        ),
    log:
        "logs/{corpus}/describe_corpus.log",
    benchmark:
        "benchmarks/{corpus}/describe_corpus.tsv"
    localrule: True
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(300),
        runtime=minutes(10),
    params:
        code=page_code("report/describe_corpus"),
    message:
        "describing the recordings of {wildcards.corpus}"
    script:
        "../scripts/report/describe_corpus.py"


rule plot_transcription:
    """Plot a few recordings as sound and as transcribed notes."""
    input:
        manifest="results/{corpus}/manifest.csv",
        wav=buckets("results/{corpus}/wav/{bucket}"),
        midi=buckets("results/{corpus}/midi/{transcriber}/{bucket}"),
        truth=truth_folder,
    output:
        report(
            "results/{corpus}/figures/transcription/{transcriber}.png",
            category="2. Transcription",
            labels={
                "corpus": "{corpus}",
                "transcriber": "{transcriber}",
                "shows": "sound and notes",
            },
            caption="../report/transcription.rst",
        ),
    log:
        "logs/{corpus}/plot_transcription/{transcriber}.log",
    benchmark:
        "benchmarks/{corpus}/plot_transcription/{transcriber}.tsv"
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(10),
    params:
        code=code("report/plot_transcription"),
        wav="results/{corpus}/wav",
        midi="results/{corpus}/midi/{transcriber}",
        truth=corpus_options("truth"),
    message:
        "plotting what {wildcards.transcriber} heard in {wildcards.corpus}"
    script:
        "../scripts/report/plot_transcription.py"


rule plot_transcription_scores:
    """Plot the scores of a transcriber and list them by recording."""
    input:
        "results/{corpus}/transcription/{transcriber}.json",
    output:
        figure=report(
            "results/{corpus}/figures/transcription/{transcriber}_scores.svg",
            category="2. Transcription",
            labels={
                "corpus": "{corpus}",
                "transcriber": "{transcriber}",
                "shows": "scores",
            },
            caption="../report/transcription_scores.rst",
        ),
        table=report(
            "results/{corpus}/figures/transcription/{transcriber}_scores.html",
            category="2. Transcription",
            labels={
                "corpus": "{corpus}",
                "transcriber": "{transcriber}",
                "shows": "scores by recording",
            },
            caption="../report/transcription_scores.rst",
        ),
    log:
        "logs/{corpus}/plot_transcription_scores/{transcriber}.log",
    benchmark:
        "benchmarks/{corpus}/plot_transcription_scores/{transcriber}.tsv"
    localrule: True
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(300),
        runtime=minutes(10),
    params:
        code=page_code("report/plot_transcription_scores"),
    message:
        "plotting the scores of {wildcards.transcriber} on {wildcards.corpus}"
    script:
        "../scripts/report/plot_transcription_scores.py"


rule plot_training:
    """Plot learning curves beside their floors, and tabulate the test figures."""
    input:
        curves="results/music/{model}/curves.csv",
        metrics="results/music/{model}/metrics.json",
    output:
        figure=report(
            "results/music/{model}/figures/training.svg",
            category="3. Training",
            labels={"model": "{model}", "shows": "learning curves"},
            caption="../report/training.rst",
        ),
        table=report(
            "results/music/{model}/figures/training.html",
            category="3. Training",
            labels={"model": "{model}", "shows": "figures on unseen pieces"},
            caption="../report/training_table.rst",
        ),
    log:
        "logs/music/{model}/plot_training.log",
    benchmark:
        "benchmarks/music/{model}/plot_training.tsv"
    localrule: True
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(300),
        runtime=minutes(10),
    params:
        code=page_code("report/plot_training"),
    message:
        "plotting the training of {wildcards.model}"
    script:
        "../scripts/report/plot_training.py"


rule build_gallery:
    """Show each piece of a model with its sound, piano roll and spectrogram."""
    input:
        generated="results/music/{model}/generated",
        rendered="results/music/{model}/rendered",
        manifest=lambda wildcards: manifest_of(wildcards.model),
    output:
        report(
            directory("results/music/{model}/gallery"),
            htmlindex="index.html",
            category="4. Music",
            labels={"model": "{model}", "shows": "all pieces, to hear"},
            caption="../report/gallery.rst",
        ),
    log:
        "logs/music/{model}/build_gallery.log",
    benchmark:
        "benchmarks/music/{model}/build_gallery.tsv"
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(1200),
        runtime=minutes(20),
    params:
        code=page_code("report/build_gallery"),
    message:
        "building the gallery of {wildcards.model}"
    script:
        "../scripts/report/build_gallery.py"


rule plot_music_evaluation:
    """Plot generated music against its corpus, floor and ceiling, and tabulate the figures."""
    input:
        "results/music/{model}/evaluation.json",
    output:
        figure=report(
            "results/music/{model}/figures/evaluation.svg",
            category="4. Music",
            labels={"model": "{model}", "shows": "likeness to the corpus"},
            caption="../report/music_evaluation.rst",
        ),
        table=report(
            "results/music/{model}/figures/evaluation.html",
            category="4. Music",
            labels={"model": "{model}", "shows": "figures and copy check"},
            caption="../report/music_evaluation_table.rst",
        ),
    log:
        "logs/music/{model}/plot_music_evaluation.log",
    benchmark:
        "benchmarks/music/{model}/plot_music_evaluation.tsv"
    localrule: True
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(300),
        runtime=minutes(10),
    params:
        code=page_code("report/plot_music_evaluation"),
    message:
        "plotting the evaluation of {wildcards.model}"
    script:
        "../scripts/report/plot_music_evaluation.py"


rule draw_recording:
    """Draw waveform and mel spectrogram of one recording, side by side."""
    input:
        wav="results/{corpus}/wav/{bucket}",
    output:
        "results/{corpus}/pictures/{bucket}/{recording}.png",
    log:
        "logs/{corpus}/draw_recording/{bucket}/{recording}.log",
    benchmark:
        "benchmarks/{corpus}/draw_recording/{bucket}/{recording}.tsv"
    wildcard_constraints:
        recording="[^/]+",
    conda:
        "../envs/features.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(800),
        runtime=minutes(10),
    params:
        code=code("report/draw_recording"),
    message:
        "drawing {wildcards.recording} of {wildcards.corpus}"
    script:
        "../scripts/report/draw_recording.py"


rule report_soundscape:
    """Write a soundscape model's page: its sounds side by side, figures, what the latents mean."""
    input:
        evaluation="results/soundscapes/{soundscape}/evaluation.json",
        metrics="results/soundscapes/{soundscape}/metrics.json",
        curves="results/soundscapes/{soundscape}/curves.csv",
        generated="results/soundscapes/{soundscape}/generated",
        clips="results/soundscapes/{soundscape}/clips",
        recordings="results/soundscapes/{soundscape}/recordings.csv",
    output:
        report(
            directory("results/soundscapes/{soundscape}/report"),
            htmlindex="index.html",
            category="5. Soundscapes",
            labels={"model": "{soundscape}", "shows": "the whole report"},
            caption="../report/soundscape.rst",
        ),
    log:
        "logs/soundscapes/{soundscape}/report_soundscape.log",
    benchmark:
        "benchmarks/soundscapes/{soundscape}/report_soundscape.tsv"
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(30),
    params:
        code=page_code("report/report_soundscape"),
    message:
        "writing the page of {wildcards.soundscape}"
    script:
        "../scripts/report/report_soundscape.py"


rule report_fusion:
    """Write a fusion task's page: who is right when, heat maps, weights, pairs to see and hear."""
    input:
        evaluation="results/fusion/{fusion}/evaluation.json",
        predictions=of_fusion(lambda task: task.fold_parts("predictions")),
        outputs=of_fusion(lambda task: task.all_outputs()),
        curves=of_fusion(lambda task: task.fold_parts("curves.csv")),
        encoders=of_fusion(lambda task: task.encoder_curves()),
        practical=of_fusion(lambda task: task.practical("_curves.csv")),
        wav=of_fusion(lambda task: task.wav()),
        manifests=of_fusion(lambda task: task.manifests()),
    output:
        report(
            directory("results/fusion/{fusion}/report"),
            htmlindex="index.html",
            category="7. Fusion",
            labels={"task": "{fusion}", "shows": "the whole report"},
            caption="../report/fusion.rst",
        ),
    log:
        "logs/fusion/{fusion}/report_fusion.log",
    benchmark:
        "benchmarks/fusion/{fusion}/report_fusion.tsv"
    conda:
        "../envs/fusion.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(1200),
        runtime=minutes(30),
    params:
        code=page_code("report/report_fusion"),
        folds=of_fusion(lambda task: task.folds),
        sounds=of_fusion(sounds_of_fusion),
        modalities=of_fusion(lambda task: list(task.options.modalities)),
        use=of_fusion(lambda task: task.options.use),
        examples=of_fusion(lambda task: task.options.evaluation.examples),
        seed=fusion_seed,
    message:
        "writing the page of {wildcards.fusion}"
    script:
        "../scripts/report/report_fusion.py"


rule report_task:
    """Write a classification task's page: figures, tables, and its mistakes to hear."""
    input:
        task="results/classification/{task}/task",
        evaluation="results/classification/{task}/evaluation.json",
        mistakes="results/classification/{task}/mistakes.json",
        card="results/classification/{task}/model_card.json",
        studies=of_task(lambda task: task.chapters()),
        wav=of_task(lambda task: task.wav),
    output:
        report(
            directory("results/classification/{task}/report"),
            htmlindex="index.html",
            category="6. Classification",
            labels={"task": "{task}", "shows": "the whole report"},
            caption="../report/classification.rst",
        ),
    log:
        "logs/classification/{task}/report_task.log",
    benchmark:
        "benchmarks/classification/{task}/report_task.tsv"
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(30),
    params:
        code=page_code("report/report_task"),
        corpus=of_task(lambda task: task.options.corpus or task.options.table.path),
        group=of_task(lambda task: " and ".join(task.options.groups)),
    message:
        "writing the page of {wildcards.task}"
    script:
        "../scripts/report/report_task.py"


rule tabulate_costs:
    """Add up what every step cost. It runs when all it counts is there."""
    input:
        expand("results/{corpus}/figures/recordings.html", corpus=CORPORA),
        [scores_of(model) for model in CONFIG.music],
        results_of_models("evaluation.json", "gallery"),
        [f"{task.folder}/report" for task in TASKS.values()],
        results_of_soundscapes("report"),
    output:
        page=report(
            "results/costs.html",
            category="8. Cost",
            labels={"shows": "time, memory, speed"},
            caption="../report/costs.rst",
        ),
        table="results/costs.csv",
    log:
        "logs/report/tabulate_costs.log",
    benchmark:
        "benchmarks/report/tabulate_costs.tsv"
    localrule: True
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(300),
        runtime=minutes(10),
    params:
        code=page_code("report/tabulate_costs"),
        benchmarks="benchmarks",
        logs="logs",
        manifests={name: f"results/{name}/manifest.csv" for name in CORPORA},
        pieces={
            name: f"results/music/{name}/generated/pieces.csv" for name in CONFIG.music
        },
        stages=STAGES,
        tasks=list(TASKS),
        fusions=list(FUSIONS),
        soundscapes={
            name: f"results/soundscapes/{name}/generated/pieces.csv"
            for name in CONFIG.soundscapes
        },
    message:
        "adding up what the run cost"
    script:
        "../scripts/report/tabulate_costs.py"


rule write_listening_page:
    """Write the page on which every piece can be heard, and how it came about be read."""
    input:
        results_of_models(
            "gallery", "rendered", "generated", "metrics.json", "evaluation.json"
        ),
        [scores_of(model) for model in CONFIG.music],
        expand("results/{corpus}/manifest.csv", corpus=CORPORA),
        [f"{task.folder}/evaluation.json" for task in TASKS.values()],
        [f"{task.folder}/report" for task in TASKS.values()],
        results_of_soundscapes("evaluation.json", "report"),
        [f"{task.folder}/evaluation.json" for task in FUSIONS.values()],
        [f"{task.folder}/report" for task in FUSIONS.values()],
        costs="results/costs.csv",
    output:
        page="results/index.html",
        folder=directory("results/listen"),
    log:
        "logs/report/write_listening_page.log",
    benchmark:
        "benchmarks/report/write_listening_page.tsv"
    localrule: True
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(300),
        runtime=minutes(10),
    params:
        code=page_code("report/write_listening_page"),
        models=model_places(),
        tasks=list(TASKS),
        soundscapes=list(CONFIG.soundscapes),
        fusions=list(FUSIONS),
    message:
        "writing the listening page"
    script:
        "../scripts/report/write_listening_page.py"
