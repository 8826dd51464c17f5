"""Classification. Requires: results/<corpus>/manifest.csv, features, segments, spectra. Gives:
results/classification/<task>/task, learners/<learner>, evaluation.json and what explains it,
predictions.csv and submission.csv for an unlabelled corpus.
"""


rule prepare_task:
    """Read the labels of a task, settle its classes and split its recordings without leaks."""
    input:
        manifest=of_task(lambda task: f"results/{task.options.corpus}/manifest.csv"),
        accepted=of_task(lambda task: f"results/{task.options.corpus}/accepted.json"),
        files=of_task(lambda task: task.split_files),
    output:
        directory("results/classification/{task}/task"),
    log:
        "logs/classification/{task}/prepare_task.log",
    benchmark:
        "benchmarks/classification/{task}/prepare_task.tsv"
    wildcard_constraints:
        task=choice(CORPUS_TASKS),
    localrule: True
    conda:
        "../envs/classification.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(500),
        runtime=minutes(10),
    params:
        code=code("classification/prepare_task"),
        options=task_options,
        seed=task_seed,
    message:
        "preparing the task {wildcards.task}"
    script:
        "../scripts/classification/prepare_task.py"


rule prepare_table:
    """Read a task from a ready table of features, settle its classes and split its rows."""
    input:
        table=of_task(lambda task: task.options.table.path),
        files=of_task(lambda task: task.split_files),
    output:
        task=directory("results/classification/{task}/task"),
        table="results/classification/{task}/table.parquet",
    log:
        "logs/classification/{task}/prepare_table.log",
    benchmark:
        "benchmarks/classification/{task}/prepare_table.tsv"
    wildcard_constraints:
        task=choice(TABLE_TASKS),
    conda:
        "../envs/classification.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(1500),
        runtime=minutes(10),
    params:
        code=code("classification/prepare_table"),
        options=task_options,
        table=of_task(lambda task: plain(task.options.table)),
        seed=task_seed,
    message:
        "preparing the task {wildcards.task} from its table"
    script:
        "../scripts/classification/prepare_table.py"


rule train_classical:
    """Train a classical learner on each fold, search inside it, and once on everything for use."""
    input:
        task="results/classification/{task}/task",
        tables=of_learner(lambda task, learner: task.tables(learner)),
    output:
        predictions="results/classification/{task}/learners/{learner}/predictions.parquet",
        training="results/classification/{task}/learners/{learner}/training.json",
        model=directory("results/classification/{task}/learners/{learner}/model"),
    log:
        "logs/classification/{task}/train_classical/{learner}.log",
    benchmark:
        "benchmarks/classification/{task}/train_classical/{learner}.tsv"
    conda:
        "../envs/classification.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(1500, grows_with="tables"),
        runtime=minutes(240),
    params:
        code=code("classification/train_classical"),
        options=learner_options,
        descriptors=task_descriptors,
        decode=task_decode,
        seed=task_seed,
    message:
        "training {wildcards.learner} for {wildcards.task}"
    script:
        "../scripts/classification/train_classical.py"


rule train_network:
    """Train a network on one fold with several seeds; an interrupted training goes on."""
    input:
        task="results/classification/{task}/task",
        spectra=of_task(lambda task: task.spectra("npy")),
        index=of_task(lambda task: task.spectra("csv")),
        augmented=of_learner(lambda task, learner: task.augmented(learner)),
        start=of_learner(lambda task, learner: task.start(learner)),
    output:
        predictions="results/classification/{task}/learners/{learner}/folds/{fold}/predictions.parquet",
        training="results/classification/{task}/learners/{learner}/folds/{fold}/training.json",
        curves="results/classification/{task}/learners/{learner}/folds/{fold}/curves.csv",
        model=directory(
            "results/classification/{task}/learners/{learner}/folds/{fold}/model"
        ),
    log:
        "logs/classification/{task}/train_network/{learner}/{fold}.log",
    benchmark:
        "benchmarks/classification/{task}/train_network/{learner}/{fold}.tsv"
    conda:
        "../envs/classification.yaml"
    # one: folds run side by side, and threads of a small network mostly wait for one another;
    # for a large one say --set-threads train_network=8
    threads: 1
    resources:
        mem_mb=megabytes(2000),
        runtime=minutes(720),
    params:
        code=code("classification/train_network"),
        options=learner_options,
        spectra=task_spectra,
        decode=task_decode,
        seed=task_seed,
        state="results/.state/classification/{task}/{learner}/{fold}",
    message:
        "training {wildcards.learner} for {wildcards.task}, fold {wildcards.fold}"
    script:
        "../scripts/classification/train_network.py"


