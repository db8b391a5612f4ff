"""Device templates: what well-known devices hold, as signed JSON files of this package, or as settings."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Annotated, Protocol, Self

from meterhub_sdk import Config, Label, field
from pydantic import Field, model_validator

from meterhub_modbus.client.rows import CONNECTED, Row, check_unique
from meterhub_modbus.formats import ByteOrder

MOST_REGISTERS = 125
"""Registers that one request may read (MODBUS Application Protocol 1.1b3, 6.3)."""


class Template(Config):
    """The registers of one kind of device."""

    title: str = field(title="Title", description="Maker and model.", min_length=1)
    manual: str = field(title="Manual", description="The public document that the registers are from.", min_length=1)
    source: str = field("", title="Source", description="What the addresses were compared with.")
    note: str = field("", title="Note", description="What to know before using it.")
    byte_order: ByteOrder = field("ABCD", title="Byte order", description="Of values longer than a register.")
    max_registers: int = field(
        MOST_REGISTERS, title="Registers per request", description="Most that the device answers at once.", ge=1, le=125
    )
    rows: list[Row] = field(title="Rows", description="Its values.", min_length=1, max_length=10_000)

    @model_validator(mode="after")
    def _labels_differ(self) -> Self:
        check_unique([*(row.label for row in self.rows), CONNECTED], f"in template {self.title!r} the label")
        return self


class _Named(Config):
    """Puts the name before the rest."""

    name: Label = field(title="Name", description="By which devices choose it, such as acme-m3.")


class OwnTemplate(Template, _Named):
    """A template that stands in the settings."""


@cache
def names() -> tuple[str, ...]:
    """The templates of this package."""
    folder = files("meterhub_modbus.client") / "templates"
    return tuple(sorted(entry.name[:-5] for entry in folder.iterdir() if entry.name.endswith(".json")))


@cache
def load(name: str) -> Template:
    """The template of that name (one of :func:`names`)."""
    content = (files("meterhub_modbus.client") / "templates" / f"{name}.json").read_text("utf-8")
    return Template.model_validate(json.loads(content))


TemplateName = Annotated[Label, Field(json_schema_extra={"examples": list(names())})]
"""The name of a template of this package, or of one of the settings' own."""


def check_own(own: Sequence[OwnTemplate]) -> None:
    """``ValueError`` where two templates would have one name."""
    check_unique([template.name for template in own], "the template name")
    for template in own:
        if template.name in names():
            raise ValueError(f"there is a template {template.name!r} already; give yours another name")


def find(name: str | None, own: Sequence[OwnTemplate]) -> Template | None:
    """The template of that name, ``None`` for no name; ``ValueError`` says which templates there are."""
    if name is None:
        return None
    for template in own:
        if template.name == name:
            return template
    if name in names():
        return load(name)
    known = ", ".join(sorted([*names(), *(template.name for template in own)]))
    raise ValueError(f"there is no template {name!r}; there are {known}")


class Templated(Protocol):
    """A device of the settings, with a template, rows of its own, or both."""

    @property
    def template(self) -> str | None: ...
    @property
    def byte_order(self) -> ByteOrder | None: ...
    @property
    def rows(self) -> Sequence[Row]: ...


def rows_of(device: Templated, own: Sequence[OwnTemplate]) -> list[Row]:
    """The rows of a device's template and its own, which replace those of the same label, with their byte order."""
    template = find(device.template, own)
    replaced = {row.label for row in device.rows}
    rows = [row for row in template.rows if row.label not in replaced] if template is not None else []
    return [ordered(row, device, template) for row in (*rows, *device.rows)]


def ordered(row: Row, device: Templated, template: Template | None) -> Row:
    """The row with the byte order that holds for it: its own, else the device's, else the template's."""
    if row.byte_order:
        return row
    order = device.byte_order or (template.byte_order if template is not None else "ABCD")
    return row.model_copy(update={"byte_order": order})


def register_limit_of(name: str | None, own: Sequence[OwnTemplate]) -> int:
    """Most registers that a device with this template answers at once."""
    template = find(name, own)
    return template.max_registers if template is not None else MOST_REGISTERS
