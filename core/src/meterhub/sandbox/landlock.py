"""Files, devices, TCP, signals and abstract sockets through Landlock (Linux 5.13; landlock(7)).

What Landlock (up to ABI 8) cannot refuse, and who does: `truncate(path)` before ABI 3, signals and abstract sockets
before ABI 6 (the seccomp filter); path-named Unix sockets (the seccomp filter, all of them). Nobody refuses `stat`, nor
`chmod` and `utime` of a file of the same user outside the granted trees: contents stay closed, names and modes do not.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from collections.abc import Iterator
from pathlib import Path

from meterhub.sandbox import kernel
from meterhub.sandbox.profile import Profile, Report, SandboxError

EXECUTE = 1 << 0
WRITE_FILE = 1 << 1
READ_FILE = 1 << 2
READ_DIR = 1 << 3
MAKE_CHAR = 1 << 6
MAKE_BLOCK = 1 << 11
REFER = 1 << 13
TRUNCATE = 1 << 14
IOCTL_DEV = 1 << 15
_FILE_RIGHTS = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
_ALL_RIGHTS = (1 << 16) - 1
_WRITE_RIGHTS = _ALL_RIGHTS & ~(EXECUTE | MAKE_CHAR | MAKE_BLOCK | IOCTL_DEV)
_TCP_BIND_AND_CONNECT = 0b11
_SCOPE_ABSTRACT_SOCKETS_AND_SIGNALS = 0b11

# The same numbers on every architecture.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ASK_VERSION = 1
_RULE_PATH_BENEATH = 1


def abi() -> int:
    """The Landlock version of the running kernel; OSError tells why there is none."""
    return kernel.syscall(_CREATE_RULESET, 0, 0, _ASK_VERSION)


def handled_rights(version: int) -> int:
    """The file rights that this version of Landlock knows, and which are therefore refused unless granted."""
    known = _ALL_RIGHTS
    for right, since in ((REFER, 2), (TRUNCATE, 3), (IOCTL_DEV, 5)):
        if version < since:
            known &= ~right
    return known


def check(profile: Profile) -> None:
    """Refuse a writable directory that is a symbolic link (a plugin might have put it there), and a serial port that is
    something else, such as a disk."""
    for path in profile.write:
        if path.is_symlink():
            raise SandboxError(f"write: {path} is a symbolic link; give the directory that it points to.")
    for path in profile.serial:
        if path.exists() and not path.is_char_device():
            raise SandboxError(f"serial: {path} is not a character device, as a serial port is.")


def restrict(profile: Profile, version: int) -> Report:
    """Confine this thread, and all that it starts from now on, to the files and devices of the profile."""
    handled = handled_rights(version)
    try:
        ruleset = _create(handled, version, profile)
        try:
            count = sum(_allow(ruleset, path, rights & handled) for path, rights in _grants(profile))
            kernel.syscall(_RESTRICT_SELF, ruleset, 0)
        finally:
            os.close(ruleset)
    except OSError as error:
        return Report(missing=(f"files: not confined, because Landlock answered: {error.strerror}",))
    return Report(enforced=tuple(_sentences(profile, version, count)))


def _sentences(profile: Profile, version: int, count: int) -> Iterator[str]:
    yield f"files: Landlock ABI {version}, {count} granted trees and files"
    if version >= 4 and not profile.network:
        yield "network: Landlock closes TCP"
    if version >= 6:
        yield "signals: only to processes of its own (Landlock)"


def _create(handled: int, version: int, profile: Profile) -> int:
    tcp = _TCP_BIND_AND_CONNECT if version >= 4 and not profile.network else 0
    scoped = _SCOPE_ABSTRACT_SOCKETS_AND_SIGNALS if version >= 6 else 0
    # Older kernels accept the longer structure while what they do not know is zero.
    attributes = ctypes.create_string_buffer(struct.pack("=QQQ", handled, tcp, scoped), 24)
    return kernel.syscall(_CREATE_RULESET, ctypes.addressof(attributes), 24, 0)


def held(profile: Profile) -> int:
    """How many descriptors `restrict` leaves open at most."""
    return sum(1 for _ in _grants(profile))


def _grants(profile: Profile) -> Iterator[tuple[Path, int]]:
    read = READ_FILE | READ_DIR | (EXECUTE if profile.processes else 0)
    for path in profile.read:
        yield path, read
    for path in profile.write:
        yield path, _WRITE_RIGHTS
    for path in profile.serial:
        yield path, READ_FILE | WRITE_FILE | IOCTL_DEV
    yield Path("/dev/null"), READ_FILE | WRITE_FILE


def _allow(ruleset: int, path: Path, rights: int) -> bool:
    """Grant rights on a file or below a directory; False when there is nothing of that name to be reached."""
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return False
    if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
        rights &= _FILE_RIGHTS
    rule = ctypes.create_string_buffer(struct.pack("=Qi", rights, descriptor), 12)
    kernel.syscall(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, ctypes.addressof(rule), 0)
    # Stays open: a rule is bound to the inode, and /proc makes a new one when memory pressure has dropped the old name.
    return True
