"""One association of a meter, used in turns: each exchange waits until the bus has nothing more urgent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from meterhub_sdk import Refused

from meterhub_dlms.client.association import Association
from meterhub_dlms.client.bus.bus import Bus
from meterhub_dlms.client.bus.jobs import Priority
from meterhub_dlms.client.errors import RequestRejected
from meterhub_dlms.codec.ln import Attribute, GetResult
from meterhub_dlms.codec.selection import Selection
from meterhub_dlms.codec.xdlms import AccessResult

T = TypeVar("T")

_AT_ONCE = 8
"""Attributes that are asked for in one request, so that it and its answer fit any meter."""


class Turns:
    """Reads over the association that the meter has now; ``Refused`` when it has none, or has another one later."""

    def __init__(self, bus: Bus, label: str, priority: Priority) -> None:
        association = bus.pollers[label].association
        if association is None:
            raise Refused(f"the meter {label} is not connected")
        self.association = association
        self._bus = bus
        self._label = label
        self._priority = priority

    async def get(self, attribute: Attribute) -> GetResult:
        """One attribute, decoded."""
        return await self._take(lambda association: association.get(attribute))

    async def get_encoded(self, attribute: Attribute, selection: Selection | None) -> bytes | AccessResult:
        """One attribute or a part of it, left encoded."""
        return await self._take(lambda association: association.get_encoded(attribute, selection))

    async def get_each(self, attributes: Sequence[Attribute]) -> list[GetResult]:
        """Several attributes, in lists where the meter reads them; ``other-reason`` for one that it rejects alone."""
        results: list[GetResult] = []
        size = _AT_ONCE if self.association.lists else 1
        for start in range(0, len(attributes), size):
            results += await self._get_list(attributes[start : start + size])
        return results

    async def _get_list(self, attributes: Sequence[Attribute]) -> Sequence[GetResult]:
        association = self.association
        if len(attributes) > 1 and association.request_size(len(attributes)) <= association.request_limit:
            try:
                request = association.prepare(attributes)
                return await self._take(lambda association: association.get_many(request))
            except RequestRejected:
                pass
        return [await self._get_alone(attribute) for attribute in attributes]

    async def _get_alone(self, attribute: Attribute) -> GetResult:
        try:
            return await self.get(attribute)
        except RequestRejected:
            return AccessResult.OTHER_REASON

    async def _take(self, work: Callable[[Association], Awaitable[T]]) -> T:
        async def checked(association: Association) -> T:
            if association is not self.association:
                raise Refused(f"the association with the meter {self._label} was built again meanwhile")
            return await work(association)

        return await self._bus.perform(self._label, self._priority, checked)
