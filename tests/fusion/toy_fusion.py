"""A small fusion that is really trained: three kinds of sounds, three drawn shapes."""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import soundfile
import torch
from heard_task import RATE, sound
from PIL import Image, ImageDraw
from torch.nn import functional

from soundmill.classification.network_data import Material
from soundmill.classification.network_fitting import fit_network
from soundmill.classification.network_model import describe_network, save_network
from soundmill.classification.network_options import ClassifierOptions
from soundmill.corpus.decode_options import DecodeOptions
from soundmill.corpus.image_preparation import prepare_array
from soundmill.features.spectra import spectrum
from soundmill.features.spectra_options import SpectraOptions
from soundmill.fusion.image_damages import Damages
from soundmill.fusion.image_encoder_options import ImageEncoderOptions
from soundmill.fusion.image_model import save_image_model
from soundmill.fusion.image_network import ImageEncoder
from soundmill.fusion.learning import learn_final
from soundmill.fusion.model import assemble_fusion
from soundmill.fusion.options import FusionTaskOptions
from soundmill.fusion.outputs import Outputs, write_outputs
from soundmill.fusion.user_encoders import load_encoder
from soundmill.training import copy_weights

CLASSES = ["0", "1", "7"]
KINDS = dict(zip(CLASSES, ("bass", "flute", "noise"), strict=True))
DECODE = DecodeOptions(sample_rate=RATE)
SPECTRA = SpectraOptions(sample_rate=RATE, bands=20)
OPTIONS = FusionTaskOptions(
    modalities={
        "audio": {"kind": "sound", "task": "spoken", "learner": "net"},
        "image": {"kind": "image", "images": "written"},
    },
    fusions={"gate": {"width": 8, "epochs": 3}},
)
FOLD_SEEDS = (3, 4)
SHAPES = {
    "0": [(0.5, 0.2), (0.7, 0.5), (0.5, 0.8), (0.3, 0.5), (0.5, 0.2)],
    "1": [(0.5, 0.2), (0.5, 0.8)],
    "7": [(0.3, 0.25), (0.65, 0.25), (0.45, 0.75)],
}


def draw(digit, seed=0, size=(120, 120), ink=0, paper=255, mode="L"):
    """An image of a digit; of each seed another."""
    random = np.random.default_rng(seed)
    image = Image.new(mode, size, paper)
    places = np.array(SHAPES[digit]) + random.normal(0, 0.015, (len(SHAPES[digit]), 2))
    line = [(x * size[0], y * size[1]) for x, y in places]
    width = round(random.uniform(0.05, 0.09) * size[1])
    ImageDraw.Draw(image).line(line, fill=ink, width=width, joint="curve")
    return image


def say(digit, seed=0, seconds=1.2, noise=0.0):
    """Samples (n,) of a digit."""
    samples = sound(KINDS[digit], 700 + seed, seconds)
    return samples + noise * np.random.default_rng(seed).normal(size=len(samples)).astype("f4")


def heard(samples):
    return spectrum(samples.astype(np.float32), SPECTRA).astype(np.float16)


def samples(count, first=0):
    """(spectra, images (n, 28, 28), class numbers) of ``count`` of each class."""
    numbers = np.arange(3 * count) % 3
    spectra = [heard(say(CLASSES[k], first + i)) for i, k in enumerate(numbers)]
    pictures = [
        prepare_array(np.asarray(draw(CLASSES[k], first + i))) for i, k in enumerate(numbers)
    ]
    return spectra, np.stack(pictures), numbers


def train_sound(folder, seeds=2, classes=CLASSES, **changes):
    """Write the folder of a network that hears."""
    options = {
        "kind": "cnn1d", "width": 8, "depth": 2, "epochs": 12, "chunk_seconds": 0.6, "batch": 6,
        "learning_rate": 0.01, "normalise": "peak", "aggregation": "log_mean", **changes,
    }  # fmt: skip
    options = ClassifierOptions(**options)
    spectra, _, numbers = samples(8)
    names = [f"r{i}" for i in range(len(spectra))]
    rate = SPECTRA.frames_per_second
    material = Material(
        "single", 3, dict(zip(names, spectra, strict=True)), {}, names,
        np.eye(3, dtype=np.float32)[numbers], [], np.zeros((0, 3), np.float32), rate,
    )  # fmt: skip
    networks = [fit_network(material, options, seed).network for seed in range(1, seeds + 1)]
    config = describe_network(
        networks[0], classes=classes, frames=round(0.6 * rate), frame_rate=rate,
        spectra=SPECTRA.model_dump(mode="json"),
    )  # fmt: skip
    config["decode"] = DECODE.model_dump(mode="json")
    save_network(folder, [copy_weights(network) for network in networks], config)


