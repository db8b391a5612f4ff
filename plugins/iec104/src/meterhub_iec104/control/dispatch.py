"""What a master asks, checked and handed on.

The checks and their order follow IEC 60870-5-101, 7.2.3 and 60870-5-5: type, cause, common
address, object address. What fails one is mirrored exactly once, marked negative.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, tzinfo
from types import TracebackType
from typing import Any, Self

from meterhub_sdk import Hub

from meterhub_iec104 import cp56, events
from meterhub_iec104.apci import ProtocolError
from meterhub_iec104.asdu import ADDRESS_SIZE, BROADCAST, Asdu, Cause, Type
from meterhub_iec104.command_settings import CommandSettings
from meterhub_iec104.control.commands import Commands
from meterhub_iec104.control.ledger import Ledger
from meterhub_iec104.control.orders import SIZES, TAGGED
from meterhub_iec104.control.permits import Permits
from meterhub_iec104.control.procedures import Addressed, Procedures, confirm
from meterhub_iec104.control.replies import Replies
from meterhub_iec104.control.returns import Returns
from meterhub_iec104.journal import Journal
from meterhub_iec104.station import Station, Stations

_LAST_NOTES = 1.0
"""Seconds that the hub has to take the last notes when the server stops."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Request:
    """One type in control direction: octets of its element, valid causes, whether 65535 may be addressed."""

    size: int
    causes: tuple[int, ...]
    handler: Callable[[Procedures, Asdu, Addressed, Replies], None] | None
    """``None`` for process commands."""
    broadcast: bool = False


_ACT = (Cause.ACTIVATION,)
_ACT_DEACT = (Cause.ACTIVATION, Cause.DEACTIVATION)

_REQUESTS: dict[int, _Request] = {
    Type.C_IC_NA_1: _Request(1, _ACT_DEACT, Procedures.interrogation, broadcast=True),
    Type.C_CI_NA_1: _Request(1, _ACT_DEACT, Procedures.counters, broadcast=True),
    Type.C_RD_NA_1: _Request(0, (Cause.REQUEST,), Procedures.read),
    Type.C_CS_NA_1: _Request(cp56.SIZE, _ACT, Procedures.clock, broadcast=True),
    Type.C_RP_NA_1: _Request(1, _ACT, Procedures.reset, broadcast=True),
    Type.C_TS_TA_1: _Request(2 + cp56.SIZE, _ACT, Procedures.test),
    **{type_id: _Request(size, _ACT_DEACT, None) for type_id, size in SIZES.items()},
    **{type_id + TAGGED: _Request(size + cp56.SIZE, _ACT_DEACT, None) for type_id, size in SIZES.items()},
}


class Control:
    """Answers requests for the stations, and carries out commands while it is entered.

    ``common_address`` is that of the server, which command groups have that name none; ``zone`` is that of
    the times that masters send.
    """

    def __init__(
        self,
        hub: Hub,
        stations: Stations,
        settings: CommandSettings,
        journal: Journal,
        *,
        common_address: int,
        zone: tzinfo = UTC,
    ) -> None:
        self.stations = stations
        self._journal = journal
        self._rows = {(address, row.ioa): row for address, row in settings.rows(common_address)}
        self._ledger = Ledger(hub)
        steps = (row.point for row in self._rows.values() if row.step is not None)
        self._permits = Permits(hub, settings, journal, zone, steps)
        self._returns = Returns(stations)
        self._commands = Commands(hub, settings, self._rows, self._permits, self._ledger, self._returns, self._spawn)
        self._procedures = Procedures(hub, settings, zone, self._commands.reset, self._spawn)
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._spawn(self._permits.run())
        self._spawn(self._ledger.run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._commands.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        try:
            async with asyncio.timeout(_LAST_NOTES):
                await self._ledger.finish()
        except TimeoutError:
            _log.warning("the last refused commands could not be noted")

    @property
    def remote(self) -> bool:
        """Whether the local/remote switch lets commands through."""
        return self._permits.remote

    @property
    def unnoted(self) -> int:
        """Refused commands that the ledger lacks, because too many came at once."""
        return self._ledger.missed

    def handle(self, octets: bytes, replies: Replies) -> None:
        """Answer one ASDU; :class:`ProtocolError` when its structure does not fit its type."""
        asdu = Asdu.parse(octets)
        request = _REQUESTS.get(asdu.type_id)
        if request is None or (request.handler is None and not self._commands.enabled(asdu.type_id)):
            self._refuse(asdu, replies, Cause.UNKNOWN_TYPE)
            return
        addressed = self._addressed(asdu, request)
        cause = self._unknown(asdu, request, addressed)
        if cause is not None:
            self._refuse(asdu, replies, cause)
        elif request.handler is None:
            self._commands.handle(asdu, replies)
        elif asdu.test and asdu.type_id != Type.C_TS_TA_1:
            confirm(asdu, addressed, replies, negative=True)
        else:
            request.handler(self._procedures, asdu, addressed, replies)

    def gone(self, replies: Replies) -> None:
        """A connection was lost or data transfer stopped: its selections end."""
        self._commands.gone(replies)

    def refreshed(self) -> None:
        """The stations took new readings: commands that wait for return information look again."""
        self._returns.refreshed()

    def _addressed(self, asdu: Asdu, request: _Request) -> list[Station]:
        """The stations that a request is for; none where there is no such one."""
        known = self.stations.by_address
        if asdu.common_address == BROADCAST:
            return list(known.values()) if request.broadcast else []
        station = known.get(asdu.common_address)
        return [] if station is None else [station]

    def _unknown(self, asdu: Asdu, request: _Request, addressed: Addressed) -> Cause | None:
        if asdu.sequence or asdu.count != 1 or len(asdu.body) != ADDRESS_SIZE + request.size:
            raise ProtocolError(
                f"an ASDU of type {asdu.type_id} has {asdu.count} objects in {len(asdu.body)} octets; "
                f"it must have one in {ADDRESS_SIZE + request.size}, without SQ"
            )
        if asdu.cause not in request.causes:
            return Cause.UNKNOWN_CAUSE
        if not addressed:
            return Cause.UNKNOWN_COMMON_ADDRESS
        if request.handler is None:
            known = self._commands.known(asdu)
        elif asdu.type_id == Type.C_RD_NA_1:
            known = asdu.object_address in addressed[0].objects
        else:
            known = asdu.object_address == 0
        return None if known else Cause.UNKNOWN_OBJECT_ADDRESS

    def _refuse(self, asdu: Asdu, replies: Replies, cause: Cause) -> None:
        """Mirror what is unknown; a command that no object takes is an event, as no ledger entry can name its point."""
        replies.reply(asdu.mirrored(cause, asdu.common_address, negative=True))
        if asdu.type_id in SIZES or asdu.type_id - TAGGED in SIZES:
            self._journal.note_seldom(
                events.UNKNOWN_COMMAND,
                replies.origin.rpartition(":")[0],
                asyncio.get_running_loop().time(),
                address=replies.origin,
                type_id=asdu.type_id,
                common_address=asdu.common_address,
                ioa=asdu.object_address if len(asdu.body) >= ADDRESS_SIZE else 0,
                cause=int(cause),
            )

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _log.error("a task of the IEC 104 server failed", exc_info=task.exception())
