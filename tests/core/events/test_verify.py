"""Verifying: every way of changing the database from outside is found and named."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from meterhub_sdk import EventType

from meterhub.events import EventLog, EventQuery, View, read_page, verify
from meterhub.events.chain import Head
from meterhub.events.entry import COLUMNS, digest_of
from meterhub.store import Store

SECURITY = "SELECT * FROM event WHERE log = 'security' ORDER BY sequence"


def rechain(database: sqlite3.Connection, head: bool = True) -> None:
    """Compute all of the security log anew, as somebody without the key can."""
    digest = bytes(32)
    count = sequence = 0
    for row in database.execute(f"SELECT {', '.join(COLUMNS)} FROM event WHERE log = 'security' ORDER BY sequence"):
        previous, digest = digest, digest_of(tuple(row), digest)
        sequence, count = row[0], count + 1
        database.execute("UPDATE event SET previous = ?, digest = ? WHERE sequence = ?", (previous, digest, sequence))
    if head:
        database.execute(
            "UPDATE event_chain SET sequence = ?, digest = ?, count = ? WHERE log = 'security'",
            (sequence, digest, count),
        )


def rewrite(database: sqlite3.Connection) -> None:
    database.execute("UPDATE event SET text = 'nothing happened' WHERE sequence = 7")
    rechain(database)


def sign_with_another_key(database: sqlite3.Connection) -> None:
    rewrite(database)
    row = database.execute(
        "SELECT log, sequence, digest, count, anchor_sequence, anchor_digest, broken FROM event_chain "
        "WHERE log = 'security'"
    ).fetchone()
    mac = Head(*row).sign(b"guessed key guessed key").mac
    database.execute("UPDATE event_chain SET mac = ? WHERE log = 'security'", (mac,))


def cut_the_head(database: sqlite3.Connection) -> None:
    database.execute("DELETE FROM event WHERE log = 'security' AND sequence > 15")
    rechain(database)


def insert(database: sqlite3.Connection, sequence: int, like: int) -> None:
    database.execute("UPDATE event SET sequence = sequence + 1000 WHERE sequence >= ?", (sequence,))
    like += 1000 if like >= sequence else 0
    columns = ", ".join((*COLUMNS[1:], "previous", "digest"))
    database.execute(
        f"INSERT INTO event (sequence, {columns}) SELECT ?, {columns} FROM event WHERE sequence = ?", (sequence, like)
    )


def append_forged(database: sqlite3.Connection) -> None:
    columns = ", ".join(COLUMNS[1:])
    *fields, digest = database.execute(f"SELECT {columns}, digest FROM event WHERE sequence = 19").fetchone()
    own = digest_of((21, *fields), digest)
    marks = ", ".join("?" * (len(fields) + 3))
    database.execute(
        f"INSERT INTO event (sequence, {columns}, previous, digest) VALUES ({marks})", (21, *fields, digest, own)
    )


def swap(database: sqlite3.Connection) -> None:
    database.execute("UPDATE event SET sequence = -7 WHERE sequence = 7")
    database.execute("UPDATE event SET sequence = 7 WHERE sequence = 9")
    database.execute("UPDATE event SET sequence = 9 WHERE sequence = -7")


def sql(*statements: str) -> Callable[[sqlite3.Connection], None]:
    def run(database: sqlite3.Connection) -> None:
        for statement in statements:
            database.execute(statement)

    return run


TAMPER: dict[str, tuple[Callable[[sqlite3.Connection], Any], int]] = {
    "text changed": (sql("UPDATE event SET text = 'nothing' WHERE sequence = 7"), 7),
    "time changed": (sql("UPDATE event SET time = time + 1 WHERE sequence = 7"), 7),
    "parameters changed": (sql("UPDATE event SET parameters = '{}' WHERE sequence = 7"), 7),
    "severity changed": (sql("UPDATE event SET severity = 6 WHERE sequence = 7"), 7),
    "severity unknown": (sql("UPDATE event SET severity = 60 WHERE sequence = 7"), 7),
    "clock changed": (sql("UPDATE event SET clock = 2 WHERE sequence = 7"), 7),
    "source changed": (sql("UPDATE event SET source = 'me' WHERE sequence = 7"), 7),
    "line feed moved between fields": (sql("UPDATE event SET source = source || char(10) || text, text = ''"), 1),
    "type changed": (sql("UPDATE event SET time = 'then', text = x'00' WHERE sequence = 7"), 7),
    "digest changed": (sql("UPDATE event SET digest = zeroblob(32) WHERE sequence = 7"), 7),
    "previous no digest": (sql("UPDATE event SET previous = 'x' WHERE sequence = 7"), 7),
    "first removed": (sql("DELETE FROM event WHERE sequence = 1"), 3),
    "middle removed": (sql("DELETE FROM event WHERE sequence = 7"), 9),
    "last removed": (sql("DELETE FROM event WHERE sequence = 19"), 17),
    "all removed": (sql("DELETE FROM event WHERE log = 'security'"), 0),
    "moved to another log": (sql("UPDATE event SET log = 'system' WHERE sequence = 7"), 7),
    "moved to no log": (sql("UPDATE event SET log = 'nowhere' WHERE sequence = 7"), 7),
    "two swapped": (swap, 7),
    "one inserted": (lambda database: insert(database, 8, like=7), 8),
    "one appended": (append_forged, 21),
    "chain computed anew": (rewrite, 19),
    "head signed with another key": (sign_with_another_key, 19),
    "newest cut off with the head": (cut_the_head, 15),
    "head removed": (sql("DELETE FROM event_chain WHERE log = 'security'"), 19),
    "head of no type": (sql("UPDATE event_chain SET sequence = 'x', digest = 'y' WHERE log = 'security'"), 19),
    "seal removed": (sql("DELETE FROM event_seal"), 0),
    "all but the seal removed": (sql("DELETE FROM event", "DELETE FROM event_chain"), 20),
}


@pytest.fixture
async def recorded(log: EventLog, store: Store, key: bytes, door: EventType, link: EventType) -> sqlite3.Connection:
    """Ten entries of the security log (odd sequences) and ten of another; and an intruder's connection."""
    for number in range(10):
        await log.record(door, source="doors", door=number)
        await log.record(link, source="links", host=number)
    assert verify(store, key) == []
    with closing(sqlite3.connect(store.path, isolation_level=None)) as database:
        yield database


