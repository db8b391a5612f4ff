"""The spool: files that are too large for one request arrive here in pieces, and wait for the command that takes them.

Each upload is a directory ``<home>/uploads/<id>/`` with what is known of it and its content. It belongs to the user who
began it, outlives a restart, and goes an hour after it was last touched.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
from meterhub_sdk import Refused

from meterhub.files import read_limited, replace_atomically, sync_directory

FILE_LIMIT = 32 << 20
"""Bytes of one file."""
TOTAL_LIMIT = 128 << 20
"""Bytes of all uploads together, counted with the sizes that were announced."""
COUNT_LIMIT = 16
OWNER_LIMIT = 4
"""Uploads of all users, and of one."""
CHUNK_LIMIT = 500_000
"""Bytes of one piece; in base64 it fits into a frame of the control socket."""
LIFETIME = 3600.0
"""Seconds without a touch after which an upload is gone."""
NAME_LIMIT = 200

_RECORD = "upload.json"
_RECORD_LIMIT = 4096
_CONTENT = "content"
_HASHED_AT_ONCE = 1 << 20


class _Record(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What is on disk beside the content."""

    owner: str
    name: str
    size: int
    finished: bool = False


class Upload(msgspec.Struct, kw_only=True):
    """One upload: ``offset`` bytes of ``size`` are there; ``expires`` is monotonic."""

    id: str
    owner: str
    name: str
    size: int
    path: Path
    offset: int = 0
    finished: bool = False
    expires: float = 0.0


