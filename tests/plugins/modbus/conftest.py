"""A running Modbus server on a free port of the loopback, and a client that sends raw bytes."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from meterhub_modbus.service import ModbusServer
from meterhub_modbus.settings import ModbusServerConfig
from meterhub_sdk.testing import FakeHub, free_port


class RawClient:
    """Sends bytes as they are and takes answers apart."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @staticmethod
    def frame(pdu: bytes | str, transaction: int = 1, unit: int = 1) -> bytes:
        body = bytes.fromhex(pdu) if isinstance(pdu, str) else pdu
        return struct.pack(">HHHB", transaction, 0, len(body) + 1, unit) + body

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def answer(self) -> tuple[int, int, str]:
        """Transaction, unit and PDU in hexadecimal digits."""
        async with asyncio.timeout(5):
            transaction, protocol, length, unit = struct.unpack(">HHHB", await self.reader.readexactly(7))
            assert protocol == 0
            return transaction, unit, (await self.reader.readexactly(length - 1)).hex()

    async def ask(self, pdu: bytes | str, unit: int = 1) -> str:
        self.send(self.frame(pdu, 7, unit))
        transaction, answered, answer = await self.answer()
        assert (transaction, answered) == (7, unit)
        return answer

    async def closed(self) -> bool:
        """True when the server closed; waits for it."""
        async with asyncio.timeout(5):
            try:
                return await self.reader.read(1) == b""
            except ConnectionError:
                return True


class Running:
    """A server that runs, its hub, and clients of it."""

    def __init__(self, hub: FakeHub, service: ModbusServer, port: int) -> None:
        self.hub = hub
        self.service = service
        self.port = port
        self._writers: list[asyncio.StreamWriter] = []

    async def client(self) -> RawClient:
        reader, writer = await asyncio.open_connection(self.service.config.host, self.port)
        self._writers.append(writer)
        return RawClient(reader, writer)

    async def close(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


Serve = Callable[..., contextlib.AbstractAsyncContextManager[Running]]


@pytest.fixture
def serve(fake_hub: FakeHub) -> Serve:
    """``async with serve(rows, stale="last", host=...)`` runs a server; give it rows of one group, or ``groups``."""

    @contextlib.asynccontextmanager
    async def run(rows: list[dict[str, Any]] = (), *, stale: str = "exception", **more: Any) -> AsyncIterator[Running]:  # type: ignore[assignment]
        groups = more.pop("groups", [{"label": "g", "stale": stale, "rows": list(rows)}])
        port = free_port()
        service = ModbusServer(fake_hub, ModbusServerConfig(port=port, groups=groups, **more))
        async with fake_hub.running(service):
            running = Running(fake_hub, service, port)
            while service.status() is None or not service._server._server:
                await asyncio.sleep(0)
            try:
                yield running
            finally:
                await running.close()

    return run
