"""The log on disk: exactly its limit, the oldest out first, found again by time and series in any order."""

from __future__ import annotations

import sqlite3

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from meterhub_data_logger import schema
from meterhub_data_logger.archive import Archive
from meterhub_data_logger.schema import MIGRATIONS, partition_rows
from meterhub_data_logger.search import Wanted, find, open_reader
from meterhub_sdk.store import open_store

ALL = Wanted(None, -(2**63), 2**63 - 1)
KEEP_FIXTURES = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def rows(first, count, series=3):
    return [(1000 * n, n % series + 1, n, 128) for n in range(first, first + count)]


def stored(archive, path, wanted=ALL, piece=5000):
    reader = open_reader(path / "store.db")
    try:
        return list(find(reader, archive.window, wanted, piece))
    finally:
        reader.close()


@pytest.mark.parametrize("limit", [100, 1000, 2500, 50_000])
def test_the_log_holds_exactly_its_limit_after_every_commit(archives, tmp_path, limit):
    archive = archives(limit)
    written = 0
    for size in (1, 99, 1000, 7, 3000, 1, 1999, 12_345, 60_000):
        archive.append(rows(written, size))
        written += size
        found = stored(archive, tmp_path)
        assert archive.window.entries == len(found) == min(limit, written)
        assert [row[3] for row in found] == list(range(max(0, written - limit), written))
        assert archive.oldest() == found[0][0]
    (kept,) = archives(limit)._connection.execute("SELECT count(*) FROM part").fetchone()
    assert kept <= limit // partition_rows(limit) + 2


def test_a_log_is_after_reopening_what_it_was(archives, tmp_path):
    archive = archives(1500)
    archive.append(rows(0, 3333), [(1, "s", "p", "W", "")])
    before = (archive.window, stored(archive, tmp_path), archive.tail(100), archive.series())
    archive = archives(1500)
    assert (archive.window, stored(archive, tmp_path), archive.tail(100), archive.series()) == before
    assert [row[2] for row in archive.tail(100)] == list(range(3233, 3333))


def test_another_limit_holds_at_once(archives, tmp_path):
    archives(50_000).append(rows(0, 20_000))
    archive = archives(1000)
    assert [row[3] for row in stored(archive, tmp_path)] == list(range(19_000, 20_000))
    archive.append(rows(20_000, 1))
    (kept,) = archive._connection.execute("SELECT sum(rows) FROM part").fetchone()
    assert (archive.window.entries, kept or 0) <= (1000, 2000)
    assert archives(50_000).window.entries <= 2001


def test_clearing_removes_every_entry_and_their_bytes(archives, tmp_path):
    archive = archives(5000)
    archive.append([(n, 1, f"secret-{n}", 256) for n in range(4000)])
    assert archive.clear() == 4000
    assert (archive.window.entries, archive.oldest(), stored(archive, tmp_path)) == (0, None, [])
    archive._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert b"secret-" not in (tmp_path / "store.db").read_bytes()
    archive.append(rows(0, 3))
    assert [row[1] for row in stored(archives(5000), tmp_path)] == [4001, 4002, 4003]


def test_a_reader_goes_on_when_the_oldest_partitions_are_dropped_meanwhile(archives, tmp_path):
    archive = archives(3000)
    archive.append(rows(0, 3000))
    reader = open_reader(tmp_path / "store.db")
    found = find(reader, archive.window, ALL, 100)
    first = [next(found) for _ in range(150)]
    archive.append(rows(3000, 3000))
    rest = list(found)
    assert [row[3] for row in first] == list(range(150))
    assert len(rest) < 2850  # what was dropped ends early; nothing fails
    reader.close()


_TIMES = st.integers(-50, 50) | st.sampled_from([-(2**63), 2**63 - 2])
_BATCHES = st.lists(st.lists(st.tuples(_TIMES, st.integers(1, 4), st.integers()), max_size=30), max_size=12)


@KEEP_FIXTURES
@given(
    batches=_BATCHES,
    limit=st.integers(1, 120),
    chosen=st.none() | st.lists(st.integers(1, 4), max_size=3),
    since=_TIMES,
    until=_TIMES,
    newest_first=st.booleans(),
    page=st.integers(1, 40),
)
def test_rows_are_found_as_in_a_plain_list_whatever_the_clock_did(
    tmp_path_factory, monkeypatch, batches, limit, chosen, since, until, newest_first, page
):
    monkeypatch.setattr(schema, "_SMALLEST", 7)
    path = tmp_path_factory.mktemp("log")
    database = open_store(path / "store.db", MIGRATIONS)
    archive = Archive(database.conn, limit)
    model = []
    for batch in batches:
        archive.append([(time, series, value % 1000, 128) for time, series, value in batch])
        model += [(time, len(model) + n + 1, s, v % 1000, 128) for n, (time, s, v) in enumerate(batch)]
    expected = [row for row in model[-limit:] if since <= row[0] < until and (chosen is None or row[2] in chosen)]
    expected.sort(reverse=newest_first)
    assert stored(archive, path, Wanted(chosen, since, until, None, newest_first)) == expected
    paged, after = [], None
    while piece := stored(archive, path, Wanted(chosen, since, until, after, newest_first), page)[:page]:
        paged += piece
        after = piece[-1][:2]
    assert paged == expected
    database.conn.close()


def test_a_commit_that_fails_leaves_nothing_behind(archives, tmp_path):
    archive = archives(5000)
    archive.append(rows(0, 900))
    before = archive.window
    (pages,) = archive._connection.execute("PRAGMA page_count").fetchone()
    archive._connection.execute(f"PRAGMA max_page_count={pages + 2}")
    with pytest.raises(sqlite3.OperationalError, match="full"):
        archive.append(rows(900, 4000), [(7, "s", "p", "W", "")])
    assert archive.window == before == archives(5000).window
    assert archive.series() == []
    archive._connection.execute("PRAGMA max_page_count=1000000")
    archive.append(rows(900, 4000), [(7, "s", "p", "W", "")])
    assert [row[3] for row in stored(archive, tmp_path)] == list(range(4900))


def test_commits_are_flushed_to_the_disk(archives):
    connection = archives(1000)._connection
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
