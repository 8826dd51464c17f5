"""Soundscapes. Requires: results/<corpus>/wav and manifest.csv, and its acceptance. Gives:
results/soundscapes/<model>/ recordings.csv, autoencoder, model, metrics.json, curves.csv,
generated/<piece>.wav|flac|mp3, clips, long.json and evaluation.json.
"""


rule hold_out_recordings:
    """Choose which recordings a soundscape model learns and which are held out; measure levels."""
    input:
        manifest=of_soundscape(lambda s: f"results/{s.corpus}/manifest.csv"),
        accepted=of_soundscape(lambda s: f"results/{s.corpus}/accepted.json"),
        wav=of_soundscape(wav_folders),
    output:
        "results/soundscapes/{soundscape}/recordings.csv",
    log:
        "logs/soundscapes/{soundscape}/hold_out_recordings.log",
    benchmark:
        "benchmarks/soundscapes/{soundscape}/hold_out_recordings.tsv"
    priority: LONG_FIRST
    conda:
        "../envs/audio.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(500),
        runtime=minutes(60),
    params:
        code=code("soundscape/hold_out_recordings"),
        conditions=soundscape_conditions,
        held_out=soundscape_options("held_out"),
        seed=soundscape_seed,
    message:
        "choosing what {wildcards.soundscape} learns"
    script:
        "../scripts/soundscape/hold_out_recordings.py"


rule train_autoencoder:
    """Train what reads recordings and writes sound; an interrupted training goes on."""
    input:
        recordings="results/soundscapes/{soundscape}/recordings.csv",
        wav=of_soundscape(wav_folders),
    output:
        model=directory("results/soundscapes/{soundscape}/autoencoder/model"),
        metrics="results/soundscapes/{soundscape}/autoencoder/metrics.json",
        curves="results/soundscapes/{soundscape}/autoencoder/curves.csv",
    log:
        "logs/soundscapes/{soundscape}/train_autoencoder.log",
    benchmark:
        "benchmarks/soundscapes/{soundscape}/train_autoencoder.tsv"
    priority: LONG_FIRST
    conda:
        "../envs/soundscape.yaml"
    threads: threads_of(training_of_autoencoder)
    resources:
        mem_mb=of_each_process(training_of_autoencoder, megabytes(3000)),
        runtime=minutes(720),
        gpu=gpus_of(training_of_autoencoder),
        nodes=nodes_of(training_of_autoencoder),
        tasks=nodes_of(training_of_autoencoder),
        mpi=mpi_of(training_of_autoencoder),
    params:
        code=code("soundscape/train_autoencoder"),
        options=soundscape_options("autoencoder"),
        conditions=soundscape_conditions,
        channels=of_soundscape(lambda s: s.channels),
        seed=soundscape_seed,
        state="results/.state/soundscapes/{soundscape}/autoencoder",
    message:
        "training the autoencoder of {wildcards.soundscape}"
    script:
        "../scripts/soundscape/train_autoencoder.py"


rule train_prior:
    """Train what knows which sound follows which, and put the whole model together."""
    input:
        recordings="results/soundscapes/{soundscape}/recordings.csv",
        wav=of_soundscape(wav_folders),
        autoencoder="results/soundscapes/{soundscape}/autoencoder/model",
        metrics="results/soundscapes/{soundscape}/autoencoder/metrics.json",
        curves="results/soundscapes/{soundscape}/autoencoder/curves.csv",
    output:
        model=directory("results/soundscapes/{soundscape}/model"),
        metrics="results/soundscapes/{soundscape}/metrics.json",
        curves="results/soundscapes/{soundscape}/curves.csv",
    log:
        "logs/soundscapes/{soundscape}/train_prior.log",
    benchmark:
        "benchmarks/soundscapes/{soundscape}/train_prior.tsv"
    priority: LONG_FIRST
    conda:
        "../envs/soundscape.yaml"
    threads: 1  # its steps are small: more threads would wait for each other by spinning
    resources:
        mem_mb=megabytes(2500),
        runtime=minutes(720),
    params:
        code=code("soundscape/train_prior"),
        options=soundscape_options("prior"),
        seed=soundscape_seed,
        state="results/.state/soundscapes/{soundscape}/prior",
    message:
        "training the prior of {wildcards.soundscape}"
    script:
        "../scripts/soundscape/train_prior.py"


