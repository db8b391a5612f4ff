"""What a forwarding channel adds to the way of a message, beside socat between the same two ends in the same run.

``python benchmarks/forwarding.py``; ``--quick`` sends fewer messages, ``--json`` prints one line for a program. Needs
socat. A message of 64 bytes goes from a TCP socket to a pseudo-terminal, and back, one at a time; rounds of ours and of
socat alternate, and the median of all counts. Then ten channels, four of them with serial ports, carry 115 bytes each
way every 10 ms: the processor time of the process that forwards is compared with one core.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import select
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import tty
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from _process import free_port
from meterhub_forwarding.service import Forwarding
from meterhub_forwarding.settings import ForwardingConfig
from meterhub_sdk.testing import FakeHub

MESSAGE = bytes(range(64))
BLOCK = bytes(115)
INTERVAL = 0.010
MOST_MORE_US = 60.0
MOST_CPU = 0.10
CHANNELS, BUSES = 10, 4


def main() -> None:
    """Measure and print."""
    if sys.argv[1:2] == ["forwarder"]:
        asyncio.run(forward(json.loads(sys.argv[2])))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer messages")
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    options = parser.parse_args()
    if shutil.which("socat") is None:
        sys.exit("socat is missing: apt-get install socat")
    rounds, messages, seconds = (3, 300, 3.0) if options.quick else (9, 1000, 15.0)
    figures = latency(rounds, messages) | {"ten_channels_cpu": load(seconds)}
    if options.json:
        print(json.dumps(figures))
    else:
        for name, figure in figures.items():
            print(name, *(f"{key}={value}" for key, value in figure.items()))
    sys.exit(not all(figure["holds"] for figure in figures.values()))


# -- delay ------------------------------------------------------------------------------------


def latency(rounds: int, messages: int) -> dict[str, dict[str, Any]]:
    """Medians in microseconds, ours and socat's."""
    times: dict[tuple[str, str], list[float]] = {}
    with contextlib.ExitStack() as stack:
        ends = {"ours": stack.enter_context(ours()), "socat": stack.enter_context(socat())}
        for number in range(rounds + 1):
            for who, (sock, terminal) in ends.items():
                to_serial, to_tcp = exchange(sock, terminal, messages)
                if number:  # the first round warms up
                    times.setdefault((who, "tcp_to_serial"), []).extend(to_serial)
                    times.setdefault((who, "serial_to_tcp"), []).extend(to_tcp)
    return {
        f"{way}_p50_us": compare(times["ours", way], times["socat", way]) for way in ("tcp_to_serial", "serial_to_tcp")
    }


def compare(mine: list[float], other: list[float]) -> dict[str, Any]:
    """At most 60 microseconds more than socat."""
    value, reference = statistics.median(mine) * 1e6, statistics.median(other) * 1e6
    goal = (reference + MOST_MORE_US) / reference
    return {
        "value": round(value, 1),
        "reference": round(reference, 1),
        "ratio": round(value / reference, 2),
        "goal": round(goal, 2),
        "holds": value / reference <= goal,
    }


def exchange(sock: socket.socket, terminal: int, messages: int) -> tuple[list[float], list[float]]:
    """Seconds of each message, one way and the other."""
    to_serial, to_tcp = [], []
    for _ in range(messages):
        begin = time.perf_counter()
        sock.sendall(MESSAGE)
        receive(terminal)
        middle = time.perf_counter()
        os.write(terminal, MESSAGE)
        receive(sock.fileno())
        to_serial.append(middle - begin)
        to_tcp.append(time.perf_counter() - middle)
    return to_serial, to_tcp


def receive(descriptor: int) -> None:
    """One whole message."""
    data = b""
    while len(data) < len(MESSAGE):
        data += os.read(descriptor, len(MESSAGE))
    assert data == MESSAGE


@contextlib.contextmanager
def ours() -> Iterator[tuple[socket.socket, int]]:
    """A forwarding channel in a process of its own."""
    with terminals(1) as ((master, device),):
        port = free_port()
        settings = {"ports": {"bus": device}, "channels": [channel(0, [port], "bus")]}
        with forwarder(settings), connected(port) as sock:
            yield sock, master


