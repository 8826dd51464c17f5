"""Fusion. Requires: results/<images>/images.npy and manifest.csv; of a classification task its
examples, its network of each fold, the spectra and their damaged copies. Gives:
results/fusion/<task>/modalities, folds, model, evaluation.json, practical.json and report.
"""


rule prepare_image_task:
    """Read the labels of an image corpus and split its images without leaks."""
    input:
        manifest=of_modality(
            lambda task, name: f"results/{task.image(name).images}/manifest.csv"
        ),
        accepted=of_modality(
            lambda task, name: f"results/{task.image(name).images}/accepted.json"
        ),
        files=of_modality(lambda task, name: task.split_files(name)),
    output:
        directory("results/fusion/{fusion}/modalities/{modality}/task"),
    log:
        "logs/fusion/{fusion}/prepare_image_task/{modality}.log",
    benchmark:
        "benchmarks/fusion/{fusion}/prepare_image_task/{modality}.tsv"
    wildcard_constraints:
        modality=choice(IMAGE_MODALITIES),
    localrule: True
    conda:
        "../envs/classification.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(500),
        runtime=minutes(20),
    params:
        code=code("classification/prepare_task"),
        options=of_modality(lambda task, name: task.image_task(name)),
        seed=fusion_seed,
    message:
        "preparing the images of {wildcards.fusion}"
    script:
        "../scripts/classification/prepare_task.py"


rule train_image_encoder:
    """Train the network that sees; an interrupted training goes on."""
    input:
        images=of_modality(
            lambda task, name: f"results/{task.image(name).images}/images.npy"
        ),
        manifest=of_modality(
            lambda task, name: f"results/{task.image(name).images}/manifest.csv"
        ),
        task="results/fusion/{fusion}/modalities/{modality}/task",
        # only compared: other recordings are no reason to learn images anew
        tasks=ancient_tasks,
    output:
        model=directory("results/fusion/{fusion}/modalities/{modality}/model"),
        training="results/fusion/{fusion}/modalities/{modality}/training.json",
        curves="results/fusion/{fusion}/modalities/{modality}/curves.csv",
    log:
        "logs/fusion/{fusion}/train_image_encoder/{modality}.log",
    benchmark:
        "benchmarks/fusion/{fusion}/train_image_encoder/{modality}.tsv"
    wildcard_constraints:
        modality=choice(IMAGE_MODALITIES),
    conda:
        "../envs/fusion.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(2000),
        runtime=minutes(240),
    params:
        code=code("fusion/train_image_encoder"),
        options=of_modality(lambda task, name: task.seen(name)),
        modalities=of_fusion(lambda task: list(task.options.modalities)),
        seed=fusion_seed,
        state="results/.state/fusion/{fusion}/{modality}",
    message:
        "training the network of {wildcards.fusion} that sees {wildcards.modality}"
    script:
        "../scripts/fusion/train_image_encoder.py"


rule encode_images:
    """Write down what the network says of every image, clean and damaged."""
    input:
        images=of_modality(
            lambda task, name: f"results/{task.image(name).images}/images.npy"
        ),
        manifest=of_modality(
            lambda task, name: f"results/{task.image(name).images}/manifest.csv"
        ),
        task="results/fusion/{fusion}/modalities/{modality}/task",
        model="results/fusion/{fusion}/modalities/{modality}/model",
    output:
        directory("results/fusion/{fusion}/modalities/{modality}/outputs"),
    log:
        "logs/fusion/{fusion}/encode_images/{modality}.log",
    benchmark:
        "benchmarks/fusion/{fusion}/encode_images/{modality}.tsv"
    wildcard_constraints:
        modality=choice(IMAGE_MODALITIES),
    conda:
        "../envs/fusion.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(1200),
        runtime=minutes(60),
    params:
        code=code("fusion/encode_images"),
        most=of_modality(lambda task, name: task.image(name).most),
        seed=fusion_seed,
    message:
        "seeing {wildcards.modality} for {wildcards.fusion}"
    script:
        "../scripts/fusion/encode_images.py"


