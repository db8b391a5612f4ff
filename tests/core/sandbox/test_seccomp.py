"""The filter, run by a small interpreter of our own for every processor, and the call numbers against the kernel's."""

from __future__ import annotations

import errno
import re
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meterhub.sandbox import Profile
from meterhub.sandbox.bpf import ALLOW, ERRNO, KILL, program
from meterhub.sandbox.seccomp import rules
from meterhub.sandbox.syscalls import AARCH64, ARCHITECTURES, ARMV7, X86_64, Architecture, running

PID = 4711
EACCES, ENOSYS, EPERM = (ERRNO | number for number in (errno.EACCES, errno.ENOSYS, errno.EPERM))
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
architectures = pytest.mark.parametrize("architecture", ARCHITECTURES, ids=lambda value: value.name)


def profile(*, network: bool = False, processes: bool = False, local_sockets: bool = False) -> Profile:
    return Profile(
        read=(),
        write=(),
        serial=(),
        memory=None,
        network=network,
        processes=processes,
        local_sockets=local_sockets,
    )


def verdict(code: bytes, audit: int, number: int, *arguments: int) -> int:
    """What the kernel would answer: runs the instructions over a struct seccomp_data."""
    data = struct.pack("<IIQ6Q", number, audit, 0, *(*arguments, *[0] * 6)[:6])
    at, register = 0, 0
    while True:
        operation, yes, no, constant = struct.unpack_from("=HBBI", code, at * 8)
        at += 1
        if operation == LOAD:
            register = struct.unpack_from("<I", data, constant)[0]
        elif operation == RETURN:
            return int(constant)
        else:
            tests = {EQUAL: register == constant, AT_LEAST: register >= constant, ANY_BIT: bool(register & constant)}
            at += yes if tests[operation] else no


def ask(architecture: Architecture, call: str, *arguments: int, landlock: int = 7, **granted: bool) -> int:
    code = program(rules(profile(**granted), landlock=landlock, pid=PID), architecture)
    return verdict(code, architecture.audit, architecture.numbers[call], *arguments)


@architectures
@pytest.mark.parametrize(
    ("call", "arguments", "granted", "expected"),
    [
        ("ptrace", (), {}, EPERM),
        ("ptrace", (), {"processes": True, "network": True}, EPERM),
        ("mount", (), {}, EPERM),
        ("io_uring_setup", (), {}, EPERM),
        ("open_by_handle_at", (), {}, EPERM),
        ("execve", (), {}, EPERM),
        ("execve", (), {"processes": True}, ALLOW),
        ("clone", (0x3D0F00,), {}, ALLOW),  # a thread
        ("clone", (0x01200011,), {}, ALLOW),  # fork
        ("clone", (0x10000011,), {}, EPERM),  # with a user namespace
        ("clone", (0x40000011,), {"processes": True}, EPERM),  # with a network namespace
        ("clone3", (), {}, ENOSYS),
        ("socket", (1,), {}, EACCES),
        ("socket", (1,), {"local_sockets": True}, ALLOW),
        ("socket", (1,), {"network": True}, EACCES),
        ("socket", (2,), {}, EACCES),
        ("socket", (2,), {"network": True}, ALLOW),
        ("socket", (10,), {"network": True}, ALLOW),
        ("socket", (17,), {"network": True}, EACCES),
        ("socketpair", (1,), {}, ALLOW),
        ("ioctl", (3, 0x5412), {}, EPERM),
        ("ioctl", (3, 0x5401), {}, ALLOW),
        ("ioctl", (0x5412, 0x5401), {}, ALLOW),
        ("prctl", (4,), {"processes": True}, EPERM),
        ("prctl", (1,), {"processes": True}, ALLOW),
        ("prctl", (1,), {}, EPERM),
        ("prctl", (15,), {}, ALLOW),
        ("prlimit64", (0,), {}, ALLOW),
        ("prlimit64", (PID,), {}, ALLOW),
        ("prlimit64", (PID + 1,), {}, EPERM),
        ("kill", (1,), {}, ALLOW),  # Landlock judges this one
    ],
)
def test_a_call_is_answered_as_the_profile_says(
    architecture: Architecture, call: str, arguments: tuple[int, ...], granted: dict[str, bool], expected: int
) -> None:
    assert ask(architecture, call, *arguments, **granted) == expected