def train_image(folder, classes=CLASSES):
    """Write the folder of a network that sees."""
    _, pictures, numbers = samples(10)
    torch.manual_seed(1)
    network = ImageEncoder(ImageEncoderOptions(width=4, embedding=8), 28, 3)
    optimiser = torch.optim.AdamW(network.parameters(), lr=0.01)
    x, y = torch.from_numpy(pictures / np.float32(255)), torch.from_numpy(numbers)
    for _ in range(40):
        optimiser.zero_grad()
        functional.cross_entropy(network(x), y).backward()
        optimiser.step()
    damages = Damages.fit(pictures, {}, 1)
    save_image_model(folder, network.eval(), damages, {"classes": classes})


def write_inputs(folder):
    """Write ``<digit>.wav``, ``<digit>.png`` of each class, and silence and an empty image."""
    for digit in CLASSES:
        soundfile.write(folder / f"{digit}.wav", say(digit, 99), RATE)
        draw(digit, 99).save(folder / f"{digit}.png")
    soundfile.write(folder / "long.wav", say("7", 99, 3.0), RATE)
    soundfile.write(folder / "silence.wav", np.zeros(RATE), RATE)
    Image.new("L", (60, 60), 255).save(folder / "empty.png")


def encode(folder, modality, seed):
    """Write what an encoder says of samples, clean and noisy, as an outputs folder."""
    encoder = load_encoder(folder / modality, {"kind": OPTIONS.modalities[modality].kind})
    spectra, pictures, numbers = samples(10, first=100 * seed)
    random = np.random.default_rng(seed)
    if modality == "audio":
        noisy = [heard(say(CLASSES[k], 100 * seed + i, noise=0.3)) for i, k in enumerate(numbers)]
        conditions = [spectra, noisy]
    else:
        noise = random.integers(0, 256, pictures.shape)
        conditions = [pictures, (0.4 * pictures + 0.6 * noise).astype(np.uint8)]
    found = [[encoder.encode(one) for one in some] for some in conditions]
    arrays = [np.stack([np.stack([one[i] for one in some]) for some in found]) for i in range(4)]
    count = len(numbers)
    parts = np.array(["train", "test", *["valid"] * 8]).repeat(3)
    outputs = Outputs(
        modality, CLASSES, ["clean", "noise"], np.array([f"{i}" for i in range(count)]), parts,
        parts, numbers, *arrays, {"parameters": 1, "milliseconds": 1.0},
    )  # fmt: skip
    write_outputs(folder / f"outputs/{modality}-{seed}", outputs)


def learn_fusion(folder, outputs, options=OPTIONS):
    """Write the folder of the fusion for use, learned from the outputs of two folds."""
    folds = [
        {name: outputs / f"{name}-{seed}" for name in options.modalities} for seed in FOLD_SEEDS
    ]
    learn_final(
        folds, folder, folder.with_suffix(".json"), folder.with_suffix(".state"), options, 1
    )


@cache
def trained():
    """A folder with ``audio/``, ``image/`` and ``fusion/``, trained once for all tests."""
    folder = Path(tempfile.mkdtemp(prefix="toy-fusion-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    train_sound(folder / "audio")
    train_image(folder / "image")
    for seed in FOLD_SEEDS:
        for name in OPTIONS.modalities:
            encode(folder, name, seed)
    learn_fusion(folder / "fusion", folder / "outputs")
    return folder


def write_toy_model(folder, facts=None):
    """Assemble a model folder of the trained parts."""
    encoders = {name: trained() / name for name in OPTIONS.modalities}
    assemble_fusion(folder, trained() / "fusion", encoders, OPTIONS, facts)
