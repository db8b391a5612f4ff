"""Requests for 125 registers that the Modbus server answers, beside pymodbus's server and a C server with libmodbus.

``python benchmarks/modbus_server.py``; ``--quick`` does fewer and shorter rounds, ``--json`` prints one line for a
program. Each server is a process of its own; the client is this one, with blocking sockets.
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import json
import socket
import statistics
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

from _process import free_port

REGISTERS = [257 * number & 0xFFFF for number in range(125)]
REQUEST = struct.pack(">HHHBBHH", 1, 0, 6, 1, 3, 0, 125)
ANSWER = struct.pack(">HHHBBB125H", 1, 0, 253, 1, 3, 250, *REGISTERS)
CLIENTS = (1, 8)
LEAST_PYMODBUS = 2.5
LEAST_LIBMODBUS = 0.5
Figure = dict[str, float | bool | None]


# -- servers, each in a process of its own --------------------------------------------------------


async def ours(port: int) -> None:
    """The service as it is, with a fake hub that brought each point one reading."""
    from meterhub_modbus.service import ModbusServer
    from meterhub_modbus.settings import ModbusServerConfig
    from meterhub_sdk.testing import FakeHub

    rows = [
        {"point": f"meter/p{number}", "bank": "holding", "address": number, "format": "u16"} for number in range(125)
    ]
    hub = FakeHub()
    service = ModbusServer(hub, ModbusServerConfig.model_validate({"port": port, "groups": [group(rows)]}))
    async with hub.running(service) as task:
        for number, value in enumerate(REGISTERS):
            hub.give(f"meter/p{number}", value)
        await task


def group(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The rows as a group of the settings."""
    return {"label": "meter", "rows": rows}


async def pymodbus(port: int) -> None:
    """pymodbus's own server with fixed registers, the fastest that its documented interface has."""
    from pymodbus.server import ModbusTcpServer
    from pymodbus.simulator import DataType, SimData, SimDevice

    device = SimDevice(1, simdata=[SimData(0, values=REGISTERS, datatype=DataType.REGISTERS)])
    await ModbusTcpServer([device], address=("127.0.0.1", port)).serve_forever()


class Mapping(ctypes.Structure):
    """``modbus_mapping_t`` of libmodbus 3.1."""

    _fields_ = (
        *((name, ctypes.c_int) for name in ("nb_bits", "start_bits", "nb_input_bits", "start_input_bits")),
        *((name, ctypes.c_int) for name in ("nb_inputs", "start_inputs", "nb_registers", "start_registers")),
        *((name, ctypes.c_void_p) for name in ("bits", "input_bits", "inputs")),
        ("registers", ctypes.POINTER(ctypes.c_uint16)),
    )


def libmodbus(port: int) -> None:
    """A server for one client in the loop of libmodbus's own examples; all work is the library's."""
    library = ctypes.CDLL("libmodbus.so.5")
    library.modbus_new_tcp.restype = ctypes.c_void_p
    library.modbus_mapping_new.restype = ctypes.POINTER(Mapping)
    context = ctypes.c_void_p(library.modbus_new_tcp(b"127.0.0.1", port))
    mapping = library.modbus_mapping_new(0, 0, 125, 0)
    for address, value in enumerate(REGISTERS):
        mapping.contents.registers[address] = value
    listening = ctypes.c_int(library.modbus_tcp_listen(context, 1))
    query = (ctypes.c_uint8 * 260)()
    receive, reply = library.modbus_receive, library.modbus_reply
    while library.modbus_tcp_accept(context, ctypes.byref(listening)) >= 0:
        while (size := receive(context, query)) >= 0:
            reply(context, query, size, mapping)
        library.modbus_close(context)


def serve(kind: str, port: int) -> None:
    """The program of such a process."""
    if kind == "libmodbus":
        libmodbus(port)
    else:
        asyncio.run(ours(port) if kind == "ours" else pymodbus(port))


# -- the client -----------------------------------------------------------------------------------


class Round(NamedTuple):
    """What one round measured: requests a second, and microseconds of the server's processor for one."""

    rate: float
    processor: float


