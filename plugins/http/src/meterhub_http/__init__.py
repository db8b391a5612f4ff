"""HTTP and REST: the tree of paths for browsers and programs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from meterhub_sdk import EventType, Service, hookimpl


@hookimpl
def meterhub_services() -> Iterable[type[Service[Any]]]:
    """The one service of this distribution: ``http``."""
    from meterhub_http.service import Http

    return [Http]


@hookimpl
def meterhub_event_types() -> Iterable[EventType]:
    """What it may write into the event log."""
    from meterhub_http import events

    return events.ALL
