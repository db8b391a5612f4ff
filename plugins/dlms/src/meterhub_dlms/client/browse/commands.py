"""The commands about meters and their mappings, as part of the service."""

from __future__ import annotations

from meterhub_sdk import Refused, command

from meterhub_dlms.client.browse.models import (
    BrowsePage,
    BrowseRequest,
    MappingsPage,
    MappingsRequest,
    TrialAnswer,
    TrialRead,
    TrialWrite,
)
from meterhub_dlms.client.browse.workbench import Workbench


class BrowseCommands:
    """A base of the service."""

    _workbench: Workbench | None = None

    @command(title="Browse a meter", rights="R2 R3 R5", timeout=60.0)
    async def browse(self, request: BrowseRequest) -> BrowsePage:
        """The objects of a meter with class, logical name, access rights and, where wanted, their values, page by
        page; each page comes with a cursor for the next one. Polls go on meanwhile.
        """
        return await self._bench.browse(request)

    @command(title="Test reading", rights="R2 R3 R5")
    async def test_read(self, request: TrialRead) -> TrialAnswer:
        """Read a mapping that need not be in force, of a meter that need not be either; nothing is published."""
        return await self._bench.test_read(request)

    @command(title="Test writing", rights="R5")
    async def test_write(self, request: TrialWrite) -> TrialAnswer:
        """Write to a mapping that need not be in force, or call its method; answers what the meter answered.

        No guard of a point is asked: whoever may change the settings may do this.
        """
        return await self._bench.test_write(request)

    @command(title="Mappings found", rights="R2 R3 R4 R5")
    async def mappings(self, request: MappingsRequest) -> MappingsPage:
        """Each mapping in force, and whether polls, the object list or a test found it in its meter."""
        return self._bench.mappings(request)

    @property
    def _bench(self) -> Workbench:
        if self._workbench is None:
            raise Refused("the service has not begun yet; try again in a moment")
        return self._workbench
