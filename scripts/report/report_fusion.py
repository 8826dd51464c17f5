"""Write the page of a fusion task, with figures, and pairs to see and to hear."""

from soundmill.log import job_log

with job_log(snakemake):
    from soundmill.audio.perturbation_options import read_augmentation
    from soundmill.files import read_json
    from soundmill.report.fusion_page import write_fusion_page
    from soundmill.report.fusion_samples import SoundSource, show_samples

    files, params = snakemake.input, snakemake.params
    names = params.modalities
    sounds = {
        name: SoundSource(
            where["wav"], where["manifest"], where["sample_rate"],
            {n: read_augmentation(raw) for n, raw in where["augmentations"].items()},
        )
        for name, where in params.sounds.items()
    }  # fmt: skip
    manifests = dict(zip(names, files.manifests, strict=True))
    samples = show_samples(
        snakemake.output[0],
        predictions=dict(zip(params.folds, files.predictions, strict=True)),
        outputs={name: files.outputs[i :: len(names)] for i, name in enumerate(names)},
        sounds=sounds,
        manifests={name: path for name, path in manifests.items() if name not in sounds},
        named=read_json(files.evaluation)["named"],
        use=params.use,
        count=params.examples,
        seed=params.seed,
    )
    curves = {"the network that sees": files.encoders, "the fusions that learn": files.curves}
    write_fusion_page(
        snakemake.output[0],
        name=snakemake.wildcards.fusion,
        evaluation=files.evaluation,
        curves={title: paths for title, paths in curves.items() if len(paths)},
        practical_curves=files.practical[0] if files.practical else None,
        samples=samples,
    )
