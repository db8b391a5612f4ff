"""``meterhub demo`` as a visitor runs it."""

from __future__ import annotations

import contextlib
import signal
import socket
from collections.abc import Iterator

import psutil
import pytest

MOST_PROCESSES = 10


async def test_the_demo_is_small_and_all_its_points_are_good(demo, until):
    await until(demo.is_good)
    assert len(demo.processes()) <= MOST_PROCESSES
    points = (await demo.gateway.get("/data/points"))["points"]
    assert {point["name"].partition("/")[0] for point in points} == {"dlms-client", "losses"}


async def test_every_listener_is_in_the_endpoints_and_answers(demo):
    services = {instance: set(found) for instance, found in demo.endpoints.items()}
    assert services == {
        "gateway": {"iec104-server", "modbus-server"},
        "meter-1": {"dlms-server"},
        "meter-2": {"dlms-server"},
    }
    for found in demo.endpoints.values():
        for endpoint in found.values():
            with socket.create_connection((endpoint["host"], endpoint["port"]), timeout=5):
                pass


@pytest.mark.slow
async def test_a_demo_of_some_seconds_ends_by_itself_and_lost_nothing(starter, until):
    running = starter.demo("--for", "8")
    await until(lambda: running.process.poll() is not None, 90)
    assert running.process.returncode == 0, running.said
    assert ", lost 0" in running.said
    assert "not running" not in running.said
    assert "not good" not in running.said


@contextlib.contextmanager
def occupied(ports: list[int]) -> Iterator[list[int]]:
    """Somebody else listens on these ports, as far as they are free."""
    with contextlib.ExitStack() as stack:
        for port in ports:
            sock = stack.enter_context(socket.socket())
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                sock.bind(("127.0.0.1", port))
                sock.listen()
        yield ports


@pytest.mark.slow
async def test_other_ports_where_the_usual_ones_are_taken_and_ctrl_c_ends_every_process(starter, examples, until):
    usual = [
        section["port"]
        for document in examples.values()
        for section in document["services"].values()
        if "port" in section
    ]
    with occupied(usual):
        running = starter.demo()
        await running.ready()
        await until(running.is_good)
        taken = {endpoint["port"] for found in running.endpoints.values() for endpoint in found.values()}
        assert not taken & set(usual)
        assert len(taken) == 4
        processes = running.processes()
        assert len(processes) <= MOST_PROCESSES
        running.process.send_signal(signal.SIGINT)
        _, alive = psutil.wait_procs(processes[1:], timeout=5)
        assert not alive
        await until(lambda: running.process.poll() is not None)
        assert running.process.returncode == 0
