"""JSON Schemas of models as parts of one document: their definitions become components of it."""

from __future__ import annotations

import re
from typing import Any

_WRONG = re.compile(r"[^A-Za-z0-9._-]")
_INSIDE = "#/$defs/"
_COMPONENTS = "#/components/schemas/"


class Components:
    """The schemas of a document by their names; the same name from the same place is the same schema."""

    def __init__(self, fixed: dict[str, Any]) -> None:
        self.schemas: dict[str, Any] = dict(fixed)

    def enter(self, schema: dict[str, Any], place: str, name: str = "") -> dict[str, Any]:
        """A schema with its definitions among the components; with a ``name`` it is one itself, and referred to."""
        inside = {given: _named(place, given) for given in schema.get("$defs", {})}
        for given, definition in schema.get("$defs", {}).items():
            self.schemas[inside[given]] = _linked(definition, inside)
        linked: dict[str, Any] = _linked({key: value for key, value in schema.items() if key != "$defs"}, inside)
        if not name:
            return linked
        self.schemas[_named(place, name)] = linked
        return {"$ref": _COMPONENTS + _named(place, name)}


def _named(place: str, name: str) -> str:
    """Names of models are those of their plugin: two plugins may both have a ``Device``."""
    return _WRONG.sub("_", f"{place}.{name}")


def _linked(value: Any, inside: dict[str, str]) -> Any:
    if isinstance(value, list):
        return [_linked(item, inside) for item in value]
    if isinstance(value, dict):
        return {key: _linked(item, inside) for key, item in value.items()}
    if isinstance(value, str) and value.startswith(_INSIDE) and value[len(_INSIDE) :] in inside:
        return _COMPONENTS + inside[value[len(_INSIDE) :]]
    return value


def parameters(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """The fields of a model as the query of an address."""
    return [_parameter(name, each, name in schema.get("required", [])) for name, each in schema["properties"].items()]


def _parameter(name: str, schema: dict[str, Any], required: bool) -> dict[str, Any]:
    parameter: dict[str, Any] = {"name": name, "in": "query", "required": required}
    if "description" in schema:
        parameter["description"] = schema["description"]
    if schema.get("type") in ("array", "object"):
        return {**parameter, "content": {"application/json": {"schema": schema}}}
    return {**parameter, "schema": schema}
