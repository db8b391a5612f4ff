"""What a plugin offers. Hooks register and do nothing else.

Each hook is called once, in a process that may be short-lived and has no hub. Write a plain
function of the hook's name with :data:`hookimpl` in the module that the entry point names::

    [project.entry-points."meterhub.plugins"]
    losses = "acme_losses"
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pluggy
from meterhub_sdk.event import EventType
from meterhub_sdk.service import Service
from meterhub_sdk.writes import WriteGuard

PROJECT = "meterhub"
ENTRY_POINT_GROUP = "meterhub.plugins"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)

# mypy: disable-error-code="empty-body"


class Hooks:
    """The hook specifications; their docstrings are the reference."""

    @hookspec
    def meterhub_services(self) -> Iterable[type[Service]]:  # type: ignore[type-arg]
        """The services of this distribution: drivers, servers, synthesizers, everything that runs."""

    @hookspec
    def meterhub_event_types(self) -> Iterable[EventType]:
        """The entries that this distribution may write to the event log."""

    @hookspec
    def meterhub_permissions(self) -> Mapping[str, str]:
        """Rights beside those of the paths: name to title, to be given to roles."""

    @hookspec
    def meterhub_pages(self) -> Mapping[str, str]:
        """Pages for the web interface: menu path to the signed file of a plain custom element."""

    @hookspec
    def meterhub_check_write(self) -> Iterable[WriteGuard]:
        """Guards that are asked before any write to the points they name: interlocks, credit, grid rules."""
