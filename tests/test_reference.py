"""docs/options.md and the schema say of every option what the models say."""

import json
import re

import pytest
from jsonschema import Draft202012Validator

from soundmill.cli.reference import reference_text, schema_text
from soundmill.config import Config, load_config


@pytest.fixture(scope="module")
def text():
    return reference_text()


def section(text, heading):
    parts = text.split(f"## {heading}\n")
    assert len(parts) == 2, heading  # told once
    return parts[1].split("\n## ")[0]


def test_kinds_have_a_section_each_and_what_they_share_is_told_once(text):
    learner = "`classification.<name>.learners.<name>`"
    assert "| `trees` | `300` |" in section(text, f"{learner} (kind: random_forest)")
    network = section(text, f"{learner} (kind: attention, cnn, cnn1d, crnn, residual)")
    assert "| `epochs` | `40` | integer ≥ 1 ≤ 10000 |" in network
    assert text.count("`classification.<name>.learners.<name>.search`") == 1
    assert "`snr`" not in section(text, "`augmentations.<name>` (kind: codec)")


def test_every_option_has_a_meaning(text):
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| `")]
    assert len(rows) > 200
    assert [row[0] for row in rows if len(row[3].strip(" |")) < 5] == []
    headings = re.findall(r"^## .*$", text, re.MULTILINE)
    assert len(headings) == len(set(headings))


def test_the_schema_tells_right_from_wrong_as_the_models_do():
    schema = json.loads(schema_text())
    check = Draft202012Validator(schema)
    task = {"corpus": "a", "target": "x", "learners": {"f": {"kind": "svm", "kernel": "rbf"}}}
    raw = {"corpora": {"a": {"source": "x"}}, "classification": {"t": task}}
    load_config(raw)
    assert list(check.iter_errors(raw)) == []
    task["learners"]["f"]["kernl"] = "rbf"
    assert list(check.iter_errors(raw))
    assert set(schema["properties"]) == set(Config.model_fields)
