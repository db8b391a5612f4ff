"""The reference: publisher -> relay -> subscriber, three processes, Unix sockets, asyncio streams.

The frames are the hub's own: four bytes of length, then the MessagePack of a ``Publish`` message. The relay
forwards without looking inside; the subscriber reads every value. Run as ``_chain.py ROLE FD...`` by :class:`Chain`.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
import time
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec
from _process import Child, answer, orders
from _workload import POINTS, Pace, histogram
from meterhub_sdk import Reading

from meterhub.worker.link import PublishReadings

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(PublishReadings).decode
Role = Callable[..., Coroutine[Any, Any, None]]
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _open(descriptor: str) -> Streams:
    return await asyncio.open_unix_connection(sock=socket.socket(fileno=int(descriptor)))


async def publisher(descriptor: str) -> None:
    """Carry out the orders on standard input: ``{"count", "size", "group", "rate"}``."""
    streams = await _open(descriptor)
    writer = streams[1]
    number = 0
    async for order in orders():
        pace = Pace(order["rate"], order["group"])
        end = number + order["count"]
        began = time.monotonic_ns()
        while number < end:
            if pause := pace.wait():
                await asyncio.sleep(pause)
            for start in range(number, number + order["group"], order["size"]):
                now = time.monotonic_ns()
                rows = [(k % POINTS, Reading(float(k), now, 0, "V")) for k in range(start, start + order["size"])]
                body = _encode(PublishReadings(False, rows))
                writer.write(len(body).to_bytes(4, "big") + body)
                await writer.drain()
            number += order["group"]
        writer.write(_END)
        await writer.drain()
        answer({"began": began})


_LAST = _encode(PublishReadings(True, []))
_END = len(_LAST).to_bytes(4, "big") + _LAST


async def relay(incoming: str, outgoing: str) -> None:
    """Forward frame by frame."""
    source = await _open(incoming)  # both streams stay referenced: a dropped writer closes its socket
    target = await _open(outgoing)
    reader, writer = source[0], target[1]
    while True:
        head = await reader.readexactly(4)
        body = await reader.readexactly(int.from_bytes(head, "big"))
        writer.write(head + body)
        await writer.drain()


async def subscriber(descriptor: str) -> None:
    """Read every value; at the end of an order tell how it went."""
    streams = await _open(descriptor)
    reader = streams[0]
    expected = 0
    latencies: list[int] = []
    while True:
        head = await reader.readexactly(4)
        message = _decode(await reader.readexactly(int.from_bytes(head, "big")))
        now = time.monotonic_ns()
        if message.history:
            answer({"ended": now, "count": expected, "latencies": histogram(latencies)})
            latencies.clear()
            continue
        latencies.append(now - message.batch[0][1].time)
        values: list[Any] = [reading.value for _, reading in message.batch]
        if values != list(range(expected, expected + len(values))):
            raise ValueError(f"after update {expected - 1} came {values[0]}")
        expected += len(values)


class Chain:
    """The three processes."""

    def __init__(self) -> None:
        self.total = 0

    async def __aenter__(self) -> Chain:
        first, second = socket.socketpair(), socket.socketpair()
        self._publisher = await Child.start(__file__, "publisher", first[0])
        self._relay = await Child.start(__file__, "relay", first[1], second[0])
        self._subscriber = await Child.start(__file__, "subscriber", second[1])
        return self

    async def __aexit__(self, *_: object) -> None:
        for child in (self._publisher, self._relay, self._subscriber):
            await child.stop()

    @property
    def pids(self) -> list[int]:
        """The process ids."""
        return [child.pid for child in (self._publisher, self._relay, self._subscriber)]

    async def burst(self, count: int, size: int, rate: int = 0, group: int = 0) -> dict[str, Any]:
        """Send ``count`` updates in frames of ``size``, ``group`` of them at once when paced; seconds and latencies."""
        self.total += count
        sent, received = await asyncio.gather(
            self._publisher.ask({"count": count, "size": size, "group": group or size, "rate": rate}),
            self._subscriber.ask(None),
        )
        if received["count"] != self.total:
            raise ValueError(f"the chain brought {received['count']} of {self.total} updates")
        return {"seconds": (received["ended"] - sent["began"]) / 1e9, "latencies": received["latencies"]}


if __name__ == "__main__":
    roles: dict[str, Role] = {"publisher": publisher, "relay": relay, "subscriber": subscriber}
    with contextlib.suppress(asyncio.IncompleteReadError):
        asyncio.run(roles[sys.argv[1]](*sys.argv[2:]))
