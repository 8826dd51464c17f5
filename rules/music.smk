"""Music. Requires: results/<corpus>/notes, and its acceptance. Gives: results/music/<model>/
shards, model, metrics.json, curves.csv, generated/<piece>.mid, rendered/<piece>.wav|mp3 and evaluation.json.
"""


rule build_shards:
    """Encode the notes of a corpus as events, split by piece, and write them as TFRecord shards."""
    input:
        notes=lambda wildcards: notes_of(wildcards.model),
        accepted=lambda wildcards: f"results/{CONFIG.music[wildcards.model].corpus}/accepted.json",
    output:
        directory("results/music/{model}/shards"),
    log:
        "logs/music/{model}/build_shards.log",
    benchmark:
        "benchmarks/music/{model}/build_shards.tsv"
    priority: LONG_FIRST
    conda:
        "../envs/notes.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(60),
    params:
        code=code("music/build_shards"),
        options=music_options("shards"),
        seed=music_seed,
    message:
        "building the shards of {wildcards.model}"
    script:
        "../scripts/music/build_shards.py"


rule train_transformer:
    """Train a Music Transformer; an interrupted training goes on where it was."""
    input:
        shards="results/music/{model}/shards",
    output:
        model=directory("results/music/{model}/model"),
        metrics="results/music/{model}/metrics.json",
        curves="results/music/{model}/curves.csv",
    log:
        "logs/music/{model}/train_transformer.log",
    benchmark:
        "benchmarks/music/{model}/train_transformer.tsv"
    priority: LONG_FIRST
    conda:
        "../envs/torch.yaml"
    threads: threads_of(training_of_music)
    resources:
        mem_mb=of_each_process(training_of_music, megabytes(4000)),
        runtime=minutes(720),
        gpu=gpus_of(training_of_music),
        nodes=nodes_of(training_of_music),
        tasks=nodes_of(training_of_music),
        mpi=mpi_of(training_of_music),
    params:
        code=code("music/train_transformer"),
        network=music_options("network"),
        training=music_options("training"),
        seed=music_seed,
        state="results/.state/music/{model}",
    message:
        "training the Music Transformer {wildcards.model}"
    script:
        "../scripts/music/train_transformer.py"


rule generate_music:
    """Let a trained model play new pieces and continue primers."""
    input:
        model="results/music/{model}/model",
        shards="results/music/{model}/shards",
        primer=lambda wildcards: CONFIG.music[wildcards.model].generation.primer_file
        or [],
    output:
        directory("results/music/{model}/generated"),
    log:
        "logs/music/{model}/generate_music.log",
    benchmark:
        "benchmarks/music/{model}/generate_music.tsv"
    priority: LONG_FIRST
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(1500),
        runtime=minutes(60),
        gpu=music_gpus("generation"),
    params:
        code=code("music/generate_music"),
        options=music_options("generation"),
        seed=music_seed,
    message:
        "generating music with {wildcards.model}"
    script:
        "../scripts/music/generate_music.py"


rule render_music:
    """Render generated pieces through a SoundFont and effects, to WAV and MP3."""
    input:
        generated="results/music/{model}/generated",
        soundfont=lambda wildcards: CONFIG.music[wildcards.model].render.soundfont or [],
    output:
        directory("results/music/{model}/rendered"),
    log:
        "logs/music/{model}/render_music.log",
    benchmark:
        "benchmarks/music/{model}/render_music.tsv"
    priority: LONG_FIRST
    conda:
        "../envs/notes.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(1500),
        runtime=minutes(60),
    params:
        code=code("music/render_music"),
        options=music_options("render"),
    message:
        "rendering the music of {wildcards.model}"
    script:
        "../scripts/music/render_music.py"


rule evaluate_music:
    """Compare generated pieces with the corpus, with a floor, a ceiling and a copy check."""
    input:
        generated="results/music/{model}/generated",
        shards="results/music/{model}/shards",
    output:
        "results/music/{model}/evaluation.json",
    log:
        "logs/music/{model}/evaluate_music.log",
    benchmark:
        "benchmarks/music/{model}/evaluate_music.tsv"
    conda:
        "../envs/notes.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(60),
    params:
        code=code("music/evaluate_music"),
        options=music_options("evaluation"),
        seed=music_seed,
    message:
        "evaluating the music of {wildcards.model}"
    script:
        "../scripts/music/evaluate_music.py"
