"""Fingerprints: what changes them and what does not."""

import pytest

from soundmill.fingerprint import fingerprint

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
    import soundmill.fingerprint as module

    for function in (module._normalise, module._imported, module._find):
        function.cache_clear()
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
