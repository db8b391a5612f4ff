"""A hub for one simulated meter: a clock that somebody moves, a database in memory, and nobody else."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from functools import cached_property

import sqlite_utils
from meterhub_sdk import Clock, ConfigError, EventType, Value

from meterhub_dlms import counter_store, identity
from meterhub_dlms.server import kept

_MIGRATIONS = (*identity.MIGRATIONS, *counter_store.MIGRATIONS, *kept.MIGRATIONS)


class MeterHub:
    """As much of :class:`meterhub_sdk.Hub` as the objects and services of ``dlms-server`` use.

    ``moment`` is the meter's time in nanoseconds since 1970 UTC.
    """

    def __init__(self, name: str, secrets: Mapping[str, str], moment: int) -> None:
        self.name = name
        self.moment = moment
        self._secrets = secrets

    @property
    def time(self) -> MeterHub:
        """Its clock."""
        return self

    @property
    def events(self) -> MeterHub:
        """Its event log, which nobody keeps."""
        return self

    @cached_property
    def store(self) -> sqlite_utils.Database:
        """In memory; made by one thread and used by the line's."""
        connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        for script in _MIGRATIONS:
            connection.executescript(script)
        return sqlite_utils.Database(connection)

    def now(self) -> int:
        """Nanoseconds since 1970 UTC."""
        return self.moment

    def validity(self) -> Clock:
        """The clock is right."""
        return Clock.VALID

    async def record(self, event: EventType, /, **parameters: Value) -> None:
        """Nothing is written."""

    async def secret(self, name: str) -> str:
        """What the settings of the bus say; ``ConfigError`` when they do not."""
        try:
            return self._secrets[name]
        except KeyError:
            raise ConfigError(f"the simulated meters have no secret {name!r}") from None