@pytest.mark.parametrize("way", TAMPER)
async def test_tampering_is_found_and_named(recorded: sqlite3.Connection, store: Store, key: bytes, way: str) -> None:
    tamper, sequence = TAMPER[way]
    tamper(recorded)
    faults = verify(store, key)
    assert sequence in [fault.sequence for fault in faults]
    for fault in faults:
        assert fault.log in fault.text
        assert f"sequence {fault.sequence}" in fault.text or way == "head of no type"
        assert "\n" not in str(fault)


@pytest.mark.parametrize("way", TAMPER)
async def test_recording_goes_on_after_tampering_and_does_not_hide_it(
    recorded: sqlite3.Connection, store: Store, log: EventLog, key: bytes, door: EventType, way: str
) -> None:
    TAMPER[way][0](recorded)
    for _ in range(3):
        await log.record(door, source="doors", door=99)
    await log.close()
    assert verify(store, key) != []
    reports = await read_page(store, EventQuery(log=View.SECURITY, number=7, limit=100))
    assert len(reports.entries) <= 2  # one discovery for each head that was not ours, never one for each record


async def test_an_older_signed_head_put_back_is_found(
    log: EventLog, store: Store, key: bytes, door: EventType, link: EventType
) -> None:
    await log.record(door, source="doors", door=1)
    with closing(sqlite3.connect(store.path, isolation_level=None)) as database:
        old = database.execute("SELECT * FROM event_chain WHERE log = 'security'").fetchone()
        await log.record(door, source="doors", door=2)
        database.execute("DELETE FROM event WHERE sequence = 2")
        database.execute(f"INSERT OR REPLACE INTO event_chain VALUES ({', '.join('?' * len(old))})", old)
        assert any("older state" in fault.text for fault in verify(store, key))
        await log.record(link, source="links", host="h")
    await log.close()
    assert any(fault.log == "security" for fault in verify(store, key))


async def test_another_instance_does_not_accept_this_log(recorded: sqlite3.Connection, store: Store) -> None:
    assert {"security", "communication"} <= {fault.log for fault in verify(store, b"another key 1234567890")}


async def test_verifying_changes_nothing(recorded: sqlite3.Connection, store: Store, key: bytes) -> None:
    before = list(recorded.iterdump())
    recorded.execute("UPDATE event SET text = 'x' WHERE sequence = 7")
    verify(store, key)
    recorded.execute("UPDATE event SET text = 'Door 3 was opened' WHERE sequence = 7")
    assert list(recorded.iterdump()) == before


async def test_a_log_with_endless_faults_names_a_bounded_number(
    log: EventLog, store: Store, key: bytes, door: EventType
) -> None:
    for number in range(150):
        log.record_soon(door, source="doors", door=number)
    await log.close()
    with closing(sqlite3.connect(store.path, isolation_level=None)) as database:
        database.execute("UPDATE event SET text = 'x'")
    assert len(verify(store, key)) == 100
