"""Where installed licences are kept: one file each in ``<home>/licences/``, and a row about it in the store."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlite_utils

from meterhub.files import FileRefused, read_limited, remove, replace_atomically
from meterhub.licensing.errors import LicenceError
from meterhub.licensing.text import SIZE
from meterhub.store import Store, StoreError

SUFFIX = ".licence"
COUNT_LIMIT = 250


@dataclass(frozen=True, slots=True)
class Kept:
    """A licence file. ``installed`` is in nanoseconds UTC; ``data`` is ``None`` when the file cannot be read."""

    file: str
    data: bytes | None
    installed: int
    installed_by: str
    noticed: str = ""


class Shelf:
    """The licence files and their rows; what was changed is on disk when the call returns.

    The file is the licence, the row is its history: a file that an integrator put into the directory counts, and
    gets its row when the shelf is read next.
    """

    def __init__(self, store: Store, directory: Path) -> None:
        self._store = store
        self._directory = directory
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    async def read(self) -> tuple[list[Kept], list[str]]:
        """The files that are there, and the names of those that were there and are gone (their rows stay)."""
        rows = await self._store.read(_rows)
        found = sorted(path for path in self._directory.glob(f"*{SUFFIX}") if not path.name.startswith("."))
        kept = [self._kept(path, rows.pop(path.name, None)) for path in found[:COUNT_LIMIT]]
        beyond = {path.name for path in found[COUNT_LIMIT:]}
        return kept, sorted(rows.keys() - beyond)

    async def put(self, kept: Kept) -> None:
        """Keep a licence in place of any other of that file name; ``LicenceError`` when the disk refuses."""
        sql = "INSERT OR REPLACE INTO licences (file, installed, installed_by, noticed) VALUES (?, ?, ?, ?)"
        await self._change(kept.file, kept.data, sql, (kept.file, kept.installed, kept.installed_by, kept.noticed))

    async def take(self, file: str) -> None:
        """Remove a licence and its row; ``LicenceError`` when the disk refuses."""
        await self._change(file, None, "DELETE FROM licences WHERE file = ?", (file,))

    async def notice(self, file: str, noticed: str) -> None:
        """Remember which notice was given about a licence, so that a restart does not give it again."""
        sql = "UPDATE licences SET noticed = ? WHERE file = ?"
        await self._store.write(lambda database: _execute(database, sql, (noticed, file)))

    async def adopt(self, kept: Kept) -> None:
        """Make the row of a file that has none."""
        sql = "INSERT OR IGNORE INTO licences (file, installed, installed_by, noticed) VALUES (?, ?, ?, '')"
        await self._store.write(
            lambda database: _execute(database, sql, (kept.file, kept.installed, kept.installed_by))
        )

    def _kept(self, path: Path, row: tuple[int, str, str] | None) -> Kept:
        try:
            data = read_limited(path, SIZE)
        except OSError:
            data = None
        return Kept(path.name, data, *(row or (0, "", "")))

    async def _change(self, file: str, data: bytes | None, sql: str, parameters: tuple[Any, ...]) -> None:
        """Row and file in one transaction; when its commit fails, the file becomes again what it was."""
        path = self._directory / file
        before = _content(path)

        def work(database: sqlite_utils.Database) -> None:
            _execute(database, sql, parameters)
            _place(path, data)

        try:
            await self._store.write(work)
        except StoreError as error:
            with contextlib.suppress(OSError):
                _place(path, before)
            raise LicenceError(f"the licences stay as they were: {error}") from None
        except OSError as error:
            raise LicenceError(f"{path} cannot be written, so the licences stay as they were: {error}") from None


def _rows(database: sqlite_utils.Database) -> dict[str, tuple[int, str, str]]:
    rows = database.execute("SELECT file, installed, installed_by, noticed FROM licences").fetchall()
    return {file: (installed, installed_by, noticed) for file, installed, installed_by, noticed in rows}


def _execute(database: sqlite_utils.Database, sql: str, parameters: tuple[Any, ...]) -> None:
    database.execute(sql, parameters)


def _content(path: Path) -> bytes | None:
    try:
        return read_limited(path, SIZE)
    except (FileNotFoundError, FileRefused):
        return None


def _place(path: Path, data: bytes | None) -> None:
    if data is None:
        remove(path)
    else:
        replace_atomically(path, data)
