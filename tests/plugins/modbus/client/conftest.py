"""A running Modbus client with a hub of its own, and servers that behave as a test tells them."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
from meterhub_modbus.client.service import ModbusClient
from meterhub_modbus.client.settings import ModbusClientConfig
from meterhub_modbus.client.status import DeviceStatus
from meterhub_sdk import Reading
from meterhub_sdk.testing import FakeHub


class Client:
    """A client that runs, and its hub."""

    def __init__(self, hub: FakeHub, service: ModbusClient) -> None:
        self.hub = hub
        self.service = service

    def device(self, label: str = "d") -> DeviceStatus:
        return next(device for device in self.service.status().devices if device.label == label)

    async def until(self, condition: Callable[[], Any], timeout: float = 10.0) -> Any:
        async with asyncio.timeout(timeout):
            while not (result := condition()):
                await asyncio.sleep(0.002)
        return result

    async def value(self, name: str, value: Any) -> Reading:
        """Wait until a point holds a value."""
        return await self.until(lambda: self.holds(name, value))

    def holds(self, name: str, value: Any) -> Reading | None:
        reading = self.hub.published.get(name)
        return reading if reading is not None and reading.value == value and reading.quality == 0 else None

    def names(self, *, since: int = 0) -> list[str]:
        return [name for name, _ in self.hub.history[since:]]

    def events(self) -> list[str]:
        return [event.type.name for event in self.hub.recorded]


@pytest.fixture
def client_hub() -> Iterator[FakeHub]:
    hub = FakeHub("modbus-client")
    yield hub
    hub.close()


@pytest.fixture
def run_client(client_hub: FakeHub) -> Callable[..., contextlib.AbstractAsyncContextManager[Client]]:
    """``async with run_client(rows, port=...)`` runs a client of one device ``d``; or give ``devices``."""

    @contextlib.asynccontextmanager
    async def run(
        rows: list[dict[str, Any]] = (),  # type: ignore[assignment]
        *,
        port: int = 0,
        device: dict[str, Any] | None = None,
        **settings: Any,
    ) -> AsyncIterator[Client]:
        one = {"label": "d", "host": "127.0.0.1", "port": port, "timeout": 2.0, "rows": rows, **(device or {})}
        settings.setdefault("devices", [one])
        settings = {"fast": 0.05, "normal": 0.1, "slow": 0.1, "reconnect_delay": 0.1, **settings}
        service = ModbusClient(client_hub, ModbusClientConfig(**settings))
        async with client_hub.running(service):
            yield Client(client_hub, service)

    return run


Behaviour = Callable[[int, bytes], bytes | Awaitable[bytes | None] | None]


class Scripted:
    """A TCP server that answers each PDU as ``behave(unit, pdu)`` says; ``None``: not at all.

    ``raw`` answers whole frames as they are: ``raw(transaction, unit, pdu) -> bytes``.
    """

    def __init__(self) -> None:
        self.behave: Behaviour = lambda unit, pdu: None
        self.raw: Callable[[int, int, bytes], bytes] | None = None
        self.requests: list[tuple[int, bytes]] = []
        self.connections = 0
        self.writers: list[asyncio.StreamWriter] = []
        self.tasks: list[asyncio.Task[None] | None] = []
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.tasks.append(asyncio.current_task())
        self.connections += 1
        self.writers.append(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                transaction, _, length, unit = struct.unpack(">HHHB", await reader.readexactly(7))
                pdu = await reader.readexactly(length - 1)
                self.requests.append((unit, pdu))
                if self.raw is not None:
                    writer.write(self.raw(transaction, unit, pdu))
                    continue
                answer = self.behave(unit, pdu)
                if isinstance(answer, Awaitable):
                    answer = await answer
                if answer is not None:
                    writer.write(struct.pack(">HHHB", transaction, 0, len(answer) + 1, unit) + answer)
        writer.close()

    def reads(self) -> list[tuple[int, int, int]]:
        """Function, address and count of all reads."""
        return [struct.unpack(">BHH", pdu) for _, pdu in self.requests if pdu[0] <= 4]


@pytest.fixture
async def scripted() -> AsyncIterator[Scripted]:
    """A :class:`Scripted` server on a free port; by default it answers nothing."""
    script = Scripted()
    server = await asyncio.start_server(script.serve, "127.0.0.1", 0)
    script.port = server.sockets[0].getsockname()[1]
    yield script
    server.close()
    for writer in script.writers:
        writer.transport.abort()
    await asyncio.gather(*filter(None, script.tasks), return_exceptions=True)


class Registers:
    """Registers of a device: answers reads and writes; ``exceptions`` maps addresses to exception codes."""

    def __init__(self, values: dict[int, int] | None = None, size: int = 1000) -> None:
        self.values = {address: address for address in range(size)} | (values or {})
        self.exceptions: dict[int, int] = {}
        self.limit = 125

    def __call__(self, unit: int, pdu: bytes) -> bytes | None:
        function = pdu[0]
        if function in (1, 2, 3, 4):
            return self.read(function, *struct.unpack(">HH", pdu[1:5]))
        if function in (5, 6):
            address, value = struct.unpack(">HH", pdu[1:5])
            if address in self.exceptions:
                return bytes((function | 0x80, self.exceptions[address]))
            self.values[address] = bool(value) if function == 5 else value
            return pdu
        address, count, _ = struct.unpack(">HHB", pdu[1:6])
        if function == 16:
            new = struct.unpack(f">{count}H", pdu[6:])
        else:
            new = [pdu[6 + i // 8] >> i % 8 & 1 for i in range(count)]
        self.values.update(zip(range(address, address + count), new, strict=True))
        return pdu[:5]

    def read(self, function: int, address: int, count: int) -> bytes:
        if count > self.limit * (16 if function < 3 else 1):
            return bytes((function | 0x80, 3))
        for place in range(address, address + count):
            if place in self.exceptions or place not in self.values:
                return bytes((function | 0x80, self.exceptions.get(place, 2)))
        found = [self.values[place] for place in range(address, address + count)]
        if function >= 3:
            return bytes((function, 2 * count)) + struct.pack(f">{count}H", *(value & 0xFFFF for value in found))
        content = bytearray((count + 7) // 8)
        for i, value in enumerate(found):
            content[i // 8] |= bool(value) << i % 8
        return bytes((function, len(content))) + bytes(content)


@pytest.fixture
def registers() -> Registers:
    """Registers 0 to 999, each holding its own address."""
    return Registers()
