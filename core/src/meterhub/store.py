"""The core's SQLite database: one writer thread, group commit, and what was acknowledged is on disk."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import sqlite_utils
from meterhub_sdk import MeterhubError
from meterhub_sdk.service import Migration
from meterhub_sdk.store import open_store

T = TypeVar("T")
Work = Callable[[sqlite_utils.Database], T]
_Job = tuple[Work[Any], "asyncio.Future[Any]", asyncio.AbstractEventLoop]

GROUP = 200
_NO_FAULT = frozenset({sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG})
"""What a single job does wrong; any other code of SQLite is the disk's or the file's, and concerns them all."""


class StoreError(MeterhubError):
    """The database could not take a write (disk full, medium read-only); nothing of it was kept."""


class Store:
    """The database of one home.

    :meth:`write` runs a function in the writer thread, inside a transaction that it may share with
    others, and returns once the transaction is on disk (WAL, ``synchronous=FULL``). A function that
    raises undoes only its own changes.
    """

    def __init__(self, path: Path, migrations: Sequence[Migration]) -> None:
        self.path = path
        try:
            self._database = open_store(path, migrations)
        except sqlite3.Error as error:
            raise StoreError(
                f"{path} cannot be opened: {error}; free space, mend the disk or restore a backup"
            ) from error
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name=f"store {path.name}", daemon=True)
        self._thread.start()

    async def write(self, work: Work[T]) -> T:
        """What ``work`` returned, once it is on disk; :class:`StoreError` when it cannot be."""
        if self._closed:
            raise StoreError(f"{self.path.name} is closed; nothing was written")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._jobs.put((work, future, loop))
        return await future

    async def read(self, work: Work[T]) -> T:
        """What ``work`` found; it runs in a thread on a connection of its own and must not write."""
        return await asyncio.to_thread(self.read_now, work)

    def read_now(self, work: Work[T]) -> T:
        """:meth:`read` for the time before an event loop runs."""
        uri = f"{self.path.absolute().as_uri()}?mode=ro"
        with contextlib.closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection:
            return work(sqlite_utils.Database(connection))

    def close(self) -> None:
        """Finish what was asked for and close the file."""
        self._closed = True
        self._jobs.put(None)
        self._thread.join()
        self._database.conn.close()

    def _work(self) -> None:
        while (first := self._jobs.get()) is not None:
            group: list[_Job] = [first]
            stop = False
            while len(group) < GROUP and not stop:
                try:
                    job = self._jobs.get_nowait()
                except queue.Empty:
                    break
                if job is None:
                    stop = True
                else:
                    group.append(job)
            self._commit(group)
            if stop:
                return

    def _commit(self, group: list[_Job]) -> None:
        answers: list[tuple[_Job, Any, BaseException | None]] = []
        database = self._database
        try:
            database.execute("BEGIN IMMEDIATE")
            for job in group:
                answers.append((job, *self._one(job[0])))
            database.execute("COMMIT")
        except sqlite3.Error as error:
            with contextlib.suppress(sqlite3.Error):
                database.execute("ROLLBACK")
            lost = StoreError(f"{self.path.name} could not be written: {error}; free space or mend the disk")
            answers = [(job, None, lost) for job in group]
        for (_, future, loop), result, failure in answers:
            with contextlib.suppress(RuntimeError):  # the loop ended before its answer
                loop.call_soon_threadsafe(_settle, future, result, failure)

    def _one(self, work: Work[Any]) -> tuple[Any, BaseException | None]:
        """Run one job inside a savepoint; a fault of the disk goes up, any other is the job's own."""
        database = self._database
        database.execute("SAVEPOINT job")
        try:
            result = work(database)
        except Exception as error:
            if isinstance(error, sqlite3.Error) and _code(error) not in _NO_FAULT:
                raise
            database.execute("ROLLBACK TO job")
            database.execute("RELEASE job")
            return None, error
        database.execute("RELEASE job")
        return result, None


def _code(error: sqlite3.Error) -> int:
    """SQLite's primary result code; errors of Python's own binding, such as a wrong number of values, have none."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF


def _settle(future: asyncio.Future[Any], result: Any, failure: BaseException | None) -> None:
    if future.done():
        return
    if failure is not None:
        future.set_exception(failure)
    else:
        future.set_result(result)
