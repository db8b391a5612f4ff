"""What the hooks declare, once the plugin is imported: names are well formed, and everything is documented."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from meterhub_sdk.config import Config
from meterhub_sdk.description import Plugin
from meterhub_sdk.service import CommandInfo, Service
from meterhub_sdk.tools.check.finding import Finding
from meterhub_sdk.tools.project import line_of, read_text
from meterhub_sdk.tools.reserved import service_fault
from pydantic import BaseModel

_FEATURE = re.compile(r"[a-z0-9]+(\.[a-z0-9-]+)*")


class Offers:
    """The checks of one imported plugin; ``root`` is the directory above its package."""

    def __init__(self, plugin: Plugin, root: Path, package: str, features: tuple[str, ...]) -> None:
        self._plugin = plugin
        self._root = root
        self._package = package
        self._features = features

    def check(self) -> Iterator[Finding]:
        """Findings about all that it offers."""
        services = self._plugin.services.values()
        events = self._plugin.event_types()
        if not services and not events and not self._plugin.guards():
            yield self._at(self._plugin.modules[0], 1, "its hooks offer nothing; write one named meterhub_services")
        for service in services:
            yield from self._service(service)
        for event in events:
            if not event.help.strip():
                yield self._found(event.name, f"the event {event.name} has no help; say what a person should do")

    def _service(self, service: type[Service[Any]]) -> Iterator[Finding]:
        line = _line(service)
        if fault := service_fault(service.name, self._plugin.label):
            yield self._at(service, line, fault)
        if not (service.__dict__.get("__doc__") or "").strip():
            yield self._at(service, line, f"the service {service.name} has no docstring; say what it does for people")
        if (feature := service.feature) is not None:
            if not _FEATURE.fullmatch(feature.name):
                message = f"{feature.name[:80]!r} is not the name of a feature; synth.losses would be one"
                yield self._at(service, line, message)
            elif feature.name not in self._features:
                message = f"the feature {feature.name} is not among those in plugin.toml; add it to features there"
                yield self._at(service, line, message)
            if not feature.title.strip():
                yield self._at(service, line, f"the feature {feature.name} has no title; give it one for people")
        yield from self._settings(service.config_type, set())
        for command in service.commands().values():
            yield from self._command(service, command)

    def _command(self, service: type[Service[Any]], command: CommandInfo) -> Iterator[Finding]:
        if not command.description:
            method = inspect.unwrap(getattr(service, command.method))
            message = f"the command {command.name} of {service.name} has no docstring; it is the help text"
            yield self._at(method, _line(method), message)
        yield from self._settings(command.arguments, set())

    def _settings(self, model: type[BaseModel], seen: set[type[BaseModel]]) -> Iterator[Finding]:
        """Settings without a title of their own, in rows and groups too; pydantic would make one up."""
        if model in seen or model is Config:
            return
        seen.add(model)
        for name, info in model.model_fields.items():
            if not (info.title or "").strip():
                message = f"the setting {name} of {model.__name__} has no title; give it one with field(title=...)"
                yield self._at(model, _line(model, rf"\s*{name}\s*:"), message)
            for inner in _models(info.annotation):
                yield from self._settings(inner, seen)

    def _at(self, thing: Any, line: int, message: str) -> Finding:
        path = Path(inspect.getsourcefile(thing) or self._root / self._package / "__init__.py")
        file = path.relative_to(self._root).as_posix() if path.is_relative_to(self._root) else str(path)
        return Finding(file, line, message)

    def _found(self, name: str, message: str) -> Finding:
        """A finding at the first place in the source that names the thing in quotes."""
        needles = (f'"{name}"', f"'{name}'")
        for path in sorted((self._root / self._package).rglob("*.py")):
            text = read_text(path)
            if any(needle in text for needle in needles):
                return Finding(path.relative_to(self._root).as_posix(), line_of(text, *needles), message)
        return Finding(f"{self._package}/__init__.py", 1, message)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)


def _line(thing: Any, pattern: str | None = None) -> int:
    """The line where a class or function begins, or the first in it that matches."""
    try:
        lines, start = inspect.getsourcelines(thing)
    except (OSError, TypeError):
        return 1
    matching = (number for number, line in enumerate(lines, start) if pattern and re.match(pattern, line))
    return next(matching, start)
