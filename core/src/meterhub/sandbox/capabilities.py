"""Gives up what root may do beyond owning files (capabilities(7))."""

from __future__ import annotations

import contextlib
import ctypes

from meterhub.sandbox import kernel
from meterhub.sandbox.profile import Report

CAP_NET_BIND_SERVICE = 10
_VERSION_3 = 0x20080522
_AMBIENT_CLEAR_ALL = 4


class _Header(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _Half(ctypes.Structure):
    """32 of the 64 capabilities."""

    _fields_ = [("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32)]


def drop(*, keep_low_ports: bool) -> Report:
    """Give up every capability and the way back to it.

    With `keep_low_ports` the right to serve TCP and UDP ports below 1024 stays, where the process has it: 502, 102 and
    443 are such ports. Must run after the namespaces are made (they need capabilities, or bring new ones).
    """
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    keep = 1 << CAP_NET_BIND_SERVICE if keep_low_ports else 0
    _empty_bounding_set(keep)
    with contextlib.suppress(OSError):  # kernels before 4.3 have no ambient set, and so nothing in it
        kernel.prctl(kernel.PR_CAP_AMBIENT, _AMBIENT_CLEAR_ALL)
    if _reduce(keep):
        return Report(enforced=("privileges: none but serving ports below 1024, and none can be gained",))
    return Report(enforced=("privileges: none, and none can be gained",))


def _empty_bounding_set(keep: int) -> None:
    for number in range(64):
        if keep >> number & 1:
            continue
        try:
            if kernel.prctl(kernel.PR_CAPBSET_READ, number):
                kernel.prctl(kernel.PR_CAPBSET_DROP, number)
        except OSError:
            # Beyond the last capability; or an ordinary user, whom no_new_privs already keeps from gaining any.
            return


def _reduce(keep: int) -> int:
    """Keep what is both permitted now and in `keep`; returns what is left as a mask."""
    header, halves = _Header(_VERSION_3, 0), (_Half * 2)()
    kernel.capget(ctypes.addressof(header), ctypes.addressof(halves))
    left: int = (halves[0].permitted | halves[1].permitted << 32) & keep
    for index, half in enumerate(halves):
        half.permitted = half.effective = left >> 32 * index & 0xFFFFFFFF
        half.inheritable = 0
    kernel.capset(ctypes.addressof(header), ctypes.addressof(halves))
    return left