class Uploads:
    """See the module. Every method that names an upload refuses those of others as if they did not exist."""

    def __init__(self, directory: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._directory = directory
        self._clock = clock
        self._uploads: dict[str, Upload] = {}
        directory.mkdir(mode=0o700, exist_ok=True)
        for entry in directory.iterdir():
            upload = self._kept(entry)
            if upload is None:
                _delete(entry)
            else:
                self._uploads[upload.id] = upload

    def of(self, owner: str) -> list[Upload]:
        """The uploads of one user."""
        self.tidy()
        return [upload for upload in self._uploads.values() if upload.owner == owner]

    def left(self, upload: Upload) -> float:
        """Seconds until it goes."""
        return max(0.0, upload.expires - self._clock())

    def begin(self, owner: str, name: str, size: int) -> Upload:
        """Make room for a file of ``size`` bytes; ``Refused`` when there is none, or the name will not do."""
        self.tidy()
        check_file_name(name)
        self._check_room(owner, size)
        identity = secrets.token_hex(16)
        directory = self._directory / identity
        directory.mkdir(mode=0o700)
        upload = Upload(id=identity, owner=owner, name=name, size=size, path=directory / _CONTENT)
        try:
            upload.path.touch(mode=0o600)
            self._write(upload)
        except OSError:
            _delete(directory)
            raise
        self._uploads[identity] = self._touched(upload)
        return upload

    def append(self, owner: str, identity: str, offset: int, data: bytes) -> Upload:
        """Add the piece that begins at ``offset``, which must be where the file ends so far.

        ``OSError`` when the disk does not take it: the upload is then as long as before.
        """
        upload = self._found(owner, identity)
        if upload.finished:
            raise Refused(f"the upload of {upload.name} is finished; nothing can be added to it")
        if offset != upload.offset:
            raise Refused(f"offset: {offset} was given; the next piece of {upload.name} begins at {upload.offset}")
        if len(data) > CHUNK_LIMIT:
            raise Refused(f"the piece has {len(data):,} bytes; at most {CHUNK_LIMIT:,} will do")
        if offset + len(data) > upload.size:
            raise Refused(f"{upload.name} was announced with {upload.size:,} bytes; this piece would make it longer")
        with upload.path.open("r+b", buffering=0) as file:
            file.truncate(offset)  # a piece that a full disk cut short may be there
            file.seek(offset)
            rest = memoryview(data)
            while rest:
                rest = rest[file.write(rest) :]
        upload.offset += len(data)
        return self._touched(upload)

    async def finish(self, owner: str, identity: str, sha256: str) -> Upload:
        """Say that it is whole; ``sha256`` (64 hexadecimal digits) is what its content must have.

        One with another digest was damaged on its way and begins anew.
        """
        upload = self._found(owner, identity)
        if upload.offset != upload.size:
            missing = upload.size - upload.offset
            raise Refused(f"{upload.name} is not whole: {missing:,} of {upload.size:,} bytes are missing")
        digest = await asyncio.to_thread(_digest, upload.path)
        if not hmac.compare_digest(digest, sha256.lower().encode()):
            upload.offset = 0
            raise Refused(f"{upload.name} did not arrive as it was sent (its SHA-256 differs); send it again from 0")
        upload.finished = True
        self._write(upload)
        return self._touched(upload)

    def finished(self, owner: str, identity: str) -> Upload:
        """A whole upload, for the command that takes it; :meth:`cancel` it when it is taken."""
        upload = self._found(owner, identity)
        if not upload.finished:
            raise Refused(f"the upload of {upload.name} is not finished; finish it first")
        return self._touched(upload)

    def cancel(self, owner: str, identity: str) -> None:
        """Forget an upload and its content."""
        self._drop(self._found(owner, identity))

    def tidy(self) -> None:
        """Drop what nobody touched for an hour."""
        for upload in [upload for upload in self._uploads.values() if upload.expires <= self._clock()]:
            self._drop(upload)

    async def sweep(self) -> None:
        """:meth:`tidy`, for the core's beat."""
        self.tidy()

    @contextlib.contextmanager
    def private(self) -> Iterator[Path]:
        """A directory beside the uploads that is gone afterwards, and after a restart."""
        directory = self._directory / f".private.{secrets.token_hex(8)}"
        directory.mkdir(mode=0o700)
        try:
            yield directory
        finally:
            _delete(directory)

    # -- inside ---------------------------------------------------------------------------------

    def _check_room(self, owner: str, size: int) -> None:
        if not 1 <= size <= FILE_LIMIT:
            raise Refused(f"size: {size:,} bytes were given; 1 to {FILE_LIMIT:,} will do")
        own = sum(upload.owner == owner for upload in self._uploads.values())
        if own >= OWNER_LIMIT or len(self._uploads) >= COUNT_LIMIT:
            raise Refused("too many uploads are open; finish or cancel one, or wait: each goes after an hour")
        if sum(upload.size for upload in self._uploads.values()) + size > TOTAL_LIMIT:
            raise Refused(f"the open uploads would have more than {TOTAL_LIMIT >> 20} MiB together; wait for others")
        room = os.statvfs(self._directory)
        if room.f_bavail * room.f_frsize < 2 * size:
            raise Refused(f"the disk has no room for {size:,} bytes; free space on it")

    def _found(self, owner: str, identity: str) -> Upload:
        self.tidy()
        upload = self._uploads.get(identity)
        if upload is None or upload.owner != owner:
            raise Refused(f"there is no upload {identity[:40]!r} of yours; it may have expired, so begin a new one")
        return upload

    def _touched(self, upload: Upload) -> Upload:
        upload.expires = self._clock() + LIFETIME
        return upload

    def _write(self, upload: Upload) -> None:
        record = _Record(owner=upload.owner, name=upload.name, size=upload.size, finished=upload.finished)
        replace_atomically(upload.path.parent / _RECORD, msgspec.json.encode(record))

    def _drop(self, upload: Upload) -> None:
        self._uploads.pop(upload.id, None)
        _delete(upload.path.parent)

    def _kept(self, entry: Path) -> Upload | None:
        """An upload of an earlier life; ``None`` for anything else, such as one that had only begun to be made."""
        try:
            record = msgspec.json.decode(read_limited(entry / _RECORD, _RECORD_LIMIT), type=_Record)
            offset = (entry / _CONTENT).stat().st_size
        except (OSError, msgspec.MsgspecError):
            return None
        if offset > record.size or (record.finished and offset != record.size):
            return None
        return self._touched(
            Upload(
                id=entry.name,
                owner=record.owner,
                name=record.name,
                size=record.size,
                path=entry / _CONTENT,
                offset=offset,
                finished=record.finished,
            )
        )


def check_file_name(name: str) -> str:
    """The name itself, or ``Refused`` unless it is that of a file: no directories, nothing that does not print."""
    if not 1 <= len(name.encode("utf-8", "surrogatepass")) <= NAME_LIMIT or not name.isprintable():
        raise Refused(f"the file name {name[:40]!r} is empty, longer than {NAME_LIMIT} bytes or not printable")
    if name in (".", "..") or "/" in name or "\\" in name:
        raise Refused(f"{name[:80]!r} is no file name: it leads elsewhere; give the name without directories")
    return name


def _digest(path: Path) -> bytes:
    """SHA-256 of a file in hexadecimal, once its content is on disk."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        os.fsync(file.fileno())
        while data := file.read(_HASHED_AT_ONCE):
            found.update(data)
    sync_directory(path.parent)
    return found.hexdigest().encode()


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
