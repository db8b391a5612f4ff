"""Leases a port and opens it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from meterhub_sdk.errors import ConfigError
from meterhub_sdk.hub import Hub, Lease
from meterhub_sdk.serial.line import SerialLine, Wire
from meterhub_sdk.serial.medium import Medium, TcpMedium, TtyMedium
from meterhub_sdk.serial.rfc2217 import Rfc2217Medium
from meterhub_sdk.serial.settings import PortSettings
from pydantic import ValidationError


@asynccontextmanager
async def open_line(
    hub: Hub, name: str, *, priority: int = 0, seconds: float | None = None
) -> AsyncIterator[SerialLine]:
    """Lease the serial port ``name``, open it, and give both back at the end of the block.

    Waits for the lease as :meth:`Hub.lease` does. The device is opened exclusively, so no other program gets at it.
    ``NotReady`` when it is absent, taken or does not answer; ``ConfigError`` when it cannot do what its settings say;
    ``Refused`` when the service's settings do not name the port. Unsent bytes are lost at the end: wait for
    :meth:`SerialLine.drained`.
    """
    async with hub.lease("serial", name, priority=priority, seconds=seconds) as lease:
        line = SerialLine(_settings(name, lease), lease)
        await _open(line)
        try:
            yield line
        finally:
            await line.closed()


def _settings(name: str, lease: Lease) -> PortSettings:
    try:
        return PortSettings.model_validate(dict(lease.definition))
    except ValidationError as error:
        raise ConfigError(f"the definition of the serial port {name!r} is no serial port's: {error}") from error


async def _open(line: SerialLine) -> None:
    device = line.settings.device
    kind = TtyMedium if device.startswith("/") else TcpMedium if device.startswith("socket:") else Rfc2217Medium
    medium: Medium = await kind.open(line.settings, lambda: Wire(line))
    try:
        await line.opened(medium)
    except BaseException:
        medium.close()
        raise
