"""What jobs ask of the machine or the cluster: time, memory, threads, GPUs, nodes."""

# what a job on a cluster holds beside its own process: one Snakemake that was submitted, and one
# that it starts (140 and 133 MB)
SNAKEMAKE_MB = 300


def minutes(amount):
    """Return a runtime in minutes that grows with each attempt."""
    return lambda wildcards, attempt: amount * attempt


def megabytes(amount, grows_with=None):
    """Return a memory request in MB that grows with each attempt.

    ``amount`` is what the job's own process needs, imports included. Where ``grows_with`` names an
    input, its files are held in memory, some of them in 64 bits and in a few copies: a learner took
    thirteen times its tables (docs/scale.md).
    """

    def request(wildcards, input, attempt):
        files = input.get(grows_with, []) if grows_with else []
        files = [files] if isinstance(files, str) else files
        held = 13 * sum(os.path.getsize(path) for path in files) / 1e6
        return SNAKEMAKE_MB + round(attempt * (amount + held))

    return request


def gpus(options):
    """Return how many GPUs options ask for: none unless they name one, so that no job waits."""
    asked = getattr(options, "accelerator", None) or options.device
    return getattr(options, "devices", 1) if asked in ("gpu", "cuda") else 0


def music_gpus(section):
    """Return a function of wildcards that gives how many GPUs a music model's stage asks for."""
    return lambda wildcards: gpus(getattr(CONFIG.music[wildcards.model], section))


def training_of_music(wildcards):
    """Return the training options of a music model."""
    return CONFIG.music[wildcards.model].training


training_of_autoencoder = of_soundscape(lambda soundscape: soundscape.autoencoder)


def threads_of(training):
    """Return a function of wildcards that gives the threads a training has on a node."""
    return lambda wildcards: training(wildcards).threads * training(wildcards).devices


def gpus_of(training):
    """Return a function of wildcards that gives the GPUs of all nodes of a training."""
    return lambda wildcards: gpus(training(wildcards)) * training(wildcards).nodes


def of_each_process(training, request):
    """Return a function that gives a memory request for all processes a training has on a node."""
    return lambda wildcards, input, attempt: (
        training(wildcards).devices * request(wildcards, input, attempt)
    )


def nodes_of(training):
    """Return a function of wildcards that gives the nodes to ask for; None, for one, asks nothing."""
    return lambda wildcards: (
        training(wildcards).nodes if training(wildcards).nodes > 1 else None
    )


def mpi_of(training):
    """Return a function of wildcards that tells the Slurm plugin of jobs that call srun themselves."""
    return lambda wildcards: "srun" if training(wildcards).nodes > 1 else None
