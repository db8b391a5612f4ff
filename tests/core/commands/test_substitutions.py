"""A substituted point reads what a person said, marked so, for a limited time, whatever its owner publishes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from meterhub_sdk import Point, Quality, Reading, Refused

from meterhub.commands.substitutions import Substitutions
from meterhub.hub import Hub
from meterhub.schema import MIGRATIONS
from meterhub.store import Store

SECOND = 1_000_000_000


class Channel:
    """A follower that remembers what it was given."""

    congested = False

    def __init__(self) -> None:
        self.given: list[Reading] = []

    def updates(self, number, sequence, missed, batch) -> None:
        self.given += [msgspec.msgpack.decode(raw, type=Reading) for _, raw in batch]

    def names(self, number, names) -> None:
        """Numbers do not matter here."""


class Bench:
    """A hub with one point, a clock of its own, and substitutions."""

    def __init__(self, directory: Path, recorded: Any) -> None:
        self.seconds = 1000.0
        self.hub = Hub(clock=lambda: self.seconds)
        self.recorded = recorded
        self.store = Store(directory / "core.db", MIGRATIONS)
        self.hub.declare("meter", [Point(name="power", unit="W", stale_after=30)])
        self.substitutions = self.again()

    def now(self) -> int:
        return int(self.seconds * SECOND)

    def again(self) -> Substitutions:
        return Substitutions(self.hub, self.store, self.recorded, self.now)

    def publish(self, value: float) -> None:
        raw = msgspec.Raw(msgspec.msgpack.encode(Reading(value, self.now(), unit="W")))
        self.hub.publish(self.hub.owned("meter"), [(self.hub.points["meter/power"].number, raw)])

    def read(self) -> Reading:
        return self.hub.points["meter/power"].reading()

    async def substitute(self, value: Any = 7.0, seconds: float = 60) -> None:
        await self.substitutions.substitute("meter/power", value, seconds=seconds, user="anna", reason="CT test")


@pytest.fixture
async def bench(tmp_path, recorded) -> AsyncIterator[Bench]:
    made = Bench(tmp_path, recorded)
    yield made
    made.store.close()


async def test_it_hides_what_the_owner_publishes_and_says_so(bench) -> None:
    bench.publish(1.0)
    await bench.substitute()
    bench.publish(2.0)
    assert (bench.read().value, bench.read().quality, bench.read().unit) == (7.0, Quality.SUBSTITUTED, "W")
    (row,) = bench.substitutions.listing()
    assert (row["point"], row["value"], row["measured"], row["user"]) == ("meter/power", 7.0, 2.0, "anna")
    assert "anna substituted meter/power by 7.0 until 1970-01-01T00:17:40" in str(bench.recorded.entries)


async def test_released_it_reads_what_the_owner_said_last(bench) -> None:
    bench.publish(1.0)
    await bench.substitute()
    bench.publish(2.0)
    await bench.substitutions.release("meter/power", user="eve")
    assert (bench.read().value, bench.read().quality) == (2.0, Quality.GOOD)
    assert bench.recorded.of("substitution-ended")[0]["because"] == "eve released it"
    with pytest.raises(Refused, match="meter/power is not substituted"):
        await bench.substitutions.release("meter/power", user="eve")


async def test_it_ends_when_its_time_is_over(bench) -> None:
    bench.publish(1.0)
    await bench.substitute(seconds=60)
    bench.seconds += 59
    await bench.substitutions.expire()
    assert bench.read().quality == Quality.SUBSTITUTED
    bench.seconds += 1
    await bench.substitutions.expire()
    assert bench.read().value == 1.0
    assert bench.substitutions.listing() == []


async def test_followers_get_the_substitute_and_later_the_value_beneath_once(bench) -> None:
    latest, every = Channel(), Channel()
    bench.hub.follow_latest(1, ("meter/power",), latest)
    bench.hub.follow_every("q", 2, ("meter/power",), every)
    bench.publish(1.0)
    await bench.substitute()
    bench.publish(2.0)
    bench.publish(3.0)
    await bench.substitutions.release("meter/power", user="anna")
    expected = [(1.0, Quality.GOOD), (7.0, Quality.SUBSTITUTED), (3.0, Quality.GOOD)]
    assert [(reading.value, reading.quality) for reading in every.given] == expected
    assert latest.given[-1].value == 3.0


async def test_a_source_that_falls_silent_beneath_is_stale_afterwards(bench) -> None:
    bench.publish(1.0)
    await bench.substitute(seconds=600)
    bench.seconds += 31
    assert bench.hub.sweep() == 1
    assert bench.read().quality == Quality.SUBSTITUTED
    await bench.substitutions.release("meter/power", user="anna")
    assert (bench.read().value, bench.read().quality) == (1.0, Quality.STALE)


async def test_it_is_given_anew_with_another_value_and_the_owner_stays_beneath(bench) -> None:
    bench.publish(1.0)
    await bench.substitute(7.0)
    await bench.substitute(8.0)
    assert bench.read().value == 8.0
    await bench.substitutions.release("meter/power", user="anna")
    assert bench.read().value == 1.0


async def test_it_survives_a_restart_for_the_time_left(bench) -> None:
    await bench.substitute(seconds=60)
    bench.hub = Hub(clock=lambda: bench.seconds)
    bench.hub.declare("meter", [Point(name="power", unit="W")])
    bench.seconds += 40
    after = bench.again()
    await after.start()
    bench.publish(2.0)
    assert bench.read().value == 7.0
    bench.seconds += 20
    await after.expire()
    assert bench.read().value == 2.0
    again = bench.again()
    await again.start()
    assert again.listing() == []


@pytest.mark.parametrize("change", ["gone", "another type"])
async def test_a_point_that_changes_takes_its_substitution_with_it(bench, change) -> None:
    await bench.substitute()
    bench.hub.declare("meter", [] if change == "gone" else [Point(name="power", type="bool")], only=True)
    await bench.substitutions.expire()
    assert bench.substitutions.listing() == []
    assert bench.recorded.of("substitution-ended")[0]["because"] == "the point is gone or became another"


@pytest.mark.parametrize(
    ("name", "value", "seconds", "said"),
    [
        ("meter/other", 1.0, 60, "there is no point meter/other"),
        ("meter/power", "high", 60, "meter/power takes float, not 'high'"),
        ("meter/power", 1.0, 0.5, "seconds: 0.5 was given; 1 to 604800 will do"),
        ("meter/power", 1.0, float("nan"), "1 to 604800 will do"),
        ("meter/power", 1.0, 1e9, "1 to 604800 will do"),
    ],
)
async def test_what_cannot_be_is_refused_and_changes_nothing(bench, name, value, seconds, said) -> None:
    bench.publish(1.0)
    with pytest.raises(Refused, match=said):
        await bench.substitutions.substitute(name, value, seconds=seconds, user="anna", reason="")
    assert bench.read().value == 1.0
    assert bench.substitutions.listing() == []
