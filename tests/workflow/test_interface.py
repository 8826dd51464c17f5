"""What Snakemake users expect of a workflow: dry run, lists, graph, lint, clear errors."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from harness import write_recordings
from paths import ROOT

from soundmill.cli.reference import reference_text, schema_text
from soundmill.config import load_config
from soundmill.fingerprint import CodeReader, _find


def test_the_demo_dry_runs_and_every_rule_says_what_it_does(copy_checkout):
    workflow = copy_checkout()
    done = workflow.run("--dry-run", config=None)
    assert "train_transformer" in done.stdout
    assert not (workflow.folder / "results").exists()
    rules = workflow.run("--list-rules", config=None).stdout
    assert {"all", "corpora", "transcripts", "music", "decode_recordings"} <= set(rules.split())


def test_the_graph_is_drawn(copy_checkout):
    workflow = copy_checkout()
    graph = workflow.run("--dag", config=None).stdout
    assert graph.startswith("digraph") and "transcribe_recordings" in graph


def test_every_rule_is_complete():
    text = "\n".join(path.read_text() for path in sorted((ROOT / "rules").glob("*.smk")))
    rules = re.split(r"^rule ", text, flags=re.MULTILINE)[1:]
    assert len(rules) > 10
    for rule in rules:
        name = rule.split(":")[0]
        wanted = (
            "log:",
            "benchmark",
            "conda:",
            "resources:",
            "message:",
            "code=",
            "script:",
            '"""',
        )
        missing = [word for word in wanted if word not in rule]
        assert not missing, f"rule {name} has no {missing}"
        assert re.match(r"\w+:\n    \"\"\"[A-Z].*\.\"\"\"\n", rule), f"rule {name}: docstring"


def test_every_script_is_short_and_belongs_to_a_rule():
    text = "\n".join(path.read_text() for path in (ROOT / "rules").glob("*.smk"))
    for script in (ROOT / "scripts").rglob("*.py"):
        assert len(script.read_text().splitlines()) <= 40, script
        assert f"../scripts/{script.relative_to(ROOT / 'scripts')}" in text, script
        assert f"rule {script.stem}:" in text, script


def test_schema_and_reference_are_in_step_with_the_models():
    hint = "run `make reference`"
    assert (ROOT / "schemas/config.schema.json").read_text() == schema_text(), hint
    assert (ROOT / "docs/options.md").read_text() == reference_text(), hint


def test_shipped_configurations_are_valid():
    files = [ROOT / "config.yaml", *sorted((ROOT / "examples").glob("*.yaml"))]
    assert len(files) > 1
    for path in files:
        load_config(yaml.safe_load(path.read_text()))


def test_configurations_in_the_readme_are_valid():
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert len(blocks) == 5
    for block in blocks:
        load_config(yaml.safe_load(block))


@pytest.mark.parametrize("name", sorted(path.name for path in (ROOT / "envs").glob("*.yaml")))
def test_conda_environments_have_the_pins_of_the_lock(name):
    # pip prints some names with underscores
    locks = [(ROOT / name).read_text() for name in ("requirements.txt", "requirements-dev.txt")]
    lock = set("\n".join(locks).lower().replace("_", "-").splitlines())
    environment = yaml.safe_load((ROOT / "envs" / name).read_text())
    pins = next(item["pip"] for item in environment["dependencies"] if isinstance(item, dict))
    assert pins and set(pins) <= lock
    post_deploy = ROOT / "envs" / name.replace(".yaml", ".post-deploy.sh")
    if post_deploy.exists():
        assert set(re.findall(r"[\w-]+==[\w.]+", post_deploy.read_text())) <= lock


def environments_of_scripts():
    """Return (environment, script) for every rule."""
    text = "\n".join(path.read_text() for path in sorted((ROOT / "rules").glob("*.smk")))
    rules = re.split(r"^rule ", text, flags=re.MULTILINE)[1:]
    found = [re.findall(r"\.\./(?:envs/(\w+)\.yaml|scripts/(\S+)\.py)", rule) for rule in rules]
    return [(env[0], script[1]) for env, script in found]


def imported_packages(script):
    """Return the distributions whose modules are imported anywhere in reach of a script."""
    source = str(ROOT / "src")
    reader = CodeReader()
    seen, modules = set(), {str(ROOT / f"scripts/{script}.py")}
    roots = set()
    while modules:
        path = modules.pop()
        seen.add(path)
        modules |= {_find(name, source) for name in reader.read(path).names} - seen - {None}
        for node in ast.walk(ast.parse(Path(path).read_bytes())):
            if isinstance(node, ast.Import):
                roots |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                roots.add(node.module.split(".")[0])
    roots -= {"soundmill", *sys.stdlib_module_names}
    named = {"google": "protobuf", "yaml": "pyyaml", "sklearn": "scikit-learn", "PIL": "pillow"}
    return {named.get(root, root.replace("_", "-")) for root in roots}


@pytest.mark.parametrize(("environment", "script"), environments_of_scripts())
def test_the_environment_of_a_rule_installs_what_its_script_imports(environment, script):
    text = (ROOT / f"envs/{environment}.yaml").read_text()
    installed = set(re.findall(r"- ([\w-]+)==", text))
    post_deploy = ROOT / f"envs/{environment}.post-deploy.sh"
    if post_deploy.exists():
        installed |= set(re.findall(r"([\w-]+)==", post_deploy.read_text()))
    optional = {"transkun", "torch", "torchaudio", "moduleconf"}  # the second transcriber
    missing = imported_packages(script) - installed
    assert missing <= (optional if script.startswith("transcription/") else set())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"corpora": {"songs": {"sorce": "x"}}}, ["corpora.songs.sorce", "did you mean 'source'"]),
        ({"corpora": {"songs": {"source": "nowhere"}}}, ["corpora.songs.source", "nowhere"]),
        ({"corpora": {"a": {"source": "demo:ambint"}}}, ["demo:ambient"]),
        ({"music": {"m": {"corpus": "song"}}, "corpora": {"songs": {"source": "songs"}}},
         ["music.m.corpus", "did you mean 'songs'"]),
        ({"corpora": {"Bad Name": {"source": "songs"}}}, ["Bad Name"]),
        ({"corpora": {"songs": {"source": "songs", "buckets": -1}}},
         ["corpora.songs.buckets", "-1"]),
    ],
)  # fmt: skip
def test_a_wrong_option_is_named_with_its_place(copy_checkout, options, said):
    workflow = copy_checkout()
    write_recordings(workflow.folder / "songs", 1, 0.5)
    workflow.configure(options)
    done = workflow.run("--dry-run", check=False)
    assert done.returncode == 1
    for words in said:
        assert words in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_parsing_needs_no_heavy_import():
    code = (
        "import sys; import soundmill.config, soundmill.corpus.listing, soundmill.fingerprint;"
        "print([n for n in ('numpy','pandas','torch','note_seq','librosa') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
