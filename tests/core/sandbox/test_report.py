"""The report names every layer that holds, and every one that does not, with the kernel's reason."""

from __future__ import annotations

import os
from typing import Any

import pytest

from meterhub.sandbox import Report

ANSWER = "report = confine()\nanswer(enforced=report.enforced, missing=report.missing)\n"
LAYERS = [
    ("files: Landlock ABI", {}),
    ("network: own network namespace, without interfaces", {}),
    ("network: Landlock closes TCP", {}),
    ("network: seccomp opens no sockets", {}),
    ("privileges: none", {}),
    ("system calls: seccomp filter", {}),
    ("programs: none can be started", {}),
    ("signals: only", {}),
    ("memory: at most 96 MiB", {"memory": 96 * 1024 * 1024}),
    ("open files: at most 300", {"open_files": 300}),
    ("core dumps: none", {}),
    ("life: killed when its core ends", {}),
    ("inspection: closed", {}),
]


def named(sentences: list[str], start: str) -> bool:
    return any(sentence.startswith(start) for sentence in sentences)


@pytest.mark.usefixtures("files_confined")
def test_every_layer_is_named_as_enforced_or_missing(anyone: Any) -> None:
    settings: dict[str, Any] = {}
    for _, profile in LAYERS:
        settings |= profile
    found = anyone.run(ANSWER, **settings)
    absent = [layer for layer, _ in LAYERS if not named(found["enforced"], layer)]
    assert all(named(found["missing"], layer.split(":")[0]) for layer in absent), found
    assert bool(absent) == bool(found["missing"])


def test_what_is_granted_is_not_claimed_as_closed(bench: Any) -> None:
    found = bench.run(ANSWER, network=True, processes=True)
    assert not named(found["enforced"], "network")
    assert not named(found["enforced"], "programs")
    assert not named(found["enforced"], "memory")


@pytest.mark.parametrize(
    ("lacking", "sentence"),
    [
        (
            "def no(): raise OSError(errno.ENOSYS, 'Function not implemented')\nlandlock.abi = no",
            "files: not confined, because the kernel has no Landlock (Function not implemented)",
        ),
        (
            "def no(flags): raise PermissionError(errno.EPERM, 'Operation not permitted')\nkernel.unshare = no",
            "network: no network namespace of its own, because the kernel answered: Operation not permitted",
        ),
        (
            "from meterhub.sandbox import seccomp\nseccomp.running = lambda: None",
            f"system calls: not filtered, because no table for the processor {os.uname().machine} is known",
        ),
    ],
)
def test_what_the_kernel_lacks_is_said_with_its_reason(bench: Any, lacking: str, sentence: str) -> None:
    assert sentence in bench.run(f"{lacking}\n{ANSWER}")["missing"]


def test_an_old_landlock_leaves_signals_open_only_where_programs_are_granted(bench: Any) -> None:
    old = f"landlock.abi = lambda: 5\n{ANSWER}"
    granted = bench.run(old, network=True, processes=True, local_sockets=True)["missing"]
    assert named(granted, "signals: other programs of the same user can be signalled")
    assert named(granted, "local sockets: those in the abstract namespace")
    assert bench.run(old, network=True)["missing"] == []


def test_reports_add_up_in_order() -> None:
    total = Report(enforced=("a",), missing=("b",)) + Report(enforced=("c",))
    assert total == Report(enforced=("a", "c"), missing=("b",))
