"""Somebody on the bus who is not in the settings in force: a meter of a draft."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from meterhub_dlms.client.association import Association
from meterhub_dlms.client.bus.media import Access
from meterhub_dlms.client.bus.turnaround import Turnaround
from meterhub_dlms.client.errors import RequestRejected
from meterhub_dlms.client.introduction import Introduction
from meterhub_dlms.client.settings import Meter

T = TypeVar("T")


async def host_guest(
    access: Access, meter: Meter, introduction: Introduction, work: Callable[[Association], Awaitable[T]]
) -> T:
    """Connect, associate, do the work and leave in good order; any of ``BROKEN`` when that cannot be."""
    channel = await introduction.connect(access, meter, Turnaround())
    association = introduction(channel)
    try:
        await association.open()
        return await work(association)
    finally:
        with suppress(RequestRejected):
            if meter.hdlc:
                await channel.disconnect()
            await association.release()
