"""The settings of the serial ports, and what must hold between them."""

from __future__ import annotations

from typing import Any, Self

from meterhub_sdk import Config, Label, field
from meterhub_sdk.serial import PortSettings
from pydantic import model_validator


class _Labelled(Config):
    """Puts the label before the settings of the port."""

    label: Label = field(title="Label", description="The name by which other services use the port.")


class Port(PortSettings, _Labelled):
    """A named serial port."""

    def definition(self) -> dict[str, Any]:
        """What a lease of the port brings: its settings without the label."""
        return self.model_dump(mode="json", exclude={"label"})


class SerialConfig(Config):
    """All serial ports of the instance."""

    ports: list[Port] = field([], title="Ports", max_length=64)

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        labels: set[str] = set()
        devices: dict[str, str] = {}
        for port in self.ports:
            if port.label in labels:
                raise ValueError(f"two ports are labelled {port.label}; give each its own label")
            labels.add(port.label)
            first = devices.setdefault(port.device, port.label)
            if first != port.label:
                raise ValueError(f"the ports {first} and {port.label} both are {port.device}; give each its own device")
        return self
