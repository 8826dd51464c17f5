"""The base of every options model, and errors that name place, value and remedy."""

import difflib
import json
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from soundmill.errors import InputError


class Options(BaseModel):
    """A frozen pydantic model that refuses unknown keys; every stage has a module of its own."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


Model = TypeVar("Model", bound=Options)
Schema = dict[str, Any]


def validate(model: type[Model], raw: Mapping[str, Any], what: str) -> Model:
    """Return ``raw`` as a checked options model.

    Parameters
    ----------
    what : what is being checked, for the message ("the configuration").

    Raises
    ------
    InputError
        With one line for each wrong option: its place, what it got, what is allowed, and the
        nearest valid spelling.
    """
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        schema = model.model_json_schema()
        lines = [_explain(dict(item), schema) for item in error.errors()]
        raise InputError(f"{what} is wrong:\n  " + "\n  ".join(lines)) from error


def nearest(got: str, known: Iterable[str]) -> str:
    """Return ``; did you mean ...?`` when a known spelling is near, else nothing."""
    close = difflib.get_close_matches(got, list(known), 1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _explain(item: dict[str, Any], schema: Schema) -> str:
    place, _ = _follow(schema, item["loc"])
    if item["type"] == "extra_forbidden":
        _, known = _follow(schema, item["loc"][:-1])
        hint = nearest(str(item["loc"][-1]), known)
        return f"{place}: unknown option{hint} (allowed: {', '.join(known)})"
    if item["type"] == "value_error":
        return f"{place}: {item['ctx']['error']}".removeprefix(": ")
    got = json.dumps(item["input"], default=str, ensure_ascii=False)
    if item["type"] in ("union_tag_invalid", "union_tag_not_found"):
        key = item["ctx"]["discriminator"].strip("'")
        tags = item["ctx"].get("expected_tags", "")
        hint = nearest(str(item["ctx"].get("tag", "")), tags.replace("'", "").split(", "))
        return f"{place}: got {got[:80]}; {key} must be one of {tags or 'those known'}{hint}"
    hint = ""
    if item["type"] == "literal_error":
        hint = nearest(str(item["input"]), item["ctx"]["expected"].replace("'", "").split(", "))
    return f"{place}: got {got[:80]}; {item['msg']}{hint}"


def _follow(schema: Schema, place: tuple[int | str, ...]) -> tuple[str, list[str]]:
    """Return a place of a model's JSON schema as text, and the option names allowed there."""
    node = schema
    written: list[str] = []
    for part in place:
        if part == "[key]":
            continue
        node = _resolve(node, schema)
        branches = node.get("discriminator", {}).get("mapping", {})
        if part in branches:  # names the branch of a union, which nobody wrote
            node = {"$ref": branches[part]}
            continue
        written.append(str(part))
        entries = node.get("patternProperties", {}).values()  # of a dictionary with checked keys
        inner = node.get("properties", {}).get(part) or next(iter(entries), None)
        if inner:
            node = inner
    return ".".join(written), list(_resolve(node, schema).get("properties", {}))


def _resolve(node: Schema, schema: Schema) -> Schema:
    for choice in (node, *node.get("anyOf", ())):
        if "$ref" in choice:
            return dict(schema["$defs"][choice["$ref"].rsplit("/", 1)[1]])
    return node
