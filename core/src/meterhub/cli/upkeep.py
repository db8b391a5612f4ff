"""``meterhub events, logs, backup, restore, doctor``: looking after an instance."""

from __future__ import annotations

from typing import Any

from meterhub.cli import doctor, event_log, safekeeping, worker_logs


def add_commands(commands: Any) -> None:
    """Enter the commands."""
    for room in (event_log, worker_logs, safekeeping, doctor):
        room.add_commands(commands)
