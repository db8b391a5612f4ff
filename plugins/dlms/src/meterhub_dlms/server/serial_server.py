"""HDLC on a serial port, with or without the sign-on of IEC 62056-21 before it."""

from __future__ import annotations

import asyncio

from meterhub_sdk import ConfigError, FrameChannel, Hub, NotReady, Refused
from meterhub_sdk.serial import SerialLine, open_line

from meterhub_dlms.events import SERVER_LINE_BACK, SERVER_LINE_LOST
from meterhub_dlms.link.mode_e import START_SPEED
from meterhub_dlms.link.mode_e_secondary import MeterSignOn
from meterhub_dlms.server.hdlc_line import PAUSE, HdlcLine
from meterhub_dlms.server.reception import Reception

FIRST_DELAY, LONGEST_DELAY = 1.0, 30.0
_STEADY = 10.0
"""Seconds after which a line counts as one that works."""

_CHOICE_TIMEOUT = 2.5
"""Seconds that a client has to choose a mode, with its characters at 300 baud."""

_HURRY = 3.0
"""Seconds in which an exchange must end once somebody else wants the port."""


class SerialServer:
    """Keeps one serial port open and answers on it."""

    def __init__(self, hub: Hub, reception: Reception, port: str) -> None:
        self.state = "starting"
        self._hub = hub
        self._reception = reception
        self._port = port
        self._down = False

    async def run(self) -> None:
        """Serve until cancelled, open again with growing delay; ``ConfigError`` when the port cannot do it."""
        loop = asyncio.get_running_loop()
        delay = FIRST_DELAY
        while True:
            begin = loop.time()
            try:
                await self._attempt()
                continue
            except ConfigError:
                raise
            except (NotReady, Refused, OSError) as error:
                await self._lost(str(error) or type(error).__name__)
            delay = FIRST_DELAY if loop.time() - begin > _STEADY else delay
            await asyncio.sleep(delay)
            delay = min(2 * delay, LONGEST_DELAY)

    async def _attempt(self) -> None:
        """Wait for the port, use it until it is wanted or lost, give it back."""
        self.state = "waiting for the port"
        async with open_line(self._hub, self._port) as line:
            await self._works()
            self._reception.line_speed(line.mode.baud)
            channel = self._hub.frames.channel(
                f"port {self._port}", link="dlms-hdlc", local=self._port, listening=True, redact=True
            )
            hdlc = HdlcLine(self._reception, self._port, line.write, channel)
            try:
                while not line.wanted:
                    if self._reception.config.sign_on == "none" or await self._sign_on(line, channel):
                        await self._serve(line, hdlc)
                await self._finish(line, hdlc)
            finally:
                hdlc.close()
                self._reception.line_speed(None)

    async def _works(self) -> None:
        self.state = "open"
        if self._down:
            self._down = False
            await self._hub.events.record(SERVER_LINE_BACK, port=self._port)

    async def _lost(self, reason: str) -> None:
        self.state = reason
        if not self._down:
            self._down = True
            await self._hub.events.record(SERVER_LINE_LOST, port=self._port, reason=reason)

    # -- the line ---------------------------------------------------------------------------------

    async def _serve(self, line: SerialLine, hdlc: HdlcLine) -> None:
        """Answer HDLC until the port is wanted; after a sign-on also until the last link is closed.

        A client that signed on and then stays silent is given up after the inactivity time-out.
        """
        loop = asyncio.get_running_loop()
        signs_on = self._reception.config.sign_on != "none"
        hdlc.opened = False
        quiet_since = loop.time()
        while not line.wanted:
            data = await _read(line)
            if data:
                quiet_since = loop.time()
                await hdlc.feed(data)
            else:
                hdlc.pause()
            over = hdlc.opened or loop.time() - quiet_since > self._reception.config.hdlc_inactivity
            if signs_on and over and not hdlc.active:
                return

    async def _finish(self, line: SerialLine, hdlc: HdlcLine) -> None:
        """Somebody wants the port: answer on until the client makes a pause, for three seconds at most."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _HURRY
        while hdlc.active and loop.time() < deadline and (data := await _read(line)):
            await hdlc.feed(data)
        async with asyncio.timeout(_HURRY):
            await line.drained()

    async def _sign_on(self, line: SerialLine, channel: FrameChannel) -> bool:
        """Wait at 300 baud for a client; ``True`` when HDLC follows, ``False`` when the port is wanted before."""
        config = self._reception.config
        await line.set_mode(baud=START_SPEED, data_bits=8, parity="none", stop_bits=1)
        addresses = frozenset(str(physical) for physical in self._reception.stations)
        sign_on = MeterSignOn(self._reception.served[0].device.name, addresses, line.settings.baud)
        self.state = f"waiting for the sign-on at {START_SPEED} Bd"
        loop = asyncio.get_running_loop()
        heard = loop.time()
        while not line.wanted:
            data = await _read(line)
            if not data:
                if sign_on.identified and loop.time() - heard > _CHOICE_TIMEOUT:
                    sign_on.reset()
                continue
            channel.received(data)
            heard = loop.time()
            action = sign_on.feed(data)
            if action is None:
                continue
            await asyncio.sleep(action.delay)
            line.write(action.send)
            channel.sent(action.send)
            if action.done and action.speed is not None:
                await line.set_mode(baud=action.speed)
                self._reception.line_speed(action.speed)
                self.state = f"HDLC at {action.speed} Bd, sign-on {config.sign_on}"
                return True
        return False


async def _read(line: SerialLine) -> bytes:
    """What comes within the time of a pause, or nothing."""
    try:
        async with asyncio.timeout(PAUSE):
            return await line.read()
    except TimeoutError:
        return b""
