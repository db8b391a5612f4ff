"""System calls that Python does not offer, through the C library; each raises OSError with the kernel's reason."""

from __future__ import annotations

import ctypes
import os

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_SECCOMP = 22
PR_CAPBSET_READ = 23
PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_SET_PTRACER = 0x59616D61

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def syscall(number: int, *arguments: int) -> int:
    """Make a system call by number; pointers are given as addresses."""
    return _checked(_libc.syscall(ctypes.c_long(number), *(ctypes.c_long(value) for value in arguments)))


def prctl(option: int, *arguments: int) -> int:
    """Change or read an attribute of this process (prctl(2)); arguments that are not given are 0."""
    padded = (*arguments, 0, 0, 0, 0)[:4]
    return _checked(_libc.prctl(ctypes.c_int(option), *(ctypes.c_ulong(value) for value in padded)))


def unshare(flags: int) -> None:
    """Leave the shared namespaces named by `flags` (unshare(2))."""
    _checked(_libc.unshare(ctypes.c_int(flags)))


def capget(header: int, data: int) -> None:
    """Read the capabilities of this thread into the structures at these addresses (capget(2))."""
    _checked(_libc.capget(ctypes.c_void_p(header), ctypes.c_void_p(data)))


def capset(header: int, data: int) -> None:
    """Set the capabilities of this thread from the structures at these addresses (capset(2))."""
    _checked(_libc.capset(ctypes.c_void_p(header), ctypes.c_void_p(data)))
