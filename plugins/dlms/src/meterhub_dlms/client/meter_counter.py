"""The invocation counter that a meter expects, read from it before the association that needs it."""

from __future__ import annotations

from meterhub_dlms.client.association import Association
from meterhub_dlms.client.channel import Channel
from meterhub_dlms.client.credentials import Credentials
from meterhub_dlms.client.errors import AssociationRefused
from meterhub_dlms.codec import axdr, obis
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.codec.ln import Attribute
from meterhub_dlms.codec.xdlms import AccessResult

PUBLIC_CLIENT = 16
"""The client address that needs no authentication."""

HIGHEST_BELIEVED = 0xF000_0000
"""Nobody vouches for what a public client is told: a higher number would use up the keys, and is refused."""


def counter_object(number: int) -> bytes:
    """Logical name of the counter that belongs to key or client ``number``: 0-0:43.1.x*255."""
    return bytes((0, 0, 43, 1, number, 255))


async def catch_up(channel: Channel, credentials: Credentials, logical_name: bytes, timeout: float) -> int:
    """Bring our counter up to what the meter expects, and answer the number that it told.

    ``channel`` leads from the public client to the meter, and is closed. Our counter never goes back.
    :class:`AssociationRefused` when the meter does not tell its counter, or one that cannot be believed.
    """
    association = Association(channel, Credentials(short_names=credentials.short_names), timeout)
    try:
        await association.open()
        told = await association.get(Attribute(1, logical_name, 2))
    finally:
        await association.release()
    number = _number(told, obis.text(logical_name))
    if credentials.counter is not None:
        credentials.counter.skip_to(number + 1)
    return number


def _number(told: Data | AccessResult, name: str) -> int:
    if isinstance(told, AccessResult):
        raise AssociationRefused(f"the meter does not tell its invocation counter {name}: {told.phrase}")
    if told.tag not in axdr.INTEGER_RANGES or not 0 <= told.value <= HIGHEST_BELIEVED:
        raise AssociationRefused(f"the meter's invocation counter {name} is no number up to {HIGHEST_BELIEVED}")
    return int(told.value)
