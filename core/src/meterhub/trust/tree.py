"""Files below a directory, read through descriptors: no link is followed, on the way or at the end."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from meterhub_sdk.layout import FILE_LIMIT

DEPTH_LIMIT = 32
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_ROOT = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
_LINK_ERRORS = (errno.ELOOP, errno.ENOTDIR)


class Unreadable(Exception):
    """A file or directory is a link, no regular file, or too large; the text says which, and what it is."""


class Missing(Unreadable):
    """There is no such file or directory."""


def read_tree(root: Path, top: str, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    """Path below ``root`` and content of each wanted file in its directory ``top``.

    ``wanted`` is asked about everything but directories. ``__pycache__`` is passed over: nothing here reads it.
    """
    parent = _open(str(root), _ROOT, None, str(root))
    try:
        yield from _read_directory(parent, top, top, wanted)
    finally:
        os.close(parent)


def read_file(directory: Path, name: str, limit: int = FILE_LIMIT) -> bytes:
    """One file of a directory that is no link itself; :class:`Missing` when there is no such file."""
    descriptor = _open(str(directory), _DIRECTORY, None, directory.name)
    try:
        return _read(descriptor, name, f"{directory.name}/{name}", limit)
    finally:
        os.close(descriptor)


def _read_directory(parent: int, name: str, path: str, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    if path.count("/") > DEPTH_LIMIT:
        raise Unreadable(f"{path[:80]}… lies too deep")
    directory = _open(name, _DIRECTORY, parent, path)
    try:
        with os.scandir(directory) as entries:
            for entry in entries:
                below = f"{path}/{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    if entry.name != "__pycache__":
                        yield from _read_directory(directory, entry.name, below, wanted)
                elif wanted(below):
                    yield below, _read(directory, entry.name, below, FILE_LIMIT)
    except OSError as error:
        raise Unreadable(f"{path} cannot be read: {error.strerror}") from error
    finally:
        os.close(directory)


def _read(directory: int, name: str, path: str, limit: int) -> bytes:
    with open(_open(name, _FILE, directory, path), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise Unreadable(f"{path} is not a regular file")
        data = file.read(limit + 1)
    if len(data) > limit:
        raise Unreadable(f"{path} has more than {limit:,} bytes")
    return data


def _open(name: str, flags: int, parent: int | None, path: str) -> int:
    try:
        return os.open(name, flags, dir_fd=parent)
    except FileNotFoundError:
        raise Missing(f"{path} is missing") from None
    except OSError as error:
        what = (
            "is a link or no longer what it was" if error.errno in _LINK_ERRORS else f"cannot be read: {error.strerror}"
        )
        raise Unreadable(f"{path} {what}") from error
