"""``meterhub demo`` as a visitor runs it."""

from __future__ import annotations

import asyncio
import contextlib
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import psutil
import pytest

from meterhub.demo.examples import LISTENERS, read_examples
from meterhub.demo.line import connect

MOST_PROCESSES = 11


async def test_the_demo_is_small_and_all_its_points_are_good(demo, until):
    await until(demo.is_good)
    assert len(demo.processes()) <= MOST_PROCESSES
    points = (await demo.gateway.get("/data/points"))["points"]
    assert {point["name"].partition("/")[0] for point in points} == {
        "dlms-client",
        "iec104-server",
        "losses",
        "modbus-server",
    }


async def test_one_meter_is_read_ciphered_over_tcp_and_one_over_a_line_whose_speed_shows(demo, until):
    async def polled():
        status = (await demo.gateway.get("/status/dlms-client"))["status"]
        groups = [group for bus in status["buses"] for group in bus["groups"]] if status else [{"measured": None}]
        return status if all(group["measured"] for group in groups) else None

    status = await until(polled)
    assert [(meter["device"], meter["state"]) for meter in status["meters"]] == [
        ("MHDEMO0000000001", "connected"),
        ("MHDEMO0000000002", "connected"),
    ]
    wrapper, line = status["buses"]
    assert wrapper["bus"].startswith("meter-1 at 127.0.0.1:")
    assert (line["bus"], line["meters"], line["state"]) == ("serial port rs485", 1, "open")
    (group,) = line["groups"]
    assert group["measured"] > 0.2  # 12 registers take 200 characters and more, each a millisecond at 9,600 Bd
    server = (await demo.meter(2).get("/status/dlms-server"))["status"]
    assert server["serial"] == "open"
    assert not server["listening"]


async def test_every_listener_is_in_the_endpoints_and_answers(demo):
    services = {instance: set(found) for instance, found in demo.endpoints.items()}
    assert services == {
        "gateway": {"http", "iec104-server", "modbus-server"},
        "meter-1": {"dlms-server"},
    }
    for found in demo.endpoints.values():
        for endpoint in found.values():
            with socket.create_connection((endpoint["host"], endpoint["port"]), timeout=5):
                pass


async def test_the_password_that_is_printed_lets_one_in_and_nobody_is_asked_for_another(demo):
    password = re.search(r"access_admin at gateway, shown only now: (\S+)", demo.said)
    assert password is not None
    http = demo.endpoints["gateway"]["http"]
    url = f"http://{http['host']}:{http['port']}/api/v1/session"
    given = {"user": "access_admin", "password": password[1]}
    async with aiohttp.ClientSession() as client, asyncio.timeout(30), client.post(url, json=given) as answer:
        assert answer.status == 200
        assert (await answer.json())["initial_password"] is False


@pytest.mark.slow
async def test_a_demo_of_some_seconds_ends_by_itself_and_lost_nothing(starter, until):
    running = starter.demo("--for", "8")
    await until(lambda: running.process.poll() is not None, 90)
    assert running.process.returncode == 0, running.said
    assert ", lost 0" in running.said
    assert "not running" not in running.said
    assert "not good" not in running.said
    assert line_of(running) == []


def line_of(demo) -> list[Path]:
    """The ends of its serial line, as other programs find them; the directory is its own."""
    ends = connect(read_examples(), demo.directory)
    return sorted(ends.iterdir()) if ends.exists() else []


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
        section[setting]
        for document in examples.values()
        for service, setting in LISTENERS.items()
        if setting in (section := document["services"].get(service, {}))
    ]
    with occupied(usual):
        running = starter.demo()
        await running.ready()
        await until(running.is_good)
        assert {path.name for path in line_of(running)} == {"gateway", "meter-2"}
        taken = {endpoint["port"] for found in running.endpoints.values() for endpoint in found.values()}
        assert not taken & set(usual)
        assert len(taken) == len(usual)
        processes = running.processes()
        assert len(processes) <= MOST_PROCESSES
        running.process.send_signal(signal.SIGINT)
        _, alive = psutil.wait_procs(processes[1:], timeout=5)
        assert not alive
        await until(lambda: running.process.poll() is not None)
        assert running.process.returncode == 0
        assert line_of(running) == []
