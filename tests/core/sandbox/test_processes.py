"""Other programs and other processes are out of reach, limits hold, and a worker ends with its core."""

from __future__ import annotations

import os
import select
import signal
import subprocess
from typing import Any

import pytest

REACH = """
import ctypes, time
from meterhub.sandbox import syscalls
libc = ctypes.CDLL(None, use_errno=True)
def call(name, *arguments):
    if getattr(libc, name)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), name)
"""


def test_no_program_can_be_started(anyone: Any) -> None:
    found = anyone.inside(
        """
        import subprocess
        (own / "program").write_text("#!/bin/sh\\nexit 0\\n")
        (own / "program").chmod(0o755)
        answer(shell=attempt(subprocess.run, ["/bin/true"]), own=attempt(os.execv, own / "program", ["program"]))
        """
    )
    assert set(found.values()) <= {"EPERM", "EACCES"}


@pytest.mark.usefixtures("files_confined")
def test_with_processes_granted_programs_start_and_are_confined_too(anyone: Any) -> None:
    found = anyone.inside(
        """
        import subprocess
        (own / "program").write_text("#!/bin/sh\\nexit 0\\n")
        (own / "program").chmod(0o755)
        reading = subprocess.run(["/bin/cat", outside / "secret"], capture_output=True, text=True)
        answer(true=subprocess.run(["/bin/true"]).returncode, cat=reading.stdout,
               own=attempt(subprocess.run, [own / "program"]))
        """,
        processes=True,
        read=["/bin", "/usr/bin"],
    )
    assert found == {"true": 0, "cat": "", "own": "EACCES"}


def test_other_processes_cannot_be_touched(anyone: Any) -> None:
    found = anyone.inside(
        """
        import resource
        core = os.getppid()
        answer(
            trace_me=attempt(call, "ptrace", 0, 0, 0, 0),
            attach=attempt(call, "ptrace", 16, core, 0, 0),
            memory=attempt(call, "process_vm_readv", core, 0, 0, 0, 0, 0),
            signal=attempt(os.kill, core, 0),
            limits=attempt(resource.prlimit, core, resource.RLIMIT_NOFILE),
            priority=attempt(os.setpriority, os.PRIO_PROCESS, core, os.getpriority(os.PRIO_PROCESS, core)),
            processors=attempt(os.sched_setaffinity, core, os.sched_getaffinity(core)),
            dump=attempt(call, "prctl", 4, 1, 0, 0, 0),
            orphan=attempt(call, "prctl", 1, 0, 0, 0, 0),
        )
        """,
        before=REACH,
    )
    assert found == dict.fromkeys(found, "EPERM")


def test_the_doors_out_of_the_sandbox_are_closed(anyone: Any) -> None:
    found = anyone.inside(
        """
        status = dict(line.split(":", 1) for line in open("/proc/self/status"))
        answer(
            user=attempt(call, "unshare", 0x10000000),
            clone=attempt(call, "syscall", syscalls.running().numbers["clone"], 0x10000000 | 17, 0, 0, 0, 0),
            mount=attempt(call, "mount", b"none", str(own).encode(), b"tmpfs", 0, None),
            root=attempt(os.chroot, own),
            ring=attempt(call, "syscall", 425, 1, None),
            clock=attempt(time.clock_settime, time.CLOCK_REALTIME, time.time()),
            capabilities=int(status["CapPrm"], 16) | int(status["CapEff"], 16) | int(status["CapInh"], 16),
            raised=int(status["NoNewPrivs"]),
        )
        """,
        before=REACH,
    )
    assert (found.pop("capabilities"), found.pop("raised")) == (0, 1)
    assert found == dict.fromkeys(found, "EPERM")


