"""Device templates: what well-known devices hold, as signed JSON files of this package."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Self

from meterhub_sdk import Config, field
from pydantic import model_validator

from meterhub_modbus.client.rows import CONNECTED, Row, check_unique
from meterhub_modbus.formats import ByteOrder


class Template(Config):
    """The registers of one kind of device."""

    title: str = field(title="Title", description="Maker and model.", min_length=1)
    manual: str = field(title="Manual", description="The public document that the registers are from.", min_length=1)
    note: str = field("", title="Note", description="What to know before using it.")
    byte_order: ByteOrder = field("ABCD", title="Byte order", description="Of values longer than a register.")
    max_registers: int = field(
        125, title="Registers per request", description="Most that the device answers at once.", ge=1, le=125
    )
    rows: list[Row] = field(title="Rows", description="Its values.", min_length=1)

    @model_validator(mode="after")
    def _labels_differ(self) -> Self:
        check_unique([*(row.label for row in self.rows), CONNECTED], f"in template {self.title!r} the label")
        return self


@cache
def names() -> tuple[str, ...]:
    """The templates there are."""
    folder = files("meterhub_modbus.client") / "templates"
    return tuple(sorted(entry.name[:-5] for entry in folder.iterdir() if entry.name.endswith(".json")))


@cache
def load(name: str) -> Template:
    """The template of that name (one of :func:`names`)."""
    content = (files("meterhub_modbus.client") / "templates" / f"{name}.json").read_text("utf-8")
    return Template.model_validate(json.loads(content))


def check_name(name: str) -> str:
    """The name itself, or ``ValueError`` that says which templates there are."""
    if name not in names():
        raise ValueError(f"there is no template {name!r}; there are {', '.join(names())}")
    return name
