"""The order of all migrations of the core's database; new ones are added at the end, never between."""

from __future__ import annotations

from meterhub.access.schema import SCHEMA as ACCESS
from meterhub.commands.schema import SCHEMA as COMMANDS
from meterhub.events.schema import SCHEMA as EVENTS
from meterhub.licensing.schema import SCHEMA as LICENSING

MIGRATIONS: tuple[str, ...] = (EVENTS[0], ACCESS[0], LICENSING[0], COMMANDS[0], ACCESS[1], ACCESS[2])
