"""A channel while it runs: its bus and its endpoints."""

from __future__ import annotations

from collections.abc import Iterator

from meterhub_sdk import Hub, Reading
from pydantic import BaseModel, Field

from meterhub_forwarding.bus import Bus
from meterhub_forwarding.endpoint import Endpoint, EndpointStatus, Place
from meterhub_forwarding.notices import Notices
from meterhub_forwarding.serial_end import SerialEndpoint
from meterhub_forwarding.settings import Channel, End, SerialEnd, TcpConnect, TcpListen
from meterhub_forwarding.tcp import Connection, Connector, Listener
from meterhub_forwarding.udp import UdpEndpoint


class ChannelStatus(BaseModel):
    """One channel."""

    channel: str = Field(title="Channel")
    enabled: bool = Field(title="Enabled")
    warning: str | None = Field(title="Warning")
    undelivered: int = Field(title="Bytes undelivered", description="Came while no other endpoint was there.")
    endpoints: list[EndpointStatus] = Field(title="Endpoints")


class RunningChannel:
    """Built in the service's event loop; the endpoints run as tasks of the service."""

    def __init__(self, hub: Hub, channel: Channel, notices: Notices) -> None:
        self.settings = channel
        self.bus = Bus(gap=channel.packet_gap / 1000 if channel.packet_gap is not None else None)
        place = Place(hub, self.bus, channel.label, notices)
        self.endpoints: list[Endpoint] = [_endpoint(place, end) for end in channel.endpoints]
        self._hub = hub
        self._told: bool | None = None

    @property
    def connected(self) -> bool:
        """Whether a TCP connection carries data of the channel."""
        return any(isinstance(port, Connection) for endpoint in self.endpoints for port in endpoint.ports())

    async def tell(self) -> None:
        """Publish whether it is connected, now and at each change, until cancelled."""
        while True:
            await self.bus.until(lambda: self.connected is not self._told)
            self._told = self.connected
            reading = Reading(self._told, self._hub.time.now(), clock=self._hub.time.validity())
            await self._hub.points.publish({connected_point(self.settings): reading})

    def status(self) -> ChannelStatus:
        """For the service's status."""
        return ChannelStatus(
            channel=self.settings.label,
            enabled=True,
            warning=warning(self.settings),
            undelivered=self.bus.undelivered,
            endpoints=[endpoint.status() for endpoint in self.endpoints],
        )


def connected_point(channel: Channel) -> str:
    """The point that says whether somebody is connected."""
    return f"{channel.label}/connected"


def warning(channel: Channel) -> str | None:
    """What an administrator should think about."""
    return None if channel.serial_ends else "joins network endpoints only"


def disabled(channels: list[Channel]) -> Iterator[ChannelStatus]:
    """Channels that are switched off."""
    for channel in channels:
        if not channel.enabled:
            yield ChannelStatus(
                channel=channel.label, enabled=False, warning=warning(channel), undelivered=0, endpoints=[]
            )


def _endpoint(place: Place, end: End) -> Endpoint:
    match end:
        case TcpListen():
            return Listener(place, end)
        case TcpConnect():
            return Connector(place, end)
        case SerialEnd():
            return SerialEndpoint(place, end)
        case _:
            return UdpEndpoint(place, end)
