"""The load curve: exact energies, registers that never run backwards, the points it promises."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import hashlib
from datetime import timedelta
from fractions import Fraction
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from meterhub_load_curve import meterhub_services, recording, registers
from meterhub_load_curve.meter import ENERGIES, POWERS, Meter
from meterhub_load_curve.recording import MINUTE, Integral
from meterhub_load_curve.service import LoadCurve
from meterhub_load_curve.settings import LoadCurveConfig
from meterhub_sdk import Clock
from meterhub_sdk.testing import FakeHub, VirtualClock
from pydantic import ValidationError

MINUTES = recording.load()
DAY = 1440 * MINUTE
HOUR = 60 * MINUTE


def rows():
    with (files("meterhub_load_curve") / recording.FILE).open() as source:
        return list(csv.DictReader(source))


def play(tmp_path, seconds, *, crash=False, **config):
    """Run a load curve for some seconds of a virtual clock; the hub with what it published."""
    hub = FakeHub("load-curve", tmp_path)

    async def run():
        service = LoadCurve(hub, LoadCurveConfig(**config))
        if crash:
            hub.declared.update({point.name: point for point in service.points()})
            hub._service = service
            task = asyncio.create_task(service.run())
            await asyncio.sleep(seconds)
            kept = registers.load(hub.store)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            registers.save(hub.store, kept)
        else:
            async with hub.running(service):
                await asyncio.sleep(seconds)
        return service.status()

    try:
        hub.status = VirtualClock().run(run())
    finally:
        hub.close()
    return hub


def test_the_recording_is_shipped_unchanged_and_read_completely():
    content = (files("meterhub_load_curve") / recording.FILE).read_bytes()
    assert hashlib.sha256(content).hexdigest() == "bdad0e77380a71f60bc7673b68a07d3e9ca2cb217a4846788edc619d9350f345"
    assert len(MINUTES) == 2880
    assert MINUTES[0] == (326, 128, 243.15, 1.4, 0, 0, 0)
    assert all(minute.active > 0 for minute in MINUTES)


def test_two_days_count_what_the_rows_say():
    counted = Meter(LoadCurveConfig(), MINUTES).energies(0, 2 * DAY)
    table = rows()
    assert counted["energy-import"] == sum(Fraction(row["active_power_kw"]) for row in table) * 1000 / 60
    assert counted["reactive-energy-import"] == sum(Fraction(row["reactive_power_kvar"]) for row in table) * 1000 / 60
    for name in ("kitchen", "laundry", "heating"):
        assert counted[f"{name}-energy"] == sum(Fraction(row[f"{name}_wh"]) for row in table)
    day_rate = sum(Fraction(row["active_power_kw"]) for row in table if 6 <= int(row["time"][11:13]) < 22)
    assert counted["energy-import-tariff-1"] == day_rate * 1000 / 60
    assert counted["energy-export"] == counted["reactive-energy-export"] == 0


@given(
    st.lists(st.integers(0, 5 * DAY), min_size=1, max_size=30),
    st.builds(
        LoadCurveConfig,
        scale=st.floats(0.001, 1000),
        reverse=st.booleans(),
        tariff_1_from=st.integers(0, 11),
        tariff_1_until=st.integers(12, 24),
    ),
)
@settings(deadline=None, max_examples=50)
def test_any_partition_of_the_time_counts_the_same_energy(places, config):
    meter = Meter(config, MINUTES)
    places = [0, *sorted(places)]
    parts = [meter.energies(start, end) for start, end in pairwise(places)]
    whole = meter.energies(0, places[-1])
    for name in ENERGIES:
        assert sum(part[name] for part in parts) == whole[name]
        assert all(part[name] >= 0 for part in parts)
    assert whole["energy-import-tariff-1"] + whole["energy-import-tariff-2"] == whole["energy-import"]


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=20), st.integers(0, 60 * MINUTE))
def test_an_integral_is_the_sum_of_its_rates(rates, position):
    minute, rest = divmod(position, MINUTE)
    expected = sum(rates[n % len(rates)] for n in range(minute)) * MINUTE + rates[minute % len(rates)] * rest
    assert Integral(rates).at(position) == expected


@given(st.integers(0, 4 * DAY), st.floats(0.001, 1000))
def test_powers_belong_together(position, scale):
    powers = Meter(LoadCurveConfig(scale=scale), MINUTES).powers(position)
    assert powers["apparent-power"] ** 2 == pytest.approx(powers["active-power"] ** 2 + powers["reactive-power"] ** 2)
    assert powers["active-power"] == pytest.approx(powers["apparent-power"] * powers["power-factor"])
    assert 0 < powers["power-factor"] <= 1


def test_reverse_exchanges_import_and_export():
    forward, reverse = (Meter(LoadCurveConfig(reverse=reverse), MINUTES) for reverse in (False, True))
    there, back = forward.energies(0, DAY), reverse.energies(0, DAY)
    assert back["energy-export"] == there["energy-import"]
    assert back["reactive-energy-export"] == there["reactive-energy-import"]
    assert back["energy-import"] == back["energy-import-tariff-1"] == 0
    assert reverse.powers(0)["active-power"] == -326


def test_every_point_is_declared_and_published_with_its_unit_and_clock(tmp_path):
    service = meterhub_services()[0](None, LoadCurveConfig())
    points = {point.name: point for point in service.points()}
    assert set(points) == {*POWERS, *ENERGIES}
    assert all(
        point.title and point.source and (point.unit or point.name == "power-factor") for point in points.values()
    )
    hub = play(tmp_path, 1)
    assert {name: reading.unit for name, reading in hub.published.items()} == {n: p.unit for n, p in points.items()}
    for name, reading in hub.published.items():
        assert type(reading.value).__name__ == points[name].type
        assert reading.clock == Clock.VALID
        assert reading.time > 1_600_000_000_000_000_000


@pytest.mark.parametrize(("interval", "count"), [(0.1, 101), (1, 11), (7, 2)])
def test_it_publishes_at_its_interval(tmp_path, interval, count):
    hub = play(tmp_path, 10.05, interval=interval)
    assert sum(name == "active-power" for name, _ in hub.history) == count


@pytest.mark.parametrize("interval", [0.3, 1, 11])
def test_the_registers_do_not_depend_on_the_interval(tmp_path, interval):
    hub = play(tmp_path, 330, interval=interval, speed=60)
    place = (hub.status.recorded_time - recording.BEGINNING) // recording.BEGINNING.resolution * 1000
    assert place > 310 * MINUTE
    expected = Meter(LoadCurveConfig(), MINUTES).energies(0, place)
    for name in ENERGIES:
        assert hub.published[name].value == pytest.approx(float(expected[name]), abs=1)


def test_speed_offset_and_scale(tmp_path):
    hub = play(tmp_path, 60.5, speed=60, offset=600, scale=2)
    row = rows()[660]
    assert hub.published["active-power"].value == pytest.approx(float(row["active_power_kw"]) * 2000)
    assert hub.published["current"].value == pytest.approx(float(row["current_a"]) * 2)
    assert hub.published["voltage"].value == float(row["voltage_v"])
    assert hub.status.recorded_time.isoformat().startswith("2007-02-01T11:00")


def test_the_curve_repeats_and_the_registers_go_on(tmp_path):
    hub = play(tmp_path, 100, speed=3600, offset=60)
    table = [reading.value for name, reading in hub.history if name == "energy-import"]
    assert table == sorted(table)
    assert hub.status.rounds == 2
    assert table[-1] > 2 * int(Meter(LoadCurveConfig(), MINUTES).energies(0, 2 * DAY)["energy-import"])


def test_first_readings_count_once(tmp_path):
    first = {"initial_tariff_1": 1000, "initial_tariff_2": 200, "initial_export": 7}
    hub = play(tmp_path, 1, **first)
    assert [hub.published[f"energy-{name}"].value for name in ("import", "import-tariff-1", "export")] == [
        1200,
        1000,
        7,
    ]
    assert play(tmp_path, 1, **first).published["energy-import"].value == 1200


def test_a_restart_goes_on_where_it_stopped(tmp_path):
    before = play(tmp_path, 600.5, speed=60)
    after = play(tmp_path, 0.5, speed=60)
    assert after.status.recorded_time - before.status.recorded_time < timedelta(seconds=1)
    for name in ENERGIES:
        assert 0 <= after.published[name].value - before.published[name].value <= 1


@pytest.mark.parametrize("seconds", [0.5, 9.9, 10.5, 25])
def test_after_a_power_failure_no_register_runs_backwards(tmp_path, seconds):
    before = play(tmp_path, seconds, speed=3600, crash=True).published
    after = dict(reversed(play(tmp_path, 0.5, speed=3600).history))
    ahead = Meter(LoadCurveConfig(), MINUTES).energies(0, 20 * DAY)
    for name in ENERGIES:
        assert before[name].value <= after[name].value <= ahead[name]


def test_it_writes_to_the_store_every_ten_seconds_at_most(tmp_path, monkeypatch):
    saved = []
    save = registers.save
    monkeypatch.setattr(registers, "save", lambda store, state: (saved.append(state), save(store, state)))
    play(tmp_path, 60.5, interval=0.1)
    assert 6 <= len(saved) <= 8


def test_a_new_offset_moves_the_place_and_keeps_the_registers(tmp_path):
    before = play(tmp_path, 120, speed=60).published["energy-import"].value
    hub = play(tmp_path, 0.5, speed=60, offset=1440)
    assert hub.status.recorded_time.day == 2
    assert hub.published["energy-import"].value >= before > 0


@pytest.mark.parametrize(
    "wrong",
    [{"speed": 0}, {"speed": 3601}, {"interval": 0}, {"offset": 2880}, {"scale": 0}, {"initial_export": -1},
     {"tariff_1_from": 7, "tariff_1_until": 7}],
)  # fmt: skip
def test_settings_that_cannot_work_are_refused(wrong):
    with pytest.raises(ValidationError):
        LoadCurveConfig(**wrong)


def test_the_readme_names_the_source_and_its_licence():
    readme = (Path(__file__).parents[3] / "plugins/load-curve/README.md").read_text()
    for words in ("G. Hebrail and A. Berard", "UCI Machine Learning Repository", "CC BY 4.0", "data set 235"):
        assert words in readme
