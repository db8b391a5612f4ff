"""Makes the associations of meters from their settings."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from meterhub_sdk import Hub

from meterhub_dlms import identity
from meterhub_dlms.client.credentials import credentials_of
from meterhub_dlms.client.introduction import Introduction
from meterhub_dlms.client.name_cache import NameCache
from meterhub_dlms.client.settings import DlmsClientConfig, Meter
from meterhub_dlms.counter_store import KeyCounters


class Associating:
    """Who we are to meters; ``counters`` are those of the service's store, one for each key."""

    def __init__(self, hub: Hub, config: DlmsClientConfig, counters: KeyCounters) -> None:
        self._hub = hub
        self._title = identity.own_title(hub.store, config.system_title)
        self._counters = counters

    async def associate(self, meter: Meter, secret: Callable[[str], Awaitable[str]]) -> Introduction:
        """What makes the associations of one meter; ``ConfigError`` when a secret was never set or does not suit.

        ``secret`` finds a secret by its name.
        """
        credentials = await credentials_of(meter, self._title, secret, self._counters)
        return Introduction(meter, credentials, NameCache(self._hub.store, meter.label))

    async def forget(self, meter: Meter, title: bytes) -> None:
        """The device that had this system title is gone for good: the counters that it used are forgotten."""
        credentials = await credentials_of(meter, self._title, self._hub.secret, self._counters)
        if credentials.keys is not None:
            self._counters.forget_received(credentials.keys.encryption, title)