rule generate_soundscapes:
    """Make the soundscapes that are asked for, as files with tags."""
    input:
        model="results/soundscapes/{soundscape}/model",
        recordings="results/soundscapes/{soundscape}/recordings.csv",
        wav=of_soundscape(wav_folders),
    output:
        directory("results/soundscapes/{soundscape}/generated"),
    log:
        "logs/soundscapes/{soundscape}/generate_soundscapes.log",
    benchmark:
        "benchmarks/soundscapes/{soundscape}/generate_soundscapes.tsv"
    conda:
        "../envs/soundscape.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(120),
    params:
        code=code("soundscape/generate_soundscapes"),
        options=soundscape_options("generation"),
        seed=soundscape_seed,
    message:
        "making soundscapes with {wildcards.soundscape}"
    script:
        "../scripts/soundscape/generate_soundscapes.py"


rule make_clips:
    """Make clips to compare: real, reconstructed, varied, new, granular, noise."""
    input:
        model="results/soundscapes/{soundscape}/model",
        recordings="results/soundscapes/{soundscape}/recordings.csv",
        wav=of_soundscape(wav_folders),
    output:
        directory("results/soundscapes/{soundscape}/clips"),
    log:
        "logs/soundscapes/{soundscape}/make_clips.log",
    benchmark:
        "benchmarks/soundscapes/{soundscape}/make_clips.tsv"
    conda:
        "../envs/soundscape.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(1200),
        runtime=minutes(120),
    params:
        code=code("soundscape/make_clips"),
        options=soundscape_options("evaluation"),
        sampling=of_soundscape(lambda s: plain(s.generation.sampling)),
        granular=soundscape_options("granular"),
        seed=soundscape_seed,
    message:
        "making clips to judge {wildcards.soundscape} by"
    script:
        "../scripts/soundscape/make_clips.py"


rule measure_long_piece:
    """Make a long piece and a loop, and look for seams, drift and repetition."""
    input:
        model="results/soundscapes/{soundscape}/model",
        recordings="results/soundscapes/{soundscape}/recordings.csv",
        wav=of_soundscape(wav_folders),
    output:
        "results/soundscapes/{soundscape}/long.json",
    log:
        "logs/soundscapes/{soundscape}/measure_long_piece.log",
    benchmark:
        "benchmarks/soundscapes/{soundscape}/measure_long_piece.tsv"
    conda:
        "../envs/soundscape.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(120),
    params:
        code=code("soundscape/measure_long_piece"),
        options=soundscape_options("evaluation"),
        sampling=of_soundscape(lambda s: plain(s.generation.sampling)),
        seed=soundscape_seed,
    message:
        "measuring a long piece of {wildcards.soundscape}"
    script:
        "../scripts/soundscape/measure_long_piece.py"


rule evaluate_soundscape:
    """Compare what a model makes with held-out recordings, between a floor and a ceiling."""
    input:
        clips="results/soundscapes/{soundscape}/clips",
        recordings="results/soundscapes/{soundscape}/recordings.csv",
        wav=of_soundscape(wav_folders),
        metrics="results/soundscapes/{soundscape}/metrics.json",
        long="results/soundscapes/{soundscape}/long.json",
        judge=of_soundscape(judge_of),
    output:
        "results/soundscapes/{soundscape}/evaluation.json",
    log:
        "logs/soundscapes/{soundscape}/evaluate_soundscape.log",
    benchmark:
        "benchmarks/soundscapes/{soundscape}/evaluate_soundscape.tsv"
    conda:
        "../envs/classification.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(1500),
        runtime=minutes(120),
    params:
        code=code("soundscape/evaluate_soundscape"),
        options=soundscape_options("evaluation"),
        corpus=of_soundscape(lambda s: s.corpus),
        seed=soundscape_seed,
    message:
        "evaluating {wildcards.soundscape}"
    script:
        "../scripts/soundscape/evaluate_soundscape.py"
