"""From the hub's queue to events: the past, clocks set back, and what came while nobody listened."""

from __future__ import annotations

import struct

import pytest
from meterhub_iec104.arrivals import Arrivals
from meterhub_iec104.elements import KINDS
from meterhub_iec104.objects import InformationObject
from meterhub_iec104.push import Push
from meterhub_iec104.records import Position
from meterhub_iec104.station import Station, Stations
from meterhub_sdk import Batch, Quality, Reading
from meterhub_sdk.testing import FakeHub

NOON = 1_767_225_600_000_000_000
SECOND = 1_000_000_000


def at(seconds: float, value: float | None, quality: Quality = Quality.GOOD) -> Reading:
    return Reading(value, NOON + round(seconds * SECOND), quality)


class Rig:
    def __init__(self, hub: FakeHub) -> None:
        self.hub = hub
        rows = [(ioa, f"m/{name}") for ioa, name in enumerate("ab", 1)]
        self.items = {
            name: InformationObject(KINDS["M_ME_NC"], ioa, (name,), push=Push("change")) for ioa, name in rows
        }
        self.stations = Stations([Station(1, self.items.values())])
        self.arrivals = Arrivals(hub, self.stations)
        self.sequence = 0

    async def take(
        self, *readings: tuple[str, Reading], now: float = 0.0, live: bool = True
    ) -> list[tuple[int, float]]:
        """The IOAs and values of the events that a batch makes."""
        self.sequence += len(readings)
        if live:
            self.hub.give_all(dict(readings))
        events = await self.arrivals.take(Batch(readings, 0, self.sequence), now)
        return [(item[0], struct.unpack("<f", item[3:7])[0]) for _, item in events]

    def image(self, name: str) -> float:
        return struct.unpack("<f", self.items[name].element[:4])[0]


@pytest.fixture
def rig(fake_hub: FakeHub) -> Rig:
    return Rig(fake_hub)


async def test_a_reading_of_the_past_is_no_event_and_never_enters_the_image(rig):
    await rig.arrivals.seed(0.0)
    assert await rig.take(("m/a", at(10, 1.0))) == [(1, 1.0)]
    assert await rig.take(("m/a", at(5, 0.5)), ("m/b", at(5, 0.75)), ("m/a", at(6, 0.6)), live=False) == [(2, 0.75)]
    assert (rig.image("m/a"), rig.arrivals.past) == (1.0, 2)
    assert await rig.take(("m/a", at(11, 2.0))) == [(1, 2.0)]


async def test_the_past_between_two_live_readings_of_one_batch_is_told_apart(rig):
    await rig.arrivals.seed(0.0)
    await rig.take(("m/a", at(4, 4.0)))
    rig.hub.give("m/a", at(7, 7.0))
    made = await rig.take(*[("m/a", at(n, n)) for n in (5.0, 1.0, 6.0, 2.0, 7.0)], live=False)
    assert made == [(1, 5.0), (1, 6.0), (1, 7.0)]
    assert rig.arrivals.past == 2


async def test_what_is_only_ever_history_is_sent_in_the_order_of_its_times(rig):
    await rig.arrivals.seed(0.0)
    assert await rig.take(*[("m/a", at(n, n)) for n in (1.0, 2.0, 3.0)], live=False) == [(1, 1.0), (1, 2.0), (1, 3.0)]


async def test_a_source_whose_clock_was_set_back_is_followed_at_once(rig):
    await rig.arrivals.seed(0.0)
    await rig.take(("m/a", at(3600, 1.0)))
    assert await rig.take(("m/a", at(0, 2.0))) == [(1, 2.0)]
    assert await rig.take(("m/a", at(1, 3.0))) == [(1, 3.0)]
    assert (rig.image("m/a"), rig.arrivals.past) == (3.0, 0)


