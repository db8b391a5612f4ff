"""The way of a write to the owner of its point, past the guards and through the ledger."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from meterhub_sdk import MeterhubError, NotDone, Refused, Value
from meterhub_sdk.point import VALUE_TYPES, PatternSet

from meterhub.commands.ledger import Ledger, Outcome, PointCommand
from meterhub.core_events import POINT_WRITTEN, WRITE_REFUSED
from meterhub.ports import EventRecorder, tell

if TYPE_CHECKING:
    from meterhub.services import Services
    from meterhub.session import WorkerSession

SHORTEST, LONGEST = 0.1, 300.0
_REASON = 200
_LOOK_AGAIN = 0.05
_NEARLY = 1e-6
"""How exactly a point must read what was written: devices keep single precision."""


class PointWrites:
    """Asks the guards, then the owner; each write is in the ledger before it begins, and ends there and as an event.

    ``guards_of`` tells which points the write guards of a distribution look after. A guard that does not
    run, or does not answer in time, is as good as one that says no.
    """

    def __init__(
        self, services: Services, events: EventRecorder, ledger: Ledger, guards_of: Callable[[str], PatternSet]
    ) -> None:
        self._services = services
        self._events = events
        self._ledger = ledger
        self._guards_of = guards_of

    async def write(self, command: PointCommand, *, timeout: float, read_back: bool = False) -> None:
        """Returns when the device did it; ``Refused`` when it was not done, ``NotDone`` when nobody knows.

        With ``read_back`` it returns once the point reads the value after that; ``NotDone`` when it does not.
        ``StoreError`` when the ledger cannot be written: then nothing was done.
        """
        if not SHORTEST <= timeout <= LONGEST:
            raise Refused(f"timeout: {timeout:g} s was given; {SHORTEST:g} to {LONGEST:g} will do")
        # All processes of a machine have the same monotonic clock: the worker compares it with the deadline.
        deadline = time.monotonic() + timeout
        number = await self._ledger.begin(command)
        outcome: Outcome = "unknown"
        because = "who asked did not wait for the answer"
        try:
            await self._carry_out(command, timeout, deadline)
            if read_back:
                await self._read_back(command, timeout, deadline)
            outcome, because = "done", ""
        except MeterhubError as error:
            outcome, because = "unknown" if isinstance(error, NotDone) else "refused", str(error)
            raise
        finally:
            await asyncio.shield(self._conclude(number, command, outcome, because))

    async def refuse(self, command: PointCommand, outcome: Outcome, because: str) -> None:
        """Enter a command that a service turned down by itself."""
        number = await self._ledger.note(command, outcome, because)
        await self._tell(number, command, because)

    async def _conclude(self, number: int, command: PointCommand, outcome: Outcome, because: str) -> None:
        """Both writes at once, so that they share a commit."""
        await asyncio.gather(self._ledger.end(number, outcome, because), self._tell(number, command, because))

    async def _tell(self, number: int, command: PointCommand, because: str) -> None:
        """An event for each command; ``because`` says why it was not done."""
        await tell(
            self._events,
            WRITE_REFUSED if because else POINT_WRITTEN,
            source=command.point.partition("/")[0],
            point=command.point,
            value=command.value,
            requester=f"{command.requester} for {command.origin}" if command.origin else command.requester,
            reason=because or command.reason[:_REASON],
            command=number,
        )

    async def _carry_out(self, command: PointCommand, timeout: float, deadline: float) -> None:
        name, value = command.point, command.value
        session, service, relative = self._owner(name, value)
        body: dict[str, Any] = {"name": name, "value": value}
        body |= {"requester": command.requester, "reason": command.reason[:_REASON]}
        await self._ask_guards(name, body, timeout)
        order = {**body, "name": relative, "service": service, "deadline": deadline}
        try:
            async with asyncio.timeout(deadline - time.monotonic()):
                await session.connection.request("write", order, timeout=None)
        except TimeoutError:
            raise NotDone(f"{name} did not answer within {timeout:g} s; whether it was written is unknown") from None

    async def _read_back(self, command: PointCommand, timeout: float, deadline: float) -> None:
        """Wait until the owner itself reads the value: what it published before it answered does not count."""
        hub = self._services.hub
        answered = hub.clock()
        while True:
            state = hub.points.get(command.point)
            if state is None or state.point is None:
                raise NotDone(f"{command.point} was written and is gone before it could be read back")
            if state.arrived >= answered and _same(state.measured().value, command.value):
                return
            if time.monotonic() >= deadline:
                read = state.measured().value
                raise NotDone(f"{command.point} was written, but within {timeout:g} s it read {read!r:.40} back")
            await asyncio.sleep(_LOOK_AGAIN)

    def _owner(self, name: str, value: Value) -> tuple[WorkerSession, str, str]:
        state = self._services.hub.points.get(name)
        if state is None or state.point is None:
            raise Refused(f"there is no point {name}")
        if not state.point.writable:
            raise Refused(f"{name} is read-only")
        if type(value) not in VALUE_TYPES[state.point.type]:
            raise Refused(f"{name} takes {state.point.type}, not {value!r:.40}")
        service, _, relative = name.partition("/")
        session = self._services.session_of(service)
        if session is None:
            raise Refused(f"{service} is not running; {name} was not written")
        return session, service, relative

    async def _ask_guards(self, name: str, body: dict[str, Any], timeout: float) -> None:
        asked = [session.connection.request("check-write", body, timeout=None) for session in self._guards(name)]
        try:
            async with asyncio.timeout(timeout):
                answers = await asyncio.gather(*asked, return_exceptions=True)
        except TimeoutError:
            raise Refused(f"{name} was not written: a guard did not answer within {timeout:g} s") from None
        for answer in answers:
            if isinstance(answer, NotDone):
                raise Refused(f"{name} was not written: a guard did not answer ({answer})")
            if isinstance(answer, BaseException):
                raise Refused(f"{name} was not written: {answer}")

    def _guards(self, name: str) -> list[WorkerSession]:
        """The workers whose guards must agree; ``Refused`` while one of them does not run."""
        concerned = {s.spec.name: s for s in self._services.sessions.values() if s.live and name in s.guards}
        for order in self._services.orders.values():
            if order.worker not in concerned and name in self._guards_of(order.distribution):
                session = self._services.session_of(order.name)
                if session is None:
                    raise Refused(f"{name} was not written: its guard in {order.worker} is not running")
                concerned[order.worker] = session
        return list(concerned.values())


def _same(read: Value, written: Value) -> bool:
    if isinstance(read, float) and isinstance(written, float):
        return math.isclose(read, written, rel_tol=_NEARLY, abs_tol=_NEARLY)
    return read == written
