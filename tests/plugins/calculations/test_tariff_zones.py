"""Tariff zones: the active tariff, and a register divided without losing anything."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from meterhub_calculations.tariff_zones import TariffZones, TariffZonesConfig
from meterhub_sdk import Clock, ConfigError, Quality, Reading, nanoseconds

WARSAW = ZoneInfo("Europe/Warsaw")
SECOND = 1_000_000_000
ALL = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
START = datetime(2026, 3, 10, 6, 50, tzinfo=WARSAW)
CONFIG = TariffZonesConfig(
    point="m/p",
    time_zone="Europe/Warsaw",
    tariffs=["day", "night"],
    period=1,
    tables=[
        {
            "days": ALL,
            "switches": [
                {"at": "00:00", "tariff": "night"},
                {"at": "07:00", "tariff": "day"},
                {"at": "22:00", "tariff": "night"},
            ],
        }
    ],
)


def energies(hub):
    return tuple(hub.published[name].value for name in ("energy/day", "energy/night", "unassigned"))


def test_the_active_tariff_follows_the_clock_without_any_reading(play):
    async def scenario(hub):
        assert hub.published["active"] == Reading("night", hub.now())
        assert hub.published["active-number"].value == 2
        assert hub.published["energy/day"].quality == Quality.INVALID
        await hub.pass_(599)
        assert hub.published["active"].value == "night"
        await hub.pass_(2)
        assert hub.published["active"].value == "day"
        assert abs(hub.published["active"].time - nanoseconds(START + timedelta(minutes=10))) <= 2 * SECOND
        hub.set_clock(START + timedelta(hours=16))
        hub.clock = Clock.INVALID
        await hub.pass_(2)
        assert (hub.published["active"].value, hub.published["active"].clock) == ("night", Clock.INVALID)

    play(TariffZones, CONFIG, scenario, start=START)


def test_energy_goes_to_the_tariff_of_its_own_time_and_is_split_at_a_switch(play):
    async def scenario(hub):
        await hub.read(1000, unit="Wh")
        await hub.read(1010, 300, unit="Wh")
        assert energies(hub) == (0, 10, 0)
        await hub.read(1030, 400, unit="Wh")
        assert energies(hub) == (pytest.approx(5), pytest.approx(25), 0)
        assert hub.published["energy/day"].time == hub.now()
        assert hub.published["energy/day"].good

    play(TariffZones, CONFIG, scenario, start=START)


def test_a_stale_register_makes_the_energies_stale_and_what_it_counted_meanwhile_is_not_lost(play):
    async def scenario(hub):
        await hub.read(1, unit="kWh")
        hub.give("m/p", hub.readings["m/p"].degraded(Quality.STALE))
        await hub.pass_(1)
        assert hub.published["energy/night"].quality == Quality.STALE
        assert hub.published["active"].good
        await hub.read(2, 300, unit="kWh")
        assert energies(hub) == (0, 1000, 0)
        assert hub.published["energy/night"].good

    play(TariffZones, CONFIG, scenario, start=START)


def test_after_a_long_gap_only_what_can_be_known_is_assigned(play):
    async def scenario(hub):
        await hub.read(1000, unit="Wh")
        hub.set_clock(START + timedelta(hours=8))  # a switch lies between, and more than the longest gap
        await hub.read(1100, 1, unit="Wh")
        assert energies(hub) == (0, 0, 100)
        hub.set_clock(START + timedelta(hours=15))  # as long, but all of it by day
        await hub.read(1200, 1, unit="Wh")
        assert energies(hub) == (100, 0, 100)
        hub.set_clock(START + timedelta(days=41))
        await hub.read(1300, 1, unit="Wh")
        assert energies(hub) == (100, 0, 200)
        assert [event.type.name for event in hub.recorded] == ["tariff-unassigned"] * 2
        assert "are 40 days apart" in hub.recorded[1].type.sentence(hub.recorded[1].parameters)

    play(TariffZones, CONFIG, scenario, start=START)


def test_a_register_that_goes_back_is_told_and_counted_on(play):
    async def scenario(hub):
        await hub.read(1000, unit="Wh")
        await hub.read(1010, 10, unit="Wh")
        await hub.read(3, 10, unit="Wh")
        await hub.read(5, 10, unit="Wh")
        assert energies(hub) == (0, 12, 0)
        assert [event.type.name for event in hub.recorded] == ["register-went-back"]

    play(TariffZones, CONFIG, scenario, start=START)


def test_everything_stays_over_restarts(play, tmp_path):
    async def first(hub):
        await hub.read(1000, unit="Wh")
        await hub.read(1010, 60, unit="Wh")

    async def second(hub):
        assert energies(hub) == (0, 10, 0)
        await hub.read(1110, unit="Wh")
        assert energies(hub) == (pytest.approx(50), pytest.approx(60), 0)

    play(TariffZones, CONFIG, first, start=START, directory=tmp_path)
    play(TariffZones, CONFIG, second, start=START + timedelta(minutes=19), directory=tmp_path)


reads = st.lists(
    st.tuples(st.integers(0, 50_000), st.sampled_from([-7200, -60, 0, 1, 60, 900, 3000, 7200, 86_400, 10**7])),
    min_size=1,
    max_size=12,
)


@settings(max_examples=40, deadline=None)
@given(
    reads,
    st.sampled_from([START, datetime(2026, 3, 29, 0, 30, tzinfo=WARSAW), datetime(2026, 10, 25, 1, tzinfo=WARSAW)]),
)
def test_tariffs_and_what_is_unassigned_add_up_to_the_register(play, steps, start):
    async def scenario(hub):
        register, time = 10**6, hub.now()
        for amount, seconds in [(0, 0), *steps]:
            register, time = register + amount, time + seconds * SECOND
            hub.give("m/p", Reading(register, time, unit="Wh"))
            await hub.settle()
            await hub.pass_(1)
            assert sum(energies(hub)) == pytest.approx(register - 10**6, abs=1e-6)
        for name in ("energy/day", "energy/night", "unassigned"):
            values = [reading.value for which, reading in hub.history if which == name]
            assert values == sorted(values)

    play(TariffZones, CONFIG, scenario, start=start)


def test_a_register_in_another_unit_waits_for_the_administrator(play):
    async def scenario(hub):
        await hub.read(1, unit="varh")

    with pytest.raises(ConfigError, match="m/p counts in varh; a register in Wh is needed"):
        play(TariffZones, CONFIG, scenario, start=START)
