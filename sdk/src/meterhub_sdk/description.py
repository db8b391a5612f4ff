"""What a distribution offers, written down once, so that nothing must be imported to know it."""

from __future__ import annotations

import inspect
import json
from importlib import resources
from types import ModuleType
from typing import Any, Literal

import msgspec
import pluggy
from meterhub_sdk.config import Config
from meterhub_sdk.event import EventType
from meterhub_sdk.hooks import PROJECT, Hooks
from meterhub_sdk.service import CommandInfo, Driver, Feature, Service, Synthesizer
from meterhub_sdk.writes import WriteGuard
from pydantic import BaseModel

FORMAT = 1
Schema = dict[str, Any]


class CommandDescription(msgspec.Struct, frozen=True, kw_only=True):
    """One command: ``/command/<service>/<name>``."""

    name: str
    title: str
    description: str
    rights: str
    timeout: float
    arguments: Schema
    result: Schema | None = None


class ServiceDescription(msgspec.Struct, frozen=True, kw_only=True):
    """One service: its settings and status as JSON Schema, its commands, its default rights."""

    name: str
    title: str
    description: str
    kind: Literal["service", "driver", "synthesizer"]
    single: bool
    feature: str | None
    menu: str
    rights_status: str
    rights_read: str
    rights_write: str
    config_version: int
    config_schema: Schema
    status_schema: Schema | None
    commands: list[CommandDescription]


class EventDescription(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of entry in the event log."""

    number: int
    name: str
    text: str
    log: str
    severity: int
    help: str


class FeatureDescription(msgspec.Struct, frozen=True, kw_only=True):
    """One licence switch."""

    name: str
    title: str
    built_in: bool


class Description(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the hooks of one distribution declare; ``guards`` are the patterns of its write guards."""

    format: int = FORMAT
    services: list[ServiceDescription] = []
    features: list[FeatureDescription] = []
    events: list[EventDescription] = []
    guards: list[str] = []
    permissions: dict[str, str] = {}
    pages: dict[str, str] = {}
    translations: dict[str, dict[str, str]] = {}

    def encode(self) -> bytes:
        """Deterministic JSON."""
        return msgspec.json.format(msgspec.json.encode(self), indent=1)

    @classmethod
    def decode(cls, data: bytes) -> Description:
        """The description in ``data``; ``ValueError`` when it is none of this format."""
        found = msgspec.json.decode(data, type=cls)
        if found.format != FORMAT:
            raise ValueError(f"the description has format {found.format}; this version reads format {FORMAT}")
        return found


class Plugin:
    """The imported entry-point modules of one distribution, their hooks checked and called."""

    def __init__(self, label: str, modules: list[ModuleType]) -> None:
        self.label = label
        self.modules = modules
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(Hooks)
        for module in modules:
            self._manager.register(module)
        self._manager.check_pending()
        self.services: dict[str, type[Service[Any]]] = {}
        for offered in self._collect("meterhub_services"):
            for service in offered:
                if service.name in self.services:
                    raise ValueError(f"{label} offers two services named {service.name!r}; rename one")
                self.services[service.name] = service

    def _collect(self, hook: str) -> list[Any]:
        results: list[Any] = getattr(self._manager.hook, hook)()
        return results

    def event_types(self) -> list[EventType]:
        """The event types of all hooks; ``ValueError`` when two have one number or one name."""
        types = [event for offered in self._collect("meterhub_event_types") for event in offered]
        for key in ("number", "name"):
            seen: set[Any] = set()
            for event in types:
                if (value := getattr(event, key)) in seen:
                    raise ValueError(f"{self.label} declares two events with the {key} {value!r}")
                seen.add(value)
        return types

    def guards(self) -> list[WriteGuard]:
        """The write guards of all hooks."""
        return [guard for offered in self._collect("meterhub_check_write") for guard in offered]

    def describe(self) -> Description:
        """The description that goes into the signed wheel, or into the core's cache for a checkout."""
        features: dict[str, Feature] = {}
        for service in self.services.values():
            if service.feature is not None:
                features[service.feature.name] = service.feature
        return Description(
            services=[_service(service) for service in self.services.values()],
            features=[FeatureDescription(name=f.name, title=f.title, built_in=f.built_in) for f in features.values()],
            events=[_event(event) for event in self.event_types()],
            guards=sorted({pattern for guard in self.guards() for pattern in guard.patterns}),
            permissions={k: v for offered in self._collect("meterhub_permissions") for k, v in offered.items()},
            pages={k: v for offered in self._collect("meterhub_pages") for k, v in offered.items()},
            translations=self._translations(),
        )

    def _translations(self) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {}
        for package in {module.__name__.partition(".")[0] for module in self.modules}:
            folder = resources.files(package) / "translations"
            if folder.is_dir():
                for file in folder.iterdir():
                    if file.name.endswith(".json"):
                        found.setdefault(file.name[:-5], {}).update(json.loads(file.read_text("utf-8")))
        return found


def _service(service: type[Service[Any]]) -> ServiceDescription:
    kind: Literal["service", "driver", "synthesizer"] = "service"
    if issubclass(service, Driver):
        kind = "driver"
    elif issubclass(service, Synthesizer):
        kind = "synthesizer"
    return ServiceDescription(
        name=service.name,
        title=service.title,
        description=_docstring(service),
        kind=kind,
        single=service.single,
        feature=service.feature.name if service.feature else None,
        menu=service.menu,
        rights_status=service.rights.status,
        rights_read=service.rights.read,
        rights_write=service.rights.write,
        config_version=service.config_type.version,
        config_schema=service.config_type.model_json_schema(),
        status_schema=_schema(service.status_type),
        commands=[_command(info) for info in service.commands().values()],
    )


def _command(info: CommandInfo) -> CommandDescription:
    return CommandDescription(
        name=info.name,
        title=info.title,
        description=info.description,
        rights=info.rights,
        timeout=info.timeout,
        arguments=_arguments(info.arguments),
        result=_schema(info.result),
    )


def _arguments(model: type[BaseModel]) -> Schema:
    """The schema of a command's arguments; where it takes none, the base model's own words are not about them."""
    schema = model.model_json_schema()
    return {key: value for key, value in schema.items() if key != "description"} if model is Config else schema


def _event(event: EventType) -> EventDescription:
    return EventDescription(
        number=event.number,
        name=event.name,
        text=event.text,
        log=event.log.value,
        severity=int(event.severity),
        help=event.help,
    )


def _schema(model: type[BaseModel] | None) -> Schema | None:
    return None if model is None else model.model_json_schema(mode="serialization")


def _docstring(thing: type) -> str:
    return inspect.cleandoc(thing.__dict__.get("__doc__") or "")
