"""The service ``dlms-client``."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from meterhub_sdk import Driver, Feature, Point, Refused, Requester, Value

from meterhub_dlms.client.mapped import declaration
from meterhub_dlms.client.poller import MeterPoller
from meterhub_dlms.client.settings import CONNECTED, DlmsClientConfig, Meter
from meterhub_dlms.client.status import DlmsClientStatus


class DlmsClient(Driver[DlmsClientConfig]):
    """Reads DLMS/COSEM meters over TCP, each in a task of its own."""

    name = "dlms-client"
    title = "DLMS/COSEM client"
    menu = "Protocol conversion/Clients"
    feature = Feature("dlms.client", "DLMS/COSEM client", built_in=True)
    status_type = DlmsClientStatus

    _pollers: dict[str, MeterPoller] | None = None

    def points(self) -> Iterator[Point]:
        """One point for each mapping, and one for each meter that says whether it is connected."""
        for meter in self.config.meters:
            yield Point(
                name=f"{meter.label}/{CONNECTED}",
                type="bool",
                title=f"{meter.label} connected",
                source=f"{meter.host}:{meter.port}",
            )
            for mapping in meter.mappings:
                yield declaration(self.config, meter, mapping)

    async def run(self) -> None:
        """Poll all meters until cancelled; ``ConfigError`` when a password was never set."""
        pollers = {
            meter.label: MeterPoller(self.hub, self.config, meter, await self._password(meter))
            for meter in self.config.meters
        }
        self._pollers = pollers
        async with asyncio.TaskGroup() as tasks:
            for label, poller in pollers.items():
                tasks.create_task(poller.run(), name=f"dlms meter {label}")
            await asyncio.Event().wait()

    async def write(self, name: str, value: Value, requester: Requester) -> None:
        """Set an attribute of a meter; returns when the meter confirmed it."""
        label, _, mapping = name.partition("/")
        poller = (self._pollers or {}).get(label)
        if poller is None:
            raise Refused(f"{name}: no meter is called {label!r}")
        await poller.write(mapping, value)

    def status(self) -> DlmsClientStatus:
        """One row for each meter."""
        return DlmsClientStatus(meters=[poller.status() for poller in (self._pollers or {}).values()])

    async def _password(self, meter: Meter) -> bytes | None:
        if meter.authentication == "none" or meter.password is None:
            return None
        return (await self.hub.secret(meter.password)).encode()
