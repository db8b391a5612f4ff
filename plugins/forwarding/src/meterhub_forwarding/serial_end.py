"""A serial port on the bus: leased, opened, given back when it is wanted, opened again when it comes back."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from meterhub_sdk import ConfigError, NotReady, together
from meterhub_sdk.serial import LineTotals, SerialLine, open_line

from meterhub_forwarding.bus import STALL, Port
from meterhub_forwarding.endpoint import Endpoint, EndpointStatus, Place
from meterhub_forwarding.events import PORT_STALLED
from meterhub_forwarding.mode_e import Change, SignOnWatch
from meterhub_forwarding.settings import SerialEnd

_AHEAD = 0.25
"""Seconds of the line's time that may wait in its write buffer before the bus is held."""
_LEAST_AHEAD = 256
_WAITING_LIMIT = 1 << 16
QUIET = 0.3
"""Seconds of silence that end an exchange, when somebody else wants the port."""


class SerialPort(asyncio.Protocol, Port):
    """Stays on the bus even while the port is not ours: what comes then waits, for as long as the bus allows."""

    def __init__(self, endpoint: SerialEndpoint) -> None:
        Port.__init__(self, endpoint.place.bus, demands=False)
        self.expected = False
        """Whether the line will be there soon, so that bytes may wait for it."""
        self.follower: SignOnWatch | None = None
        self._endpoint = endpoint
        self._line: SerialLine | None = None
        self._waiting = bytearray()
        self._change: asyncio.Task[None] | None = None
        self._held = False

    # -- the line -----------------------------------------------------------------------------

    def use(self, line: SerialLine) -> None:
        """The line is open: send what waited."""
        line.set_write_buffer_limits(high=max(_LEAST_AHEAD, int(_AHEAD / line.mode.character)))
        line.attach(self)
        if self._held:
            line.pause_reading()
        self._line, self.expected = line, False
        self._record()
        self._go_on()

    def _record(self) -> None:
        """Show the frame recorder what goes over the line."""
        if self.channel is None:
            place, port = self._endpoint.place, self._endpoint.port
            name = f"{place.channel}: port {port}"
            self.channel = place.hub.frames.channel(name, link="serial", local=port, redact=True)

    def release(self) -> None:
        """The line is not ours any more."""
        if self.channel is not None:
            self.channel.close()
            self.channel = None
        self._line = None
        if self._change is not None:
            self._change.cancel()
            self._change = None

    def pause(self) -> None:
        """Send nothing more: it waits for the next time that the line is ours. What comes is still passed on."""
        self._line, self.expected = None, True

    def data_received(self, data: bytes) -> None:
        """Pass it on."""
        self.bus.received(self, data)

    def pause_writing(self) -> None:
        """The line is slower than what comes."""
        self.bus.block(self)

    def resume_writing(self) -> None:
        """It has caught up."""
        if not self._waiting:
            self.bus.unblock(self)

    # -- the bus ------------------------------------------------------------------------------

    def send(self, data: bytes) -> None:
        """To the line, at once where that is possible."""
        if self._line is None or self._change is not None or self._waiting:
            self._wait(data)
        elif self.follower is not None:
            self._follow(self._line, self.follower, data)
        else:
            self._write(self._line, data)

    def hold(self, held: bool) -> None:
        """Leave what comes in the system, or go on."""
        self._held = held
        with suppress(NotReady):
            if self._line is not None:
                self._line.pause_reading() if held else self._line.resume_reading()

    def pending(self) -> int:
        """Bytes that the line has not taken."""
        with suppress(NotReady):
            return len(self._waiting) + (self._line.get_write_buffer_size() if self._line is not None else 0)
        return len(self._waiting)

    def stalled(self) -> None:
        """The bytes are lost, the port stays."""
        count = self.pending()
        self._endpoint.lost += count
        self._endpoint.note(PORT_STALLED, bytes=count, seconds=self.bus.stall)
        self._waiting.clear()
        self.expected = False
        with suppress(NotReady):
            if self._line is not None:
                self._line.discard_output()
                if self._line.get_write_buffer_size():
                    self._line.close()

    def _write(self, line: SerialLine, data: bytes) -> None:
        try:
            line.write(data)
        except NotReady:
            self._endpoint.lost += len(data)
        else:
            self.written(data)

    def _wait(self, data: bytes) -> None:
        """Keep it until the line is there; without hope of that, or without room, it is lost."""
        if not (self.expected or self._change is not None or self._waiting):
            self._endpoint.lost += len(data)
            return
        room = max(0, _WAITING_LIMIT - len(self._waiting))
        self._waiting += data[:room]
        self._endpoint.lost += len(data) - len(data[:room])
        self.bus.block(self)

    def _go_on(self) -> None:
        data = bytes(self._waiting)
        self._waiting.clear()
        self.bus.unblock(self)
        if data:
            self.send(data)

    # -- change of speed ----------------------------------------------------------------------

    def _follow(self, line: SerialLine, follower: SignOnWatch, data: bytes) -> None:
        if follower.begins(data) and line.mode != line.settings.mode:
            self._waiting += data
            self.bus.block(self)
            self._change = asyncio.create_task(self._set_mode(line, None))
            return
        self._write(line, data)
        change = follower.after(data)
        if change is not None:
            self._change = asyncio.create_task(self._set_mode(line, change))

    async def _set_mode(self, line: SerialLine, change: Change | None) -> None:
        """Once all is sent; what comes meanwhile waits."""
        try:
            if change is None:
                first = line.settings
                await line.set_mode(baud=first.baud, data_bits=first.data_bits, parity=first.parity)
            elif change.data_bits is None:
                await line.set_mode(baud=change.baud)
            else:
                await line.set_mode(baud=change.baud, data_bits=change.data_bits, parity="none")
        except NotReady:
            pass  # the line is lost, which its endpoint learns by itself
        if self._line is line:
            self._change = None
            self._go_on()


