"""Data logger for Meterhub: the hooks; the work is in the modules beside this one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from meterhub_sdk import EventType, Service, hookimpl


@hookimpl
def meterhub_services() -> Iterable[type[Service[Any]]]:
    """The logger."""
    from meterhub_data_logger.service import DataLogger

    return [DataLogger]


@hookimpl
def meterhub_event_types() -> Iterable[EventType]:
    """What the service may write to the event log."""
    from meterhub_data_logger.events import EVENT_TYPES

    return EVENT_TYPES
