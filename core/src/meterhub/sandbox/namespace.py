"""A network namespace of its own: no interface, no route, no abstract socket of another program."""

from __future__ import annotations

import os
from pathlib import Path

from meterhub.sandbox import kernel
from meterhub.sandbox.profile import Report

CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000


def leave_network() -> Report:
    """Move this process into an empty network namespace; its sockets that are already open stay where they are.

    Root does it directly. An ordinary user does it inside a user namespace, made in the same system call so that either
    both exist or neither (some distributions allow the one and refuse the other); that works only while the process has
    a single thread, and while it is dumpable (else the kernel gives /proc/self/uid_map to root).
    """
    uid, gid = os.geteuid(), os.getegid()
    try:
        kernel.unshare(CLONE_NEWNET)
    except PermissionError:
        try:
            kernel.unshare(CLONE_NEWUSER | CLONE_NEWNET)
        except OSError as error:
            return _refused(error)
        _keep_identity(uid, gid)
    except OSError as error:
        return _refused(error)
    return Report(enforced=("network: own network namespace, without interfaces",))


def _refused(error: OSError) -> Report:
    return Report(missing=(f"network: no network namespace of its own, because the kernel answered: {error.strerror}",))


def _keep_identity(uid: int, gid: int) -> None:
    """Show the same user and group inside the user namespace as outside."""
    try:
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1", encoding="ascii")
    except OSError:
        # Access is decided by the identity outside, which stays; without a map only names look different (65534).
        return
