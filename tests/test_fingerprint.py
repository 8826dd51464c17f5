"""Fingerprints: what changes them and what does not."""

import pytest

import soundmill.fingerprint as module
from soundmill.fingerprint import CodeReader, fingerprint

FILES = {
    "scripts/a.py": "from soundmill.one import f\nf()\n",
    "src/soundmill/__init__.py": "",
    "src/soundmill/one.py": (
        '"""Doc."""\nfrom soundmill import two\ndef f():\n    return two.g(1)\n'
    ),
    "src/soundmill/two.py": (
        "def g(x):\n    from soundmill.deep.three import h\n    return h(x)\n"
    ),
    "src/soundmill/deep/__init__.py": "",
    "src/soundmill/deep/three.py": "def h(x):\n    return x + 1\n",
    "src/soundmill/other.py": "Y = 1\n",
}


def fingerprint_with(root, changes):
    module._find.cache_clear()
    for name, text in {**FILES, **changes}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return fingerprint("scripts/a.py", root)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("src/soundmill/one.py", FILES["src/soundmill/one.py"] + "# a comment\n"),
        ("src/soundmill/one.py", FILES["src/soundmill/one.py"].replace("Doc", "Other words")),
        ("src/soundmill/two.py", FILES["src/soundmill/two.py"].replace("h(x)", "h( x )")),
        ("src/soundmill/two.py", "\n\n" + FILES["src/soundmill/two.py"]),
        ("src/soundmill/other.py", "Y = 2\n"),
    ],
)
def test_words_layout_and_unreached_code_do_not_count(tmp_path, name, text):
    assert fingerprint_with(tmp_path, {}) == fingerprint_with(tmp_path, {name: text})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("scripts/a.py", "from soundmill.one import f\nf(2)\n"),
        ("src/soundmill/one.py", FILES["src/soundmill/one.py"].replace("g(1)", "g(2)")),
        ("src/soundmill/two.py", FILES["src/soundmill/two.py"] + "Z = 1\n"),
        ("src/soundmill/deep/three.py", "def h(x):\n    return x + 2\n"),
    ],
)
def test_code_that_can_be_reached_counts(tmp_path, name, text):
    assert fingerprint_with(tmp_path, {}) != fingerprint_with(tmp_path, {name: text})


def test_what_is_remembered_is_not_parsed_again_unless_it_changed(tmp_path, monkeypatch):
    memory = tmp_path / "memory.json"
    first = fingerprint_with(tmp_path, {})
    assert fingerprint("scripts/a.py", tmp_path, CodeReader(memory)) == first

    parsed = []
    parse = module._parse
    monkeypatch.setattr(module, "_parse", lambda *file: parsed.append(file) or parse(*file))
    assert fingerprint("scripts/a.py", tmp_path, CodeReader(memory)) == first
    assert not parsed
    (tmp_path / "src/soundmill/two.py").write_text(FILES["src/soundmill/two.py"] + "Z = 1\n")
    assert fingerprint("scripts/a.py", tmp_path, CodeReader(memory)) != first
    assert len(parsed) == 1


@pytest.mark.parametrize("damage", ["", "[1", "3", '[["a", 1]]', '{"a": [1, 2]}'])
def test_a_damaged_memory_costs_only_time(tmp_path, damage):
    memory = tmp_path / "memory.json"
    memory.write_text(damage)
    first = fingerprint_with(tmp_path, {})
    assert fingerprint("scripts/a.py", tmp_path, CodeReader(memory)) == first
    assert fingerprint("scripts/a.py", tmp_path, CodeReader(memory)) == first
