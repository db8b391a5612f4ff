"""Senders that are no meter of the settings: counted, shown, and told once."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from meterhub_sdk import Hub, moment

from meterhub_dlms.push.events import PUSH_UNKNOWN
from meterhub_dlms.push.reports import Reports
from meterhub_dlms.push.status import UnknownSender

_SHOWN = 20
_MAX_TEXT = 200


@dataclass(slots=True)
class _Row:
    pushes: int
    last: int


class UnknownSenders:
    """The last twenty, and how many pushes came of all."""

    def __init__(self, hub: Hub, reports: Reports) -> None:
        self.pushes = 0
        self._hub = hub
        self._reports = reports
        self._rows: OrderedDict[tuple[str, str], _Row] = OrderedDict()

    async def count(self, peer: str, sender: str) -> None:
        """One more push of ``sender`` at the address ``peer``."""
        self.pushes += 1
        key = peer, sender[:_MAX_TEXT]
        row = self._rows.pop(key, None) or _Row(0, 0)
        row.pushes, row.last = row.pushes + 1, self._hub.time.now()
        self._rows[key] = row
        if len(self._rows) > _SHOWN:
            self._rows.popitem(last=False)
        await self._reports.tell(PUSH_UNKNOWN, peer, peer=peer, sender=key[1] or "it does not say who it is")

    def status(self) -> list[UnknownSender]:
        """The latest first."""
        return [
            UnknownSender(peer=peer, sender=sender, pushes=row.pushes, last_push=moment(row.last))
            for (peer, sender), row in reversed(self._rows.items())
        ]
