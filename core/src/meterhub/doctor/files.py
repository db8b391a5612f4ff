"""The home as files: whose they are, who may read them, room on the disk, and how the instance ended last time."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import msgspec

from meterhub.doctor.finding import Finding, bad, good, look
from meterhub.starts import TOO_MANY, WITHIN, Starts

MEGABYTE = 1_000_000
LITTLE_ROOM, NO_ROOM = 200 * MEGABYTE, 20 * MEGABYTE
FEW_NAMES, NO_NAMES = 10_000, 1_000
_KEYS = ("secrets.key", "event.key", "machine.key", "secrets.json")
_LOOKED_AT = 20_000


def check_home(home: Path, *, runs: bool) -> Iterator[Finding]:
    """Its owner is who asks (or root), and nobody else can look into it."""
    status = home.stat()
    mode = stat.S_IMODE(status.st_mode)
    if os.geteuid() not in (0, status.st_uid):
        yield bad("home", f"{home} belongs to the user {status.st_uid}, not to you", "do this as that user or as root")
    elif mode & 0o077:
        yield bad("home", f"{home} has mode {mode:04o}: others may look into it", f"chmod 700 {home}")
    else:
        yield good("home", f"{home} is open to its owner alone")


def check_files(home: Path, *, runs: bool) -> Iterator[Finding]:
    """Everything in it belongs to the owner of the home, and keys are closed to all others."""
    owner = home.stat()
    strange = [path for path in _files(home) if path.lstat().st_uid != owner.st_uid]
    if strange:
        example = strange[0].relative_to(home)
        yield bad(
            "files",
            f"{len(strange)} files, such as {example}, belong to another user than the home",
            f"chown -R {owner.st_uid}:{owner.st_gid} {home}",
        )
    open_keys = [name for name in _KEYS if _mode(home / name) & 0o077]
    for name in open_keys:
        yield bad("files", f"{name} may be read by others", f"chmod 600 {home / name}, and think about who read it")
    if not strange and not open_keys:
        yield good("files", "all files belong to the owner of the home, and the keys are closed")


def _files(home: Path) -> Iterator[Path]:
    seen = 0
    for directory, names, files in os.walk(home):
        for name in (*names, *files):
            yield Path(directory, name)
            seen += 1
            if seen >= _LOOKED_AT:
                return


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode) if path.exists() else 0


def check_disk(home: Path, *, runs: bool) -> Iterator[Finding]:
    """Room for data and for names of files."""
    room = os.statvfs(home)
    free = room.f_bavail * room.f_frsize
    shown = f"{free / MEGABYTE:,.0f} MB are free on the disk of {home}"
    if free < LITTLE_ROOM:
        yield (bad if free < NO_ROOM else look)("disk", shown, "free space, or give the event log narrower limits")
    else:
        yield good("disk", shown)
    if room.f_files and room.f_favail < FEW_NAMES:  # some file systems have no fixed number of them
        shown = f"{room.f_favail:,} more files can be made on the disk of {home} (free inodes)"
        yield (bad if room.f_favail < NO_NAMES else look)("disk", shown, "remove many small files there")


def check_starts(home: Path, *, runs: bool) -> Iterator[Finding]:
    """Whether it stopped in order, and starts in safe mode."""
    starts = Starts(home)
    # While an instance runs, its own start stands in the record.
    unclean = starts.recent - 1 if runs else starts.recent
    if unclean >= TOO_MANY:
        yield bad(
            "starts",
            f"{unclean} starts within {WITHIN / 60:g} minutes ended without an orderly stop: safe mode",
            "see meterhub events --log fatal-errors; remove the plugin that makes it crash, then start it again",
        )
    elif unclean > 0 or (starts.unclean and not runs):
        yield look(
            "starts",
            f"the last run, begun {_last_start(home)}, did not stop in order",
            "nothing acknowledged is lost; find out whether the power failed or the core was killed",
        )
    else:
        yield good("starts", "the last run stopped in order")


def _last_start(home: Path) -> str:
    record = msgspec.json.decode((home / "starts.json").read_bytes())
    return datetime.fromtimestamp(record["starts"][-1]).astimezone().isoformat(timespec="seconds", sep=" ")
