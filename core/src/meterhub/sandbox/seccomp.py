"""System calls that no plugin needs are closed: doors into the kernel, into other processes and out of the sandbox."""

from __future__ import annotations

import ctypes
import os
import socket
import time
from collections.abc import Iterator
from errno import EACCES, ENOSYS, EPERM

from meterhub.sandbox import kernel
from meterhub.sandbox.bpf import Rule, program
from meterhub.sandbox.profile import Profile, Report
from meterhub.sandbox.syscalls import running

# fmt: off
_CLOSED = (
    "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "process_mrelease", "pidfd_getfd", "kcmp",
    "mount", "umount2", "pivot_root", "chroot", "move_mount", "open_tree", "open_tree_attr", "fsopen", "fsconfig",
    "fsmount", "fspick", "mount_setattr", "setns", "unshare",
    "kexec_load", "kexec_file_load", "reboot", "init_module", "finit_module", "delete_module",
    "bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register", "fanotify_init",
    "open_by_handle_at", "add_key", "request_key", "keyctl", "swapon", "swapoff", "acct", "quotactl", "quotactl_fd",
    "syslog", "vhangup", "sethostname", "setdomainname",
    "settimeofday", "clock_settime", "clock_settime64",
    "iopl", "ioperm", "modify_ldt", "setpriority", "ioprio_set", "migrate_pages", "move_pages",
)
# fmt: on

# New mount, cgroup, UTS, IPC, user, PID and network namespaces: a user namespace brings capabilities back.
_CLONE_NEW_NAMESPACES = 0x7E020000
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C
_SECCOMP_MODE_FILTER = 2
_FIRST_ABI_WITH_TRUNCATE = 3
_FIRST_ABI_WITH_SCOPES = 6


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p)]


def rules(profile: Profile, *, landlock: int, pid: int) -> Iterator[Rule]:
    """What the filter refuses for this profile in the process `pid`, including what this version of Landlock cannot."""
    yield from (Rule(call=call, errno=EPERM) for call in _CLOSED)
    yield Rule(call="clone", errno=EPERM, argument=0, without=_CLONE_NEW_NAMESPACES)
    # Its flags are in memory, where a filter cannot look; told that there is no clone3, the C library takes clone.
    yield Rule(call="clone3", errno=ENOSYS)
    # Typing into the terminal of whoever started the core.
    yield Rule(call="ioctl", errno=EPERM, argument=1, never=(_TIOCSTI, _TIOCLINUX))
    # What the kernel knows of its clock is read by the call that also sets it, and which of both is meant stands in
    # memory, where a filter cannot look. Setting takes CAP_SYS_TIME, which every worker has given up, so the system's
    # clock may be asked; the clocks of network cards are named by a descriptor, and stay closed.
    for call in ("clock_adjtime", "clock_adjtime64"):
        yield Rule(call=call, errno=EPERM, argument=0, only=(time.CLOCK_REALTIME,))
    # Limits, processors and scheduling of other processes of the same user.
    for call in ("prlimit64", "sched_setaffinity", "sched_setscheduler", "sched_setparam", "sched_setattr"):
        yield Rule(call=call, errno=EPERM, argument=0, only=(0, pid))
    yield from _process_rules(profile)
    yield from _socket_rules(profile)
    if landlock < _FIRST_ABI_WITH_TRUNCATE:
        yield from (Rule(call=call, errno=EPERM) for call in ("truncate", "truncate64"))
    if landlock < _FIRST_ABI_WITH_SCOPES and not profile.processes:
        yield from _signal_rules(pid)


def _process_rules(profile: Profile) -> Iterator[Rule]:
    attributes = (kernel.PR_SET_DUMPABLE, kernel.PR_SET_PTRACER)
    if profile.processes:
        yield Rule(call="prctl", errno=EPERM, argument=0, never=attributes)
        return
    yield Rule(call="prctl", errno=EPERM, argument=0, never=(*attributes, kernel.PR_SET_PDEATHSIG))
    yield from (Rule(call=call, errno=EPERM) for call in ("execve", "execveat"))


def _socket_rules(profile: Profile) -> Iterator[Rule]:
    internet = (socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK) if profile.network else ()
    local = (socket.AF_UNIX,) if profile.local_sockets else ()
    yield Rule(call="socket", errno=EACCES, argument=0, only=(*internet, *local))
    yield Rule(call="socketpair", errno=EACCES, argument=0, only=(socket.AF_UNIX,))


def _signal_rules(pid: int) -> Iterator[Rule]:
    for call in ("kill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo"):
        yield Rule(call=call, errno=EPERM, argument=0, only=(pid,))
    yield from (Rule(call=call, errno=EPERM) for call in ("tkill", "pidfd_send_signal"))


def install(profile: Profile, *, landlock: int) -> Report:
    """Put the filter before every system call of this thread and all that it starts; needs no_new_privs."""
    architecture = running()
    if architecture is None:
        machine = os.uname().machine
        return Report(missing=(f"system calls: not filtered, because no table for the processor {machine} is known",))
    wanted = list(rules(profile, landlock=landlock, pid=os.getpid()))
    code = program(wanted, architecture)
    buffer = ctypes.create_string_buffer(code, len(code))
    filter_ = _Program(len(code) // 8, ctypes.addressof(buffer))
    try:
        kernel.prctl(kernel.PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(filter_))
    except OSError as error:
        return Report(missing=(f"system calls: not filtered, because the kernel answered: {error.strerror}",))
    return Report(enforced=tuple(_sentences(profile, len(wanted), landlock)), missing=_gaps(profile, landlock))


def _sentences(profile: Profile, count: int, landlock: int) -> Iterator[str]:
    yield f"system calls: seccomp filter with {count} rules"
    if not profile.network:
        yield (
            "network: seccomp opens no sockets but local ones"
            if profile.local_sockets
            else "network: seccomp opens no sockets"
        )
    if not profile.processes:
        yield "programs: none can be started"
    if landlock < _FIRST_ABI_WITH_SCOPES and not profile.processes:
        yield "signals: only to itself (seccomp)"


def _gaps(profile: Profile, landlock: int) -> tuple[str, ...]:
    if landlock >= _FIRST_ABI_WITH_SCOPES:
        return ()
    reason = f"because the kernel has {f'Landlock ABI {landlock}' if landlock else 'no Landlock'}, and this needs ABI 6"
    signals = (f"signals: other programs of the same user can be signalled, {reason}",) if profile.processes else ()
    sockets = (f"local sockets: those in the abstract namespace can be reached, {reason}",)
    return (*signals, *(sockets if profile.local_sockets else ()))
