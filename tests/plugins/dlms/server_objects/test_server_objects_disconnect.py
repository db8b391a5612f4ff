"""Disconnect control: remote commands, and what somebody on site does."""

from __future__ import annotations

import pytest
from meterhub_dlms.codec.ln_action import ActionResult
from meterhub_dlms.codec.xdlms import AccessResult
from meterhub_sdk import NotDone, Quality, Reading

NAME = "0-0:96.3.10*255"
ROW = {"state_point": "a/closed", "command_point": "a/close"}
REASON = "DLMS client 1 at 192.0.2.7"
DISCONNECTED, CONNECTED, READY = 0, 1, 2
ON, OFF = {"a/closed": Reading(True, 0)}, {"a/closed": Reading(False, 0)}


async def shows(meter, closed):
    meter.hub.give("a/closed", closed)
    await meter.hub.settle()


async def disconnect(meter):
    return await meter.call(NAME, 1)


async def reconnect(meter):
    return await meter.call(NAME, 2)


@pytest.mark.parametrize("mode", [2, 4])
def test_a_remote_disconnection_and_reconnection_act_on_the_point(play, mode):
    async def scenario(meter):
        assert (meter.value(NAME, 2), meter.value(NAME, 3), meter.value(NAME, 4)) == (True, CONNECTED, mode)
        assert await disconnect(meter) is ActionResult.SUCCESS
        assert meter.hub.writes == [("a/close", False, REASON)]
        assert (meter.value(NAME, 2), meter.value(NAME, 3)) == (True, DISCONNECTED)
        await shows(meter, False)
        assert (meter.value(NAME, 2), meter.value(NAME, 3)) == (False, DISCONNECTED)
        assert await reconnect(meter) is ActionResult.SUCCESS
        assert meter.hub.writes[1:] == [("a/close", True, REASON)]
        await shows(meter, True)
        assert (meter.value(NAME, 2), meter.value(NAME, 3)) == (True, CONNECTED)
        assert await reconnect(meter) is ActionResult.SUCCESS
        assert len(meter.hub.writes) == 2

    play(scenario, disconnect=[{**ROW, "control_mode": mode}], at_first=ON)


@pytest.mark.parametrize("mode", [1, 3, 5, 6])
def test_a_reconnection_that_needs_somebody_on_site_only_allows_it(play, mode):
    async def scenario(meter):
        await disconnect(meter)
        await shows(meter, False)
        assert await reconnect(meter) is ActionResult.SUCCESS
        assert (meter.value(NAME, 3), len(meter.hub.writes)) == (READY, 1)
        await shows(meter, True)
        assert meter.value(NAME, 3) == CONNECTED

    play(scenario, disconnect=[{**ROW, "control_mode": mode}], at_first=ON)


def test_in_mode_0_nothing_is_done_remotely(play):
    async def scenario(meter):
        assert meter.found(NAME).methods == {}

    play(scenario, disconnect=[{**ROW, "control_mode": 0}], at_first=ON)


def test_who_switched_off_on_site_must_switch_on_there(play):
    async def scenario(meter):
        await shows(meter, False)
        assert meter.value(NAME, 3) == READY
        assert await reconnect(meter) is ActionResult.TEMPORARY_FAILURE
        assert meter.hub.writes == []
        assert await disconnect(meter) is ActionResult.SUCCESS
        assert meter.value(NAME, 3) == DISCONNECTED
        assert await reconnect(meter) is ActionResult.SUCCESS

    play(scenario, disconnect=[ROW], at_first=ON)


def test_a_restart_does_not_forget_who_switched_off(play):
    async def by_command(meter):
        await disconnect(meter)

    async def look(meter):
        assert meter.value(NAME, 3) == DISCONNECTED
        await reconnect(meter)
        await shows(meter, True)

    async def switched_off_meanwhile(meter):
        assert meter.value(NAME, 3) == READY

    play(by_command, disconnect=[ROW], at_first=ON)
    play(look, disconnect=[ROW], at_first=OFF)
    play(switched_off_meanwhile, disconnect=[ROW], at_first=OFF)


def test_a_supply_that_was_off_when_first_seen_can_be_connected(play):
    async def scenario(meter):
        assert meter.value(NAME, 3) == DISCONNECTED
        assert await reconnect(meter) is ActionResult.SUCCESS

    play(scenario, disconnect=[ROW], at_first=OFF)


@pytest.mark.parametrize(
    "reading", [Reading(True, 0, Quality.STALE), Reading("text", 0), Reading(7, 0), Reading.missing()]
)
def test_without_a_usable_state_there_is_no_answer(play, reading):
    async def scenario(meter):
        assert meter.value(NAME, 2) is meter.value(NAME, 3) is AccessResult.TEMPORARY_FAILURE

    play(scenario, disconnect=[ROW], at_first={"a/closed": reading})


def test_inverted_points_are_true_while_disconnected(play):
    async def scenario(meter):
        assert (meter.value(NAME, 2), meter.value(NAME, 3)) == (True, CONNECTED)
        await disconnect(meter)
        assert meter.hub.writes == [("a/close", True, REASON)]

    play(scenario, disconnect=[{**ROW, "inverted": True}], at_first=OFF)


@pytest.mark.parametrize("why", ["refused", "not known"])
def test_a_command_that_was_not_done_changes_no_state(play, monkeypatch, why):
    async def scenario(meter):
        if why == "refused":
            meter.hub.refusals["a/close"] = "interlocked"
            assert await disconnect(meter) is ActionResult.READ_WRITE_DENIED
        else:

            async def lost(name, value, *, reason, timeout=10.0):
                raise NotDone("the owner died")

            monkeypatch.setattr(meter.hub, "write", lost)
            assert await disconnect(meter) is ActionResult.OTHER_REASON
        assert meter.value(NAME, 3) == CONNECTED

    play(scenario, disconnect=[ROW], at_first=ON)