rule export_network:
    """Export a trained network as ONNX and check that it decides the same."""
    input:
        task="results/classification/{task}/task",
        model="results/classification/{task}/learners/{learner}/folds/all/model",
        spectra=of_task(lambda task: task.spectra("npy")),
        index=of_task(lambda task: task.spectra("csv")),
    output:
        onnx="results/classification/{task}/learners/{learner}/model.onnx",
        report="results/classification/{task}/learners/{learner}/export.json",
    log:
        "logs/classification/{task}/export_network/{learner}.log",
    benchmark:
        "benchmarks/classification/{task}/export_network/{learner}.tsv"
    conda:
        "../envs/classification.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(1200),
        runtime=minutes(30),
    params:
        code=code("classification/export_network"),
    message:
        "exporting {wildcards.learner} of {wildcards.task}"
    script:
        "../scripts/classification/export_network.py"


rule evaluate_task:
    """Judge all learners and ensembles on what they did not learn from, with intervals."""
    input:
        task="results/classification/{task}/task",
        predictions=of_task(lambda task: task.all_parts("predictions.parquet")),
        training=of_task(lambda task: task.all_parts("training.json")),
        descriptors=of_task(lambda task: task.descriptors()),
    output:
        evaluation="results/classification/{task}/evaluation.json",
        table="results/classification/{task}/held_out.csv",
        mistakes="results/classification/{task}/mistakes.json",
        ensembles="results/classification/{task}/ensembles.json",
    log:
        "logs/classification/{task}/evaluate_task.log",
    benchmark:
        "benchmarks/classification/{task}/evaluate_task.tsv"
    conda:
        "../envs/classification.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(1000, grows_with="descriptors"),
        runtime=minutes(60),
    params:
        code=code("classification/evaluate_task"),
        options=of_task(lambda task: plain(task.options.evaluation)),
        learners=of_task(lambda task: task.families()),
        ensembles=of_task(
            lambda task: {name: plain(e) for name, e in task.options.ensembles.items()}
        ),
        seed=task_seed,
    message:
        "evaluating the task {wildcards.task}"
    script:
        "../scripts/classification/evaluate_task.py"


rule write_model_card:
    """Write down what the models of a task are, are for, and are not for."""
    input:
        task="results/classification/{task}/task",
        evaluation="results/classification/{task}/evaluation.json",
    output:
        markdown="results/classification/{task}/model_card.md",
        card="results/classification/{task}/model_card.json",
    log:
        "logs/classification/{task}/write_model_card.log",
    benchmark:
        "benchmarks/classification/{task}/write_model_card.tsv"
    localrule: True
    conda:
        "../envs/classification.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(200),
        runtime=minutes(10),
    params:
        code=code("classification/write_model_card"),
        options=of_task(lambda task: plain(task.options.card)),
    message:
        "writing the model card of {wildcards.task}"
    script:
        "../scripts/classification/write_model_card.py"


rule explain_classical:
    """Weigh descriptors and their families by what held-out decisions lose without them."""
    input:
        task="results/classification/{task}/task",
        tables=of_learner(lambda task, learner: task.tables(learner)),
        model="results/classification/{task}/learners/{learner}/model",
    output:
        "results/classification/{task}/importance/{learner}.json",
    log:
        "logs/classification/{task}/explain_classical/{learner}.log",
    benchmark:
        "benchmarks/classification/{task}/explain_classical/{learner}.tsv"
    conda:
        "../envs/classification.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(1500, grows_with="tables"),
        runtime=minutes(120),
    params:
        code=code("classification/explain_classical"),
        options=of_task(lambda task: task.study("importance")),
        seed=task_seed,
    message:
        "weighing the descriptors of {wildcards.learner} for {wildcards.task}"
    script:
        "../scripts/classification/explain_classical.py"


rule explain_network:
    """Find which part of a spectrum a network's decisions rest on, by covering it."""
    input:
        task="results/classification/{task}/task",
        spectra=of_task(lambda task: task.spectra("npy")),
        index=of_task(lambda task: task.spectra("csv")),
        model=of_task(
            lambda task: task.fold_model(task.options.studies.occlusion.learner, "0")
        ),
    output:
        "results/classification/{task}/occlusion.npz",
    log:
        "logs/classification/{task}/explain_network.log",
    benchmark:
        "benchmarks/classification/{task}/explain_network.tsv"
    conda:
        "../envs/classification.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(1200),
        runtime=minutes(60),
    params:
        code=code("classification/explain_network"),
        options=of_task(lambda task: plain(task.options.studies.occlusion)),
    message:
        "covering spectra for {wildcards.task}"
    script:
        "../scripts/classification/explain_network.py"


rule measure_robustness:
    """Measure how decisions hold against noise, pitch, tempo and MP3 bit rate."""
    input:
        task="results/classification/{task}/task",
        wav=of_task(lambda task: task.wav),
        models=of_task(lambda task: task.tested_models()),
    output:
        "results/classification/{task}/robustness.json",
    log:
        "logs/classification/{task}/measure_robustness.log",
    benchmark:
        "benchmarks/classification/{task}/measure_robustness.tsv"
    conda:
        "../envs/classification.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(1500),
        runtime=minutes(240),
    params:
        code=code("classification/measure_robustness"),
        options=of_task(lambda task: plain(task.options.studies.robustness)),
        folders=of_task(lambda task: task.tested_folders()),
        seed=task_seed,
    message:
        "measuring the robustness of {wildcards.task}"
    script:
        "../scripts/classification/measure_robustness.py"


