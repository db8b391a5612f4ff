"""Files that are prepared in the background and fetched in pieces: exports of what is queried, support dumps.

Each is a file ``<home>/downloads/<id>``. It belongs to the user who asked for it, and goes an hour after it was last
touched, or with the instance.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import IO, Literal

import msgspec
from meterhub_sdk import MeterhubError, Refused

FILE_LIMIT = 256 << 20
"""Bytes of one file."""
TOTAL_LIMIT = 512 << 20
"""Bytes of all files together."""
COUNT_LIMIT = 8
"""Downloads that are kept or prepared at the same time."""
CHUNK_LIMIT = 500_000
"""Bytes of one piece."""
LIFETIME = 3600.0

_log = logging.getLogger(__name__)


class Download(msgspec.Struct, kw_only=True):
    """One download; ``expires`` is monotonic, ``began`` nanoseconds since 1970 UTC."""

    id: str
    owner: str
    name: str
    path: Path
    began: int
    state: Literal["preparing", "ready", "failed"] = "preparing"
    size: int = 0
    detail: str = ""
    expires: float = 0.0


class Downloads:
    """See the module. Every method that names a download refuses those of others as if they did not exist."""

    def __init__(self, directory: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._directory = directory
        self._clock = clock
        self._downloads: dict[str, Download] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(mode=0o700, parents=True)

    def of(self, owner: str) -> list[Download]:
        """The downloads of one user, newest first."""
        return [each for each in reversed(self._downloads.values()) if each.owner == owner]

    def prepare(self, owner: str, name: str, content: AsyncIterator[bytes]) -> Download:
        """Begin to write ``content`` into a file of that name; ``Refused`` while there are too many."""
        self.expire()
        if len(self._downloads) >= COUNT_LIMIT:
            raise Refused(f"{COUNT_LIMIT} downloads are kept or prepared already; cancel one of them")
        identity = secrets.token_hex(16)
        made = Download(id=identity, owner=owner, name=name, path=self._directory / identity, began=time.time_ns())
        made.expires = self._clock() + LIFETIME
        self._downloads[identity] = made
        task = self._tasks[identity] = asyncio.create_task(self._write(made, content), name=f"download {name}")
        task.add_done_callback(lambda _: self._tasks.pop(identity, None))
        return made

    def read(self, owner: str, identity: str, offset: int) -> bytes:
        """The next piece of a file that is ready; nothing at its end."""
        found = self.require(owner, identity)
        if found.state != "ready":
            raise Refused(f"{found.name} is not ready: {found.detail or 'it is being prepared'}")
        found.expires = self._clock() + LIFETIME
        with found.path.open("rb") as file:
            file.seek(offset)
            return file.read(CHUNK_LIMIT)

    def require(self, owner: str, identity: str) -> Download:
        """The download of that id; ``Refused`` when the user has none."""
        found = self._downloads.get(identity)
        if found is None or found.owner != owner:
            raise Refused(f"there is no download {identity[:40]!r}; it was cancelled, or nobody fetched it for an hour")
        return found

    async def cancel(self, *downloads: Download) -> None:
        """Stop and delete downloads."""
        tasks = [task for each in downloads if (task := self._tasks.get(each.id)) is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for each in downloads:
            self._forget(each)

    def expire(self) -> None:
        """Delete what nobody fetched; called now and then."""
        now = self._clock()
        for each in [each for each in self._downloads.values() if each.state != "preparing" and each.expires <= now]:
            self._forget(each)

    async def close(self) -> None:
        """Stop everything."""
        await self.cancel(*self._downloads.values())

    async def _write(self, made: Download, content: AsyncIterator[bytes]) -> None:
        try:
            with made.path.open("wb") as file:
                made.path.chmod(0o600)
                async for piece in content:
                    await asyncio.to_thread(self._append, made, file, piece)
        except (MeterhubError, OSError) as error:
            self._failed(made, error.strerror or str(error) if isinstance(error, OSError) else str(error))
        except Exception as error:  # whatever a service answered, the download says that it failed
            _log.exception("download %s", made.name)
            self._failed(made, f"{type(error).__name__}: {error}")
        else:
            made.state = "ready"
        made.expires = self._clock() + LIFETIME

    def _append(self, made: Download, file: IO[bytes], piece: bytes) -> None:
        made.size += len(piece)
        if made.size > FILE_LIMIT or sum(each.size for each in self._downloads.values()) > TOTAL_LIMIT:
            raise Refused(f"it has over {FILE_LIMIT >> 20} MiB, or all downloads over {TOTAL_LIMIT >> 20} MiB")
        file.write(piece)

    def _failed(self, made: Download, detail: str) -> None:
        made.state, made.detail, made.size = "failed", detail, 0
        made.path.unlink(missing_ok=True)

    def _forget(self, made: Download) -> None:
        self._downloads.pop(made.id, None)
        with contextlib.suppress(OSError):
            made.path.unlink(missing_ok=True)