class Server:
    """One of them, running."""

    def __init__(self, kind: str, process: subprocess.Popen[bytes], port: int) -> None:
        self.rounds: dict[int, list[Round]] = {count: [] for count in CLIENTS}
        self._kind = kind
        self._process = process
        self._port = port

    def connected(self) -> socket.socket:
        """A connection; waits until the server is there and answers as it should."""
        for _ in range(400):
            try:
                connection = socket.create_connection(("127.0.0.1", self._port), timeout=10)
            except ConnectionRefusedError:
                time.sleep(0.05)
                continue
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.sendall(REQUEST)
            if received(connection) == ANSWER:
                return connection
            connection.close()
            time.sleep(0.05)
        raise ChildProcessError(f"the server {self._kind} does not answer; its status: {self._process.poll()}")

    def measure(self, clients: int, seconds: float) -> None:
        """One round: every client has one request on its way."""
        connections = [self.connected() for _ in range(clients)]
        # The system's clock of another process's processor time (CPUCLOCK_SCHED of Linux).
        clock = ~self._process.pid << 3 | 2
        before, begin, count = time.clock_gettime(clock), time.perf_counter(), 0
        while (spent := time.perf_counter() - begin) < seconds:
            for connection in connections:
                connection.send(REQUEST)
            for connection in connections:
                if received(connection) != ANSWER:
                    raise ValueError(f"the server {self._kind} sent something else than the registers")
            count += clients
        processor = time.clock_gettime(clock) - before
        self.rounds[clients].append(Round(count / spent, 1e6 * processor / count))
        for connection in connections:
            connection.close()

    def median(self, clients: int, what: Callable[[Round], float]) -> float:
        """Of all rounds with so many clients."""
        return statistics.median(map(what, self.rounds[clients]))


def received(connection: socket.socket) -> bytes:
    """One whole answer, or what there is of it when the server closes."""
    answer = connection.recv(1024)
    while len(answer) < 6 or len(answer) < 6 + int.from_bytes(answer[4:6], "big"):
        if not (more := connection.recv(1024)):
            break
        answer += more
    return answer


@contextmanager
def running(kind: str) -> Iterator[Server]:
    """Such a server for the length of the block."""
    port = free_port()
    process = subprocess.Popen([sys.executable, __file__, "--serve", kind, "--port", str(port)])
    try:
        yield Server(kind, process, port)
    finally:
        process.kill()
        process.wait()


def measure(rounds: int, seconds: float) -> dict[str, Figure]:
    """All figures; the servers take turns."""
    kinds = ["ours", "pymodbus", *(["libmodbus"] if has_libmodbus() else [])]
    with ExitStack() as stack:
        servers = {kind: stack.enter_context(running(kind)) for kind in kinds}
        for _ in range(rounds):
            for clients in CLIENTS:
                for kind, server in servers.items():
                    if clients == 1 or kind != "libmodbus":
                        server.measure(clients, seconds)
    return dict(figures(servers))


def figures(servers: dict[str, Server]) -> Iterator[tuple[str, Figure]]:
    """What was measured, by name."""
    goals = {"pymodbus": LEAST_PYMODBUS, "libmodbus": LEAST_LIBMODBUS}
    for what, goal_counts in (("rate", True), ("processor", False)):
        for clients in CLIENTS:
            for kind, other in servers.items():
                if kind == "ours" or not other.rounds[clients]:
                    continue
                value, reference = (
                    round(server.median(clients, lambda one, what=what: getattr(one, what)), 1)
                    for server in (servers["ours"], other)
                )
                name = f"{'requests_per_s' if goal_counts else 'processor_us'}_{clients}_{kind}"
                yield name, figure(value, reference, goals[kind] if goal_counts else None)


def figure(value: float, reference: float, goal: float | None) -> Figure:
    """Value, reference, their ratio, and whether that is the goal at least."""
    ratio = round(value / reference, 2)
    return {
        "value": value,
        "reference": reference,
        "ratio": ratio,
        "goal": goal,
        "holds": goal is None or ratio >= goal,
    }


def has_libmodbus() -> bool:
    """Whether the library is there."""
    try:
        ctypes.CDLL("libmodbus.so.5")
    except OSError:
        return False
    return True


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    parser.add_argument("--serve", choices=["ours", "pymodbus", "libmodbus"], help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve, options.port)
        return
    results = measure(5, 0.3) if options.quick else measure(11, 1.0)
    if options.json:
        print(json.dumps(results))
    else:
        for name, one in results.items():
            print(f"{name:32}", *(f"{key}={value}" for key, value in one.items()))
    if not has_libmodbus():
        print("libmodbus.so.5 is not installed (Debian: libmodbus5): not compared with it", file=sys.stderr)
    sys.exit(not all(one["holds"] for one in results.values()))


if __name__ == "__main__":
    main()
