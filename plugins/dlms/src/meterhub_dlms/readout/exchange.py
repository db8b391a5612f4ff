"""One readout: sign-on, all lines of the meter, check character."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from meterhub_dlms.codec import mode_c
from meterhub_dlms.link import parity
from meterhub_dlms.link.errors import LinkError
from meterhub_dlms.link.mode_e import Action, Goal, Identification, SignOn
from meterhub_dlms.link.readout import ReadoutCollector
from meterhub_dlms.readout import values
from meterhub_dlms.readout.line import Line
from meterhub_dlms.readout.settings import Connection
from meterhub_dlms.readout.values import Located

QUIET = 0.1
"""Seconds of silence before a sign-on, so that it does not meet the end of something else."""

_STX = b"\x02"


class NoAnswer(LinkError):
    """The meter did not answer the sign-on: nothing of it is under way."""


class Readout(NamedTuple):
    """What a meter told in one readout whose check character was right."""

    identification: Identification
    values: list[Located]
    speed: int
    duration: float

    @property
    def device(self) -> str:
        """Manufacturer and type, for people."""
        return f"{self.identification.manufacturer} {self.identification.text}".strip()


async def read_out(line: Line, connection: Connection) -> Readout:
    """Sign on and read all; ``LinkError`` or ``CodecError`` when no whole and right readout came of it."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    try:
        async with asyncio.timeout(connection.longest):
            await quiet(line, QUIET)
            identification, action = await _sign_on(line, connection)
            octets = await _collect(line, connection, action)
    except TimeoutError:
        raise LinkError(f"the readout was not over after {connection.longest:g} s") from None
    told = mode_c.parse(mode_c.unframe(octets))
    return Readout(identification, values.locate(told), action.speed or connection.start_speed, loop.time() - begun)


async def quiet(line: Line, seconds: float) -> None:
    """Wait until nothing came for so long, and forget what came."""
    line.discard()
    while True:
        try:
            async with asyncio.timeout(seconds):
                await line.read()
        except TimeoutError:
            return


async def _sign_on(line: Line, connection: Connection) -> tuple[Identification, Action]:
    """The meter's identification, and what to answer it."""
    sign_on = SignOn(Goal.READOUT, connection.address, connection.max_speed)
    request = sign_on.start()
    await line.set_speed(connection.start_speed)
    line.write(request.send)
    await line.set_speed(connection.start_speed)
    action: Action | None = None
    while action is None:
        action = sign_on.feed(await _next(line, connection, NoAnswer("the meter does not answer the sign-on")))
    if sign_on.identification is None:
        raise LinkError("the meter's identification is not understood")
    return sign_on.identification, action


async def _collect(line: Line, connection: Connection, action: Action) -> bytes:
    """Answer the identification and take what follows, from STX to the check character."""
    collector = ReadoutCollector()
    begun, damaged = False, line.errors
    await asyncio.sleep(action.delay)
    line.write(action.send)
    await line.set_speed(action.speed or connection.start_speed)
    while True:
        otherwise = LinkError("the readout was cut off" if begun else "no readout follows the sign-on")
        data = await _next(line, connection, otherwise)
        begun = begun or _STX in parity.remove(data)
        if not begun:
            damaged = line.errors
        if (octets := collector.feed(data)) is not None:
            break
    if line.errors != damaged:
        raise LinkError(f"{line.errors - damaged} characters of the readout came damaged")
    return octets


async def _next(line: Line, connection: Connection, otherwise: LinkError) -> bytes:
    try:
        async with asyncio.timeout(connection.timeout):
            return await line.read()
    except TimeoutError:
        raise type(otherwise)(f"{otherwise} within {connection.timeout:g} s") from None
