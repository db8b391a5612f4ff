"""What all sessions of one server share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from meterhub_dlms.server.client_settings import ClientAccess
from meterhub_dlms.server.counters import Counters
from meterhub_dlms.server.credentials import Credentials
from meterhub_dlms.server.device import LogicalDevice
from meterhub_dlms.server.keyring import Keyring
from meterhub_dlms.server.names import DeviceNames
from meterhub_dlms.server.throttle import Throttle


class Served(NamedTuple):
    """A logical device and where it is found: ``physical`` is its address on a line of HDLC."""

    device: LogicalDevice
    physical: int
    names: DeviceNames


class Site(NamedTuple):
    """The clients and what they must know, and what is counted and supervised across all connections."""

    clients: Mapping[int, ClientAccess]
    credentials: Mapping[int, Credentials]
    keyring: Keyring
    throttle: Throttle
    counters: Counters


class Visitor(NamedTuple):
    """Who is at the other end: a client's address at a peer, which is a network address or a serial port."""

    client: int
    peer: str

    @property
    def reason(self) -> str:
        """For what is written on behalf of the client."""
        return f"DLMS client {self.client} at {self.peer}"