class SerialEndpoint(Endpoint):
    """Holds the lease as its settings say, and gives it back between two exchanges."""

    def __init__(self, place: Place, end: SerialEnd) -> None:
        super().__init__(place, end.title)
        self._end = end
        self.port = end.port
        self._port = SerialPort(self)
        self._totals = LineTotals()
        place.bus.attach(self._port)

    async def attempt(self) -> None:
        """Wait for the port, use it until it is wanted or lost, give it back."""
        end, bus, port = self._end, self.place.bus, self._port
        if end.on_demand and not bus.demanded:
            self.state, port.expected = "not needed now", False
            await bus.until(lambda: bus.demanded)
        self.state = "waiting for the port"
        port.expected = not self._down
        try:
            async with open_line(self.place.hub, end.port, priority=end.priority, seconds=end.window) as line:
                await self._session(line)
        except BaseException:
            port.expected = False
            raise
        finally:
            port.release()
            self._since = None

    async def _session(self, line: SerialLine) -> None:
        if self._end.kind == "base-meter" and line.settings.kind != "base-meter":
            raise ConfigError(f"the serial port {self._end.port} is no base-meter channel but {line.settings.kind}")
        self._port.follower = SignOnWatch() if self._end.follow_mode_e else None
        self._port.use(line)
        self._since = self.place.hub.time.now()
        self.up("open")
        with self._totals.counting(line):
            await self._until_over(line)
        if line.reason:
            raise NotReady(line.reason)
        self.state = "giving the port back"
        await self._finish(line)

    async def _until_over(self, line: SerialLine) -> None:
        """Until the line is lost, somebody wants it, or nobody needs it any more."""
        bus = self.place.bus
        ends = [line.until_lost(), line.until_wanted()]
        if self._end.on_demand:
            ends.append(bus.until(lambda: not bus.demanded))
        await together(*ends)

    async def _finish(self, line: SerialLine) -> None:
        """Let the exchange under way end: all sent, and then silence, for three seconds at most.

        New bytes wait from now on.
        """
        self._port.pause()
        loop = asyncio.get_running_loop()
        with suppress(TimeoutError, NotReady):
            async with asyncio.timeout(STALL):
                await line.drained()
                while (left := line.counters.active_at + QUIET - loop.time()) > 0:  # noqa: ASYNC110 -- silence is no event
                    await asyncio.sleep(left)

    def status(self) -> EndpointStatus:
        """With the errors of the line."""
        return super().status().model_copy(update={"errors": self._totals.statistics().errors})

    def ports(self) -> list[Port]:
        """The port, which is always on the bus."""
        return [self._port]
