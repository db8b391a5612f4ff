# SPDX-License-Identifier: GPL-3.0-or-later
"""IEC 60870-5-104 controlling station for Meterhub: the hooks; the work is in the modules beside this one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from meterhub_sdk import EventType, Service, hookimpl


@hookimpl
def meterhub_services() -> Iterable[type[Service[Any]]]:
    """The client."""
    from meterhub_iec104_client.service import Iec104Client

    return [Iec104Client]


@hookimpl
def meterhub_event_types() -> Iterable[EventType]:
    """What the service may write to the event log."""
    from meterhub_iec104_client.events import EVENT_TYPES

    return EVENT_TYPES
