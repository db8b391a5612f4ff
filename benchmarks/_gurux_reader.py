"""The client of gurux-dlms (GPL-2.0-only, so in a process of its own) over asyncio, as ``dlms_client.py`` orders.

Each request goes out and its answer comes in through an asyncio protocol that does nothing else. The library prints on
every ciphered exchange; that goes nowhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import sys
import time
from typing import Any

import _process
from gurux_dlms import GXByteBuffer, GXReplyData
from gurux_dlms.enums import Authentication, InterfaceType, Security
from gurux_dlms.objects import GXDLMSProfileGeneric, GXDLMSRegister
from gurux_dlms.secure import GXDLMSSecureClient

PATIENCE = 30.0


class Wire(asyncio.Protocol):
    """A TCP connection to the meter."""

    def __init__(self) -> None:
        self.arrived: asyncio.Future[None] | None = None
        self.buffer = GXByteBuffer()
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        """It is open."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Bytes of an answer."""
        self.buffer.set(data)
        if self.arrived is not None and not self.arrived.done():
            self.arrived.set_result(None)

    async def more(self) -> None:
        """Wait for bytes."""
        self.arrived = asyncio.get_running_loop().create_future()
        async with asyncio.timeout(PATIENCE):
            await self.arrived


class Reader:
    """One association."""

    def __init__(self, given: dict[str, Any]) -> None:
        keys = given.get("keys")
        level = Authentication.HIGH_GMAC if keys else Authentication.NONE
        self.client = GXDLMSSecureClient(True, given["client"], 1, level, None, InterfaceType.WRAPPER)
        if keys:
            ciphering = self.client.ciphering
            ciphering.systemTitle = b"GURUXCLI"
            ciphering.invocationCounter = 1
            ciphering.blockCipherKey, ciphering.authenticationKey = map(bytes.fromhex, keys)
            ciphering.security = Security.AUTHENTICATION_ENCRYPTION
        self.high = bool(keys)
        self.registers = [GXDLMSRegister(name) for name in given["registers"]]
        self.profile = given["profile"]
        self.wire = Wire()

    async def open(self, port: int) -> None:
        """Connect and associate; scalers are read once."""
        await asyncio.get_running_loop().create_connection(lambda: self.wire, "127.0.0.1", port)
        self.client.parseAareResponse((await self.exchange(self.client.aarqRequest())).data)
        if self.high:
            reply = await self.exchange(self.client.getApplicationAssociationRequest())
            self.client.parseApplicationAssociationResponse(reply.data)
        for register in self.registers:
            await self.read(register, 3)

    async def exchange(self, frames: Any) -> GXReplyData:
        """A request, in blocks where the answer is long, and its answer."""
        reply = GXReplyData()
        for frame in frames if isinstance(frames, list) else [frames]:
            reply.clear()
            await self._one(frame, reply)
            while reply.isMoreData():
                await self._one(self.client.receiverReady(reply), reply)
        if reply.error:
            raise RuntimeError(int(reply.error))
        return reply

    async def _one(self, frame: Any, reply: GXReplyData) -> None:
        wire = self.wire
        wire.buffer = GXByteBuffer()
        wire.transport.write(bytes(frame))
        while True:
            await wire.more()
            if self.client.getData(wire.buffer, reply, None):
                return

    async def read(self, target: Any, attribute: int) -> Any:
        """One attribute."""
        reply = await self.exchange(self.client.read(target, attribute))
        return self.client.updateValue(target, attribute, reply.value)

    async def single(self, count: int) -> list[float]:
        """So many registers, one after the other."""
        return [await self.read(self.registers[n % len(self.registers)], 2) for n in range(count)]

    async def lists(self, count: int) -> list[float]:
        """All registers with as few requests as the library makes, so many times."""
        wanted = [(register, 2) for register in self.registers]
        values: list[float] = []
        for _ in range(count):
            found: list[Any] = []
            for frames in self.client.readList(wanted):
                found += (await self.exchange(frames)).value
            self.client.updateValues(wanted, found)
            values += [register.value for register in self.registers]
        return values

    async def rows(self) -> tuple[int, float]:
        """The whole profile: its rows, and the longest time in milliseconds that the loop was held up."""
        profile = GXDLMSProfileGeneric(self.profile)
        for attribute in (3, 4, 7):
            await self.read(profile, attribute)
        async with _process.Stalls() as stalls:
            reply = await self.exchange(self.client.read(profile, 2))
            self.client.updateValue(profile, 2, reply.value)
        return len(profile.buffer), stalls.longest * 1000


async def serve(port: int) -> None:
    """Carry out orders."""
    readers: dict[str, Reader] = {}
    gc.collect()
    gc.freeze()
    async for order in _process.orders():
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
            done = await carry_out(readers, port, order)
        _process.answer(done)


async def carry_out(readers: dict[str, Reader], port: int, order: dict[str, Any]) -> Any:
    """One order."""
    if order["do"] == "open":
        readers[order["name"]] = Reader(order)
        await readers[order["name"]].open(port)
        return True
    reader = readers[order["name"]]
    if order["do"] == "rows":
        rows, stall = await reader.rows()
        return {"rows": rows, "stall": stall}
    work = reader.single if order["do"] == "single" else reader.lists
    begin = time.process_time()
    values = await work(order["count"])
    return {"cpu": (time.process_time() - begin) / len(values), "sum": sum(values), "values": len(values)}


if __name__ == "__main__":
    sys.setrecursionlimit(10_000)
    asyncio.run(serve(json.loads(sys.argv[2])))
