"""Put a home back to the state of a backup, whole or not at all.

The backup is unpacked beside the home and checked there to the last byte; then the two directories change places in
one step, and the old home stays beside the new one as ``<home>.before-restore-<time>``.

What went on after the backup is forgotten by a restore, which is dangerous for counters that must never repeat
(invocation counters of DLMS security, numbers of tokens): used again, they open what they protect. So every restore
leaves a mark, the JSON object :class:`meterhub.archive.Mark`, in ``<home>/restored.json`` and as the file ``restored``
in the directory of every service (``hub.directory / "restored"``). A service with such a counter keeps the content of
that file with the counter; when it starts and finds another content, it skips ahead by more than it can have used.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from meterhub_sdk import Refused, moment

from meterhub.archive import DATA, KEY, RESTORED, Manifest, Mark
from meterhub.core_events import RESTORED_FROM_BACKUP
from meterhub.files import read_limited, replace_atomically, sync_directory
from meterhub.stopped import locked, opened_log
from meterhub.unpack import unpack

SERVICE_MARK = "restored"
_LIMIT = 4096
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What came of a restore: where the old home is now, and whether ``secrets.key`` is there and whence it came."""

    manifest: Manifest
    mark: Mark
    before: Path | None
    key: str


async def restore(home: Path, file: Path) -> Restored:
    """Restore ``file`` into ``home``, which need not exist.

    ``Refused`` when an instance runs there, when the backup is damaged, from a newer version or none, and when the
    disk does not take it; the home is then untouched.
    """
    home = home.resolve()
    if home.is_mount():
        raise Refused(f"{home} is a mount point and cannot be replaced as a whole; give a --home below it")
    home.parent.mkdir(parents=True, exist_ok=True)
    fresh = home.parent / f".{home.name}.restore-{secrets.token_hex(8)}"
    with locked(home) if home.exists() else nullcontext():
        fresh.mkdir(mode=0o700)
        made = fresh.stat().st_ino
        try:
            with locked(fresh):  # nobody starts in the new home before it stands
                manifest = unpack(file, fresh)
                key = _take_key(home, fresh)
                mark = _leave_marks(home, fresh, manifest)
                await _record(fresh, manifest, mark)
                _give_to_owner(home, fresh)
                before = _swap(home, fresh)
        except OSError as error:
            raise Refused(f"{file} cannot be restored, and {home} stays as it is: {error}") from error
        finally:
            if fresh.exists() and fresh.stat().st_ino == made:  # not the old home, which changes places with it
                shutil.rmtree(fresh, ignore_errors=True)
    return Restored(manifest=manifest, mark=mark, before=before, key=key)


def _take_key(home: Path, fresh: Path) -> str:
    """The key of the secrets is that of the backup, else that of the old home; whence it came."""
    if (fresh / KEY).exists():
        return "from the backup"
    try:
        replace_atomically(fresh / KEY, read_limited(home / KEY, _LIMIT))
    except FileNotFoundError:
        return ""
    return "from the old home"


def _leave_marks(home: Path, fresh: Path, manifest: Manifest) -> Mark:
    """Tell every service, those too that only the old home knew: their counters went on without the backup."""
    count = max(_count(home / RESTORED), _count(fresh / RESTORED)) + 1
    mark = Mark(count=count, time=time.time_ns(), backup=manifest.time)
    data = msgspec.json.encode(mark) + b"\n"
    replace_atomically(fresh / RESTORED, data)
    services = {path.relative_to(top) for top in (home, fresh) for path in _service_directories(top)}
    for service in sorted(services):
        (fresh / service).mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_atomically(fresh / service / SERVICE_MARK, data)
    return mark


def _service_directories(home: Path) -> Iterator[Path]:
    """``data/<distribution>/<service>``."""
    return (path for path in (home / DATA).glob("*/*") if path.is_dir() and not path.is_symlink())


def _count(path: Path) -> int:
    try:
        return msgspec.json.decode(read_limited(path, _LIMIT), type=Mark).count
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return 0


async def _record(fresh: Path, manifest: Manifest, mark: Mark) -> None:
    """The event stands in the log before the home does: no start without it."""
    made = moment(manifest.time).isoformat(timespec="seconds")
    async with opened_log(fresh) as events:
        await events.record(
            RESTORED_FROM_BACKUP, source="restore", backup=made, version=manifest.version, count=mark.count
        )


def _give_to_owner(home: Path, fresh: Path) -> None:
    """What root restores belongs to whom the home belonged to; and all of it, with its names, is on disk."""
    owner = home.stat() if home.exists() else None
    for directory, _, files in os.walk(fresh):
        if owner is not None and os.geteuid() == 0:
            for path in (directory, *(f"{directory}/{name}" for name in files)):
                os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
        sync_directory(Path(directory))


def _swap(home: Path, fresh: Path) -> Path | None:
    """Put the new home in its place; where the old one is now."""
    if not home.exists():
        fresh.rename(home)
        sync_directory(home.parent)
        return None
    before = home.with_name(f"{home.name}.before-restore-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}")
    if _exchanged(fresh, home):
        fresh.rename(before)
    else:
        home.rename(before)
        try:
            fresh.rename(home)
        except OSError:
            before.rename(home)
            raise
    sync_directory(home.parent)
    return before


def _exchanged(one: Path, other: Path) -> bool:
    """Let two directories change places in one step (renameat2(2)); ``False`` where the file system cannot."""
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except AttributeError:  # a C library without it
        return False
    names = os.fsencode(one), os.fsencode(other)
    return bool(renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], ctypes.c_uint(_RENAME_EXCHANGE)) == 0)
