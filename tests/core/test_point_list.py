"""The list of points: searched, counted, paged by cursor and by number."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterhub_sdk import Point, Refused

from meterhub.hub import Hub
from meterhub.nodes.point_list import PointList, PointQuery

TITLES = {"energy-import": "Energy, import", "energy-export": "Energy, export", "voltage": "Voltage of phase 1"}


def _hub(devices: int = 3) -> Hub:
    hub = Hub()
    points = [
        Point(name=f"meter-{number}/{name}", title=title, source=f"1.{number}.8", writable=name == "voltage")
        for number in range(devices)
        for name, title in TITLES.items()
    ]
    hub.declare("poller", points)
    return hub


def _names(answer: dict[str, Any]) -> list[str]:
    return [row["name"] for row in answer["points"]]


@pytest.mark.parametrize(
    ("asked", "count"),
    [
        ({}, 9),
        ({"pattern": "poller/meter-1/*"}, 3),
        ({"pattern": "poller/meter-1/voltage"}, 1),
        ({"text": "energy"}, 6),
        ({"text": "PHASE 1"}, 3),
        ({"text": "meter-2/*port"}, 2),
        ({"text": "port*meter-2"}, 0),
        ({"text": "1.2.8"}, 3),
        ({"text": "***"}, 9),
        ({"text": "energy", "pattern": "poller/meter-0/**"}, 2),
        ({"only": "writable"}, 3),
        ({"only": "bad"}, 9),
        ({"only": "substituted"}, 0),
    ],
)
def test_points_are_found_by_pattern_text_and_kind(asked: dict[str, str], count: int) -> None:
    answer = PointList(_hub()).page(PointQuery(**asked))
    assert (answer["count"], len(answer["points"]), answer["next"]) == (count, count, None)


@given(limit=st.integers(1, 12), text=st.sampled_from(["", "energy", "nothing"]))
def test_the_pages_by_cursor_and_by_number_are_all_points_in_order(limit: int, text: str) -> None:
    points = PointList(_hub())
    whole = _names(points.page(PointQuery(text=text)))
    by_cursor: list[str] = []
    after: str | None = ""
    while after is not None:
        page = points.page(PointQuery(text=text, after=after, limit=limit))
        by_cursor += _names(page)
        after = page["next"]
    starts = range(0, len(whole), limit)
    by_number = [name for skip in starts for name in _names(points.page(PointQuery(text=text, skip=skip, limit=limit)))]
    assert by_cursor == by_number == whole == sorted(whole)


def test_points_that_come_and_go_are_in_the_next_answer() -> None:
    hub = _hub()
    points = PointList(hub)
    assert points.page(PointQuery(text="new"))["count"] == 0
    hub.declare("other", [Point(name="new")])
    assert _names(points.page(PointQuery(text="new"))) == ["other/new"]
    hub.declare("other", [Point(name="newer")], only=True)
    assert _names(points.page(PointQuery(text="new"))) == ["other/newer"]
    hub.withdraw("other")
    assert points.page(PointQuery(text="new"))["count"] == 0


def test_a_pattern_that_is_none_is_refused_by_name() -> None:
    with pytest.raises(Refused, match="pattern: "):
        PointList(_hub()).page(PointQuery(pattern="a b"))