rule encode_sounds:
    """Write down what the network of a fold says of every recording, clean and damaged."""
    input:
        task=of_modality(lambda task, name: task.task_of(name)),
        model=lambda wildcards: FUSIONS[wildcards.fusion].encoder(
            wildcards.modality, wildcards.fold
        ),
        spectra=of_modality(lambda task, name: task.spectra(name, "npy")),
        index=of_modality(lambda task, name: task.spectra(name, "csv")),
        augmented=of_modality(lambda task, name: task.augmented(name)),
    output:
        directory("results/fusion/{fusion}/modalities/{modality}/folds/{fold}/outputs"),
    log:
        "logs/fusion/{fusion}/encode_sounds/{modality}/{fold}.log",
    benchmark:
        "benchmarks/fusion/{fusion}/encode_sounds/{modality}/{fold}.tsv"
    wildcard_constraints:
        modality=choice(SOUND_MODALITIES),
    conda:
        "../envs/fusion.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(1200),
        runtime=minutes(60),
    params:
        code=code("fusion/encode_sounds"),
    message:
        "hearing {wildcards.modality} for {wildcards.fusion}, fold {wildcards.fold}"
    script:
        "../scripts/fusion/encode_sounds.py"


rule learn_fusions:
    """Learn all ways to decide together in one fold, and decide on its test pairs in every case."""
    input:
        outputs=of_fusion_fold(lambda task, fold: task.outputs_of_fold(fold)),
    output:
        predictions=directory("results/fusion/{fusion}/folds/{fold}/predictions"),
        training="results/fusion/{fusion}/folds/{fold}/training.json",
        curves="results/fusion/{fusion}/folds/{fold}/curves.csv",
    log:
        "logs/fusion/{fusion}/learn_fusions/{fold}.log",
    benchmark:
        "benchmarks/fusion/{fusion}/learn_fusions/{fold}.tsv"
    conda:
        "../envs/fusion.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(2000),
        runtime=minutes(240),
    params:
        code=code("fusion/learn_fusions"),
        options=of_fusion(lambda task: task.learned()),
        seed=fusion_seed,
        state="results/.state/fusion/{fusion}/folds/{fold}",
    message:
        "learning to decide together for {wildcards.fusion}, fold {wildcards.fold}"
    script:
        "../scripts/fusion/learn_fusions.py"


rule learn_final_fusion:
    """Learn the fusion in use from what no encoder had learned, of all folds together."""
    input:
        outputs=of_fusion(lambda task: task.all_outputs()),
    output:
        fusion=directory("results/fusion/{fusion}/fusion"),
        training="results/fusion/{fusion}/fusion_training.json",
    log:
        "logs/fusion/{fusion}/learn_final_fusion.log",
    benchmark:
        "benchmarks/fusion/{fusion}/learn_final_fusion.tsv"
    conda:
        "../envs/fusion.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(2000),
        runtime=minutes(60),
    params:
        code=code("fusion/learn_final_fusion"),
        options=of_fusion(lambda task: task.used()),
        seed=fusion_seed,
        state="results/.state/fusion/{fusion}/final",
    message:
        "learning the fusion of {wildcards.fusion} that is used"
    script:
        "../scripts/fusion/learn_final_fusion.py"


