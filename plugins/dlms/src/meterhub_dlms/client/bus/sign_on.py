"""The sign-on of IEC 62056-21 on a serial line: from 300 baud to HDLC."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from meterhub_sdk import NotReady
from meterhub_sdk.serial import SerialLine

from meterhub_dlms.client.bus.line import HdlcLine
from meterhub_dlms.link.errors import LinkError, Silence
from meterhub_dlms.link.mode_e import MAX_DELAY, START_SPEED, Action, SignOn

_LONGEST = 10.0
"""Seconds for all of it: about 1.5 s of characters at 300 baud, and three waits."""


async def set_speed(line: SerialLine, baud: int) -> None:
    """Bring a line to a speed with eight data bits, as HDLC needs them; ``LinkError`` when it is lost."""
    parity = line.settings.parity if line.settings.data_bits == 8 else "none"
    await _set_mode(line, baud, parity == "none")


async def _set_mode(line: SerialLine, baud: int, plain: bool) -> None:
    parity = "none" if plain else line.settings.parity
    if (line.mode.baud, line.mode.data_bits, line.mode.parity) == (baud, 8, parity):
        return
    try:
        await line.set_mode(baud=baud, data_bits=8, parity=parity)
    except NotReady as error:
        raise LinkError(str(error)) from None


async def sign_on(hdlc: HdlcLine, line: SerialLine, address: str) -> int:
    """Sign on at 300 baud; answers the speed in baud at which HDLC goes on.

    ``LinkError`` when the meter does not answer or answers something else; the line then has its own speed again.
    """
    arrived: asyncio.Queue[bytes] = asyncio.Queue()
    session = SignOn(address=address, max_speed=line.settings.baud)
    hdlc.sign_on = arrived.put_nowait
    try:
        async with asyncio.timeout(_LONGEST):
            await _set_mode(line, START_SPEED, plain=True)
            hdlc.stream.discard()
            action = session.start()
            while True:
                await _perform(hdlc, line, action)
                if action.done:
                    return line.mode.baud
                action = await _next(session, arrived)
    except TimeoutError:
        raise Silence("the sign-on of IEC 62056-21 was not over in time") from None
    finally:
        hdlc.sign_on = None
        if session.state is not session.state.DONE:
            with suppress(LinkError):
                await set_speed(line, line.settings.baud)


async def _next(session: SignOn, arrived: asyncio.Queue[bytes]) -> Action:
    """What the meter's characters, or its silence, lead to."""
    while True:
        try:
            async with asyncio.timeout(MAX_DELAY):
                action = session.feed(await arrived.get())
        except TimeoutError:
            action = session.silence()
        if action is not None:
            return action


async def _perform(hdlc: HdlcLine, line: SerialLine, action: Action) -> None:
    await asyncio.sleep(action.delay)
    if action.send:
        hdlc.stream.write(action.send)
    if action.done and action.speed is not None:
        await _set_mode(line, action.speed, plain=True)
    else:
        with suppress(NotReady):
            await line.drained()
