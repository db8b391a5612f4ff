"""Models of settings, status and arguments as tables, from their JSON Schema."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

from meterhub_sdk.config import Reference
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

from reference_pages.markdown import anchor, code, prose, table

Schema = dict[str, Any]

_REFERENCES = {
    "point": "full name of a point",
    "secret": "name of a secret",
    "serial": "name of a serial port",
    "tcp": "TCP port",
    "udp": "UDP port",
}


def model_tables(model: type[BaseModel], *, level: int = 3, suffix: str = "", called: str = "setting") -> str:
    """The fields of a model of settings or arguments, then those of every model within it under a heading."""
    return _tables(model, "validation", level, suffix, (called, "title", "takes", "default", "description"))


def status_tables(model: type[BaseModel]) -> str:
    """The fields of a model of a status, which have no defaults."""
    return _tables(model, "serialization", 3, " (status)", ("field", "title", "is", "description"))


def _tables(
    model: type[BaseModel],
    mode: Literal["validation", "serialization"],
    level: int,
    suffix: str,
    columns: tuple[str, ...],
) -> str:
    schema = model.model_json_schema(mode=mode)
    fields = dict(_fields(model))
    parts = [table(columns, _rows(schema, model.__name__, fields, suffix, "default" in columns)) or "There are none."]
    for name in _order(schema):
        part = schema["$defs"][name]
        within = table(columns, _rows(part, name, fields, suffix, "default" in columns))
        said = prose(part.get("description", ""))
        parts.append(f"{'#' * level} {name}{suffix}\n\n{said}\n\n{within or f'One of {_enum(part)}.'}")
    return "\n\n".join(part.strip() for part in parts)


def _order(schema: Schema) -> list[str]:
    """The models within a model, in the order in which a reader comes upon them."""
    found: dict[str, None] = {}
    ahead = [{key: part for key, part in schema.items() if key != "$defs"}]
    for part in ahead:
        for name in re.findall(r"#/\$defs/(\w+)", json.dumps(part)):
            if name not in found:
                found[name] = None
                ahead.append(schema["$defs"][name])
    return list(found)


def _rows(
    schema: Schema, name: str, fields: dict[tuple[str, str], FieldInfo], suffix: str, with_default: bool
) -> Iterator[list[str]]:
    for field, part in schema.get("properties", {}).items():
        unit = f" ({part['unit']})" if part.get("unit") else ""
        info = fields[name, field]
        row = [code(field), f"{part.get('title', '')}{unit}", _refers(info) or type_of(part, suffix)]
        if with_default:
            row.append("must be given" if info.is_required() else _default(info))
        yield [*row, part.get("description", "")]


def type_of(part: Schema, suffix: str = "") -> str:
    """What a field takes, in words, with its limits."""
    if "$ref" in part:
        name = f"{part['$ref'].rpartition('/')[2]}"
        return f"[{name}](#{anchor(name + suffix)})"
    if "const" in part or "enum" in part:
        return _enum(part)
    for key in ("anyOf", "oneOf", "allOf"):
        if key in part:
            return " or ".join(type_of(choice, suffix) for choice in part[key])
    if part.get("type") == "array":
        inner = type_of(part.get("items", {}), suffix)
        return f"list of {inner}{_counts(part, 'minItems', 'maxItems', 'rows')}"
    if part.get("type") == "object":
        more = part.get("additionalProperties")
        return f"object of {type_of(more, suffix)}" if isinstance(more, dict) else "object"
    return _plain(part)


def _plain(part: Schema) -> str:
    kind = part.get("type")
    if kind == "string":
        if part.get("format") == "date-time":
            return "time (ISO 8601)"
        pattern = f", as {code(part['pattern'])}" if len(part.get("pattern", "")) in range(1, 60) else ""
        return f"text{_counts(part, 'minLength', 'maxLength', 'characters')}{pattern}"
    if kind in ("integer", "number"):
        return f"{'whole number' if kind == 'integer' else 'number'}{_range(part)}"
    return {"boolean": "true or false", "null": "null"}.get(str(kind), "anything")


def _range(part: Schema) -> str:
    least, most = part.get("minimum"), part.get("maximum")
    above, below = part.get("exclusiveMinimum"), part.get("exclusiveMaximum")
    if least is not None and most is not None:
        return f", {_number(least)} to {_number(most)}"
    words = (("at least", least), ("more than", above), ("at most", most), ("less than", below))
    given = [f"{word} {_number(value)}" for word, value in words if value is not None]
    return f", {' and '.join(given)}" if given else ""


def _counts(part: Schema, least: str, most: str, things: str) -> str:
    low, high = part.get(least), part.get(most)
    if high is not None:
        return f", {f'{low:,} to' if low else 'at most'} {high:,} {things}"
    return f", at least {low:,} {things}" if low else ""


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _enum(part: Schema) -> str:
    values = [part["const"]] if "const" in part else part["enum"]
    return ", ".join(code(value) for value in values)


def _default(info: FieldInfo) -> str:
    value = to_jsonable_python(info.get_default(call_default_factory=True, validated_data={}))
    text = json.dumps(value, ensure_ascii=False)
    return code(text) if len(text) <= 60 else "see its own table"


def _fields(model: type[BaseModel]) -> Iterator[tuple[tuple[str, str], FieldInfo]]:
    """Every field of the model and of those within it, by the names of its model and itself."""
    for name, info in model.model_fields.items():
        yield (model.__name__, name), info
        for inner in _within(info.annotation):
            yield from _fields(inner)


def _within(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _within(argument)


def _refers(info: FieldInfo) -> str:
    """What a field refers to, in words, or nothing."""
    for mark in (*info.metadata, *_marks(info.annotation)):
        if isinstance(mark, Reference):
            words = _REFERENCES[mark.kind] + (" that nobody else has" if mark.exclusive else "")
            words = f"list, each the {words}" if get_origin(info.annotation) is list else words
            return f"{words} or null" if type(None) in get_args(info.annotation) else words
    return ""


def _marks(annotation: Any) -> Iterator[Any]:
    for argument in get_args(annotation):
        yield argument
        yield from _marks(argument)