def test_the_kernels_clock_is_asked_and_never_set(anyone: Any) -> None:
    """adjtimex(2) with no mode reads; 0x4000 would set the tick, to what it is."""
    found = anyone.inside(
        """
        import ctypes
        nothing, tick = (ctypes.c_long * 64)(0), (ctypes.c_long * 64)(0x4000)
        attempt(call, "adjtimex", nothing)
        answer(
            read=nothing[11] > 0,
            set=attempt(call, "adjtimex", tick),
            card=attempt(call, "clock_adjtime", -5, nothing),
        )
        """,
        before=REACH,
    )
    assert found == {"read": True, "set": "EPERM", "card": "EPERM"}


@pytest.mark.usefixtures("files_confined")
def test_landlock_of_2022_is_completed_by_seccomp(anyone: Any) -> None:
    """ABI 2, as in Debian 12, knows neither truncate nor signals."""
    found = anyone.run(
        """
        landlock.abi = lambda: 2
        confine()
        import signal, threading
        reached = []
        signal.signal(signal.SIGUSR1, lambda *_: reached.append("self"))
        signal.raise_signal(signal.SIGUSR1)
        os.kill(os.getpid(), signal.SIGUSR1)
        signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)
        answer(truncate=attempt(os.truncate, outside / "secret", 0), signal=attempt(os.kill, os.getppid(), 0),
               reached=reached, read=attempt((outside / "secret").read_text))
        """
    )
    assert found == {"truncate": "EPERM", "signal": "EPERM", "reached": ["self"] * 3, "read": "EACCES"}


def test_a_worker_that_wants_too_much_memory_gets_a_memory_error_and_lives_on(anyone: Any) -> None:
    found = anyone.inside(
        """
        try:
            bytearray(200 * 1024 * 1024)
        except MemoryError:
            enough = len(bytearray(20 * 1024 * 1024))
            answer(enough=enough)
        """,
        memory=128 * 1024 * 1024,
    )
    assert found == {"enough": 20 * 1024 * 1024}


def test_descriptors_are_limited_and_the_limit_cannot_be_raised(bench: Any) -> None:
    found = bench.inside(
        """
        import resource
        held = []
        def hold():
            while True:
                held.append(os.dup(0))
        answer(hold=attempt(hold), most=len(held) < 300,
               raised=attempt(lambda: resource.setrlimit(resource.RLIMIT_CORE, (1, 1))) if os.getuid() else "done")
        """,
        open_files=200,
    )
    assert (found["hold"], found["most"]) == ("EMFILE", True)


def test_a_process_with_threads_is_refused_before_anything_is_applied(bench: Any) -> None:
    found = bench.run(
        """
        import threading
        from meterhub.sandbox import SandboxError
        done = threading.Event()
        threading.Thread(target=done.wait).start()
        try:
            confine()
        except SandboxError as error:
            answer(error=str(error), still_open=attempt((outside / "secret").read_text))
        done.set()
        """
    )
    assert "several threads" in found["error"]
    assert found["still_open"] == "done"


CORE = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-P", *sys.argv[1:]])
time.sleep(60)
"""
WORKER = """
import time
confine()
answer(worker=os.getpid())
time.sleep(60)
"""


def test_a_worker_dies_with_its_core(bench: Any) -> None:
    core = bench.place / "core.py"
    core.write_text(CORE)
    command = [bench.python, "-P", str(core), str(bench.script(WORKER)), bench.message()]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as started:
        assert started.stdout is not None
        assert b"worker" in started.stdout.readline()
        started.kill()
        started.wait(10)
        # The worker holds the other end: the pipe ends when it does.
        assert select.select([started.stdout], [], [], 10)[0]
        assert os.read(started.stdout.fileno(), 1) == b""


def test_a_worker_whose_core_is_gone_already_ends_itself(bench: Any) -> None:
    script = bench.script("from meterhub.sandbox import limits\nlimits.tie_to(os.getppid() + 1)\nanswer()\n")
    done = subprocess.run(
        [bench.python, "-P", script, bench.message()], stdout=subprocess.PIPE, timeout=30, check=False
    )
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, b"")
