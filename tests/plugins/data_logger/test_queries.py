"""Queries, aggregates and exports; times as people write them; and the commands' limits."""

from __future__ import annotations

import base64
import contextlib
import csv
import io
import json
import math
import statistics
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterhub_data_logger import exporting, meterhub_event_types, meterhub_services
from meterhub_data_logger.aggregation import aggregated
from meterhub_data_logger.asking import (
    AggregateArguments,
    ExportArguments,
    NameArguments,
    QueryArguments,
    ReadArguments,
    SeriesArguments,
)
from meterhub_data_logger.exporting import KEPT
from meterhub_data_logger.moments import parsed, shown
from meterhub_data_logger.rows import encoded
from meterhub_sdk import Refused

SOURCES = [{"label": "all", "points": ["**"], "record": "reading"}]
SECOND = 1_000_000_000
DAY = 86_400 * SECOND


async def filled(hub, count=1000):
    """Two points, a value a second each."""
    for number in range(count // 2):
        hub.offer("meter/a", number, number * SECOND, unit="W")
        hub.offer("meter/b", -number * 0.5, number * SECOND, unit="V", quality=3 if number % 10 == 9 else 0)
    await hub.until_empty()


async def test_a_query_is_answered_page_by_page(hub, logging):
    async with logging(sources=SOURCES) as logger:
        await filled(hub)
        for newest_first in (False, True):
            found, after = [], ""
            while after is not None:
                asked = {"points": ["*/a"], "newest_first": newest_first, "limit": 77, "after": after}
                page = await logger.query(QueryArguments(**asked))
                found += [entry.value for entry in page.entries]
                after = page.next
                assert after is None or ":" in after  # the command line would read a number as one
            assert found == sorted(range(500), reverse=newest_first)


async def test_a_query_by_time_takes_the_beginning_and_leaves_the_end_out(hub, logging):
    async with logging(sources=SOURCES) as logger:
        await filled(hub)
        asked = {"since": "1970-01-01T00:01:00Z", "until": "1970-01-01T01:01:03.000000001+01:00"}
        page = await logger.query(QueryArguments(points=["meter/a"], **asked))
        assert [entry.value for entry in page.entries] == [60, 61, 62, 63]
        hub.fixed_time = 499 * SECOND
        page = await logger.query(QueryArguments(points=["meter/a"], since="2s"))
        assert [entry.value for entry in page.entries] == [497, 498, 499]


async def test_a_page_of_long_texts_is_cut_and_goes_on(hub, logging):
    async with logging(sources=SOURCES) as logger:
        for number in range(200):
            hub.offer("meter/text", f"{number:04}" + "ł" * 4000, number)
        await hub.until_empty()
        found, after, pages = [], "", 0
        while after is not None:
            page = await logger.query(QueryArguments(limit=1000, after=after))
            assert len(page.model_dump_json().encode()) < 900_000
            found += [int(entry.value[:4]) for entry in page.entries]
            after, pages = page.next, pages + 1
    assert found == list(range(200))
    assert pages > 3


async def test_aggregates_are_those_of_the_entries_that_are_not_invalid(hub, logging):
    async with logging(sources=SOURCES) as logger:
        await filled(hub)
        found, after = [], ""
        while after is not None:
            page = await logger.aggregate(
                AggregateArguments(interval=60, limit=5, after=after, since="1970-01-01T00:00:30Z")
            )
            found += page.intervals
            after = page.next
    assert [(row.start[14:19], row.point) for row in found[:4]] == [
        ("00:00", "meter/a"),
        ("00:00", "meter/b"),
        ("01:00", "meter/a"),
        ("01:00", "meter/b"),
    ]
    first, second, third = found[:3]
    assert (first.count, first.minimum, first.maximum, first.mean, first.last) == (30, 30, 59, 44.5, 59)
    assert (third.count, third.mean, third.quality, third.unit) == (60, 89.5, "good", "W")
    good = [-number * 0.5 for number in range(30, 60) if number % 10 != 9]
    assert (second.count, second.minimum, second.maximum) == (30, min(good), max(good))
    assert second.mean == pytest.approx(statistics.mean(good))
    assert (second.last, second.last_time, second.quality) == (-29.0, "1970-01-01T00:00:58.000000000Z", "invalid")
    assert len(found) == 2 * 9


_ENTRY = st.tuples(st.integers(-500, 500), st.integers(1, 3), st.integers(-5, 5) | st.none() | st.text(max_size=2))


@given(st.lists(_ENTRY, max_size=60), st.integers(1, 200))
def test_buckets_are_what_a_plain_computation_gives(given_rows, width):
    ordered = sorted(given_rows, key=lambda row: row[0])
    rows = [(t, n, s, *encoded(v, 0, 0, 0)) for n, (t, s, v) in enumerate(ordered)]
    expected = {}
    for time, series, value in ordered:
        expected.setdefault((time // width * width, series), []).append(value)
    buckets = {(bucket.start, bucket.series): bucket for bucket in aggregated(rows, width)}
    assert list(buckets) == sorted(expected)
    for key, values in expected.items():
        numbers = [value for value in values if isinstance(value, int)]
        bucket, there = buckets[key], [value for value in values if value is not None]
        assert (bucket.count, bucket.last) == (len(values), there[-1] if there else None)
        assert bucket.minimum == min(numbers, default=math.inf)
        assert bucket.maximum == max(numbers, default=-math.inf)
        assert bucket.mean == (pytest.approx(statistics.mean(numbers)) if numbers else None)


async def test_an_export_holds_every_entry_in_either_format(hub, logging):
    async with logging(sources=SOURCES) as logger:
        await filled(hub, 6000)
        hub.offer("meter/text", 'a "quoted", line\nbreak', 10**15)
        await hub.until_empty()
        texts = {}
        for form in ("csv", "jsonl"):
            export = await logger.prepare_export(ExportArguments(format=form))
            assert (export.entries, export.next) == (6001, None)
            offset, text = 0, ""
            while offset is not None:
                piece = await logger.read_export(ReadArguments(name=export.name, offset=offset))
                text, offset = text + piece.text, piece.next
            assert len(text.encode()) == export.bytes
            texts[form] = text
        listed = (await logger.exports()).exports
    from_csv = list(csv.DictReader(io.StringIO(texts["csv"], newline="")))
    from_json = [json.loads(line) for line in texts["jsonl"].splitlines()]
    assert [row["value"] for row in from_csv] == [str(row["value"]) for row in from_json]
    assert from_json[-1]["value"] == 'a "quoted", line\nbreak'
    assert [(row["time"], row["point"]) for row in from_csv] == [(row["time"], row["point"]) for row in from_json]
    assert [export.name[-4:] for export in listed] == [".csv", "sonl"]


async def test_a_parquet_export_holds_every_entry(hub, logging):
    parquet = pytest.importorskip("pyarrow.parquet")
    values = [1.5, True, 7, 2**63, "text", math.inf, None]
    async with logging(sources=SOURCES) as logger:
        for number, value in enumerate(values):
            hub.offer(f"meter/{number}", value, number * SECOND + 1, quality=3 if value is None else 0)
        await hub.until_empty()
        export = await logger.prepare_export(ExportArguments(format="parquet"))
        piece = await logger.read_export(ReadArguments(name=export.name))
    assert (export.entries, piece.base64, piece.next) == (len(values), True, None)
    read = parquet.read_table(io.BytesIO(base64.b64decode(piece.text)))
    times, table = read.column("time").cast("int64").to_pylist(), read.drop_columns(["time"]).to_pydict()
    assert table["number"] == [1.5, 1.0, 7.0, float(2**63), None, math.inf, None]
    assert table["text"] == [None, None, None, str(2**63), "text", None, None]
    assert times == [number * SECOND + 1 for number in range(len(values))]
    assert table["point"] == [f"meter/{number}" for number in range(len(values))]
    assert table["quality"][-1] == "invalid"


async def test_without_pyarrow_parquet_is_refused_and_nothing_stays_behind(hub, logging, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    async with logging(sources=SOURCES) as logger:
        with pytest.raises(Refused, match="choose jsonl"):
            await logger.prepare_export(ExportArguments(format="parquet"))
        assert list((hub.directory / "exports").iterdir()) == []


async def test_an_export_that_grows_too_large_is_cut_and_says_how_to_go_on(hub, logging, monkeypatch):
    monkeypatch.setattr(exporting, "MEGABYTE", 100_000)
    async with logging(sources=SOURCES, export_limit=1) as logger:
        await filled(hub, 10_000)
        after, entries, sizes = "", 0, []
        while after is not None:
            export = await logger.prepare_export(ExportArguments(format="jsonl", after=after))
            entries, after = entries + export.entries, export.next
            sizes.append(export.bytes)
        assert entries == 10_000
        assert max(sizes) < 600_000
        assert sum(export.bytes for export in (await logger.exports()).exports) < 700_000


async def test_the_oldest_exports_make_room_and_any_can_be_deleted(hub, logging):
    async with logging(sources=SOURCES) as logger:
        await filled(hub, 10)
        names = [(await logger.prepare_export(ExportArguments())).name for _ in range(KEPT + 2)]
        assert [export.name for export in (await logger.exports()).exports] == names[2:]
        await logger.delete_export(NameArguments(name=names[-1]))
        assert [export.name for export in (await logger.exports()).exports] == names[2:-1]
        for name in (names[-1], "../store.db", "log-../../x.csv", "store.db", "", "exports"):
            with pytest.raises(Refused, match="is no export that is here"):
                await logger.read_export(ReadArguments(name=name))
            with pytest.raises(Refused, match="is no export that is here"):
                await logger.delete_export(NameArguments(name=name))


async def test_what_was_ever_logged_is_listed(hub, logging):
    async with logging(sources=SOURCES) as logger:
        await filled(hub, 10)
        page = await logger.series(SeriesArguments(points=["meter/*"]))
        assert [(row.point, row.unit, row.source, row.scaled) for row in page.series] == [
            ("meter/a", "W", "all", False),
            ("meter/b", "V", "all", False),
        ]


async def test_clearing_removes_all_and_says_how_many(hub, logging):
    async with logging(sources=SOURCES) as logger:
        await filled(hub, 100)
        assert (await logger.clear()).entries == 100
        assert (await logger.query(QueryArguments())).entries == []
        status = logger.status()
        assert (status.entries, status.oldest, status.newest) == (0, None, None)
    assert [(event.type.name, event.parameters) for event in hub.recorded] == [("data-log-cleared", {"entries": 100})]


async def test_commands_before_the_service_runs_are_refused(hub):
    (service,) = meterhub_services()
    with pytest.raises(Refused, match="data-logger is not running"):
        await service(hub, service.config_type()).query(QueryArguments())


@pytest.mark.parametrize(
    "text", ["yesterday", "2026-11-21", "2026-11-21T12:00:00", "12", "h", "-3d", "9999999999d", "٣h"]
)
def test_a_time_that_cannot_be_read_is_refused_with_an_example(text):
    with pytest.raises(Refused, match=r"since: .* is no time; give one with its zone such as"):
        parsed(text, 0, "since")


@pytest.mark.parametrize(
    "cursor", ["x", "1", "1.2", "1:x", "1:2:3", "1:" + "9" * 40, "1:" + "9" * 19, "-" + "9" * 19 + ":1"]
)
async def test_a_cursor_that_is_none_is_refused(hub, logging, cursor):
    async with logging(sources=SOURCES) as logger:
        with pytest.raises(Refused, match=r"after: .* is no cursor"):
            await logger.query(QueryArguments(after=cursor))


@given(st.integers(-(2**63), 2**63 - 1))
def test_a_time_that_is_shown_can_be_given_back(time):
    assert parsed(shown(time), 0, "since") == time


@given(st.text(max_size=40))
def test_a_text_that_is_no_time_is_refused_and_nothing_else_happens(text):
    with contextlib.suppress(Refused):
        assert -(2**63) <= parsed(text, 10**18, "until") < 2**63


def test_event_types_have_numbers_of_their_own():
    types = list(meterhub_event_types())
    assert len({event.number for event in types}) == len(types)
