"""What all endpoints of a channel have: a state, a task of their own, and counters."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

from meterhub_sdk import ConfigError, EventType, Hub, NotReady, Refused, moment
from meterhub_sdk.tls import TlsStatus
from pydantic import BaseModel, Field

from meterhub_forwarding.bus import Bus, Port
from meterhub_forwarding.events import ENDPOINT_DOWN, ENDPOINT_MISCONFIGURED, ENDPOINT_UP
from meterhub_forwarding.notices import Notices

FIRST_DELAY = 1.0
_STEADY = 10.0
"""Seconds after which a connection counts as one that works."""


class EndpointStatus(BaseModel):
    """One endpoint; counts are since the service started."""

    endpoint: str = Field(title="Endpoint")
    state: str = Field(title="State")
    connected: bool = Field(title="Connected")
    since: str | None = Field(title="Connected since", description="ISO 8601, UTC.")
    peers: list[str] = Field(title="Peers")
    bytes_in: int = Field(title="Bytes received")
    bytes_out: int = Field(title="Bytes sent")
    lost: int = Field(title="Bytes lost", description="Thrown away because the endpoint was absent or stalled.")
    errors: int = Field(0, title="Line errors", description="Parity, framing and overruns of a serial port.")
    tls: TlsStatus | None = Field(None, title="TLS", description="Empty without TLS.")


@dataclass(frozen=True, slots=True)
class Place:
    """Where an endpoint stands."""

    hub: Hub
    bus: Bus
    channel: str
    notices: Notices


class Endpoint(ABC):
    """One end of a channel; :meth:`run` keeps it open for ever."""

    def __init__(self, place: Place, title: str, longest_delay: float = 30.0) -> None:
        self.place = place
        self.title = title
        self.state = "starting"
        self.lost = 0
        self._longest_delay = longest_delay
        self._delay = FIRST_DELAY
        self._down = False
        self._since: int | None = None
        self._bytes_in = 0
        self._bytes_out = 0

    @abstractmethod
    async def attempt(self) -> None:
        """Open it, and return or raise ``NotReady`` when it is over; :meth:`up` in between."""

    @abstractmethod
    def ports(self) -> list[Port]:
        """What it has on the bus now."""

    def peers(self) -> list[str]:
        """Who is at the other side."""
        return []

    def tls(self) -> TlsStatus | None:
        """The own certificate and the handshakes; ``None`` without TLS."""
        return None

    async def run(self) -> None:
        """Try again and again, with growing delay; wrong settings end it until they change."""
        loop = asyncio.get_running_loop()
        while True:
            begin = loop.time()
            try:
                await self.attempt()
                continue
            except ConfigError as error:
                self.state = f"wrong settings: {error}"
                self.note(ENDPOINT_MISCONFIGURED, why=str(error))
                await asyncio.Event().wait()
            except (NotReady, Refused, OSError) as error:
                self.down(str(error) or type(error).__name__)
            # What worked for a while is tried again soon; what fails each time at once is not.
            self._delay = FIRST_DELAY if loop.time() - begin > _STEADY else self._delay
            await asyncio.sleep(self._delay)
            self._delay = min(2 * self._delay, self._longest_delay)

    def up(self, state: str) -> None:
        """It works."""
        self.state = state
        if self._down:
            self._down = False
            self.note(ENDPOINT_UP)

    def down(self, why: str) -> None:
        """It does not work; said once until it works again."""
        self.state = why
        if not self._down:
            self._down = True
            self.note(ENDPOINT_DOWN, why=why)

    def note(self, event: EventType, **parameters: str | int | float) -> None:
        """An event of this endpoint."""
        self.place.notices.note(event, self.place.channel, self.title, **parameters)

    def joined(self, port: Port) -> None:
        """A stream of this endpoint is on the bus from now on."""
        if self._since is None:
            self._since = self.place.hub.time.now()
        self.place.bus.attach(port)

    def left(self, port: Port) -> None:
        """A stream has ended; its counts stay."""
        self.place.bus.detach(port)
        self._bytes_in += port.bytes_in
        self._bytes_out += port.bytes_out
        if not self.ports():
            self._since = None

    def status(self) -> EndpointStatus:
        """For the service's status."""
        ports = self.ports()
        return EndpointStatus(
            endpoint=self.title,
            state=self.state,
            connected=self._since is not None,
            since=moment(self._since).isoformat(timespec="seconds") if self._since is not None else None,
            peers=self.peers(),
            bytes_in=self._bytes_in + sum(port.bytes_in for port in ports),
            bytes_out=self._bytes_out + sum(port.bytes_out for port in ports),
            lost=self.lost,
            tls=self.tls(),
        )


class IdleWatch:
    """Calls back when nothing happened for a time; touching it costs next to nothing."""

    def __init__(self, seconds: float | None, over: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._seconds = seconds
        self._over = over
        self._active = self._loop.time()
        self._timer = self._loop.call_later(seconds, self._look) if seconds is not None else None

    def touch(self) -> None:
        """Something happened."""
        self._active = self._loop.time()

    def stop(self) -> None:
        """Watch no longer."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        left = self._active + (self._seconds or 0) - self._loop.time()
        if left <= 0:
            self._over()
        else:
            self._timer = self._loop.call_later(left, self._look)
