"""What is active follows from what is offered, licensed and switched, at once and across restarts."""

import asyncio
from datetime import date

import pytest
from meterhub_sdk import Feature

from meterhub.licensing.errors import LicenceError, SwitchRefused
from meterhub.licensing.events import EVENT_TYPES
from meterhub.licensing.features import TICK

LOSSES = Feature("synth.losses", "Loss calculation")
SERVER = Feature("iec104.server", "IEC 104 server", built_in=True)


@pytest.fixture
async def plugged(instance, acme):
    await instance.licences.add_vendor(acme.public, ["*"], "ra")
    plug(instance)
    instance.told()
    instance.changes.clear()
    return instance


def plug(instance):
    instance.features.declare("meterhub-losses", [LOSSES])
    instance.features.declare("meterhub-iec104", [SERVER])


def table(instance):
    return {
        row.name: (row.built_in, row.licensed, row.total, row.switched_on, row.active)
        for row in instance.features.table()
    }


async def test_built_in_features_are_active_and_others_wait_for_a_licence(plugged, acme):
    assert table(plugged) == {
        "iec104.server": (True, False, True, True, True),
        "synth.losses": (False, False, False, True, False),
    }
    await plugged.licences.install(acme.licence("synth.losses", "future.thing"), "anna")
    assert table(plugged) == {
        "future.thing": (False, True, True, True, False),
        "iec104.server": (True, False, True, True, True),
        "synth.losses": (False, True, True, True, True),
    }
    assert [row.title for row in plugged.features.table()] == ["future.thing", "IEC 104 server", "Loss calculation"]
    assert plugged.changes == [["synth.losses"]]
    assert [plugged.features.active(name) for name in ("synth.losses", "future.thing", "nothing")] == [
        True,
        False,
        False,
    ]


async def test_switches_outlive_a_restart(plugged):
    await plugged.features.switch("iec104.server", False, "anna")
    for _ in range(2):
        assert table(plugged)["iec104.server"] == (True, False, True, False, False)
        await plugged.start()
        plug(plugged)
    await plugged.features.switch("iec104.server", True, "anna")
    await plugged.start()
    plug(plugged)
    assert table(plugged)["iec104.server"] == (True, False, True, True, True)
    assert plugged.events == [
        ("feature-switched-off", "The feature iec104.server was switched off by anna"),
        ("feature-switched-on", "The feature iec104.server was switched on by anna"),
    ]


async def test_switching_twice_is_switching_once(plugged):
    for on in (True, False, False, True, True):
        await plugged.features.switch("iec104.server", on, "anna")
    assert plugged.told() == ["feature-switched-off", "feature-switched-on"]
    assert plugged.changes == [["iec104.server"], ["iec104.server"]]


@pytest.mark.parametrize("name", ["synth.losses", "nothing", "x" * 1_000, ""])
@pytest.mark.parametrize("on", [True, False])
async def test_what_nothing_allows_cannot_be_switched(plugged, name, on):
    with pytest.raises(SwitchRefused, match="neither built-in nor licensed"):
        await plugged.features.switch(name, on, "anna")


async def test_a_switch_stays_off_through_the_end_of_one_licence_and_the_next(plugged, acme):
    await plugged.licences.install(acme.licence("synth.losses"), "anna")
    await plugged.features.switch("synth.losses", False, "anna")
    (row,) = plugged.licences.rows()
    await plugged.licences.remove(row.file, "anna")
    await plugged.licences.install(acme.licence("synth.losses", number="2"), "anna")
    assert table(plugged)["synth.losses"] == (False, True, True, False, False)


async def test_a_full_disk_leaves_the_switch_as_it_was(plugged):
    await plugged.fail_commits_into("features_off")
    with pytest.raises(LicenceError, match="stays as it was"):
        await plugged.features.switch("iec104.server", False, "anna")
    assert plugged.features.active("iec104.server")
    assert (plugged.changes, plugged.told()) == ([], [])


async def test_a_withdrawn_plugin_takes_its_features_along_and_brings_them_back(plugged):
    plugged.features.withdraw("meterhub-iec104")
    assert "iec104.server" not in table(plugged)
    assert not plugged.features.active("iec104.server")
    plug(plugged)
    assert plugged.features.active("iec104.server")
    assert plugged.changes == [["iec104.server"], ["iec104.server"]]


async def test_no_plugin_gives_away_what_another_one_sells(plugged):
    generous = Feature("synth.losses", "Free losses", built_in=True)
    plugged.features.declare("free-losses", [generous])
    assert not plugged.features.active("synth.losses")
    plugged.features.withdraw("meterhub-losses")
    assert plugged.features.active("synth.losses")
    plug(plugged)
    assert not plugged.features.active("synth.losses")


@pytest.mark.parametrize("name", ["", "Synth", "a b", "a..b", "x" * 101, "a\n"])
async def test_a_plugin_cannot_offer_a_malformed_feature(plugged, name):
    with pytest.raises(LicenceError, match="bad-plugin names a feature"):
        plugged.features.declare("bad-plugin", [SERVER, Feature(name, "Title")])
    assert plugged.features.active("iec104.server")


async def test_services_hear_at_the_next_tick_that_a_licence_ended(plugged, acme):
    assert TICK < 1
    await plugged.licences.install(acme.licence("synth.losses", expires=date(2027, 11, 21)), "anna")
    ended = asyncio.Event()
    plugged.features.on_change(lambda names: ended.set() if names == {"synth.losses"} else None)
    watching = asyncio.create_task(plugged.features.watch())
    try:
        plugged.at(2027, 11, 22)
        async with asyncio.timeout(10):
            await ended.wait()
        assert not plugged.features.active("synth.losses")
    finally:
        watching.cancel()
        await asyncio.wait([watching])


async def test_a_failing_listener_or_report_keeps_nobody_else_from_hearing(plugged, acme, monkeypatch, caplog):
    await plugged.licences.install(acme.licence("synth.losses", expires=date(2027, 11, 21)), "anna")
    monkeypatch.setattr("meterhub.licensing.features.TICK", 0.001)
    heard, full = [], True

    def fail(_names):
        raise RuntimeError("listener")

    async def report(event, /, **_parameters):
        if full:
            raise OSError("log is full")
        plugged.events.append((event.name, ""))

    plugged.features.on_change(fail)
    plugged.features.on_change(heard.append)
    plugged.licences._report = report
    plugged.told()
    watching = asyncio.create_task(plugged.features.watch())
    try:
        plugged.at(2027, 11, 22)
        async with asyncio.timeout(5):
            while "notices about licences" not in caplog.text:
                await asyncio.sleep(0.001)
            full = False
            while not plugged.events:
                await asyncio.sleep(0.001)
    finally:
        watching.cancel()
        await asyncio.wait([watching])
    assert heard == [{"synth.losses"}]
    assert plugged.told() == ["licence-expired"]
    assert caplog.text.count("notices about licences") == 1


def test_event_types_are_numbered_within_the_rooms_range_and_never_twice():
    numbers = [event.number for event in EVENT_TYPES]
    assert all(200 <= number <= 249 for number in numbers)
    assert len(set(numbers)) == len({event.name for event in EVENT_TYPES}) == len(EVENT_TYPES)