@contextlib.contextmanager
def socat() -> Iterator[tuple[socket.socket, int]]:
    """The same by socat."""
    with terminals(1) as ((master, device),):
        port = free_port()
        listen = f"TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr,nodelay"
        with running(["socat", listen, f"OPEN:{device},raw,echo=0"]), connected(port) as sock:
            yield sock, master


# -- load -------------------------------------------------------------------------------------


def load(seconds: float) -> dict[str, Any]:
    """The share of a core that ten channels take."""
    with contextlib.ExitStack() as stack:
        lines = stack.enter_context(terminals(BUSES))
        ports = {f"bus-{number}": device for number, (_, device) in enumerate(lines)}
        taken = [[free_port()] if number < BUSES else [free_port(), free_port()] for number in range(CHANNELS)]
        channels = [channel(n, tcp, f"bus-{n}" if n < BUSES else None) for n, tcp in enumerate(taken)]
        process = stack.enter_context(forwarder({"ports": ports, "channels": channels}))
        ends = [stack.enter_context(connected(port)).fileno() for tcp in taken for port in tcp]
        ends += [master for master, _ in lines]
        feed(ends, 1.0)
        before = processor_time(process.pid)
        spent = feed(ends, seconds)
        share = (processor_time(process.pid) - before) / spent
    ratio = share / MOST_CPU
    return {
        "value": round(share, 3), "reference": MOST_CPU, "ratio": round(ratio, 2), "goal": 1.0, "holds": ratio <= 1.0,
    }  # fmt: skip


def feed(ends: list[int], seconds: float) -> float:
    """Write a block to every end each 10 ms and take what comes out; answers the seconds that it took."""
    begin = time.monotonic()
    due = begin
    while due < begin + seconds:
        for end in ends:
            os.write(end, BLOCK)
        due += INTERVAL
        while (left := due - time.monotonic()) > 0:
            for end in select.select(ends, [], [], left)[0]:
                os.read(end, 65536)
    return time.monotonic() - begin


def processor_time(pid: int) -> float:
    """Seconds of user and system time."""
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# -- the ends ---------------------------------------------------------------------------------


def channel(number: int, ports: list[int], serial: str | None) -> dict[str, Any]:
    """One TCP port and a serial port, or two TCP ports."""
    ends: list[dict[str, Any]] = [{"kind": "tcp-listen", "host": "127.0.0.1", "port": port} for port in ports]
    if serial is not None:
        ends.append({"kind": "serial", "port": serial})
    return {"label": f"channel-{number}", "endpoints": ends}


@contextlib.contextmanager
def terminals(count: int) -> Iterator[list[tuple[int, str]]]:
    """Pseudo-terminals: the far descriptor and the device."""
    pairs = [os.openpty() for _ in range(count)]
    for master, slave in pairs:
        tty.setraw(master)
        tty.setraw(slave)
    try:
        yield [(master, os.ttyname(slave)) for master, slave in pairs]
    finally:
        for master, slave in pairs:
            os.close(master)
            os.close(slave)


@contextlib.contextmanager
def forwarder(settings: dict[str, Any]) -> Iterator[subprocess.Popen[bytes]]:
    """This file as the process that forwards."""
    with running([sys.executable, __file__, "forwarder", json.dumps(settings)]) as process:
        yield process


async def forward(settings: dict[str, Any]) -> None:
    """The service until it is stopped."""
    with tempfile.TemporaryDirectory() as directory:
        hub = FakeHub("forwarding", Path(directory))
        for name, device in settings["ports"].items():
            hub.things["serial", name] = {"device": device, "baud": 115200}
        service = Forwarding(hub, ForwardingConfig.model_validate({"channels": settings["channels"]}))
        async with hub.running(service) as task:
            await task


@contextlib.contextmanager
def running(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """A program for the length of the block."""
    process = subprocess.Popen(command)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    """A connection, as soon as somebody listens."""
    deadline = time.monotonic() + 20
    while True:
        try:
            sock = socket.create_connection(("127.0.0.1", port))
            break
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    time.sleep(0.3)  # the far side opens its terminal after the connection
    with sock:
        yield sock


if __name__ == "__main__":
    main()