rule assemble_fusion:
    """Put encoders and fusion into one model folder that needs nothing else."""
    input:
        fusion="results/fusion/{fusion}/fusion",
        encoders=of_fusion(
            lambda task: [task.encoder(name) for name in task.options.modalities]
        ),
        tasks=of_fusion(lambda task: [task.task_of(name) for name in task.sounds]),
    output:
        directory("results/fusion/{fusion}/model"),
    log:
        "logs/fusion/{fusion}/assemble_fusion.log",
    benchmark:
        "benchmarks/fusion/{fusion}/assemble_fusion.tsv"
    localrule: True
    conda:
        "../envs/fusion.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(900),
        runtime=minutes(10),
    params:
        code=code("fusion/assemble_fusion"),
        options=of_fusion(lambda task: task.used()),
        tasks=of_fusion(lambda task: {n: task.task_of(n) for n in task.sounds}),
        preparations=of_fusion(
            lambda task: {
                n: CONFIG.images[task.image(n).images].prepare for n in task.images
            }
        ),
    message:
        "assembling the model of {wildcards.fusion}"
    script:
        "../scripts/fusion/assemble_fusion.py"


rule export_fusion:
    """Export the whole model as one ONNX file and check that it decides the same."""
    input:
        model="results/fusion/{fusion}/model",
        tasks=of_fusion(lambda task: [task.task_of(n) for n in task.options.modalities]),
        samples=of_fusion(lambda task: [*task.wav(), *task.manifests(), *task.arrays()]),
    output:
        onnx="results/fusion/{fusion}/model.onnx",
        report="results/fusion/{fusion}/export.json",
    log:
        "logs/fusion/{fusion}/export_fusion.log",
    benchmark:
        "benchmarks/fusion/{fusion}/export_fusion.tsv"
    conda:
        "../envs/fusion.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(1500),
        runtime=minutes(30),
    params:
        code=code("fusion/export_fusion"),
        modalities=of_fusion(lambda task: list(task.options.modalities)),
        sounds=of_fusion(
            lambda task: {
                n: (task.task_of(n), wav_of_sound(task, n)) for n in task.sounds
            }
        ),
        images=of_fusion(lambda task: {n: task.image_files(n) for n in task.images}),
    message:
        "exporting the model of {wildcards.fusion}"
    script:
        "../scripts/fusion/export_fusion.py"


rule train_practical:
    """Train the network of the practical: on a random split, and without the speaker it tests."""
    input:
        task=of_fusion(lambda task: task.heard.task),
        spectra=of_fusion(lambda task: task.heard.spectra("npy")),
        index=of_fusion(lambda task: task.heard.spectra("csv")),
    output:
        report="results/fusion/{fusion}/practical.json",
        curves="results/fusion/{fusion}/practical_curves.csv",
    log:
        "logs/fusion/{fusion}/train_practical.log",
    benchmark:
        "benchmarks/fusion/{fusion}/train_practical.tsv"
    conda:
        "../envs/fusion.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(1500),
        runtime=minutes(240),
    params:
        code=code("fusion/train_practical"),
        options=of_fusion(lambda task: plain(task.options.practical_cnn)),
        frame_rate=of_fusion(
            lambda task: CONFIG.spectra[task.heard.options.spectra].frames_per_second
        ),
        seed=fusion_seed,
        state="results/.state/fusion/{fusion}/practical",
    message:
        "training the practical's network for {wildcards.fusion}"
    script:
        "../scripts/fusion/train_practical.py"


rule evaluate_fusion:
    """Compare modalities and fusions in every case: clean, damaged, missing, lying."""
    input:
        predictions=of_fusion(lambda task: task.fold_parts("predictions")),
        outputs=of_fusion(lambda task: task.all_outputs()),
        practical=of_fusion(lambda task: task.practical()),
    output:
        "results/fusion/{fusion}/evaluation.json",
    log:
        "logs/fusion/{fusion}/evaluate_fusion.log",
    benchmark:
        "benchmarks/fusion/{fusion}/evaluate_fusion.tsv"
    conda:
        "../envs/fusion.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(60),
    params:
        code=code("fusion/evaluate_fusion"),
        options=of_fusion(lambda task: plain(task.options)),
        folds=of_fusion(lambda task: task.folds),
        seed=fusion_seed,
    message:
        "evaluating {wildcards.fusion}"
    script:
        "../scripts/fusion/evaluate_fusion.py"
