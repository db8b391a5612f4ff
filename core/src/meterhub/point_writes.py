"""The way of a write to the owner of its point, past the guards."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from meterhub_sdk import MeterhubError, NotDone, Refused, Value
from meterhub_sdk.point import VALUE_TYPES, PatternSet

from meterhub.core_events import POINT_WRITTEN, WRITE_REFUSED
from meterhub.ports import EventRecorder

if TYPE_CHECKING:
    from meterhub.services import Services
    from meterhub.session import WorkerSession

SHORTEST, LONGEST = 0.1, 300.0
_REASON = 200


class PointWrites:
    """Asks the guards, then the owner; each write ends as an event.

    ``guards_of`` tells which points the write guards of a distribution look after. A guard that does not
    run, or does not answer in time, is as good as one that says no.
    """

    def __init__(self, services: Services, events: EventRecorder) -> None:
        self.guards_of: Callable[[str], PatternSet] = lambda _: PatternSet(())
        self._services = services
        self._events = events

    async def write(self, name: str, value: Value, *, requester: str, reason: str, timeout: float) -> None:
        """Returns when the device did it; ``Refused`` when it was not done, ``NotDone`` when nobody knows."""
        if not SHORTEST <= timeout <= LONGEST:
            raise Refused(f"timeout: {timeout:g} s was given; {SHORTEST:g} to {LONGEST:g} will do")
        reason = reason[:_REASON]
        source = name.partition("/")[0]
        try:
            await self._carry_out(name, value, requester, reason, timeout)
        except MeterhubError as error:
            await self._events.record(
                WRITE_REFUSED, source=source, point=name, value=value, requester=requester, reason=str(error)
            )
            raise
        await self._events.record(
            POINT_WRITTEN, source=source, point=name, value=value, requester=requester, reason=reason
        )

    async def _carry_out(self, name: str, value: Value, requester: str, reason: str, timeout: float) -> None:
        # All processes of a machine have the same monotonic clock: the worker compares it with the deadline.
        deadline = time.monotonic() + timeout
        session, service, relative = self._owner(name, value)
        body: dict[str, Any] = {"name": name, "value": value, "requester": requester, "reason": reason}
        await self._ask_guards(name, body, timeout)
        order = {**body, "name": relative, "service": service, "deadline": deadline}
        try:
            async with asyncio.timeout(deadline - time.monotonic()):
                await session.connection.request("write", order, timeout=None)
        except TimeoutError:
            raise NotDone(f"{name} did not answer within {timeout:g} s; whether it was written is unknown") from None

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
            if order.worker not in concerned and name in self.guards_of(order.distribution):
                session = self._services.session_of(order.name)
                if session is None:
                    raise Refused(f"{name} was not written: its guard in {order.worker} is not running")
                concerned[order.worker] = session
        return list(concerned.values())
