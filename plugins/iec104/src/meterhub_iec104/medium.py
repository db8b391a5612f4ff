"""From the system's memory to the medium: a thread that wakes nobody else as long as all goes well."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import TypeVar

WAIT = 0.06
"""Seconds after which the first of several writes is brought to the medium, with all that came meanwhile.

With what events wait for before they are written that is the tenth of a second that a power cut may cost.
"""

T = TypeVar("T")


class Medium:
    """Brings files that others append to to the medium; all but :meth:`use` is to be called in the event loop.

    ``failed`` is called in the loop with what the medium said.
    """

    def __init__(self, failed: Callable[[OSError], None]) -> None:
        self.new = 0
        """How many of the newest files may not be there at all yet."""
        self._failed = failed
        self._thread = ThreadPoolExecutor(1, "event queues")
        self._ended = False
        self._ending = Lock()  # had until the end: whoever waits for it sleeps, which costs less than an Event
        self._ending.acquire()
        self._lock = Lock()
        self._files: list[int] = []
        self._directory = Path()
        self._asked = False
        self._due = 0.0
        self._busy = False

    def use(self, file: int, directory: Path) -> None:
        """From now on this new file is written; those before it are closed as soon as they are on the medium."""
        with self._lock:
            self._files.append(file)
            self.new += 1
            self._directory = directory

    def written(self) -> None:
        """Something was appended."""
        if self._asked:
            return
        with self._lock:
            self._asked, self._due = True, time.monotonic() + WAIT
            idle, self._busy = not self._busy, True
        if idle:
            self._thread.submit(self._bring, asyncio.get_running_loop())

    def abandon(self) -> None:
        """Close all files, whatever became of them."""
        with self._lock:
            files, self._files, self.new = self._files, [], 0
        if not self._ended:
            self._thread.submit(_close, files)

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Do what takes long without holding up anybody, when the thread has nothing else to do."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def close(self) -> None:
        """Bring the rest there and close the files."""
        self._ended = True
        self._ending.release()
        self._thread.shutdown(wait=True)
        with contextlib.suppress(OSError):
            to_medium(self._files)
        _close(self._files)
        self._files = []

    def _bring(self, loop: asyncio.AbstractEventLoop) -> None:
        """The thread, for as long as there is something to be brought."""
        try:
            more = True
            while more:
                self._wait()
                more = self._bring_once()
        except OSError as error:
            with self._lock:
                self._asked = self._busy = False
            loop.call_soon_threadsafe(self._failed, error)

    def _wait(self) -> None:
        pause = self._due - time.monotonic()
        if pause > 0 and self._ending.acquire(timeout=pause):
            self._ending.release()

    def _bring_once(self) -> bool:
        """Answers whether more was written meanwhile."""
        with self._lock:
            self._asked = False
            files, new = list(self._files), self.new
        full = files[:-1]
        to_medium(files, self._directory if full else None)
        with self._lock:
            if self._files[: len(files)] == files:  # nobody abandoned them
                del self._files[: len(full)]
                _close(full)
                self.new -= new
            self._busy = self._asked
            return self._busy


def to_medium(files: Iterable[int], directory: Path | None = None) -> None:
    """Bring what was written to files there, and the names of new ones in a directory."""
    for file in files:
        os.fdatasync(file)
    if directory is not None:
        names = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(names)
        finally:
            os.close(names)


def put(file: int, octets: bytes) -> None:
    """Append octets to a file; ``OSError`` when not all of them found room."""
    if os.write(file, octets) < len(octets):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _close(files: Iterable[int]) -> None:
    for file in files:
        with contextlib.suppress(OSError):
            os.close(file)
