"""The list of points that people search, page through and watch."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from typing import Any, Literal

from meterhub_sdk import Config, Quality, Refused, field
from meterhub_sdk.point import PatternSet, check_name

from meterhub.hub import Hub, PointState

PAGE = 1000
_KEPT = 16
"""Searches whose result is remembered: many look at the same points, again and again."""


class PointQuery(Config):
    """Which points; the answer is paged by name."""

    pattern: str = field("**", title="Names", max_length=512, description="* is one element, ** the rest.")
    text: str = field(
        "", title="Text", max_length=200, description="A part of name, title or source; * stands for anything."
    )
    only: Literal["all", "writable", "bad", "substituted"] = field(
        "all", title="Only", description="bad: what is stale or invalid."
    )
    after: str = field("", title="Cursor", max_length=600, description="What the page before gave as next.")
    skip: int = field(0, title="Skip", description="Points that are passed over behind the cursor.", ge=0)
    limit: int = field(PAGE, title="Points a page", ge=1, le=PAGE)


_ONLY: dict[str, Callable[[PointState], bool]] = {
    "writable": lambda state: state.point is not None and state.point.writable,
    "bad": lambda state: state.reading().quality >= Quality.STALE,
    "substituted": lambda state: state.reading().quality == Quality.SUBSTITUTED,
}


class PointList:
    """All points of a hub in the order of their names."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._found: dict[tuple[str, str], list[str]] = {}
        self._declared = -1

    def page(self, query: PointQuery) -> dict[str, Any]:
        """The points of a page, the cursor of the next one, and how many there are on all pages."""
        points = self._hub.points
        names = self._matching(query)
        if query.only in _ONLY:
            names = [name for name in names if _ONLY[query.only](points[name])]
        begin = bisect_right(names, query.after) + query.skip
        end = begin + query.limit
        more = names[end - 1] if end < len(names) else None
        now = self._hub.clock()
        return {
            "points": [point_row(points[name], now) for name in names[begin:end]],
            "next": more,
            "count": len(names),
        }

    def _matching(self, query: PointQuery) -> list[str]:
        if self._declared != self._hub.declared:
            self._declared = self._hub.declared
            self._found = {}
        key = (query.pattern, query.text)
        found = self._found.pop(key, None)
        if found is None:
            found = self._search(query.pattern, query.text)
        self._found[key] = found  # the last one of them, so that the first one goes
        if len(self._found) > _KEPT:
            del self._found[next(iter(self._found))]
        return found

    def _search(self, pattern: str, text: str) -> list[str]:
        try:
            wanted = PatternSet([check_name(pattern, pattern=True)])
        except ValueError as error:
            raise Refused(f"pattern: {error}") from error
        parts = [part for part in text.casefold().strip().split("*") if part]
        found = (
            name
            for name, state in self._hub.points.items()
            if (point := state.point) is not None
            and name in wanted
            and (not parts or any(_holds(each, parts) for each in (name, point.title, point.source)))
        )
        return sorted(found)


def _holds(text: str, parts: list[str]) -> bool:
    """Whether all parts stand in the text, one behind the other."""
    folded, at = text.casefold(), 0
    for part in parts:
        at = folded.find(part, at)
        if at < 0:
            return False
        at += len(part)
    return True


def point_row(state: PointState, now: float) -> dict[str, Any]:
    """One point as a table shows it; ``age`` is seconds since its newest reading arrived."""
    reading, point = state.reading(), state.point
    return {
        "name": state.name,
        "value": reading.value,
        "unit": reading.unit or (point.unit if point else ""),
        "quality": reading.quality,
        "flags": reading.flags,
        "clock": reading.clock,
        "time": reading.time,
        "age": round(now - state.arrived, 3) if state.arrived else None,
        "type": point.type if point else None,
        "title": point.title if point else "",
        "source": point.source if point else "",
        "writable": point.writable if point else False,
    }
