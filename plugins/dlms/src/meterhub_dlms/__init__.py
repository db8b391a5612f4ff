"""DLMS/COSEM: ``dlms-client`` reads meters, ``dlms-server`` shows points as a meter would."""

from __future__ import annotations

from typing import Any

from meterhub_sdk import EventType, Service, hookimpl


@hookimpl
def meterhub_services() -> list[type[Service[Any]]]:
    """The two services; imported here so that asking for the events alone stays cheap."""
    from meterhub_dlms.client.service import DlmsClient
    from meterhub_dlms.server.service import DlmsServer

    return [DlmsClient, DlmsServer]


@hookimpl
def meterhub_event_types() -> list[EventType]:
    """What both services may write to the event log."""
    from meterhub_dlms.events import EVENT_TYPES

    return EVENT_TYPES
