"""How one meter is spoken to: what goes before an association, and what it is opened with."""

from __future__ import annotations

from meterhub_dlms.client import meter_counter
from meterhub_dlms.client.association import Association
from meterhub_dlms.client.bus.media import Access
from meterhub_dlms.client.bus.turnaround import Turnaround
from meterhub_dlms.client.channel import Channel
from meterhub_dlms.client.credentials import Credentials
from meterhub_dlms.client.errors import AssociationError, AssociationRefused
from meterhub_dlms.client.meter_counter import PUBLIC_CLIENT
from meterhub_dlms.client.name_cache import NameCache
from meterhub_dlms.client.settings import Meter
from meterhub_dlms.codec import obis
from meterhub_dlms.link.errors import Garbage, Silence

_LONGEST_ANSWER = 600.0
"""Seconds for one answer over HDLC, where each frame has the time-out of the settings and long answers many frames."""


class Introduction:
    """Makes the associations of one meter; ``names`` keeps the object list of one with short names."""

    def __init__(self, meter: Meter, credentials: Credentials, names: NameCache) -> None:
        self.credentials = credentials
        self._counter_object = obis.parse(meter.counter_object) if meter.counter_object else b""
        self._timeout = _LONGEST_ANSWER if meter.hdlc else meter.patience
        self._names = names

    async def connect(self, access: Access, meter: Meter, turnaround: Turnaround) -> Channel:
        """A link to the meter, whose invocation counter was read before where the settings name its object.

        Any of ``BROKEN`` when there is none after one short try.
        """
        if self._counter_object and self.credentials.with_keys:
            await self._catch_up(access, meter)
        return await access.connect(meter, turnaround)

    def __call__(self, channel: Channel) -> Association:
        """An association over the link, not yet open."""
        return Association(channel, self.credentials, self._timeout, self._names)

    async def _catch_up(self, access: Access, meter: Meter) -> None:
        """A short association of the public client on the same line, over before ours begins."""
        public = meter.model_copy(update={"client_address": PUBLIC_CLIENT})
        channel = await access.connect(public, Turnaround())
        try:
            await meter_counter.catch_up(channel, self.credentials, self._counter_object, self._timeout)
        except AssociationRefused as refusal:
            raise AssociationRefused(f"its counter is read through client {PUBLIC_CLIENT}: {refusal}") from None
        except AssociationError as error:
            raise (Garbage if channel.heard else Silence)(str(error)) from None
        finally:
            await channel.disconnect()
