"""What a job imports before it begins: nothing heavy that its rule has no use for."""

import ast
import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from paths import ROOT

from soundmill.fingerprint import _find

SOURCE = str(ROOT / "src")
LIGHT = {
    "anyascii", "cycler", "google", "google_crc32c", "jinja2", "librosa", "numpy", "PIL",
    "pretty_midi", "pydantic", "pydub", "pyloudnorm", "safetensors", "soundfile", "soxr",
    "tinysoundfont", "tqdm",
}  # fmt: skip
"""A tenth of a second or less, librosa since it is lazy; or, as pyloudnorm, all weight of scipy."""

# What each rule's script may import at its start, beside what is light; the order is that of
# weight. What is needed seldom or late is imported by the function that needs it.
ALLOWED = {
    "": """
        classification/write_model_card corpus/accept_corpus
        corpus/fetch_labels corpus/fetch_recordings corpus/normalise_names corpus/write_manifest
        report/describe_corpus report/tabulate_costs soundscape/hold_out_recordings
        transcription/transcribe_recordings""",
    "pandas": """
        classification/answer_corpus classification/predict_recordings
        classification/train_classical""",
    "scipy": """
        classification/measure_robustness classification/prepare_task corpus/compose_ambient
        corpus/compose_digits corpus/compose_songs corpus/compose_soundscapes
        corpus/decode_recordings corpus/read_images fusion/evaluate_fusion music/build_shards
        music/evaluate_music music/render_music soundscape/evaluate_soundscape""",
    "matplotlib": """
        report/build_gallery report/plot_music_evaluation report/plot_training
        report/plot_transcription_scores report/report_soundscape report/report_task
        report/write_listening_page""",
    "pandas scipy": "classification/prepare_table",
    "mir_eval": "transcription/evaluate_transcription",
    "matplotlib mir_eval": "report/plot_transcription",
    "pandas scipy sklearn": "classification/evaluate_task classification/explain_classical",
    "torch": """
        classification/explain_network classification/export_network features/compute_spectra
        fusion/encode_images fusion/encode_sounds music/generate_music""",
    "scipy torch": """
        features/augment_spectra fusion/assemble_fusion fusion/export_fusion
        soundscape/generate_soundscapes soundscape/make_clips soundscape/measure_long_piece""",
    "pyarrow scipy torch": "features/describe_recordings",
    "matplotlib torch": "report/draw_recording",
    "matplotlib scipy torch": "report/report_fusion",  # it damages sounds and images, to show them
    "lightning torch": """
        fusion/train_image_encoder music/train_transformer soundscape/train_autoencoder
        soundscape/train_prior""",
    "lightning pandas torch": "classification/train_network",
    "lightning scipy torch": """
        fusion/learn_final_fusion fusion/learn_fusions fusion/train_practical""",
    "lightning pandas scipy torch": """
        classification/measure_ablation classification/measure_transfer""",
}
RULES = {rule: set(heavy.split()) for heavy, rules in ALLOWED.items() for rule in rules.split()}


@cache
def imported(path: str) -> tuple[frozenset[str], frozenset[str]]:
    """Return the package's modules and the others that a file imports when it is imported."""
    inside, outside = set(), set()
    open_nodes = list(ast.parse(Path(path).read_bytes()).body)
    while open_nodes:
        node = open_nodes.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        inside |= {name for name in names if name.startswith("soundmill.") and _find(name, SOURCE)}
        outside |= {name.partition(".")[0] for name in names}
        open_nodes.extend(ast.iter_child_nodes(node))
    return frozenset(inside), frozenset(outside - {"soundmill", *sys.stdlib_module_names})


def at_start(script: Path) -> set[str]:
    """Return the packages that a script and what it imports name, outside of functions."""
    inside, outside = map(set, imported(str(script)))
    seen = set()
    while inside - seen:
        name = (inside - seen).pop()
        seen.add(name)
        more, others = imported(_find(name, SOURCE))
        inside |= more
        outside |= others
    return outside - LIGHT


def test_every_script_imports_at_its_start_what_is_allowed_to_it():
    scripts = {
        str(path.relative_to(ROOT / "scripts").with_suffix("")): path
        for path in (ROOT / "scripts").rglob("*.py")
    }
    assert {name: at_start(path) for name, path in scripts.items()} == RULES, (
        "import it in the function that needs it, or allow it here and say why in docs/startup.md"
    )


def loaded_by(code):
    """Return the modules that are there after some code ran in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": SOURCE}
    code += "\nimport json, sys; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stdout))


def imports_of(rules):
    """Return all import statements of the scripts of these rules, the functions' names included."""
    nodes = [
        node
        for rule in rules
        for node in ast.walk(ast.parse((ROOT / f"scripts/{rule}.py").read_text()))
    ]
    return "\n".join(ast.unparse(n) for n in nodes if isinstance(n, ast.Import | ast.ImportFrom))


@pytest.mark.parametrize(
    ("free", "of"),
    [
        ("torch", {"torch", "lightning", "numba", "lightgbm", "shap", "onnx", "onnxruntime",
                   "skops", "optuna", "boto3", "snakemake"}),
        ("", {"torch", "scipy", "sklearn", "pandas", "pyarrow", "matplotlib", "note_seq"}),
    ],
)  # fmt: skip
def test_what_libraries_import_in_turn_is_not_heavy_either(free, of):
    rules = [rule for rule, heavy in RULES.items() if (free and free not in heavy) or not heavy]
    assert not of & loaded_by(imports_of(rules))


def test_models_are_saved_without_torch():
    code = "from soundmill.classification.classical_files import _skops_io; _skops_io()"
    loaded = loaded_by(code)
    assert "skops.io" in loaded and "sklearn.ensemble" in loaded and "torch" not in loaded
