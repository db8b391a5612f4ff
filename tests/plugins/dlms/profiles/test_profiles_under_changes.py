"""Whatever happens to a meter's clock and buffer, each of its entries is published once, in the order of capture."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from types import SimpleNamespace

import pytest
import sqlite_utils
from hypothesis import given, settings
from hypothesis import strategies as st
from meterhub_dlms.client.association import Association
from meterhub_dlms.client.cost import Link
from meterhub_dlms.client.credentials import Credentials
from meterhub_dlms.client.profiles.progress import MIGRATIONS
from meterhub_dlms.client.profiles.reader import ProfileReader
from meterhub_dlms.client.settings import Meter
from meterhub_dlms.codec.selection import ByRange
from meterhub_dlms.link.errors import LinkError
from meterhub_sdk import nanoseconds
from meterhub_sdk.store import migrate
from meterhub_sdk.testing import FakeHub

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("capture"), st.integers(1, 30)),
        st.tuples(st.just("look"), st.integers(1, 2)),
        st.tuples(st.just("jump"), st.sampled_from([-86_400 * 366, -7200, -3600, -1200, -900, 1, 1800, 86_400 * 366])),
        st.tuples(st.just("season"), st.sampled_from([-60, -120, 0])),
        st.tuples(st.just("restart"), st.just(0)),
        st.tuples(st.just("lost"), st.integers(1, 3)),
    ),
    max_size=12,
)


class DirectChannel:
    """Hands each APDU to the meter."""

    def __init__(self, meter):
        self.meter, self.answer, self.lost, self.dropped, self.reason = meter, b"", asyncio.Event(), 0, ""

    def send(self, apdu):
        self.answer = self.meter.answer(bytes(apdu))

    async def receive(self):
        if self.answer is None:
            raise LinkError("nothing comes any more")
        return self.answer

    def close(self):
        self.lost.set()


class DirectBus:
    """Does each work at once, over an association that is built again when it broke."""

    def __init__(self, meter, settings):
        self.meter = meter
        self.pollers = {"m": SimpleNamespace(association=None, link=lambda: Link(10 / 9600, 0.02), meter=settings)}

    async def associate(self):
        association = Association(DirectChannel(self.meter), Credentials(), 5)
        await association.open()
        self.pollers["m"].association = association

    async def perform(self, label, priority, work):
        return await work(self.pollers[label].association)


class World:
    """A meter, and the reader of its profile with its hub and store."""

    def __init__(self, meter, load, refuses):
        meter.refuses = set(refuses)
        self.meter = meter
        self.settings = Meter.model_validate({"label": "m", "host": "h", "mappings": [], "profiles": [load]})
        self.hub = FakeHub("dlms-client")
        self.hub.__dict__["store"] = sqlite_utils.Database(memory=True)
        self.hub.store.conn.isolation_level = None
        migrate(self.hub.store, self.hub.directory, MIGRATIONS)
        self.captured = []
        self.elapsed = timedelta()
        self.restart()

    def restart(self):
        self.bus = DirectBus(self.meter, self.settings)
        self.reader = ProfileReader(self.hub, self.bus, self.settings, self.settings.profiles[0])

    async def look(self):
        self.hub.fixed_time = nanoseconds(self.start + self.elapsed)
        await self.bus.associate()
        await self.reader.look()

    def capture(self, count, quarter):
        for _ in range(count):
            self.meter.now += quarter
            self.elapsed += quarter
            self.meter.capture(len(self.captured))
            self.captured.append(len(self.captured) / 10)


@pytest.mark.slow
@pytest.mark.parametrize("refuses", [(), (ByRange,)])
@given(steps=STEPS)
@settings(max_examples=60)
def test_each_entry_is_published_once(refuses, steps, fresh_meter, kit):
    async def whole():
        world = World(fresh_meter(), {**kit.LOAD, "first_read": 366}, refuses)
        world.start = kit.NOON
        world.capture(3, kit.QUARTER)
        await world.look()
        for step, by in steps:
            if step == "capture":
                world.capture(by, kit.QUARTER)
            elif step == "jump":
                await world.look()
                world.meter.now += timedelta(seconds=by)
            elif step == "season":
                await world.look()
                world.meter.deviation = by
            elif step == "restart":
                world.restart()
            else:
                world.meter.lost_after = len(world.meter.selections) + by if step == "lost" else None
                await world.look()
                world.meter.lost_after = None
        await world.look()
        await world.look()
        published = [reading.value for name, reading in world.hub.history if name == "m/load/energy"]
        assert sorted(published) == world.captured
        assert not world.captured or world.hub.published["m/load/energy"].value == world.captured[-1]
        world.hub.store.conn.close()
        world.hub.close()

    async def bounded():
        async with asyncio.timeout(60):
            await whole()

    asyncio.run(bounded())
