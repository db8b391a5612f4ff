"""Numbers of the system calls that the filter knows, for the processors that an instance runs on.

From the kernel's own tables: arch/x86/entry/syscalls/syscall_64.tbl, include/uapi/asm-generic/unistd.h (aarch64) and
arch/arm/tools/syscall.tbl (armv7, EABI). A number is None where the processor has no such call.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass

# name: x86_64, aarch64, armv7
_NUMBERS: dict[str, tuple[int | None, int | None, int | None]] = {
    "acct": (163, 89, 51),
    "add_key": (248, 217, 309),
    "bpf": (321, 280, 386),
    "chroot": (161, 51, 61),
    "clock_adjtime": (305, 266, 372),
    "clock_adjtime64": (None, None, 405),
    "clock_settime": (227, 112, 262),
    "clock_settime64": (None, None, 404),
    "clone": (56, 220, 120),
    "delete_module": (176, 106, 129),
    "execve": (59, 221, 11),
    "execveat": (322, 281, 387),
    "fanotify_init": (300, 262, 367),
    "finit_module": (313, 273, 379),
    "init_module": (175, 105, 128),
    "ioctl": (16, 29, 54),
    "ioperm": (173, None, None),
    "iopl": (172, None, None),
    "ioprio_set": (251, 30, 314),
    "kcmp": (312, 272, 378),
    "kexec_file_load": (320, 294, 401),
    "kexec_load": (246, 104, 347),
    "keyctl": (250, 219, 311),
    "kill": (62, 129, 37),
    "migrate_pages": (256, 238, 400),
    "modify_ldt": (154, None, None),
    "mount": (165, 40, 21),
    "move_pages": (279, 239, 344),
    "open_by_handle_at": (304, 265, 371),
    "perf_event_open": (298, 241, 364),
    "pivot_root": (155, 41, 218),
    "prctl": (157, 167, 172),
    "prlimit64": (302, 261, 369),
    "process_vm_readv": (310, 270, 376),
    "process_vm_writev": (311, 271, 377),
    "ptrace": (101, 117, 26),
    "quotactl": (179, 60, 131),
    "reboot": (169, 142, 88),
    "request_key": (249, 218, 310),
    "rt_sigqueueinfo": (129, 138, 178),
    "rt_tgsigqueueinfo": (297, 240, 363),
    "sched_setaffinity": (203, 122, 241),
    "sched_setattr": (314, 274, 380),
    "sched_setparam": (142, 118, 154),
    "sched_setscheduler": (144, 119, 156),
    "setdomainname": (171, 162, 121),
    "sethostname": (170, 161, 74),
    "setns": (308, 268, 375),
    "setpriority": (141, 140, 97),
    "settimeofday": (164, 170, 79),
    "socket": (41, 198, 281),
    "socketpair": (53, 199, 288),
    "swapoff": (168, 225, 115),
    "swapon": (167, 224, 87),
    "syslog": (103, 116, 103),
    "tgkill": (234, 131, 268),
    "tkill": (200, 130, 238),
    "truncate": (76, 45, 92),
    "truncate64": (None, None, 193),
    "umount2": (166, 39, 52),
    "unshare": (272, 97, 337),
    "userfaultfd": (323, 282, 388),
    "vhangup": (153, 58, 111),
}

# Since Linux 5.1 a new call has one number everywhere.
_COMMON = {
    "pidfd_send_signal": 424,
    "io_uring_setup": 425,
    "io_uring_enter": 426,
    "io_uring_register": 427,
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "fsconfig": 431,
    "fsmount": 432,
    "fspick": 433,
    "clone3": 435,
    "pidfd_getfd": 438,
    "process_madvise": 440,
    "mount_setattr": 442,
    "quotactl_fd": 443,
    "process_mrelease": 448,
    "open_tree_attr": 467,
}


@dataclass(frozen=True, slots=True)
class Architecture:
    """A processor as the filter sees it: its AUDIT_ARCH constant and the numbers of its calls."""

    name: str
    audit: int
    numbers: dict[str, int]


def _architecture(name: str, audit: int, column: int) -> Architecture:
    own = {call: row[column] for call, row in _NUMBERS.items()}
    return Architecture(name, audit, {call: number for call, number in own.items() if number is not None} | _COMMON)


X86_64 = _architecture("x86_64", 0xC000003E, 0)
AARCH64 = _architecture("aarch64", 0xC00000B7, 1)
ARMV7 = _architecture("armv7", 0x40000028, 2)
ARCHITECTURES = (X86_64, AARCH64, ARMV7)


def running() -> Architecture | None:
    """The architecture of this process, None where it is not one of the three.

    A 64-bit kernel says `aarch64` to a 32-bit program as well, as on a Raspberry Pi with a 32-bit system: the size of a
    pointer decides.
    """
    machine, pointer = os.uname().machine, struct.calcsize("P")
    if pointer == 8:
        return {"x86_64": X86_64, "aarch64": AARCH64}.get(machine)
    return ARMV7 if machine == "aarch64" or machine.startswith(("armv7", "armv8")) else None
