"""Check one section of a configuration: all errors at once, and what the section claims."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import msgspec
from meterhub_sdk.config import Config, references
from meterhub_sdk.errors import Fault, MeterhubError
from meterhub_sdk.hub import Hub
from meterhub_sdk.point import Point, check_name
from meterhub_sdk.service import Service, Thing
from pydantic import ValidationError

Path = list[str | int]
_VALID = {
    bool: "input should be a valid boolean",
    int: "input should be a valid integer",
    float: "input should be a valid number",
}


class Need(msgspec.Struct, frozen=True):
    """Something outside the section that it refers to, and whether nobody else may."""

    path: Path
    kind: str
    value: str | int
    exclusive: bool


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """The answer about one section; with errors, the rest is empty."""

    errors: list[Fault] = []
    section: dict[str, Any] = {}
    points: list[Point] = []
    things: list[Thing] = []
    needs: list[Need] = []


class _NoHub:
    """Stands where the hub will be: parts of it may be kept, using them is an error.

    ``points`` must be a function of the settings alone.
    """

    def __init__(self, name: str = "hub") -> None:
        self._name = name

    def __getattr__(self, name: str) -> _NoHub:
        return _NoHub(f"{self._name}.{name}")

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        raise MeterhubError(f"{self._name}() was called while the configuration was only checked")


def check_section(service: type[Service[Any]], section: dict[str, Any], *, version: int | None = None) -> Checked:
    """Validate ``section`` for ``service``; settings of an older ``version`` are migrated first."""
    config, errors = validate(service.config_type, section, version=version)
    if config is None:
        return Checked(errors=errors)
    needs = [Need(list(f.path), f.reference.kind, f.value, f.reference.exclusive) for f in references(config)]
    try:
        instance = service(cast(Hub, _NoHub()), config)
        points, things = list(instance.points()), list(instance.things())
    except Exception as error:
        return Checked(errors=[Fault([], f"the points of these settings cannot be told: {error}")])
    if faults := _point_faults(points):
        return Checked(errors=faults)
    return Checked(
        section=config.model_dump(mode="json", exclude_unset=True),
        points=points,
        things=things,
        needs=needs,
    )


def validate(
    config_type: type[Config], section: dict[str, Any], *, version: int | None = None
) -> tuple[Config | None, list[Fault]]:
    """The settings, migrated and checked, or all that is wrong with them."""
    newest = config_type.version
    if version is not None and version > newest:
        message = f"these settings have version {version}; this plugin knows up to {newest}: install a newer one"
        return None, [Fault([], message)]
    if version is not None and version < newest:
        try:
            section = config_type.migrate(section, version)
        except Exception as error:
            message = f"these settings of version {version} cannot be turned into version {newest}: {error!r}"
            return None, [Fault([], message)]
    try:
        checked = config_type.model_validate(section)
    except ValidationError as error:
        secret = _secret_fields(config_type)
        return None, [_fault(section, item, secret) for item in error.errors(include_url=False)]
    mistaken = list(_mistaken(section, checked.model_dump()))
    return (None, mistaken) if mistaken else (checked, [])


def _mistaken(given: Any, taken: Any, path: tuple[str | int, ...] = ()) -> Iterator[Fault]:
    """Truth values taken for numbers and numbers for truth values, which pydantic allows and JSON Schema does not."""
    if isinstance(given, dict) and isinstance(taken, dict):
        for name in given:
            if name in taken:
                yield from _mistaken(given[name], taken[name], (*path, name))
    elif isinstance(given, list) and isinstance(taken, list | tuple) and len(given) == len(taken):
        for place, (one, other) in enumerate(zip(given, taken, strict=True)):
            yield from _mistaken(one, other, (*path, place))
    elif _is_number(given) and _is_number(taken) and isinstance(given, bool) != isinstance(taken, bool):
        limits = next(text for kind, text in _VALID.items() if isinstance(taken, kind))
        yield _given_wrong(list(path), given, limits)


def _is_number(value: Any) -> bool:
    return isinstance(value, tuple(_VALID))


def _secret_fields(config_type: type[Config]) -> frozenset[str]:
    """The names of fields whose values are never shown, in the model and in those within it."""
    schema = config_type.model_json_schema()
    models = [schema, *schema.get("$defs", {}).values()]
    fields = [item for model in models for item in model.get("properties", {}).items()]
    return frozenset(name for name, field in fields if field.get("x-widget") == "password")


def _point_faults(points: list[Point]) -> list[Fault]:
    faults: list[Fault] = []
    seen: set[str] = set()
    for point in points:
        try:
            check_name(point.name)
        except ValueError as error:
            faults.append(Fault([], str(error)))
        if point.name in seen:
            faults.append(Fault([], f"two rows make the point {point.name!r}; give one another label"))
        seen.add(point.name)
    return faults


def within(message: str) -> str:
    """A message of pydantic as it stands within a sentence: with a small letter, but for an abbreviation."""
    return message if message[:2].isupper() else f"{message[:1].lower()}{message[1:]}"


def _fault(section: Any, item: Any, secret: frozenset[str]) -> Fault:
    """pydantic's error as one sentence; the path holds only what stands in the document."""
    path: Path = []
    here = section
    last = len(item["loc"]) - 1
    for place, step in enumerate(item["loc"]):
        if isinstance(here, dict) and (step in here or (item["type"] == "missing" and place == last)):
            here = here.get(step)
            path.append(step)
        elif isinstance(here, list) and isinstance(step, int) and step < len(here):
            here = here[step]
            path.append(step)
    field = _field(path)
    message = item["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    if item["type"] == "missing":
        return Fault(path, f"{field} is missing; it must be given")
    if item["type"] == "extra_forbidden":
        return Fault(path, f"{field} is not a setting here; remove it or mend its name")
    if item["type"].endswith(("value_error", "assertion_error")):
        return Fault(path, message)
    limits = within(message)
    if secret.intersection(map(str, item["loc"])):
        return Fault(path, f"{field}: {limits}")
    return _given_wrong(path, item.get("input"), limits)


def _field(path: Path) -> str:
    return next((step for step in reversed(path) if isinstance(step, str)), "this section")


def _given_wrong(path: Path, value: Any, limits: str) -> Fault:
    field, given = _field(path), str(value)
    shown = given if len(given) <= 60 else given[:60] + "…"
    return Fault(path, f"{field}: {shown!r} was given; {limits}")
