"""What a backup is: a gzipped tar of the stores of a home, its manifest last.

The members have the names that they have in the home. ``manifest.json`` names every one of them with its size and
SHA-256, so a backup that was cut off (no manifest), damaged or added to is found out before anything of it counts.

Not in it are logs, uploads, descriptions (made again at the next start) and, unless asked for, ``secrets.key``: without
that key the values in ``secrets.json`` are closed to whoever finds the backup. The signing keys of the event log and of
this machine are in it, so it is a private file all the same (mode 0600).
"""

from __future__ import annotations

from pathlib import PurePosixPath

import msgspec

FORMAT = 1
MANIFEST = "manifest.json"
MANIFEST_LIMIT = 64 << 20
DATA = "data"
KEY = "secrets.key"
RESTORED = "restored.json"
"""In a home that was restored: how often and when; see :mod:`meterhub.restore`."""

DATABASE = "core.db"
FILES = (
    "identity.json",
    "event.key",
    "machine.key",
    "trust.json",
    "vendors.json",
    "secrets.json",
    RESTORED,
)
TREES = ("configuration", "licences", "local", "synthesizers", DATA)


class Member(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file of a backup; ``sha256`` in hexadecimal."""

    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is in a backup, and of which instance.

    ``version`` is that of the Meterhub that made it, ``time`` nanoseconds UTC, ``schema`` the number of migrations of
    its database, ``key`` whether ``secrets.key`` is in it.
    """

    format: int = FORMAT
    version: str
    serial: str
    time: int
    schema: int
    key: bool
    members: dict[str, Member]


class Mark(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a restore leaves behind, in the home (``restored.json``) and in the directory of every service.

    ``count`` goes up with each restore of the home, ``time`` (ns UTC) is when it was done and ``backup`` when the
    backup was made.
    """

    count: int
    time: int
    backup: int


def belongs(name: str) -> bool:
    """Whether a member of this name may be in a backup: one of the stores, and nothing that leads out of the home."""
    parts = name.split("/")
    if any(part in ("", ".", "..") or "\0" in part for part in parts) or PurePosixPath(name).is_absolute():
        return False
    if len(parts) == 1:
        return name in (DATABASE, KEY, *FILES)
    return parts[0] in TREES