rule measure_transfer:
    """Compare training from scratch with starting from another task's network."""
    input:
        task="results/classification/{task}/task",
        spectra=of_task(lambda task: task.spectra("npy")),
        index=of_task(lambda task: task.spectra("csv")),
        augmented=of_task(
            lambda task: task.augmented(task.options.studies.transfer.learner)
        ),
        start=of_task(lambda task: task.transfer_start()),
    output:
        "results/classification/{task}/transfer.json",
    log:
        "logs/classification/{task}/measure_transfer.log",
    benchmark:
        "benchmarks/classification/{task}/measure_transfer.tsv"
    conda:
        "../envs/classification.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(2000),
        runtime=minutes(720),
    params:
        code=code("classification/measure_transfer"),
        options=of_task(
            lambda task: plain(
                task.options.learners[task.options.studies.transfer.learner]
            )
        ),
        study=of_task(lambda task: task.study("transfer")),
        folds=of_task(lambda task: task.honest_folds),
        spectra=task_spectra,
        seed=task_seed,
        state="results/.state/classification/{task}/transfer",
    message:
        "measuring transfer to {wildcards.task}"
    script:
        "../scripts/classification/measure_transfer.py"


rule measure_ablation:
    """Compare a network with all its augmentations, without each, and with none."""
    input:
        task="results/classification/{task}/task",
        spectra=of_task(lambda task: task.spectra("npy")),
        index=of_task(lambda task: task.spectra("csv")),
        augmented=of_task(
            lambda task: task.augmented(task.options.studies.ablation.learner)
        ),
    output:
        "results/classification/{task}/ablation.json",
    log:
        "logs/classification/{task}/measure_ablation.log",
    benchmark:
        "benchmarks/classification/{task}/measure_ablation.tsv"
    conda:
        "../envs/classification.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(2000),
        runtime=minutes(720),
    params:
        code=code("classification/measure_ablation"),
        options=of_task(
            lambda task: plain(
                task.options.learners[task.options.studies.ablation.learner]
            )
        ),
        study=of_task(lambda task: task.study("ablation")),
        folds=of_task(lambda task: task.honest_folds),
        spectra=task_spectra,
        seed=task_seed,
        state="results/.state/classification/{task}/ablation",
    message:
        "leaving out the augmentations of {wildcards.task}"
    script:
        "../scripts/classification/measure_ablation.py"


rule predict_recordings:
    """Let a trained learner or ensemble decide on recordings without labels."""
    input:
        models=of_task(lambda task: task.deciding_models()),
        tables=of_task(lambda task: task.deciding_tables()),
        spectra=of_task(lambda task: task.deciding_spectra("npy")),
        index=of_task(lambda task: task.deciding_spectra("csv")),
        ensembles=of_task(lambda task: task.deciding_weights()),
    output:
        "results/classification/{task}/predictions.parquet",
    log:
        "logs/classification/{task}/predict_recordings.log",
    benchmark:
        "benchmarks/classification/{task}/predict_recordings.tsv"
    conda:
        "../envs/classification.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(1500),
        runtime=minutes(120),
    params:
        code=code("classification/predict_recordings"),
        learner=of_task(lambda task: task.options.prediction.learner),
        names=of_task(lambda task: task.deciding_names()),
    message:
        "deciding on recordings without labels for {wildcards.task}"
    script:
        "../scripts/classification/predict_recordings.py"


rule answer_corpus:
    """Write an answer for every recording of a corpus without labels, in the asked form."""
    input:
        manifest=of_task(
            lambda task: f"results/{task.options.prediction.corpus}/manifest.csv"
        ),
        accepted=of_task(
            lambda task: f"results/{task.options.prediction.corpus}/accepted.json"
        ),
        predictions="results/classification/{task}/predictions.parquet",
        task="results/classification/{task}/task",
        template=of_task(lambda task: task.template),
    output:
        table="results/classification/{task}/predictions.csv",
        prior="results/classification/{task}/prior.json",
        submission="results/classification/{task}/submission.csv",
    log:
        "logs/classification/{task}/answer_corpus.log",
    benchmark:
        "benchmarks/classification/{task}/answer_corpus.tsv"
    localrule: True
    conda:
        "../envs/classification.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(500),
        runtime=minutes(10),
    params:
        code=code("classification/answer_corpus"),
        submission=of_task(lambda task: plain(task.options.prediction.submission)),
    message:
        "answering for the corpus without labels of {wildcards.task}"
    script:
        "../scripts/classification/answer_corpus.py"
