"""Shows the objects of a meter page by page, while its bus goes on polling."""

from __future__ import annotations

import asyncio
import hashlib
from functools import partial
from typing import NamedTuple

from meterhub_sdk import Refused

from meterhub_dlms.client.association import Association
from meterhub_dlms.client.browse.contents import SLICE, Content, read_contents
from meterhub_dlms.client.browse.list_cache import ListCache
from meterhub_dlms.client.browse.listing import Listing, read_listing
from meterhub_dlms.client.browse.models import BrowsePage, BrowseRequest
from meterhub_dlms.client.browse.reach import Reach
from meterhub_dlms.client.browse.rows import object_row
from meterhub_dlms.client.settings import Meter
from meterhub_dlms.codec import obis
from meterhub_dlms.codec.object_list import ObjectRow

_PAGE = 5.0
"""Seconds that one page may take, beside the exchange that is under way then."""

_MOST_ROWS = 200
_MOST_METERS = 32
_WAITING = "list"
"""The cursor while the object list is being read."""


class _Underway(NamedTuple):
    """A list that is being read, or was."""

    task: asyncio.Task[Listing]
    since: float


class Browser:
    """Object lists are read in the background, so that a page is there in seconds, whatever a line is like."""

    def __init__(self, cache: ListCache) -> None:
        self._cache = cache
        self._lists: dict[bytes, _Underway] = {}

    async def close(self) -> None:
        """Stop reading."""
        tasks = [underway.task for underway in self._lists.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def page(self, reach: Reach, request: BrowseRequest) -> tuple[BrowsePage, Listing | None]:
        """Some objects, and the whole list once it is known; ``Refused`` when the meter does not show it."""
        key = _key(reach.meter)
        underway = self._begun(key, reach, anew=request.anew and not request.cursor, fresh=not request.cursor)
        await asyncio.wait({underway.task}, timeout=_PAGE)
        if not underway.task.done():
            seconds = asyncio.get_running_loop().time() - underway.since
            progress = (
                f"the object list is being read, for {seconds:.0f} s so far; on a slow line it takes half a minute"
            )
            return BrowsePage(listed=False, progress=progress, cursor=_WAITING), None
        try:
            listing = underway.task.result()
        except BaseException:
            self._lists.pop(key, None)
            raise
        return await self._page(reach, request, listing), listing

    def _begun(self, key: bytes, reach: Reach, *, anew: bool, fresh: bool) -> _Underway:
        """What is being read already, or was; who begins asks the meter at least for its name again."""
        known = self._lists.get(key)
        if known is not None and (not known.task.done() or not fresh):
            return known
        if known is not None and not anew and not _failed(known.task) and not known.task.result().device:
            return known
        while len(self._lists) >= _MOST_METERS:
            done = next((other for other, each in self._lists.items() if each.task.done()), None)
            if done is None:
                raise Refused(f"the object lists of {_MOST_METERS} meters are being read already; try again later")
            del self._lists[done]
        work = partial(read_listing, meter=reach.meter, cache=self._cache, anew=anew)
        task = asyncio.create_task(reach.long(work), name=f"dlms object list {reach.meter.label}")
        task.add_done_callback(_failed)
        self._lists[key] = _Underway(task, asyncio.get_running_loop().time())
        return self._lists[key]

    async def _page(self, reach: Reach, request: BrowseRequest, listing: Listing) -> BrowsePage:
        wanted = [row for row in listing.objects.rows if _matches(row, request)]
        start = _start(request.cursor, listing)
        rows = wanted[start : start + _MOST_ROWS]
        contents = await _contents(reach, rows) if request.values else [Content()] * len(rows)
        end = start + len(contents)
        shown = [object_row(reach.meter, row, content) for row, content in zip(rows, contents, strict=False)]
        return BrowsePage(
            device=listing.device,
            progress=f"{end} of {len(wanted)} objects",
            total=len(wanted),
            malformed=listing.objects.malformed,
            rows=shown,
            cursor=f"{listing.mark}-{end}" if end < len(wanted) else "",
        )


async def _contents(reach: Reach, rows: list[ObjectRow]) -> list[Content]:
    """Of as many objects as there is time for, at least of a few."""
    contents: list[Content] = []

    async def step(association: Association) -> bool:
        part = rows[len(contents) : len(contents) + SLICE]
        contents.extend(await read_contents(association, part))
        return len(contents) < len(rows)

    if rows:
        await reach.steps(step, _PAGE)
    return contents


def _matches(row: ObjectRow, request: BrowseRequest) -> bool:
    if request.class_id is not None and row.class_id != request.class_id:
        return False
    return obis.text(row.logical_name).startswith(request.logical_name.strip())


def _start(cursor: str, listing: Listing) -> int:
    """Where a page begins; ``Refused`` when the list is another one than that of the page before."""
    if cursor in ("", _WAITING):
        return 0
    mark, _, place = cursor.partition("-")
    if mark != listing.mark or not place.isdecimal():
        raise Refused("the object list of the meter has changed since the page before; begin again")
    return int(place)


def _key(meter: Meter) -> bytes:
    """Two meters with the same one have the same list: all settings but the mappings count."""
    return hashlib.sha256(meter.model_dump_json(exclude={"mappings"}).encode()).digest()


def _failed(task: asyncio.Task[Listing]) -> bool:
    """Whether it brought no list; asking also tells asyncio that somebody took notice."""
    return task.done() and (task.cancelled() or task.exception() is not None)
