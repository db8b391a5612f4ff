"""The service ``dlms-server``."""

from __future__ import annotations

import asyncio

from meterhub_sdk import Feature, NotReady, Reading, Service

from meterhub_dlms.server.connection import Listener
from meterhub_dlms.server.device import LogicalDevice, derived_name
from meterhub_dlms.server.settings import DlmsServerConfig
from meterhub_dlms.server.status import DlmsServerStatus


class DlmsServer(Service[DlmsServerConfig]):
    """Shows points of the hub as COSEM objects over TCP, as a meter would."""

    name = "dlms-server"
    title = "DLMS/COSEM server"
    menu = "Protocol conversion/Servers"
    feature = Feature("dlms.server", "DLMS/COSEM server", built_in=True)
    status_type = DlmsServerStatus

    _listener: Listener | None = None

    @property
    def port(self) -> int | None:
        """The TCP port it really listens on, once it does."""
        return None if self._listener is None else self._listener.port

    async def run(self) -> None:
        """Listen until cancelled; ``NotReady`` when the port is taken, ``ConfigError`` without a password."""
        readings: dict[str, Reading] = {}
        passwords = {
            client.address: (await self.hub.secret(client.password)).encode()
            for client in self.config.clients
            if client.authentication == "password" and client.password is not None
        }
        device = LogicalDevice(self.hub, self.config, readings, passwords)
        listener = Listener(self.hub, self.config, device)
        try:
            await listener.open()
        except OSError as error:
            raise NotReady(
                f"cannot listen on {self.config.host}:{self.config.port}: {error.strerror or error}"
            ) from None
        self._listener = listener
        try:
            await self._follow(readings)
        finally:
            self._listener = None
            await listener.close()

    async def _follow(self, readings: dict[str, Reading]) -> None:
        """Keep the newest reading of every point at hand."""
        names = {served.point for served in self.config.objects}
        if not names:
            await asyncio.Event().wait()
        async for latest in self.hub.points.latest(*names):
            readings.update(latest.changed)

    def status(self) -> DlmsServerStatus:
        """Counters, and how many are connected."""
        if self._listener is None:
            name = self.config.device_name or derived_name(self.hub.name)
            return DlmsServerStatus(device=name, objects=len(self.config.objects))
        return self._listener.status()
