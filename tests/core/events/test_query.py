"""Reading: filters, order, pages and formats."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from meterhub_sdk import EventType, Log, Severity
from pydantic import ValidationError

from meterhub.events import EventLog, EventQuery, View, read_page, render
from meterhub.store import Store

SECOND = 1_000_000_000
BEGIN = datetime.fromtimestamp(1_700_000_000, UTC)


@pytest.fixture
async def filled(log: EventLog, store: Store, clock: Any) -> Store:
    """One entry per log and severity, a minute apart, with sequences 1 to 64."""
    for log_of in Log:
        for severity in Severity:
            event = EventType(number=10 + severity, name="e", text="50% of {what}_done", log=log_of, severity=severity)
            source = f"svc-{severity.name.lower()}" + (" 1.2" if log_of is Log.SYSTEM else "")
            await log.record(event, source=source, distribution=f"d-{log_of.value}", what=log_of.value)
            clock.time += 60 * SECOND
    return store


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"log": View.EVERYTHING}, 64),
        ({"log": View.ALL}, 56),
        ({"log": View.DIAGNOSTICS}, 8),
        ({"log": View.FATAL, "least": "error"}, 4),
        ({"source": "svc-error"}, 7),
        ({"source": "svc-err"}, 0),
        ({"number": 14}, 7),
        ({"distribution": "d-security"}, 8),
        ({"text": "50% OF sec"}, 8),
        ({"text": "5_%"}, 0),
        ({"text": "x' OR 1=1 --"}, 0),
        ({"log": View.EVERYTHING, "since": BEGIN + timedelta(minutes=62)}, 2),
        ({"log": View.EVERYTHING, "until": BEGIN + timedelta(minutes=2)}, 2),
        ({"since": datetime(1, 1, 1, tzinfo=UTC), "until": datetime(9999, 1, 1, tzinfo=UTC)}, 56),
        ({"log": View.SYSTEM, "least": "alert", "number": 11, "source": "svc-alert", "text": "system"}, 1),
    ],
)
async def test_filters_hold_together(filled: Store, asked: dict[str, Any], found: int) -> None:
    page = await read_page(filled, EventQuery(limit=1000, **asked))
    assert len(page.entries) == found
    assert page.next is None


async def test_pages_give_every_entry_once_newest_first_while_others_come(
    filled: Store, log: EventLog, door: EventType
) -> None:
    seen: list[int] = []
    cursor: int | None = None
    while True:
        page = await read_page(filled, EventQuery(log=View.EVERYTHING, limit=10, before=cursor))
        seen += [entry.sequence for entry in page.entries]
        cursor = page.next
        if cursor is None:
            break
        await log.record(door, source="s", door=1)
    assert seen == list(range(64, 0, -1))


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 1001}, "limit"),
        ({"log": "secrets"}, "log"),
        ({"since": "2026-01-01T00:00:00"}, "since"),
        ({"since": BEGIN, "until": BEGIN}, "ends before it begins"),
        ({"before": 2**63}, "before"),
        ({"text": "x" * 201}, "text"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_query_that_cannot_be_answered_names_the_field(asked: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        EventQuery.model_validate(asked)


async def test_the_formats_show_what_they_promise(log: EventLog, door: EventType) -> None:
    entry = await log.record(door, source="doors 1.2", door=3)
    assert render(entry, "brief") == {
        "time": "2023-11-14T22:13:20.001000000Z",
        "severity": "warning",
        "text": "Door 3 was opened",
    }
    full = render(entry, "full")
    assert full | {"digest": ""} == {
        "sequence": 1,
        "time": "2023-11-14T22:13:20.001000000Z",
        "severity": "warning",
        "text": "Door 3 was opened",
        "log": "security",
        "distribution": "meterhub",
        "number": 101,
        "name": "door-opened",
        "source": "doors 1.2",
        "clock": "valid",
        "parameters": {"door": 3},
        "previous": "00" * 32,
        "digest": "",
    }


@pytest.mark.parametrize(
    "tamper", ["clock = 9", "severity = -5", "text = x'ff'", "parameters = '[1'", "parameters = '[]'", "time = 'now'"]
)
async def test_an_entry_that_was_made_unreadable_does_not_hide_the_others(filled: Store, tamper: str) -> None:
    with contextlib.closing(sqlite3.connect(filled.path, isolation_level=None)) as database:
        database.execute(f"UPDATE event SET {tamper} WHERE sequence = 7")
    page = await asyncio.wait_for(read_page(filled, EventQuery(log=View.EVERYTHING, limit=1000)), 5)
    assert len(page.entries) == 64
    assert json.dumps([render(entry, "full") for entry in page.entries])
    assert [entry.sequence for entry in page.entries if "cannot be read" in entry.text] == [7]
