"""Clients that do nothing wrong, and notice at once when somebody else's mischief disturbs them."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import ssl
import struct
from collections.abc import AsyncIterator, Callable
from typing import Any

from meterhub_dlms.codec import acse, axdr, ln, obis, xdlms
from meterhub_dlms.codec.ciphering import Ciphering, Keys, Wrapping
from meterhub_dlms.codec.xdlms import Conformance, Initiate
from rig.plan import KEYS, READINGS, TITLE
from rig.stage import PATIENCE, Stage
from rig.wires import Apci, Mbap, Wrapper

ENERGY = READINGS["d/energy"]
CLIENT_AND_DEVICE = bytes.fromhex("00100001")
GET_ENERGY = CLIENT_AND_DEVICE + ln.encode_get(ln.Attribute(3, obis.parse("1-1:1.8.0*255"), 2))
ENERGY_SHOWN = axdr.encode(axdr.Data(axdr.UINT32, ENERGY))
ASSOCIATE = CLIENT_AND_DEVICE + acse.encode_request(
    acse.AssociationRequest(1, 0, None, xdlms.encode_initiate_request(Initiate(Conformance(0xFFFFFF), 1500)), b"")
)
_PAUSE = 0.03
_COUNTER = itertools.count(1)
"""Of all pushes of the meter: a counter never goes back."""

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def trusting() -> ssl.SSLContext:
    """A context that takes any certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


class Probe:
    """One good client. :meth:`ask` fails when it does not get what it should, or not in time."""

    secure = False

    def __init__(self, stage: Stage, what: str) -> None:
        self.stage = stage
        self.asked = 0
        self._port = stage.plan.ports[what]
        self._streams: Streams | None = None
        self._opened: list[asyncio.StreamWriter] = []

    async def connect(self, port: int | None = None) -> Streams:
        """A connection; :meth:`close` ends it."""
        context = trusting() if self.secure else None
        streams = await asyncio.open_connection(self.stage.plan.host, port or self._port, ssl=context)
        self._opened.append(streams[1])
        return streams

    async def ask(self) -> None:
        """One request with its answer."""
        async with asyncio.timeout(PATIENCE):
            if self._streams is None:
                self._streams = await self.connect()
                await self.greet(*self._streams)
            await self.exchange(*self._streams)
        self.asked += 1

    async def greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """What comes first on a connection."""

    async def exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request with its answer."""
        raise NotImplementedError

    def close(self) -> None:
        """Leave."""
        for writer in self._opened:
            writer.transport.abort()
        self._opened.clear()
        self._streams = None


class ModbusProbe(Probe):
    """Reads a counter."""

    def __init__(self, stage: Stage, what: str) -> None:
        super().__init__(stage, what)
        self._wire = Mbap()

    async def exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = self._wire.seal(bytes.fromhex("010300000002"))
        writer.write(request)
        assert await reader.readexactly(13) == request[:2] + bytes.fromhex("0000 0007 01 03 04") + ENERGY.to_bytes(
            4, "big"
        )


class SecureModbusProbe(ModbusProbe):
    """The same over TLS."""

    secure = True


class DlmsProbe(Probe):
    """Associates, then reads a register."""

    async def greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert acse.decode_response(await self._answer(reader, writer, ASSOCIATE)).result == 0

    async def exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert (await self._answer(reader, writer, GET_ENERGY)).endswith(ENERGY_SHOWN)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, message: bytes) -> bytes:
        writer.write(Wrapper().seal(message))
        head = await reader.readexactly(8)
        return await reader.readexactly(int.from_bytes(head[6:], "big"))


class Iec104Probe(Probe):
    """Starts data transfer, then reads an object."""

    async def greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._wire, self._received = Apci(), 0
        writer.write(self._wire.opening[0])
        assert await reader.readexactly(6) == bytes.fromhex("68040b000000")

    async def exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        frame = bytearray(self._wire.seal(bytes.fromhex("66 01 05 00 0100 010000")))
        frame[4:6] = (self._received << 1).to_bytes(2, "little")
        writer.write(frame)
        while (asdu := await self._asdu(reader, writer))[:1] != b"\x0d":
            pass
        assert struct.unpack_from("<f", asdu, 9)[0] == ENERGY

    async def _asdu(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        while True:
            _, length = await reader.readexactly(2)
            frame = await reader.readexactly(length)
            if not frame[0] & 1:
                self._received = (self._received + 1) & 0x7FFF
                return frame[4:]
            if frame[0] == 0x43:
                writer.write(bytes.fromhex("680483000000"))


class PushProbe(Probe):
    """Sends pushes that only this meter can make, and sees that they were taken."""

    def __init__(self, stage: Stage, what: str) -> None:
        super().__init__(stage, what)
        self._cipher = Ciphering(TITLE, Keys(*KEYS), _COUNTER.__next__)

    async def exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        apdu = self._cipher.protect(
            bytes.fromhex("0f40000000000101020309060100010700ff060000011802020f00161b"), Wrapping.GENERAL_GLOBAL
        )
        taken = _taken(await self.stage.look())
        writer.write(Wrapper().seal(CLIENT_AND_DEVICE + apdu))
        await self.stage.until(lambda seen: _taken(seen) > taken)


class SecureIec104Probe(Iec104Probe):
    """The same over TLS."""

    secure = True


def _taken(seen: dict[str, Any]) -> int:
    return int(seen["status"]["dlms-push"]["meters"][1]["pushes"])


def _peers(seen: dict[str, Any]) -> set[str]:
    endpoints = seen["status"]["forwarding"]["channels"][0]["endpoints"]
    return {peer for endpoint in endpoints for peer in endpoint["peers"]}


class ForwardingProbe(Probe):
    """Sends octets through a channel and gets them at its other end."""

    async def greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._far = await self.connect(self.stage.plan.ports["forwarding-back"])
        names = {":".join(map(str, each.get_extra_info("sockname")[:2])) for each in (writer, self._far[1])}
        await self.stage.until(lambda seen: names <= _peers(seen))

    async def exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sent = b"number %08d" % self.asked
        writer.write(sent)
        assert await self._far[0].readexactly(len(sent)) == sent
        self._far[1].write(sent)
        assert await reader.readexactly(len(sent)) == sent


PROBES: dict[str, Callable[[Stage, str], Probe]] = {
    "modbus": ModbusProbe,
    "modbus-tls": SecureModbusProbe,
    "simulator": ModbusProbe,
    "dlms": DlmsProbe,
    "iec104": Iec104Probe,
    "iec104-tls": SecureIec104Probe,
    "push": PushProbe,
    "forwarding-there": ForwardingProbe,
}
"""By the port that they knock at."""


@contextlib.asynccontextmanager
async def undisturbed(stage: Stage, *ports: str) -> AsyncIterator[list[Probe]]:
    """Within it good clients of these ports ask without end; fails when one of them was disturbed."""
    probes = [PROBES[port](stage, port) for port in ports]

    async def watch(probe: Probe) -> None:
        while True:
            await probe.ask()
            await asyncio.sleep(_PAUSE)

    for probe in probes:
        await probe.ask()
    watching = [asyncio.create_task(watch(probe), name=f"probe {probe}") for probe in probes]
    try:
        yield probes
        for task in watching:
            if task.done():
                await task
        for probe, task in zip(probes, watching, strict=True):
            task.cancel()
            await asyncio.wait([task])
            if not task.cancelled():
                await task
            probe.close()
            await asyncio.sleep(_PAUSE)
            await probe.ask()  # a new client gets in at once
    finally:
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)
        for probe in probes:
            probe.close()
