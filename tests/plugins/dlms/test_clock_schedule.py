"""When clocks are compared and set: days of it, on a clock that needs no waiting."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from meterhub_dlms.client.clock.keeper import ClockKeeper
from meterhub_dlms.client.clock.watch import ClockWatch
from meterhub_dlms.client.errors import AssociationError
from meterhub_dlms.client.meter_events import CLOCK_NOT_SET, CLOCK_SET
from meterhub_dlms.client.settings import DlmsClientConfig
from meterhub_dlms.codec import axdr, cosem_time
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.codec.ln_action import ActionOutcome, ActionResult
from meterhub_sdk import Clock, Refused
from meterhub_sdk.testing import FakeHub, VirtualClock

SECOND = 1_000_000_000
START = 1_888_888 * 900 * SECOND
HOUR = 3600


class Running(FakeHub):
    """Its clock runs with the event loop."""

    begins = START

    def now(self):
        return self.begins + round(asyncio.get_running_loop().time() * SECOND)


class Drifting:
    """A meter whose clock gains ``drift`` seconds an hour."""

    def __init__(self, hub, ahead=0.0, drift=0.0):
        self.hub, self.ahead, self.drift = hub, ahead, drift
        self.compared, self.shifted = [], []
        self.breaks = False

    async def get(self, attribute):
        now = asyncio.get_running_loop().time()
        self.compared.append(now)
        if self.breaks:
            raise AssociationError("it fell silent")
        shown = self.hub.now() + round((self.ahead + self.drift * now / HOUR) * SECOND)
        return Data(axdr.OCTET_STRING, cosem_time.encode(shown))

    async def action(self, method, data):
        self.shifted.append((asyncio.get_running_loop().time(), data.value))
        self.ahead += data.value
        return ActionOutcome(ActionResult.SUCCESS)


class OneMeterBus:
    """Does everything at once while the meter is connected."""

    def __init__(self, meter):
        self.meter, self.connected = meter, True

    async def perform(self, label, priority, work):
        if not self.connected:
            raise Refused("not connected")
        return await work(self.meter)


@pytest.fixture
def keep(tmp_path):
    """Runs a keeper for so many seconds of its own time; ``during`` may play with it."""

    def run(seconds, during=None, begins=START, **given):
        async def main():
            hub = Running("dlms-client", tmp_path)
            hub.begins = begins
            row = {"label": "m", "host": "h", "mappings": []}
            config = DlmsClientConfig.model_validate({"meters": [row], "time_synchronisation": True})
            hub.declared["m/clock-deviation"] = SimpleNamespace(type="float")
            intake = SimpleNamespace(watch=ClockWatch(hub, "m", config.time_offset))
            polling = SimpleNamespace(intake=intake)
            poller = SimpleNamespace(meter=config.meters[0], polling=polling, on_connected=[])
            meter = Drifting(hub, **given)
            bus = OneMeterBus(meter)
            keeper = ClockKeeper(hub, config, bus, poller)
            task = asyncio.create_task(keeper.run())
            try:
                if during is not None:
                    await during(hub, bus, poller)
                await asyncio.sleep(seconds - asyncio.get_running_loop().time())
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            return hub, meter

        return VirtualClock().run(main())

    return run


def kinds(hub):
    return [event.type for event in hub.recorded]


def test_a_clock_that_gains_is_compared_each_six_hours_and_set_when_it_is_worth_it(keep):
    hub, meter = keep(60 * HOUR, begins=START + 450 * SECOND, drift=0.1)
    assert sorted({round(time / HOUR) for time in meter.compared}) == [0, 6, 12, 18, 24, 30, 36, 42, 48, 54]
    assert [(round(time / HOUR), shift) for time, shift in meter.shifted] == [(24, -2), (42, -2)]
    assert kinds(hub) == [CLOCK_SET, CLOCK_SET]


@pytest.mark.parametrize(
    ("begins", "ahead", "waits"), [(-3, 10, 9), (2, 10, 4), (-20, 60, 26), (10, -30, 26), (897, 1, 0)]
)
def test_close_to_a_quarter_hour_it_waits_until_both_clocks_are_past_it(keep, begins, ahead, waits):
    hub, meter = keep(120, begins=START + begins * SECOND, ahead=ahead)
    if abs(ahead) < 2:
        assert meter.shifted == []
        return
    ((time, shift),) = meter.shifted
    assert shift == -ahead
    assert time == pytest.approx(waits, abs=0.01)
    assert kinds(hub) == [CLOCK_SET]


def test_it_is_tried_again_soon_when_our_own_clock_becomes_valid(keep):
    async def during(hub, bus, poller):
        hub.clock = Clock.UNKNOWN
        await asyncio.sleep(1000)
        hub.clock = Clock.VALID

    hub, meter = keep(HOUR, during, begins=START + 100 * SECOND, ahead=30)
    ((time, _),) = meter.shifted
    assert time == pytest.approx(1200, abs=1)
    assert kinds(hub) == [CLOCK_NOT_SET, CLOCK_SET]


def test_each_new_connection_is_a_reason_to_compare(keep):
    async def during(hub, bus, poller):
        bus.connected = False
        for _ in range(3):
            await asyncio.sleep(600)
            bus.connected = True
            poller.on_connected[0]()

    _, meter = keep(HOUR, during, begins=START + 450 * SECOND)
    assert [round(time) for time in meter.compared] == [600, 1200, 1800]


def test_a_meter_that_falls_silent_each_time_is_left_in_peace(keep):
    async def during(hub, bus, poller):
        bus.meter.breaks = True
        for _ in range(20):
            await asyncio.sleep(10)
            poller.on_connected[0]()

    _, meter = keep(5 * HOUR, during)
    assert len(meter.compared) == 3
