"""The event log as paths."""

from __future__ import annotations

import asyncio
from typing import Any

from meterhub.access.principal import Principal
from meterhub.events.log import EventLog
from meterhub.events.query import EventQuery, read_page, render
from meterhub.events.verify import verify
from meterhub.resources import Node


class EventNodes:
    """``/data/event-log`` and ``/command/event-log/…``."""

    def __init__(self, log: EventLog) -> None:
        self._log = log

    def nodes(self) -> list[Node]:
        """The nodes of this room."""
        return [
            Node("/data/event-log", "get", self._read, "Event log", EventQuery),
            Node("/command/event-log/read-entries", "post", self._read, "Read entries", EventQuery),
            Node("/command/event-log/verify", "post", self._verify, "Verify the event log"),
        ]

    async def _read(self, _: Principal, query: EventQuery) -> Any:
        page = await read_page(self._log.store, query)
        return {"entries": [render(entry, query.format) for entry in page.entries], "next": page.next}

    async def _verify(self, _: Principal, __: Any) -> Any:
        faults = await asyncio.to_thread(verify, self._log.store, self._log.key)
        for fault in faults:
            self._log.report_fault(str(fault))
        return {"good": not faults, "faults": [str(fault) for fault in faults]}
