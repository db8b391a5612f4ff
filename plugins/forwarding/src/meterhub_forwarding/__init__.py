"""Forwarding for Meterhub: the hooks; the work is in the modules beside this one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from meterhub_sdk import EventType, Service, hookimpl


@hookimpl
def meterhub_services() -> Iterable[type[Service[Any]]]:
    """The channels."""
    from meterhub_forwarding.service import Forwarding

    return [Forwarding]


@hookimpl
def meterhub_event_types() -> Iterable[EventType]:
    """What the service may write to the event log."""
    from meterhub_forwarding.events import EVENT_TYPES

    return EVENT_TYPES
