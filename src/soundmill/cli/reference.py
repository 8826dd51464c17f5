"""Write what is known of the options for editors (JSON schema) and for readers (docs/options.md).

Run as ``python -m soundmill.cli.reference`` in the checkout; a test keeps both files in step.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from soundmill.config import Config

HEAD = """\
# Options

Every option of `config.yaml`, written from the models that check it (`make reference`).
`<name>` stands for a name of your own: lower-case letters, digits and underscores.
"""

Schema = dict[str, Any]


def schema_text() -> str:
    """Return the JSON schema of the configuration."""
    return json.dumps(Config.model_json_schema(), indent=2) + "\n"


def reference_text() -> str:
    """Return the options as Markdown: one table for each section."""
    schema = Config.model_json_schema()
    return "\n".join([HEAD, *_section("", schema, schema, set())])


def _section(place: str, node: Schema, schema: Schema, told: set[str]) -> Iterator[str]:
    """Yield the lines of a section, then those of the sections inside it.

    What several kinds of an entry have alike is told once.
    """
    heading = _heading(place)
    if heading in told:
        return
    told.add(heading)
    inner: list[tuple[str, Schema]] = []
    rows = []
    for name, option in node["properties"].items():
        entries = "patternProperties" in option or "additionalProperties" in option
        where = f"{place}{name}{'.<name>' if entries else ''}"
        branches = _branches(option)
        inner += [(f"{where} (kind: {kind})", _at(ref, schema)) for kind, ref in branches.items()]
        target = _model(option, schema)
        if target is not None:
            both = f"{_cell(target)} {_cell(option)}" if entries else _cell(target)
            inner.append((where, target | {"description": both}))
        if target is not None or branches:
            continue
        default = "**required**" if name in node.get("required", ()) else _plain(option)
        rows.append(f"| `{name}` | {default} | {_type(option)} | {_cell(option)} |")
    if rows:
        yield f"## {heading}\n\n{_cell(node)}\n"
        yield "| option | default | values | meaning |\n|---|---|---|---|"
        yield from rows
        yield ""
    for name, target in inner:
        yield from _section(f"{name}.", target, schema, told)


def _heading(place: str) -> str:
    """Return the place of a section as code, the kind it holds for behind it."""
    words, _, kind = place.rstrip(".").partition(" (")
    kind, _, rest = kind.partition(")")
    return f"`{words}{rest}`" + (f" ({kind})" if kind and not rest else "")


def _model(option: Schema, schema: Schema) -> Schema | None:
    """Return the model behind an option that is a section, else None."""
    for entries in _entries(option):
        return _model(entries, schema)
    for choice in (option, *option.get("anyOf", ())):
        if "$ref" in choice:
            model: Schema = schema["$defs"][choice["$ref"].rsplit("/", 1)[1]]
            return model if "properties" in model else None
    return None


def _entries(option: Schema) -> list[Schema]:
    """Return what the entries of a dictionary are, when they have names of one's own."""
    named = list(option.get("patternProperties", {}).values())
    other = option.get("additionalProperties")
    return [*named, other] if isinstance(other, dict) else named


def _branches(option: Schema) -> dict[str, str]:
    """Return the models of a dictionary whose entries are told apart by their kind."""
    for entries in _entries(option):
        kinds: dict[str, str] = entries.get("discriminator", {}).get("mapping", {})
        shared: dict[str, list[str]] = {}
        for kind, ref in kinds.items():
            shared.setdefault(ref, []).append(kind)
        return {", ".join(names): ref for ref, names in shared.items()}
    return {}


def _at(ref: str, schema: Schema) -> Schema:
    found: Schema = schema["$defs"][ref.rsplit("/", 1)[1]]
    return found


def _plain(option: Schema) -> str:
    return f"`{json.dumps(option.get('default'), ensure_ascii=False)}`"


def _cell(node: Schema) -> str:
    words = str(node.get("description", "")).split("\n\n")[0]
    return " ".join(words.split()).replace("|", "\\|").replace("``", "`")


def _type(option: Schema) -> str:
    """Return an option's type and limits in a few words."""
    if "anyOf" in option:
        return " or ".join(_type(choice) for choice in option["anyOf"])
    if "enum" in option:
        return ", ".join(f"`{value}`" for value in option["enum"])
    if "const" in option:
        return f"`{option['const']}`"
    if option.get("type") == "array":
        items = option.get("items") or {}
        return f"list of {_type(items)}" if items else "list"
    limits = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    words = [f"{sign} {option[key]:g}" for key, sign in limits.items() if key in option]
    return " ".join([str(option.get("type", "any")), *words])


def main() -> None:
    """Write both files below the working folder."""
    for path, text in (
        (Path("schemas/config.schema.json"), schema_text()),
        (Path("docs/options.md"), reference_text()),
    ):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
