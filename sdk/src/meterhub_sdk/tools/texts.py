"""The English texts of a plugin, and what of them a translation misses or has too much.

A package holds its translations in ``translations/<language>.json``: a flat object, English to the other language.
``pyproject.toml`` may say::

    [tool.meterhub.texts]
    skip = ["codec/*", "LinkError"]               # files below the package, exception classes: never shown
    says = ["_reason"]                            # functions whose results are shown
    shown = ["LinkError", "check_unique"]         # more exceptions, and functions, whose arguments are shown
    sources = ["../sdk/src/meterhub_sdk"]         # more packages whose sentences are translated here
    offered = "meterhub.language.offered:texts"   # a function that gives texts which are not offered by hooks
"""

from __future__ import annotations

import importlib
import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from meterhub_sdk.description import Description
from meterhub_sdk.tools.describe import load
from meterhub_sdk.tools.errors import ToolError
from meterhub_sdk.tools.project import Project, read_project, read_text
from meterhub_sdk.tools.sentences import sentences

_TEXTS = ("title", "description", "unit")
_NAMED = ("properties", "$defs")
_CHOICE = re.compile(r"[a-z]{2,}([ _-][a-z]+)*")
_UNIT = re.compile(r"[a-z]{4,}( [a-z ]+)?")
_CLASS = re.compile(r"_?([A-Z][a-z0-9]*)+(_\w+)?")


@dataclass(frozen=True, slots=True)
class Compared:
    """The texts without a translation, and the translations whose text is in no source; both sorted."""

    missing: list[str]
    stale: list[str]


def compare(directory: Path, language: str, *, write: bool = False) -> Compared:
    """Compare the translations of the checkout with its texts; ``write`` adds empty ones for those that are missing."""
    project = read_project(directory)
    path = project.package_directory / "translations" / f"{language}.json"
    known = read_translations(path)
    texts = english(project)
    missing = sorted(text for text in texts if not known.get(text))
    if write and missing:
        path.parent.mkdir(exist_ok=True)
        path.write_text(encoded({**dict.fromkeys(missing, ""), **known}), "utf-8")
    return Compared(missing, sorted(known.keys() - texts))


def read_translations(path: Path) -> dict[str, str]:
    """What a file of translations holds; nothing when there is none."""
    if not path.is_file():
        return {}
    try:
        return msgspec.json.decode(read_text(path), type=dict[str, str])
    except msgspec.MsgspecError as error:
        raise ToolError(f"{path} is no flat JSON object of texts: {error}") from error


def encoded(translations: dict[str, str]) -> str:
    """The file's text: sorted, so that two that change it seldom meet."""
    return json.dumps(translations, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def english(project: Project) -> set[str]:
    """All texts of a checkout that may be shown to people."""
    settings = _settings(project)
    skip = ["translations/*", *settings.get("skip", [])]
    packages = [project.package_directory, *(project.directory / path for path in settings.get("sources", []))]
    says, shown = settings.get("says", []), settings.get("shown", [])
    found = {text for package in packages for text in sentences(package, skip, says, shown)}
    if project.modules:
        answer = load(project.name, project.source, project.package, project.modules)
        if answer.description is None:
            raise ToolError("; ".join(finding.message for finding in answer.findings))
        found |= set(described(Description.decode(answer.description.encode())))
    if offered := settings.get("offered"):
        module, _, function = str(offered).partition(":")
        found |= set(getattr(importlib.import_module(module), function)())
    return {text for text in found if text.strip()}


def described(description: Description) -> Iterator[str]:
    """The texts of what hooks declare."""
    for service in description.services:
        yield from (service.title, service.description, *filter(None, service.menu.split("/")))
        for schema in (service.config_schema, service.status_schema):
            yield from in_schema(schema)
        for command in service.commands:
            yield from (command.title, command.description)
            yield from in_schema(command.arguments)
            yield from in_schema(command.result)
    for event in description.events:
        yield from (event.text, event.help)
    yield from (feature.title for feature in description.features)
    yield from description.permissions.values()
    for place in description.pages:
        yield from filter(None, place.split("/"))


def in_schema(schema: Any, *, model: bool = True) -> Iterator[str]:
    """Titles, descriptions, units and choices that are words, as :func:`meterhub.language.localised` turns them.

    The title of a ``model`` that is no more than the name of its class is left out.
    """
    if isinstance(schema, list):
        for item in schema:
            yield from in_schema(item, model=False)
    if not isinstance(schema, dict):
        return
    for key, value in schema.items():
        if key in _TEXTS and isinstance(value, str):
            if _is_text(key, value, model):
                yield value
        elif key in _NAMED and isinstance(value, dict):
            for item in value.values():
                yield from in_schema(item, model=key == "$defs")
        elif key not in ("default", "enum", "const", "examples"):
            yield from in_schema(value, model=False)
    for choice in (*schema.get("enum", []), schema.get("const")):
        if isinstance(choice, str) and _CHOICE.fullmatch(choice):
            yield choice


def _is_text(key: str, value: str, model: bool) -> bool:
    if key == "unit":
        return _UNIT.fullmatch(value) is not None
    return not (model and key == "title" and _CLASS.fullmatch(value))


def _settings(project: Project) -> dict[str, Any]:
    table = tomllib.loads(project.text).get("tool", {}).get("meterhub", {}).get("texts", {})
    found: dict[str, Any] = table
    return found
