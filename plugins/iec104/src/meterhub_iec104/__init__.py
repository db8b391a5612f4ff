"""Meterhub as an IEC 60870-5-104 controlled station: SCADA masters read its points."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from meterhub_sdk import EventType, Service, hookimpl


@hookimpl
def meterhub_services() -> Iterable[type[Service[Any]]]:
    """The one service of this distribution: ``iec104-server``."""
    from meterhub_iec104.service import Iec104Server

    return [Iec104Server]


@hookimpl
def meterhub_event_types() -> Iterable[EventType]:
    """What the server may write into the event log."""
    from meterhub_iec104 import events

    return events.ALL
