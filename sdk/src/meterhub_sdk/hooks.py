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
        """Pages for the web interface: place in the menu to the signed file of one plain custom element.

        A place is such as ``Service/Losses report``; its first part is a section of the menu: Device, Communication,
        Protocol conversion, Service or User. The element is named as the file's stem
        (``acme_losses/pages/acme-losses-report.js``), and gets ``meterhub`` (get, post, live, language, Failure),
        ``session`` and ``language``. Every file in that directory is served. docs/how-to/add-a-page-of-your-own.md.
        """

    @hookspec
    def meterhub_check_write(self) -> Iterable[WriteGuard]:
        """Guards that are asked before any write to the points they name: interlocks, credit, grid rules."""
