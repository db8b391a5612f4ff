"""A worker's walls, looked at from outside."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may look into a worker, which is closed to others")
SYNTHESIZERS = "meterhub-calculations"
OTHERS = "meterhub-load-curve"


async def test_a_synthesizer_has_a_network_namespace_of_its_own_without_any_device(gateway):
    pids = {name: worker["pid"] for name, worker in (await gateway.workers()).items()}
    assert set(pids) == {SYNTHESIZERS, other(pids)}
    enforced = (await gateway.workers())[SYNTHESIZERS]["enforced"]
    if not any("network" in sentence for sentence in enforced):
        pytest.skip("this kernel lets nobody leave the network; the status says so")
    ours = (Path("/proc/self/ns") / "net").readlink()
    assert Path(f"/proc/{pids[SYNTHESIZERS]}/ns/net").readlink() != ours
    assert Path(f"/proc/{pids[other(pids)]}/ns/net").readlink() == ours
    devices = Path(f"/proc/{pids[SYNTHESIZERS]}/net/dev").read_text().splitlines()[2:]
    assert [line.split(":")[0].strip() for line in devices] == ["lo"]


def other(pids) -> str:
    """The worker of everything but the synthesizers."""
    (name,) = pids.keys() - {SYNTHESIZERS}
    return name


async def test_every_worker_says_what_is_enforced_and_what_the_kernel_lacks(gateway):
    for worker in (await gateway.workers()).values():
        said = worker["enforced"] + worker["missing"]
        assert any(sentence.startswith("files") for sentence in said), said
        assert any("system call" in sentence or "seccomp" in sentence for sentence in said), said
        status = Path(f"/proc/{worker['pid']}/status").read_text()
        fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        assert fields["NoNewPrivs"] == "1"
        if any("seccomp" in sentence or "system call" in sentence for sentence in worker["enforced"]):
            assert fields["Seccomp"] == "2"


async def test_no_worker_holds_a_file_of_the_core_open(gateway):
    home = str(gateway.path)
    for name, worker in (await gateway.workers()).items():
        descriptors = Path(f"/proc/{worker['pid']}/fd")
        held = {os.readlink(descriptors / number) for number in os.listdir(descriptors)}
        outside = {path for path in held if path.startswith(home) and not path.startswith(f"{home}/data/")}
        assert not outside, name
