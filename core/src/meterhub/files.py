"""Files of the core: replaced whole or not at all, made once, and never read beyond a limit.

After a power cut a file holds its old content or its new content, never a part of either. What may be left over is
a hidden temporary file ``.<name>.<random>.tmp`` beside it, which nothing reads.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import stat
from pathlib import Path

log = logging.getLogger(__name__)

PRIVATE = 0o600


class FileRefused(OSError):
    """A file is larger than it may be, or not a regular file; the text is one sentence naming it."""


def replace_atomically(path: Path, data: bytes, mode: int = PRIVATE) -> None:
    """Give ``path`` this content and mode; it is on disk when this returns.

    ``OSError`` when it cannot be done; the old content then stands.
    """
    temporary = _written(path, data, mode)
    try:
        temporary.rename(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def create_once(path: Path, data: bytes, mode: int = PRIVATE) -> None:
    """Make ``path`` with this content; it is whole and on disk when this returns.

    ``FileExistsError`` when there is such a file already: keys are never written over.
    """
    temporary = _written(path, data, mode)
    try:
        os.link(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_directory(path.parent)


def remove(path: Path) -> None:
    """Remove ``path`` for good: it does not come back after a power cut. One that is not there is no fault."""
    path.unlink(missing_ok=True)
    sync_directory(path.parent)


def read_limited(path: Path, limit: int) -> bytes:
    """The content of ``path``, at most ``limit`` bytes.

    ``FileNotFoundError`` when it does not exist, :class:`FileRefused` when it is larger or no regular file
    (a pipe would block the core, a device would never end).
    """
    with os.fdopen(_opened(path), "rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise FileRefused(f"{path} is larger than the {limit} bytes that it may have")
    return data


def read_private(path: Path, limit: int) -> bytes:
    """:func:`read_limited` for a key; a mode that lets others read it is mended, and said in the log."""
    data = read_limited(path, limit)
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        log.warning("%s had mode %04o: others may have read it; it has mode 0600 now", path, mode)
        path.chmod(PRIVATE)
    return data


def sync_directory(directory: Path) -> None:
    """Bring the names in ``directory`` to disk."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _opened(path: Path) -> int:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FileRefused(f"{path} is not a regular file")
    return descriptor


def _written(path: Path, data: bytes, mode: int) -> Path:
    """A temporary file beside ``path`` with this content, on disk."""
    temporary = path.parent / f".{path.name}.{secrets.token_hex(8)}.tmp"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)  # whatever the umask
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    return temporary
