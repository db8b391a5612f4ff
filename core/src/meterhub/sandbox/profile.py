"""What a worker may do, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What one worker process may do; everything that is not named here is refused.

    `read`: files and trees that may be read, listed and mapped. `write`: directories in which everything but running
    programs is allowed; their last path element must not be a symbolic link. `serial`: devices that may be opened and
    configured. A path that does not exist is skipped, so a device that is plugged in again (a new inode) needs a new
    worker.

    `network`: internet sockets. `local_sockets`: Unix sockets that the process opens itself, such as the system bus; no
    Landlock up to ABI 8 tells one socket path from another, so this also reaches every other socket of the same user.
    `processes`: other programs may be started from the trees in `read`.

    `memory` is in bytes of private writable memory (RLIMIT_DATA: heap, thread stacks, data of libraries), None for no
    limit. `open_files` is the number of descriptors that may be open, not counting those that the sandbox holds itself.
    """

    read: tuple[Path, ...]
    write: tuple[Path, ...]
    network: bool
    serial: tuple[Path, ...]
    memory: int | None
    open_files: int = 1024
    processes: bool = False
    local_sockets: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What the kernel enforces from now on and what it could not, in sentences for a status page."""

    enforced: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    def __add__(self, other: Report) -> Report:
        return Report(enforced=self.enforced + other.enforced, missing=self.missing + other.missing)


class SandboxError(Exception):
    """The sandbox cannot be applied to this process as it is; nothing of it was applied."""
