"""To come."""

from typing import Any


def add_commands(commands: Any) -> None:
    """Enter the commands."""
