"""The core's database: what was acknowledged is on disk, and one failing job harms no other."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlite_utils
from meterhub_sdk import ConfigError

from meterhub.store import Store, StoreError

SCHEMA = ("CREATE TABLE entry (number INTEGER PRIMARY KEY, text TEXT NOT NULL)",)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "core.db", SCHEMA)
    yield opened
    opened.close()


def add(number: int, text: str = "") -> Callable[[sqlite_utils.Database], int]:
    def work(database: sqlite_utils.Database) -> int:
        database.execute("INSERT INTO entry VALUES (?, ?)", [number, text])
        return number

    return work


def numbers(store: Store) -> list[int]:
    return [row[0] for row in store.read_now(lambda db: db.execute("SELECT number FROM entry ORDER BY 1").fetchall())]


def hold(store: Store) -> tuple[threading.Event, asyncio.Task[Any]]:
    """Keep the writer busy, so that what is asked for meanwhile becomes one group."""
    gate = threading.Event()
    return gate, asyncio.create_task(store.write(lambda _: gate.wait(10)))


async def test_a_write_answers_what_its_work_returned_and_a_reader_sees_it(store: Store) -> None:
    assert await store.write(add(7)) == 7
    assert await store.read(lambda db: db["entry"].count) == 1


async def test_many_writes_share_transactions(store: Store) -> None:
    commits = 0

    def count(statement: str) -> None:
        nonlocal commits
        commits += statement == "COMMIT"

    await store.write(lambda db: db.conn.set_trace_callback(count))
    gate, held = hold(store)
    writes = [asyncio.create_task(store.write(add(number))) for number in range(1000)]
    await asyncio.sleep(0)
    gate.set()
    assert await asyncio.gather(*writes) == list(range(1000))
    await held
    assert commits < 20
    assert numbers(store) == list(range(1000))


@pytest.mark.parametrize(
    "bad",
    [
        lambda db: db.execute("INSERT INTO entry VALUES (1, 'again')"),
        lambda db: db.execute("INSERT INTO nowhere VALUES (1)"),
        lambda db: db.execute("INSERT INTO entry VALUES (?, ?)", [1]),
        lambda db: db.execute("this is no SQL"),
        lambda db: db.execute("INSERT INTO entry VALUES (50, 'half done')") and 1 / 0,
    ],
    ids=["constraint", "no table", "too few values", "no SQL", "own error"],
)
async def test_a_job_that_fails_undoes_only_itself(store: Store, bad: Callable[[Any], Any]) -> None:
    await store.write(add(1))
    gate, held = hold(store)
    before, failing, after = (asyncio.create_task(store.write(work)) for work in (add(2), bad, add(3)))
    await asyncio.sleep(0)
    gate.set()
    answers = await asyncio.gather(before, failing, after, held, return_exceptions=True)
    assert answers[0] == 2
    assert isinstance(answers[1], sqlite3.Error | ZeroDivisionError)
    assert not isinstance(answers[1], StoreError)
    assert answers[2] == 3
    assert numbers(store) == [1, 2, 3]


async def test_a_full_database_refuses_says_so_and_goes_on_once_there_is_room(store: Store) -> None:
    await store.write(add(1))
    pages = await store.write(lambda db: db.execute("PRAGMA page_count").fetchone()[0])
    await store.write(lambda db: db.execute(f"PRAGMA max_page_count = {pages}").fetchone())
    gate, held = hold(store)
    group = [asyncio.create_task(store.write(add(number, "x" * 2000))) for number in range(2, 10)]
    await asyncio.sleep(0)
    gate.set()
    answers = await asyncio.gather(*group, held, return_exceptions=True)
    assert all(isinstance(answer, StoreError) for answer in answers)
    assert str(answers[0]) == "core.db could not be written: database or disk is full; free space or mend the disk"
    assert numbers(store) == [1]
    await store.write(lambda db: db.execute("PRAGMA max_page_count = 1000000").fetchone())
    assert await store.write(add(2)) == 2
    assert numbers(store) == [1, 2]


async def test_a_write_after_the_end_is_refused_and_does_not_hang(tmp_path: Path) -> None:
    store = Store(tmp_path / "core.db", SCHEMA)
    last = asyncio.create_task(store.write(add(1)))
    await asyncio.sleep(0)
    store.close()
    assert await last == 1
    with pytest.raises(StoreError, match=r"core\.db is closed; nothing was written"):
        await asyncio.wait_for(store.write(add(2)), 5)
    assert numbers(store) == [1]


async def test_closing_finishes_what_was_asked_for(tmp_path: Path) -> None:
    store = Store(tmp_path / "core.db", SCHEMA)
    gate, held = hold(store)
    writes = [asyncio.create_task(store.write(add(number))) for number in range(500)]
    await asyncio.sleep(0)
    gate.set()
    await asyncio.to_thread(store.close)
    assert await asyncio.gather(*writes) == list(range(500))
    await held
    assert numbers(store) == list(range(500))


async def test_a_caller_that_gave_up_does_not_disturb_the_writer(store: Store) -> None:
    gate, held = hold(store)
    given_up = asyncio.create_task(store.write(add(1)))
    await asyncio.sleep(0)
    given_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await given_up
    gate.set()
    await held
    assert await store.write(add(2)) == 2


async def test_readers_cannot_write(store: Store) -> None:
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        await store.read(add(1))


async def test_a_home_may_have_any_name(tmp_path: Path) -> None:
    home = tmp_path / "a home #1 with 100% ?mode=rwc & ü"
    home.mkdir()
    store = Store(home / "core.db", SCHEMA)
    try:
        await store.write(add(1))
        assert numbers(store) == [1]
        assert [path.name for path in tmp_path.iterdir()] == [home.name]
    finally:
        store.close()


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    Store(tmp_path / "core.db", (*SCHEMA, "CREATE TABLE newer (a)")).close()
    with pytest.raises(ConfigError, match=r"core\.db has schema 2, this version knows 1"):
        Store(tmp_path / "core.db", SCHEMA)


def test_what_is_on_disk_is_safe_from_a_power_cut(store: Store) -> None:
    assert store._database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert store._database.execute("PRAGMA synchronous").fetchone() == (2,)
