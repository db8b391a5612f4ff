"""DLMS/COSEM: ``dlms-client`` reads meters, ``dlms-server`` shows points as a meter would.

Beside them ``readout-client`` reads meters without DLMS, and ``dlms-push`` takes what meters send by themselves.
"""

from __future__ import annotations

from typing import Any

from meterhub_sdk import EventType, Service, hookimpl


@hookimpl
def meterhub_services() -> list[type[Service[Any]]]:
    """The services; imported here so that asking for the events alone stays cheap."""
    from meterhub_dlms.client.service import DlmsClient
    from meterhub_dlms.push.service import DlmsPush
    from meterhub_dlms.readout.service import ReadoutClient
    from meterhub_dlms.server.service import DlmsServer

    return [DlmsClient, DlmsServer, ReadoutClient, DlmsPush]


@hookimpl
def meterhub_event_types() -> list[EventType]:
    """What the services may write to the event log."""
    from meterhub_dlms import events
    from meterhub_dlms.client import meter_events
    from meterhub_dlms.client.profiles import events as profile_events
    from meterhub_dlms.push import events as push_events
    from meterhub_dlms.readout import events as readout_events

    return [
        *events.EVENT_TYPES,
        *meter_events.EVENT_TYPES,
        *profile_events.EVENT_TYPES,
        *readout_events.EVENT_TYPES,
        *push_events.EVENT_TYPES,
    ]
