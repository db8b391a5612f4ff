"""How much a worker may use, that nobody looks into it, and that it never outlives its core."""

from __future__ import annotations

import os
import resource
import signal
import threading

from meterhub.sandbox import kernel
from meterhub.sandbox.profile import Report

# RLIMIT_DATA counts a thread's whole stack from the start. At glibc's 8 MiB an asyncio executor on two cores would take
# 48 MiB of a 128 MiB worker; the deepest recursion that Python 3.11 allows itself in C fits into 2 MiB.
_THREAD_STACK = 2 * 1024 * 1024


def limit(memory: int | None, open_files: int, *, held: int) -> Report:
    """Limit private memory (bytes) and descriptors, and write no core dumps; going back is impossible without root.

    `held` descriptors are open already and do not count.
    """
    _lower(resource.RLIMIT_CORE, 0)
    files = _lower(resource.RLIMIT_NOFILE, open_files + held) - held
    enforced = [f"open files: at most {files}", "core dumps: none"]
    if memory is not None:
        granted = _lower(resource.RLIMIT_DATA, memory)
        threading.stack_size(_THREAD_STACK)
        enforced.insert(0, f"memory: at most {granted / 1024 / 1024:.0f} MiB")
    return Report(enforced=tuple(enforced))


def _lower(kind: int, value: int) -> int:
    """Set a limit, or keep the lower one that already holds; returns what holds."""
    _, hard = resource.getrlimit(kind)
    bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (bound, bound))
    return bound


def tie_to(core: int | None) -> Report:
    """Die with the thread that started this process, and keep other programs of the same user from looking inside.

    `core` is the process id of the core. If it is gone already, or dies before the kernel is told, this process ends
    here, with the signal that the kernel would have sent. Must run after identities and capabilities have changed:
    the kernel forgets both attributes then (prctl(2)).
    """
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    if core is not None and os.getppid() != core:
        os.kill(os.getpid(), signal.SIGKILL)
    return Report(enforced=("life: killed when its core ends", "inspection: closed to other programs of the same user"))
