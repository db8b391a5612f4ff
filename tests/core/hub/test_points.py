"""Who offers a point, what is newest, and when it turns stale."""

from __future__ import annotations

import msgspec
import pytest
from meterhub_sdk import Clock, Point, Quality, QualityFlag, Reading, Refused
from meterhub_sdk.testing import VirtualClock


async def test_a_declared_point_exists_with_quality_invalid(bench) -> None:
    bench.declare("meter", Point(name="energy", unit="Wh"))
    reading = bench.reading("meter/energy")
    assert (reading.value, reading.quality, reading.unit) == (None, Quality.INVALID, "Wh")


async def test_value_time_quality_flags_clock_and_unit_pass_untouched(bench) -> None:
    bench.declare("meter", "energy")
    given = Reading(12345678901234567, 987654321, Quality.SUBSTITUTED, "kvarh", QualityFlag.BLOCKED, Clock.INVALID)
    bench.publish("meter", energy=given)
    assert bench.reading("meter/energy") == given


async def test_the_source_clock_never_decides_what_is_newest(bench) -> None:
    bench.declare("meter", "energy")
    bench.publish("meter", energy=Reading(2, 2_000))
    bench.publish("meter", energy=Reading(1, 1_000))
    assert bench.reading("meter/energy").value == 1


async def test_history_never_touches_the_newest_reading(bench, channel) -> None:
    bench.declare("meter", "energy")
    bench.publish("meter", energy=5)
    newest = channel()
    bench.hub.follow_latest(1, ("meter/**",), newest)
    newest.take()
    bench.now += 50
    bench.publish("meter", history=True, energy=4)
    await bench.turn()
    assert bench.reading("meter/energy").value == 5
    assert newest.take() == []
    assert bench.hub.points["meter/energy"].arrived == 1000.0  # nor does it make the newest one look fresh


async def test_a_foreign_point_is_refused_and_nothing_of_the_batch_is_taken(bench) -> None:
    bench.declare("meter", "energy")
    bench.declare("breaker", "closed")
    rows = [
        (bench.hub.points[name].number, msgspec.Raw(msgspec.msgpack.encode(Reading(1, 1))))
        for name in ("meter/energy", "breaker/closed")
    ]
    with pytest.raises(Refused, match="none of the publisher's own"):
        bench.hub.publish(bench.hub.owned("meter"), rows)
    with pytest.raises(Refused):
        bench.hub.publish(bench.hub.owned("meter"), [(99, rows[0][1])])
    assert bench.reading("meter/energy").value is None
    assert bench.hub.published == 0


async def test_a_point_that_was_withdrawn_reads_as_missing_and_takes_nothing_more(bench, channel) -> None:
    bench.declare("meter", "energy", "power")
    bench.publish("meter", energy=5, power=7)
    owned = set(bench.hub.owned("meter"))
    follower = channel()
    bench.hub.follow_latest(1, ("meter/**",), follower)
    follower.take()
    bench.declare("meter", "power", only=True)
    await bench.turn()
    assert follower.take() == [("meter/energy", None)]
    assert bench.reading("meter/power").value == 7
    late = [(bench.hub.points["meter/energy"].number, msgspec.Raw(msgspec.msgpack.encode(Reading(6, 1))))]
    with pytest.raises(Refused):
        bench.hub.publish(owned, late)
    bench.hub.withdraw("meter")
    await bench.turn()
    assert follower.take() == [("meter/power", None)]
    assert bench.reading("meter/energy") == Reading.missing()


async def test_a_point_that_comes_back_has_no_age_of_its_former_life(bench) -> None:
    bench.declare("meter", Point(name="energy", stale_after=10))
    bench.publish("meter", energy=5)
    bench.hub.withdraw("meter")
    bench.declare("meter", Point(name="energy", stale_after=10))
    assert bench.hub.points["meter/energy"].arrived == 0
    bench.publish("meter", energy=6)
    bench.now += 11
    assert bench.hub.sweep() == 1


async def test_declaring_again_keeps_the_reading_unless_its_type_changed(bench) -> None:
    bench.declare("meter", Point(name="energy", title="old"))
    bench.publish("meter", energy=5.0)
    bench.declare("meter", Point(name="energy", title="new"))
    assert bench.reading("meter/energy").value == 5.0
    assert bench.hub.points["meter/energy"].point.title == "new"
    bench.declare("meter", Point(name="energy", type="str"))
    assert bench.reading("meter/energy").value is None


