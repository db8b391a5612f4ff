"""All load profiles in the settings of ``dlms-client``."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping

from meterhub_sdk import Hub, Point

from meterhub_dlms.client.bus.bus import Bus
from meterhub_dlms.client.profiles.publication import declarations
from meterhub_dlms.client.profiles.reader import ProfileReader
from meterhub_dlms.client.profiles.status import ProfileStatus
from meterhub_dlms.client.settings import DlmsClientConfig


class ProfileReaders:
    """One task for each profile; they share the buses with the polls, which go first."""

    def __init__(self, hub: Hub, config: DlmsClientConfig, buses: Mapping[str, Bus]) -> None:
        self._readers = [
            ProfileReader(hub, buses[meter.label], meter, profile)
            for meter in config.meters
            for profile in meter.profiles
        ]

    async def run(self) -> None:
        """Read all of them until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for reader in self._readers:
                tasks.create_task(reader.run(), name="dlms profile")

    def status(self) -> list[ProfileStatus]:
        """One row for each."""
        return [reader.status() for reader in self._readers]


def profile_points(config: DlmsClientConfig) -> Iterator[Point]:
    """The points of all columns in the settings."""
    for meter in config.meters:
        for profile in meter.profiles:
            yield from declarations(meter, profile)
