"""A service's database: migrations in order, each whole or not at all."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from meterhub_sdk import ConfigError
from meterhub_sdk.store import open_store

FIRST = "CREATE TABLE reading (time INTEGER, text TEXT); CREATE INDEX by_time ON reading (time);"
TRIGGER = """
-- what doesn't end at a semicolon; such as this comment
CREATE TABLE log (text TEXT DEFAULT 'a; b');
CREATE TRIGGER kept AFTER DELETE ON reading BEGIN
    INSERT INTO log VALUES ('gone; at ' || OLD.time);
    INSERT INTO log VALUES ("x");
END;
INSERT INTO log (text) VALUES ('one;two')
"""


def schema(path: Path) -> int:
    with sqlite3.connect(path) as connection:
        (found,) = connection.execute("PRAGMA user_version").fetchone()
    connection.close()
    return found


def test_a_new_store_has_the_newest_schema(tmp_path: Path) -> None:
    database = open_store(tmp_path / "store.db", [FIRST, lambda db: db["extra"].insert({"a": 1})])
    assert sorted(database.table_names()) == ["extra", "reading"]
    database.conn.close()
    assert schema(tmp_path / "store.db") == 2


def test_only_what_is_new_is_carried_out(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    open_store(path, [FIRST]).conn.close()
    database = open_store(path, [FIRST, "ALTER TABLE reading ADD COLUMN unit TEXT"])
    database["reading"].insert({"time": 1, "text": "x", "unit": "Wh"})
    database.conn.close()
    database = open_store(path, [FIRST, "ALTER TABLE reading ADD COLUMN unit TEXT"])
    assert list(database["reading"].rows) == [{"time": 1, "text": "x", "unit": "Wh"}]
    database.conn.close()


def test_a_script_may_hold_texts_comments_and_triggers(tmp_path: Path) -> None:
    database = open_store(tmp_path / "store.db", [FIRST, TRIGGER])
    database["reading"].insert({"time": 7})
    database.execute("DELETE FROM reading")
    assert [row["text"] for row in database["log"].rows][:2] == ["one;two", "gone; at 7"]
    database.conn.close()


@pytest.mark.parametrize("step", ["CREATE TABLE b (x); this is no SQL", lambda db: (db["b"].insert({"x": 1}), 1 / 0)])
def test_a_migration_that_fails_leaves_the_schema_before_it(tmp_path: Path, step) -> None:
    path = tmp_path / "store.db"
    with pytest.raises((sqlite3.Error, ZeroDivisionError)):
        open_store(path, [FIRST, step])
    assert schema(path) == 1
    database = open_store(path, [FIRST])
    assert "b" not in database.table_names()
    database.conn.close()


def test_a_newer_schema_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    open_store(path, [FIRST, TRIGGER]).conn.close()
    with pytest.raises(ConfigError, match=r"store\.db has schema 2, this version knows 1: install the newer version"):
        open_store(path, [FIRST])
    assert schema(path) == 2
