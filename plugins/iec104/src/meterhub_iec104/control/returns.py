"""Return information: what a monitored object shows after a command (cause 11)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any

from meterhub_iec104.asdu import Cause, build
from meterhub_iec104.control.given import Given
from meterhub_iec104.control.orders import Order
from meterhub_iec104.objects import InformationObject
from meterhub_iec104.station import Stations

_STATES = {"M_SP": (0, 1), "M_DP": (1, 2)}
"""State bits for OFF and ON."""


class Returns:
    """Waits for objects of the stations to show what was commanded."""

    def __init__(self, stations: Stations) -> None:
        self._stations = stations
        self._news = asyncio.Event()

    def refreshed(self) -> None:
        """The stations took new readings."""
        self._news.set()

    def watch(self, given: Given) -> Callable[[], Coroutine[Any, Any, bytes | None]]:
        """Look at the object before the command; what comes out waits, after it, for the ASDU to be returned.

        That is when the object shows the new state, or at the end of the command's time limit, when it shows
        whatever it does. ``None`` where the command has no return information.
        """
        address, ioa = given.asdu.common_address, given.row.return_ioa
        if ioa is None:
            return _nothing
        item = self._stations.by_address[address].objects[ioa]
        before = item.element
        deadline = asyncio.get_running_loop().time() + given.row.time_limit

        async def returned() -> bytes | None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(deadline):
                    while given.order is not None and not _shows(item, given.order, before):
                        self._news.clear()
                        await self._news.wait()
            content = (item.octets, item.element)
            return build(item.kind.untagged, Cause.RETURN_REMOTE, address, content, 1, originator=given.asdu.originator)

        return returned


def _shows(item: InformationObject, order: Order, before: bytes) -> bool:
    """Whether the object shows what was ordered; where the two cannot be compared, any change will do."""
    element = item.element
    states = _STATES.get(item.kind.name)
    if states is not None and isinstance(order.state, bool):
        return element[0] & 3 == states[order.state]
    value = order.content if isinstance(order.state, int) else order.content[:-1]
    return element != before or element.startswith(value)


async def _nothing() -> None:
    return None
