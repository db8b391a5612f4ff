"""The English texts of the core that stand in models, nodes and event types: what ``meterhub-sdk texts`` compares."""

from __future__ import annotations

import importlib
import pkgutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from meterhub_sdk import EventType
from meterhub_sdk.checking import within
from meterhub_sdk.tools.texts import in_schema
from pydantic import BaseModel
from pydantic_core import PydanticKnownError

import meterhub
from meterhub.access.roles import ROLES
from meterhub.access.rules import LoginRules
from meterhub.app import Instance
from meterhub.core_sections import CORE_SECTIONS

_TEXT: dict[str, Any] = {"error": ""}
CHECKS: dict[str, dict[str, Any]] = {
    "bool_parsing": {},
    "bool_type": {},
    "bytes_type": {},
    "date_from_datetime_parsing": _TEXT,
    "datetime_from_date_parsing": _TEXT,
    "datetime_type": {},
    "dict_type": {},
    "enum": {"expected": ""},
    "finite_number": {},
    "float_parsing": {},
    "float_type": {},
    "greater_than": {"gt": 0},
    "greater_than_equal": {"ge": 0},
    "int_from_float": {},
    "int_parsing": {},
    "int_parsing_size": {},
    "int_type": {},
    "less_than": {"lt": 0},
    "less_than_equal": {"le": 0},
    "list_type": {},
    "literal_error": {"expected": ""},
    "model_attributes_type": {},
    "model_type": {"class_name": ""},
    "multiple_of": {"multiple_of": 1},
    "none_required": {},
    "string_pattern_mismatch": {"pattern": ""},
    "string_too_long": {"max_length": 1},
    "string_too_short": {"min_length": 1},
    "string_type": {},
    "too_long": {"field_type": "", "max_length": 1, "actual_length": 1},
    "too_short": {"field_type": "", "min_length": 1, "actual_length": 1},
    "tuple_type": {},
    "union_tag_invalid": {"discriminator": "", "tag": "", "expected_tags": ""},
    "union_tag_not_found": {"discriminator": ""},
    "url_parsing": _TEXT,
    "url_scheme": {"expected_schemes": ""},
}
"""The errors of pydantic that settings and arguments can meet, with contexts that tell them apart."""

_WRAPPED = "{where}: {what}"
"""A sentence about a place: its second half is translated, whoever put the two together."""


def texts() -> Iterator[str]:
    """All of them, some more than once."""
    yield from _nodes()
    models: tuple[type[BaseModel], ...] = (*CORE_SECTIONS.values(), LoginRules)
    for model in models:
        yield from in_schema(model.model_json_schema())
    for role in ROLES.values():
        yield from (role.title, role.description)
    for event in _events():
        yield from (event.text, event.help)
    yield from (_WRAPPED, *_checks())


def _nodes() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as home:
        instance = Instance(Path(home))
        try:
            for node in instance.tree.nodes(instance.access.control_principal()):
                yield node.title
                if node.arguments is not None:
                    yield from in_schema(node.arguments.model_json_schema())
        finally:
            instance.store.close()


def _events() -> Iterator[EventType]:
    for module in pkgutil.walk_packages(meterhub.__path__, "meterhub."):
        if not module.name.endswith("__main__"):
            found = vars(importlib.import_module(module.name)).values()
            yield from (value for value in found if isinstance(value, EventType))


def _checks() -> Iterator[str]:
    """Messages of pydantic as they stand within our sentences: with a small letter."""
    for kind, context in CHECKS.items():
        yield within(PydanticKnownError(kind, context).message_template)  # type: ignore[arg-type]  # one of its literals