@pytest.mark.parametrize("name", ["", "a//b", "a b", "a/*", "**", "x" * 65, "a?b", "e\u0301", "/".join(["x" * 60] * 9)])
async def test_a_bad_name_is_refused_and_nothing_is_declared(bench, name) -> None:
    bench.declare("meter", "old")
    with pytest.raises(Refused):
        bench.declare("meter", "good", name, only=True)
    assert [n for n, s in bench.hub.points.items() if s.point is not None] == ["meter/old"]


async def test_numbers_belong_to_names_for_good(bench) -> None:
    (first,) = bench.hub.declare("meter", [Point(name="energy")])
    bench.hub.withdraw("meter")
    (again,) = bench.hub.declare("meter", [Point(name="energy")])
    assert first == again == (0, "energy", "float")


async def test_silence_turns_a_point_stale_with_its_old_time_and_one_publish_makes_it_good(bench, channel) -> None:
    bench.declare("meter", Point(name="energy", stale_after=10))
    bench.publish("meter", energy=Reading(5, 123, flags=QualityFlag.OVERFLOW, unit="Wh"))
    follower = channel()
    bench.hub.follow_latest(1, ("meter/energy",), follower)
    follower.take()
    bench.now += 10
    assert bench.hub.sweep() == 0
    bench.now += 0.1
    assert bench.hub.sweep() == 1
    await bench.turn()
    assert follower.readings()["meter/energy"] == Reading(5, 123, Quality.STALE, "Wh", QualityFlag.OVERFLOW)
    assert bench.hub.sweep() == 0  # told once
    bench.publish("meter", energy=Reading(5, 123, unit="Wh"))
    await bench.turn()
    assert follower.readings()["meter/energy"].quality == Quality.GOOD
    bench.now += 10.1
    assert bench.hub.sweep() == 1


@pytest.mark.parametrize(
    ("limit", "quality", "turns"),
    [(None, Quality.GOOD, 0), (5, Quality.INVALID, 0), (5, Quality.STALE, 0), (5, Quality.SUBSTITUTED, 1)],
)
async def test_what_has_no_limit_or_is_no_better_stays_as_it_is(bench, limit, quality, turns) -> None:
    bench.declare("meter", Point(name="energy", stale_after=limit))
    bench.publish("meter", energy=Reading(5, 1, quality))
    bench.now += 1e6
    assert bench.hub.sweep() == turns
    assert bench.reading("meter/energy").quality == (Quality.STALE if turns else quality)


async def test_what_never_arrived_does_not_turn_stale(bench) -> None:
    bench.declare("meter", Point(name="energy", stale_after=1))
    bench.now += 100
    assert bench.hub.sweep() == 0
    assert bench.reading("meter/energy").quality == Quality.INVALID


async def test_the_points_of_a_lost_service_turn_stale_at_once_and_no_others(bench) -> None:
    bench.declare("meter", "energy", "power")
    bench.declare("other", "energy")
    bench.publish("meter", energy=Reading(5, 77))
    bench.publish("other", energy=6)
    assert bench.hub.lost("meter") == 1  # power never had a value
    assert bench.reading("meter/energy") == Reading(5, 77, Quality.STALE)
    assert bench.reading("other/energy").quality == Quality.GOOD
    bench.publish("meter", energy=Reading(5, 77))
    assert bench.reading("meter/energy").quality == Quality.GOOD


def test_an_hour_of_silence_is_an_hour_of_monotonic_time(bench) -> None:
    """The wall clock is not asked; the loop's clock may be anything that only goes forward."""
    clock = VirtualClock()

    async def main() -> None:
        import asyncio

        bench.hub.clock = asyncio.get_running_loop().time
        bench.declare("meter", Point(name="energy", stale_after=3600))
        await asyncio.sleep(1)
        bench.publish("meter", energy=Reading(1, 2**62))  # a source far in the future is stale all the same
        await asyncio.sleep(3600)
        assert bench.hub.sweep() == 0
        await asyncio.sleep(1)
        assert bench.hub.sweep() == 1

    clock.run(main())
