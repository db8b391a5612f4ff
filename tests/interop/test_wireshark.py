"""Wireshark's opinion of what goes over the wire between the gateway and its clients."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
SEGMENT = 1000
MALFORMED = "_ws.malformed || _ws.expert.severity >= 0x800000"


class Tap:
    """Stands between client and server and keeps what each said, piece by piece."""

    def __init__(self, port: int) -> None:
        self.said: list[tuple[bool, bytes]] = []
        self._target = port
        self._tasks: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        """Accept one client after the other; gives the port."""
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        try:
            yield int(server.sockets[0].getsockname()[1])
        finally:
            server.close()
            for task in tuple(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._relay(reader, writer))
        self._tasks.add(task)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, ours = await asyncio.open_connection("127.0.0.1", self._target)
        try:
            await asyncio.gather(self._copy(reader, ours, True), self._copy(theirs, writer, False))
        except ConnectionError:
            pass
        finally:
            ours.transport.abort()
            writer.transport.abort()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, from_client: bool) -> None:
        while piece := await reader.read(65536):
            self.said.append((from_client, piece))
            writer.write(piece)
        writer.transport.abort()

    def capture(self, path: Path, port: int) -> None:
        """Write it as a capture of one TCP connection to ``port``."""
        sequence = {True: 1, False: 1}
        with path.open("wb") as file:
            file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101))
            for number, (from_client, piece) in enumerate(self.said):
                for first in range(0, len(piece), SEGMENT):
                    part = piece[first : first + SEGMENT]
                    ends = (40000, port) if from_client else (port, 40000)
                    numbers = (sequence[from_client], sequence[not from_client])
                    tcp = struct.pack(">HHIIBBHHH", *ends, *numbers, 0x50, 0x18, 65535, 0, 0) + part
                    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0x4000, 64, 6, 0)
                    packet = head + socket.inet_aton("127.0.0.1") * 2 + tcp
                    file.write(struct.pack("<IIII", number, 0, len(packet), len(packet)) + packet)
                    sequence[from_client] += len(part)


async def tshark(path: Path, decode: str, *options: str) -> str:
    process = await asyncio.create_subprocess_exec(
        "tshark", "-r", str(path), "-d", decode, "-o", "tcp.check_checksum:FALSE", *options,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    async with asyncio.timeout(60):
        output, _ = await process.communicate()
    return output.decode()


@pytest.mark.slow
async def test_what_goes_between_c104_and_the_gateway_is_not_malformed(demo, until, master, tmp_path):
    await until(demo.is_good)
    tap = Tap(demo.port("iec104-server"))
    async with tap.listening() as port:
        scada = await master(port, "M_ME_TF_1", 1001)
        await until(lambda: {"interrogated": True} in scada.told)
        so_far = len(scada.values(1001))
        await until(lambda: len(scada.values(1001)) >= so_far + 2)
        await scada.stop()
    path = tmp_path / "iec104.pcap"
    tap.capture(path, 2404)
    decode = "tcp.port==2404,iec60870_104"
    types = await tshark(path, decode, "-T", "fields", "-e", "iec60870_asdu.typeid")
    assert {1, 13, 36, 100} <= {int(word) for word in types.replace(",", " ").split()}
    assert await tshark(path, decode, "-Y", MALFORMED) == ""


@pytest.mark.slow
async def test_what_goes_between_mbpoll_and_the_gateway_is_not_malformed(demo, until, mbpoll, tmp_path):
    await until(demo.is_good)
    tap = Tap(demo.port("modbus-server"))
    async with tap.listening() as port:
        for address in ("0", "100", "900"):
            await mbpoll(port, "-t", "4:int", "-B", "-r", address)
    path = tmp_path / "modbus.pcap"
    tap.capture(path, 502)
    codes = await tshark(path, "tcp.port==502,mbtcp", "-T", "fields", "-e", "modbus.func_code")
    assert codes.split().count("3") >= 6
    assert await tshark(path, "tcp.port==502,mbtcp", "-Y", MALFORMED) == ""
