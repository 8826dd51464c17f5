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
    place = ".".join(str(part) for part in item["loc"] if part != "[key]")
    if item["type"] == "extra_forbidden":
        known = _options_at(schema, item["loc"][:-1])
        hint = nearest(str(item["loc"][-1]), known)
        return f"{place}: unknown option{hint} (allowed: {', '.join(known)})"
    if item["type"] == "value_error":
        return f"{place}: {item['ctx']['error']}".removeprefix(": ")
    got = json.dumps(item["input"], default=str, ensure_ascii=False)
    hint = ""
    if item["type"] == "literal_error":
        hint = nearest(str(item["input"]), item["ctx"]["expected"].replace("'", "").split(", "))
    return f"{place}: got {got[:80]}; {item['msg']}{hint}"


def _options_at(schema: Schema, place: tuple[int | str, ...]) -> list[str]:
    """Return the option names allowed at a place of a model's JSON schema."""
    node = schema
    for part in place:
        node = _resolve(node, schema)
        entries = node.get("patternProperties", {}).values()  # of a dictionary with checked keys
        inner = node.get("properties", {}).get(part) or next(iter(entries), None)
        if inner:  # other parts name the branch of a union
            node = inner
    return list(_resolve(node, schema).get("properties", {}))


def _resolve(node: Schema, schema: Schema) -> Schema:
    for choice in (node, *node.get("anyOf", ())):
        if "$ref" in choice:
            return dict(schema["$defs"][choice["$ref"].rsplit("/", 1)[1]])
    return node
