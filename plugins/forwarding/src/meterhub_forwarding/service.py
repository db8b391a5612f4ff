"""The service that runs the forwarding channels."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from meterhub_sdk import Conversion, Feature, Hub, Peer, Point, Service, together
from pydantic import BaseModel, Field

from meterhub_forwarding.channel import ChannelStatus, RunningChannel, connected_point, disabled
from meterhub_forwarding.events import NO_SERIAL
from meterhub_forwarding.notices import Notices
from meterhub_forwarding.settings import ForwardingConfig


class ForwardingStatus(BaseModel):
    """How the channels are doing."""

    channels: list[ChannelStatus] = Field(title="Channels")
    events_left_out: int = Field(title="Event log entries left out as repetitions")


class Forwarding(Service[ForwardingConfig]):
    """Joins serial ports, TCP and UDP: what one endpoint of a channel receives goes to all others, unchanged."""

    name = "forwarding"
    title = "Forwarding"
    menu = "Communication"
    feature = Feature("forwarding", "Forwarding", built_in=True)
    single = True
    status_type = ForwardingStatus

    def __init__(self, hub: Hub, config: ForwardingConfig) -> None:
        super().__init__(hub, config)
        self._running: list[RunningChannel] = []
        self._notices: Notices | None = None

    def points(self) -> Iterator[Point]:
        """Of each channel whether a TCP connection carries its data."""
        for channel in self.config.channels:
            if channel.enabled:
                yield Point(name=connected_point(channel), type="bool", title=f"{channel.label} connected")

    async def run(self) -> None:
        """Run every enabled channel until cancelled; an endpoint that fails holds up none of the others."""
        self._notices = notices = Notices(self.hub)
        enabled = [channel for channel in self.config.channels if channel.enabled]
        self._running = [RunningChannel(self.hub, channel, notices) for channel in enabled]
        for channel in enabled:
            if not channel.serial_ends:
                notices.note(NO_SERIAL, channel.label)
        work = [run for channel in self._running for run in (channel.tell(), *(end.run() for end in channel.endpoints))]
        await together(notices.run(), *work)

    def conversion(self) -> Conversion:
        """One row for each endpoint."""
        rows = [(channel.settings.label, end.status()) for channel in self._running for end in channel.endpoints]
        return Conversion(
            role="forwarder",
            peers=[
                Peer(
                    name=f"{label}: {end.endpoint}",
                    state=end.state,
                    since=None if end.since is None else datetime.fromisoformat(end.since),
                    detail=", ".join(end.peers),
                )
                for label, end in rows
            ],
            counters={
                "bytes received": sum(end.bytes_in for _, end in rows),
                "bytes sent": sum(end.bytes_out for _, end in rows),
                "bytes lost": sum(end.lost for _, end in rows),
                "line errors": sum(end.errors for _, end in rows),
            },
            last_error=self._notices.last_error if self._notices is not None else "",
        )

    def status(self) -> ForwardingStatus:
        """Every channel with its endpoints."""
        running = [channel.status() for channel in self._running]
        return ForwardingStatus(
            channels=[*running, *disabled(self.config.channels)],
            events_left_out=self._notices.left_out if self._notices is not None else 0,
        )