@architectures
@pytest.mark.parametrize(("landlock", "answer"), [(0, EPERM), (2, EPERM), (3, ALLOW), (7, ALLOW)])
def test_truncate_is_closed_where_landlock_does_not_judge_it(
    architecture: Architecture, landlock: int, answer: int
) -> None:
    assert ask(architecture, "truncate", landlock=landlock) == answer


@architectures
@pytest.mark.parametrize("pid", [0, 1, PID + 1, 2**32 - 1, 2**64 - 1])
def test_signals_reach_only_the_process_itself_where_landlock_does_not_judge_them(
    architecture: Architecture, pid: int
) -> None:
    assert ask(architecture, "kill", pid, landlock=5) == EPERM
    assert ask(architecture, "kill", PID, landlock=5) == ALLOW
    assert ask(architecture, "tgkill", PID, 1, landlock=5) == ALLOW
    assert ask(architecture, "kill", pid, landlock=5, processes=True) == ALLOW


@given(
    architecture=st.sampled_from(ARCHITECTURES),
    number=st.integers(0, 2**30 - 1),
    arguments=st.tuples(*[st.integers(0, 2**64 - 1)] * 6),
)
def test_a_call_that_no_rule_names_is_allowed(
    architecture: Architecture, number: int, arguments: tuple[int, ...]
) -> None:
    code = program(rules(profile(), landlock=0, pid=PID), architecture)
    named = number in architecture.numbers.values()
    answer = verdict(code, architecture.audit, number, *arguments)
    assert answer == ALLOW or (named and answer in {EPERM, EACCES, ENOSYS})


@given(audit=st.integers(0, 2**32 - 1), number=st.integers(0, 2**32 - 1), own=st.sampled_from(ARCHITECTURES))
def test_a_call_made_in_another_architectures_way_ends_the_process(audit: int, number: int, own: Architecture) -> None:
    code = program(rules(profile(), landlock=7, pid=PID), own)
    assert audit == own.audit or verdict(code, audit, number) == KILL


@given(st.integers(2**30, 2**32 - 1))
def test_the_second_set_of_numbers_on_x86_64_ends_the_process(number: int) -> None:
    code = program(rules(profile(), landlock=7, pid=PID), X86_64)
    assert verdict(code, X86_64.audit, number) == KILL


def test_the_filter_stays_far_below_the_kernels_limit() -> None:
    assert all(len(program(rules(profile(), landlock=0, pid=PID), each)) // 8 < 1000 for each in ARCHITECTURES)


def kernel_numbers(header: str) -> dict[str, int]:
    path = Path(header)
    if not path.exists():
        pytest.skip(f"{header} (the kernel's headers) is not installed")
    return {name: int(number) for name, number in re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", path.read_text())}


@pytest.mark.parametrize(
    ("architecture", "header"),
    [
        (X86_64, "/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
        (AARCH64, "/usr/include/asm-generic/unistd.h"),
        (ARMV7, "/usr/arm-linux-gnueabihf/include/asm/unistd-common.h"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_the_numbers_are_the_kernels(architecture: Architecture, header: str) -> None:
    theirs = kernel_numbers(header)
    # The installed headers may be older than the newest calls.
    ours = {call: number for call, number in architecture.numbers.items() if call in theirs}
    assert len(ours) > 60
    assert ours == {call: theirs[call] for call in ours}


@pytest.mark.parametrize(
    ("machine", "pointer", "expected"),
    [
        ("x86_64", 8, X86_64),
        ("x86_64", 4, None),
        ("aarch64", 8, AARCH64),
        ("aarch64", 4, ARMV7),
        ("armv7l", 4, ARMV7),
        ("armv6l", 4, None),
        ("riscv64", 8, None),
    ],
)
def test_a_32_bit_program_on_a_64_bit_kernel_is_known_by_its_pointers(
    monkeypatch: pytest.MonkeyPatch, machine: str, pointer: int, expected: Architecture | None
) -> None:
    uname = type("Uname", (), {"machine": machine})
    monkeypatch.setattr("meterhub.sandbox.syscalls.os.uname", lambda: uname)
    monkeypatch.setattr("meterhub.sandbox.syscalls.struct.calcsize", lambda _: pointer)
    assert running() is expected