async def test_a_point_that_is_gone_turns_invalid_although_it_has_no_time_then(rig):
    await rig.arrivals.seed(0.0)
    await rig.take(("m/a", at(1, 1.0)))
    await rig.take(("m/a", Reading.missing()))
    assert rig.items["m/a"].element[4] & 0x80


async def test_what_turned_stale_keeps_its_time_and_is_an_event(rig):
    await rig.arrivals.seed(0.0)
    await rig.take(("m/a", at(1, 1.0)))
    assert await rig.take(("m/a", at(1, 1.0, Quality.STALE))) == [(1, 1.0)]


async def test_what_came_while_nobody_listened_is_an_event_though_the_image_has_it(rig):
    rig.hub.give_all({"m/a": at(5, 5.0), "m/b": at(5, 1.0)})
    rig.arrivals.goes_on_after([Position(10, 0)])
    await rig.arrivals.seed(0.0)
    rig.sequence = 100
    assert await rig.take(("m/a", at(3, 3.0)), ("m/a", at(4, 4.0)), live=False) == [(1, 3.0), (1, 4.0)]
    assert rig.image("m/a") == 5.0
    assert await rig.take(("m/a", at(5, 5.0)), ("m/a", at(6, 6.0)), live=False) == [(1, 5.0), (1, 6.0)]
    assert await rig.take(("m/a", at(6.5, 6.0)), now=1.0) == []
    assert await rig.take(("m/b", at(5, 1.0)), now=11.0, live=False) == []


async def test_what_the_hub_repeats_after_a_kill_is_left_out(rig, fake_hub):
    await rig.arrivals.seed(0.0)
    batch = [("m/a", at(n, n)) for n in (1.0, 2.0, 3.0)]
    await rig.take(*batch)
    again = Rig(fake_hub)
    again.arrivals.goes_on_after([rig.arrivals.position()])
    await again.arrivals.seed(0.0)
    assert await again.take(*batch, ("m/a", at(4, 4.0))) == [(1, 4.0)]


async def test_several_batches_that_the_hub_repeats_after_a_kill_are_left_out(rig, fake_hub):
    await rig.arrivals.seed(0.0)
    positions = []
    for number in range(3):
        await rig.take(*[("m/a", at(n, n)) for n in (3.0 * number, 3.0 * number + 1, 3.0 * number + 2)])
        positions.append(rig.arrivals.position())
    again = Rig(fake_hub)
    again.arrivals.goes_on_after([positions[0], positions[2]])  # of the second nobody made an event
    await again.arrivals.seed(0.0)
    repeated = [("m/a", at(n, n)) for n in map(float, range(9))]
    for first in (0, 4):
        assert await again.take(*repeated[first : first + 4], live=False) == []
    assert await again.take(repeated[8], ("m/a", at(9, 9.0)), ("m/a", at(10, 10.0))) == [(1, 9.0), (1, 10.0)]
    assert await again.take(("m/a", at(11, 11.0))) == [(1, 11.0)]


async def test_a_hub_that_counts_anew_repeats_nothing(rig, fake_hub):
    await rig.arrivals.seed(0.0)
    await rig.take(*[("m/a", at(n, n)) for n in (1.0, 2.0, 3.0)])
    again = Rig(fake_hub)
    again.arrivals.goes_on_after([rig.arrivals.position()])
    await again.arrivals.seed(0.0)
    assert len(await again.take(*[("m/a", at(n, n)) for n in (4.0, 5.0, 6.0)])) == 3


async def test_what_is_only_seconds_old_is_live_whatever_came_before_it(rig):
    rig.hub.fixed_time = NOON + 100 * SECOND
    await rig.arrivals.seed(0.0)
    await rig.take(("m/a", at(100, 1.0)))
    assert await rig.take(("m/a", at(97, 2.0)), ("m/a", at(98, 1.0)), live=False) == [(1, 2.0), (1, 1.0)]
    assert await rig.take(("m/a", at(80, 3.0)), live=False) == []
