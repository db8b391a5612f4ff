"""Restart and reboot: what allows them, and that they answer before they happen."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from meterhub import power
from meterhub.machine_facts import leds, readable
from meterhub.power import Power

Allow = Callable[[], Path]


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(power, "_DELAY", 0.01)


@pytest.fixture
def allow(tmp_path: Path) -> Path:
    file = tmp_path / "allow-reboot"
    file.touch(mode=0o644)
    file.chmod(0o644)
    return file


@pytest.fixture
def systemctl(tmp_path: Path) -> Callable[[str], Path]:
    """A systemctl that notes its arguments and then does as it is told."""

    def make(then: str) -> Path:
        program = tmp_path / "systemctl"
        program.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\n{then}\n')
        program.chmod(0o755)
        return program

    return make


def machine(allow: Path, *, program: Path | None = Path("/bin/true"), systemd: Path = Path("/")) -> Power:
    return Power(allow=allow, systemd=systemd, environment={}, find=lambda _: str(program) if program else None)


ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="makes a file of root")


def test_without_the_owners_file_nothing_reboots(tmp_path: Path) -> None:
    hindrance = machine(tmp_path / "absent").no_reboot()
    assert hindrance is not None
    assert "making the empty file" in hindrance


@ROOT
@pytest.mark.parametrize("spoil", ["mode", "owner", "link", "directory"])
def test_a_file_that_somebody_else_could_have_made_allows_nothing(allow: Path, spoil: str) -> None:
    if spoil == "mode":
        allow.chmod(0o666)
    elif spoil == "owner":
        os.chown(allow, 12345, 12345)
    else:
        moved = allow.rename(allow.with_name("elsewhere"))
        if spoil == "link":
            allow.symlink_to(moved)
        else:
            allow.mkdir()
    hindrance = machine(allow).no_reboot()
    assert hindrance is not None
    assert "belongs to root" in hindrance


@ROOT
def test_a_machine_without_systemd_says_so(allow: Path, tmp_path: Path) -> None:
    for other in (machine(allow, systemd=tmp_path / "absent"), machine(allow, program=None)):
        hindrance = other.no_reboot()
        assert hindrance is not None
        assert "as in a container" in hindrance
    assert machine(allow).no_reboot() is None


async def reboot(asked: Power) -> list[str]:
    """Reboot and wait for what comes of it: the failures told."""
    told: list[str] = []

    async def failed(reason: str) -> None:
        told.append(reason)

    asked.reboot_soon(failed)
    assert asked._task is not None
    async with asyncio.timeout(20):
        await asked._task
    return told


async def test_systemd_is_asked_and_never_for_a_password(
    allow: Path, systemctl: Callable[[str], Path], tmp_path: Path
) -> None:
    assert await reboot(machine(allow, program=systemctl("exit 0"))) == []
    assert (tmp_path / "asked").read_text() == "--no-ask-password reboot\n"


async def test_what_systemd_refuses_is_told(allow: Path, systemctl: Callable[[str], Path]) -> None:
    program = systemctl("echo 'Interactive authentication required.' >&2; exit 1")
    assert await reboot(machine(allow, program=program)) == ["Interactive authentication required."]
    assert await reboot(machine(allow, program=systemctl("exit 4"))) == ["systemctl said no"]


async def test_a_systemctl_that_hangs_is_ended(
    allow: Path, systemctl: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(power, "_REBOOT_PATIENCE", 0.1)
    (told,) = await reboot(machine(allow, program=systemctl("exec sleep 60")))
    assert "did not answer" in told


@pytest.mark.parametrize(
    ("environment", "can"),
    [
        ({}, False),
        ({"SYSTEMD_EXEC_PID": "1"}, False),
        ({"SYSTEMD_EXEC_PID": str(os.getpid())}, True),
        ({"METERHUB_SUPERVISED": "1"}, True),
        ({"METERHUB_SUPERVISED": "0"}, False),
    ],
)
def test_an_instance_restarts_only_where_somebody_starts_it_again(environment: dict[str, str], can: bool) -> None:
    asked = Power(environment=environment)
    assert asked.no_restart() is not None, "nobody runs it yet"
    asked.stop = lambda: None
    assert (asked.no_restart() is None) == can


async def test_a_restart_answers_first_and_is_asked_for_once() -> None:
    stopped = asyncio.Event()
    asked = Power(environment={"METERHUB_SUPERVISED": "1"})
    asked.stop = stopped.set
    assert asked.restart_soon() > 0
    assert not stopped.is_set()
    assert "already" in (asked.no_restart() or "")
    async with asyncio.timeout(10):
        await stopped.wait()
    assert asked.restarting


async def test_an_instance_that_ends_drops_what_has_not_begun() -> None:
    asked = Power(environment={"METERHUB_SUPERVISED": "1"})
    asked.stop = lambda: None
    asked.restart_soon()
    await asked.close()
    assert not asked.restarting


def test_leds_are_granted_by_the_places_that_their_links_lead_to(tmp_path: Path) -> None:
    device = tmp_path / "devices/platform/leds/leds/led0"
    device.mkdir(parents=True)
    shown = tmp_path / "class/leds"
    shown.mkdir(parents=True)
    (shown / "led0").symlink_to(device)
    assert leds(shown) == [str(device)]
    assert leds(tmp_path / "absent") == []


def test_monitoring_opens_no_process_but_the_core_and_no_network() -> None:
    of_proc = [path for path in readable() if path.startswith("/proc")]
    assert of_proc == [f"/proc/{os.getpid()}/stat", f"/proc/{os.getpid()}/statm"]
