"""JSON Schema for people who read another language."""

from __future__ import annotations

from typing import Any

from meterhub_sdk.translator import Translator

_TEXTS = ("title", "description", "unit")
_NAMED = ("properties", "$defs")


def localised(schema: Any, translator: Translator) -> Any:
    """The schema with titles, descriptions and units translated; choices without own words get them as ``x-labels``."""
    if isinstance(schema, list):
        return [localised(item, translator) for item in schema]
    if not isinstance(schema, dict):
        return schema
    result: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _TEXTS and isinstance(value, str):
            result[key] = translator.text(value)
        elif key in _NAMED and isinstance(value, dict):
            result[key] = {name: localised(item, translator) for name, item in value.items()}
        else:
            result[key] = value if key in ("default", "enum", "const") else localised(value, translator)
    choices = schema["enum"] if "enum" in schema else [schema["const"]] if "const" in schema else None
    if isinstance(choices, list) and "x-labels" not in schema:
        result["x-labels"] = {str(choice): translator.text(str(choice)) for choice in choices}
    return result
