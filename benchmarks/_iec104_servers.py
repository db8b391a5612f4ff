"""Controlled stations of the same points, each with its feeder in a process of its own (arguments: kind, port).

The feeder is the same loop in all of them: so many points at once, at a pace. What it gives a point is the time, so
that the master on the same machine knows how long it took. Orders come on standard input, as lines of JSON.
"""

from __future__ import annotations

import asyncio
import datetime
import gc
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any

from _process import answer, orders
from _stamp import stamp
from _workload import Pace

POINTS = 5_000

Send = Callable[[Sequence[int], float], Coroutine[Any, Any, None]]
"""Makes one value the newest of some points (numbers from 0) and sends it spontaneously."""


@asynccontextmanager
async def nobody(_port: int) -> AsyncIterator[Send]:
    """Nothing but the feeder, for what it costs."""

    async def send(_points: Sequence[int], _value: float) -> None:
        return None

    yield send


@asynccontextmanager
async def meterhub(port: int) -> AsyncIterator[Send]:
    """``iec104-server`` as it is, with a fake hub."""
    from meterhub_iec104.service import Iec104Server
    from meterhub_iec104.settings import Iec104Settings
    from meterhub_sdk import Clock, Reading
    from meterhub_sdk.testing import FakeHub

    names = [f"meter/p{number}" for number in range(POINTS)]
    rows = [{"type": "M_ME_NC", "point": name, "ioa": number, "push": "always"} for number, name in enumerate(names, 1)]
    hub = FakeHub()
    hub.give_all({name: Reading(0.0, hub.now(), clock=Clock.VALID) for name in names})
    settings = Iec104Settings.model_validate({"port": port, "groups": [{"label": "all", "rows": rows}]})

    async def send(points: Sequence[int], value: float) -> None:
        now = hub.now()
        hub.give_all({names[number]: Reading(value, now, clock=Clock.VALID) for number in points})

    try:
        async with hub.running(Iec104Server(hub, settings)):
            yield send
    finally:
        hub.close()


@asynccontextmanager
async def c104(port: int, batched: bool = False, tagged: bool = True) -> AsyncIterator[Send]:
    """c104's server, with each point transmitted by itself or as many as there are in a batch."""
    import c104 as library

    server = library.Server(ip="127.0.0.1", port=port)
    station = server.add_station(common_address=1)
    kind = library.Type.M_ME_TF_1 if tagged else library.Type.M_ME_NC_1
    points = [station.add_point(io_address=number, type=kind) for number in range(1, POINTS + 1)]
    server.start()
    cause = library.Cot.SPONTANEOUS

    async def singly(numbers: Sequence[int], value: float) -> None:
        for number in numbers:
            points[number].value = value
            points[number].transmit(cause=cause)

    async def together(numbers: Sequence[int], value: float) -> None:
        for number in numbers:
            points[number].value = value
        server.transmit_batch(library.Batch(cause=cause, points=[points[number] for number in numbers]))

    try:
        yield together if batched else singly
    finally:
        server.stop()


@asynccontextmanager
async def hat(port: int) -> AsyncIterator[Send]:
    """hat-drivers' connection; the station around it is only what sends."""
    from hat.drivers import iec104, net  # type: ignore[import-untyped]  # it has no types

    connections: list[Any] = []
    quality = iec104.MeasurementQuality(False, False, False, False, False)

    async def connected(connection: Any) -> None:
        connections.append(connection)
        while True:
            await connection.receive()

    async def send(numbers: Sequence[int], value: float) -> None:
        moment = iec104.time_from_datetime(datetime.datetime.now(datetime.UTC))
        data = iec104.FloatingData(iec104.FloatingValue(value), quality)
        cause = iec104.DataResCause.SPONTANEOUS
        messages = [iec104.DataMsg(False, 0, 1, number + 1, data, moment, cause) for number in numbers]
        for connection in connections:
            if connection.is_enabled:
                await connection.send(messages)

    server = await iec104.listen(connected, net.TcpAddress("127.0.0.1", port))
    try:
        yield send
    finally:
        await server.async_close()


FED = frozenset({"meterhub"})
"""Those that are not sent by :data:`Send` itself: it only plays the hub."""

SERVERS: dict[str, Callable[[int], Any]] = {
    "nobody": nobody,
    "meterhub": meterhub,
    "c104": c104,
    "c104_batch": lambda port: c104(port, batched=True),
    "c104_untagged": lambda port: c104(port, tagged=False),
    "hat": hat,
}


async def serve(kind: str, port: int) -> None:
    """Carry out orders: ``{"count", "size", "rate", "busy"}`` sends so many values, ``size`` points at once.

    The answer says how many seconds of processor time went into playing the hub.
    """
    async with SERVERS[kind](port) as send:
        at = 0
        gc.collect()
        gc.freeze()  # as the worker program does
        answer("ready")
        async for order in orders():
            pace, size = Pace(order["rate"], order["size"], order["busy"]), order["size"]
            feeding = 0.0
            for _ in range(order["count"] // size):
                if pause := pace.wait():
                    await asyncio.sleep(pause)
                numbers = [number % POINTS for number in range(at, at + size)]
                before = time.thread_time()
                await send(numbers, float(stamp()))
                feeding += time.thread_time() - before
                at += size
            answer({"feeding": feeding if kind in FED else 0.0})


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2])))
