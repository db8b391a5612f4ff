"""One task for each line: reads out its meters one after the other, and lets the line go in between."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from typing import NamedTuple

from meterhub_sdk import Hub, MeterhubError, NotReady, Refused

from meterhub_dlms.codec.errors import CodecError
from meterhub_dlms.link.errors import LinkError
from meterhub_dlms.readout.exchange import NoAnswer, Readout, quiet, read_out
from meterhub_dlms.readout.identity import Identities, OtherMeter
from meterhub_dlms.readout.line import Line, opened
from meterhub_dlms.readout.meter import MeterIntake
from meterhub_dlms.readout.settings import Connection

_IDLE = 3600.0
_SETTLING = 1.6
"""Seconds of silence after which a meter is back at its start speed (clause 6.4.3: 1.5 s)."""

_MAX_WAITING = 8

FAILURES = (LinkError, CodecError, OtherMeter)
"""What fails one try and leaves the line as it is."""


class _Command(NamedTuple):
    connection: Connection
    answer: asyncio.Future[Readout]


class Port:
    """A line and its meters. Commands come first, then the more urgent polling group, then the one due for longest."""

    def __init__(self, hub: Hub, priority: int, meters: list[MeterIntake]) -> None:
        self._hub = hub
        self._priority = priority
        self._meters = meters
        self._identities = Identities()
        self._commands: deque[_Command] = deque()
        self._wake = asyncio.Event()

    async def run(self) -> None:
        """Read out until cancelled."""
        try:
            for intake in self._meters:
                await intake.begin()
            while True:
                connection = await self._next_connection()
                try:
                    async with opened(self._hub, connection, self._priority) as line:
                        await self._use(line)
                except MeterhubError as error:
                    await self._unavailable(str(error))
        finally:
            self._refuse_commands("the service was stopped")

    async def read_out(self, connection: Connection) -> Readout:
        """A readout at once, for a person; ``Refused`` says why there is none."""
        if len(self._commands) >= _MAX_WAITING:
            raise Refused(f"{_MAX_WAITING} readouts wait for this line already; try again later")
        answer: asyncio.Future[Readout] = asyncio.get_running_loop().create_future()
        self._commands.append(_Command(connection, answer))
        self._wake.set()
        return await answer

    async def _next_connection(self) -> Connection:
        """Wait for something to do; answers how the line is reached."""
        while True:
            self._wake.clear()
            if self._commands:
                return self._commands[0].connection
            now = asyncio.get_running_loop().time()
            if (intake := self._most_urgent(now)) is not None:
                return intake.meter
            at = min((max(intake.due.next, intake.not_before) for intake in self._meters), default=now + _IDLE)
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, at - now)):
                    await self._wake.wait()

    def _most_urgent(self, now: float) -> MeterIntake | None:
        waiting = [
            (urgency, place)
            for place, intake in enumerate(self._meters)
            if intake.not_before <= now and (urgency := intake.due.urgency(now)) is not None
        ]
        return self._meters[min(waiting)[1]] if waiting else None

    async def _use(self, line: Line) -> None:
        """Do all that waits, unless somebody else wants the line."""
        loop = asyncio.get_running_loop()
        while not line.wanted:
            if self._commands:
                await self._carry_out(line, self._commands.popleft())
            elif (intake := self._most_urgent(loop.time())) is not None:
                await self._poll(line, intake)
            else:
                return

    async def _carry_out(self, line: Line, command: _Command) -> None:
        if command.answer.done():
            return
        try:
            readout = await read_out(line, command.connection)
        except FAILURES as error:
            await quiet(line, _SETTLING)
            _refuse(command, str(error))
        except BaseException as error:
            _refuse(command, str(error) or "the service was stopped")
            raise
        else:
            if not command.answer.done():
                command.answer.set_result(readout)

    async def _poll(self, line: Line, intake: MeterIntake) -> None:
        """Read out one meter; a lost one costs a single short try.

        What still comes of a try that failed is waited for, so that it meets no other meter's sign-on.
        """
        loop, meter = asyncio.get_running_loop(), intake.meter
        tries = 1 if intake.lost else 1 + meter.retries
        began = loop.time()
        for left in reversed(range(tries)):
            try:
                readout = await read_out(line, meter)
                self._identities.check(meter.label, meter.serial_number, readout)
            except FAILURES as error:
                if isinstance(error, OtherMeter):
                    await intake.refuse(str(error))
                if left or not isinstance(error, NoAnswer):
                    await quiet(line, _SETTLING)
                if not left:
                    self._identities.forget(meter.label)
                    await intake.fail(str(error), loop.time())
                    return
                intake.retries += 1
                intake.note(str(error))
            else:
                await intake.take(readout, began)
                return

    async def _unavailable(self, reason: str) -> None:
        """The line cannot be had, or was lost: that fails whatever was to be done next."""
        now = asyncio.get_running_loop().time()
        self._refuse_commands(reason)
        for intake in self._meters:
            if intake.not_before <= now and intake.due.urgency(now) is not None:
                await intake.fail(reason, now)

    def _refuse_commands(self, reason: str) -> None:
        while self._commands:
            _refuse(self._commands.popleft(), reason)


def _refuse(command: _Command, reason: str) -> None:
    if not command.answer.done():
        command.answer.set_exception(Refused(f"the meter cannot be read out: {reason}"))


async def read_out_alone(hub: Hub, connection: Connection, priority: int) -> Readout:
    """A readout on a line that no meter of the settings is on; ``Refused`` says why there is none."""
    try:
        async with opened(hub, connection, priority) as line:
            return await read_out(line, connection)
    except (*FAILURES, NotReady) as error:
        raise Refused(f"the meter cannot be read out: {error}") from None
