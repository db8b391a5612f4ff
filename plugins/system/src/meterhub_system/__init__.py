"""The machine below Meterhub: the hooks; the work is in the modules beside this one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from meterhub_sdk import EventType, Service, hookimpl


@hookimpl
def meterhub_services() -> Iterable[type[Service[Any]]]:
    """The one service."""
    from meterhub_system.service import System

    return [System]


@hookimpl
def meterhub_event_types() -> Iterable[EventType]:
    """What the service may write to the event log."""
    from meterhub_system.events import EVENT_TYPES

    return EVENT_TYPES
