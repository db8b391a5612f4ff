"""The logical device: all objects by name, and the clients that may see them."""

from __future__ import annotations

from collections.abc import Mapping

from meterhub_sdk import Hub, Reading

from meterhub_dlms.codec import obis
from meterhub_dlms.server import model
from meterhub_dlms.server.served import ServedPoint
from meterhub_dlms.server.settings import ClientAccess, DlmsServerConfig


class LogicalDevice:
    """What every association of a server shares."""

    def __init__(
        self, hub: Hub, config: DlmsServerConfig, readings: Mapping[str, Reading], passwords: Mapping[int, bytes]
    ) -> None:
        self.address = config.logical_device
        self.name = config.device_name or derived_name(hub.name)
        self.max_pdu_size = config.max_pdu_size
        self.clients: dict[int, ClientAccess] = {client.address: client for client in config.clients}
        self.passwords = passwords
        objects: list[model.CosemObject] = [
            model.clock(hub.time.now, hub.time.validity),
            model.device_name(self.name),
            model.sap_assignment(self.address, self.name),
        ]
        for served in config.objects:
            make = model.register if served.class_id == 3 else model.data_object
            name = obis.parse(served.logical_name)
            objects.append(make(name, ServedPoint(served, readings), writable=served.writable))
        self.objects = {shown.logical_name: shown for shown in objects}


def derived_name(service: str) -> str:
    """A logical device name made of the service's own: ``MHB`` and up to 13 characters of it."""
    return "MHB" + "".join(c for c in service if c.isascii() and c.isalnum())[:13]
