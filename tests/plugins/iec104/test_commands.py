"""Process commands on the wire: conformance cases 11 and 14 to 16, and what each type writes."""

from __future__ import annotations

import asyncio
import struct
from datetime import UTC, datetime, timedelta

import pytest
from meterhub_sdk import Clock, NotDone, Quality, Reading

SC, DC, RC, NA, NB, NC, BO = range(45, 52)
ON, OFF = b"\1", b"\0"
MONITORED = [
    {"type": "M_SP", "point": "m/switch", "ioa": 10},
    {"type": "M_ME_NC", "point": "m/level", "ioa": 11, "scaling": 0.5},
]
SWITCH = {"type": "C_SC", "point": "m/switch", "ioa": 5000}
LEVEL = {"type": "C_SE_NC", "point": "m/level", "ioa": 5001, "scaling": 0.5}


def section(*rows, **settings):
    return {"groups": [{"label": "c", "rows": list(rows)}], **settings}


@pytest.fixture
def start(serve):
    async def start(*rows, **settings):
        return await serve(MONITORED, commands=section(*rows, **settings), connections=2)

    return start


def hold(hub, answer=None):
    """Let writes wait; what comes back lets them go on."""
    going = asyncio.Event()
    write = hub.write

    async def held(name, value, **more):
        await going.wait()
        if answer is not None:
            raise answer
        await write(name, value, **more)

    hub.write = held
    return going


def tag(seconds=0.0, *, invalid=False):
    when = datetime.now(UTC) + timedelta(seconds=seconds)
    return struct.pack(
        "<HBBBBB",
        when.second * 1000 + when.microsecond // 1000,
        when.minute | (0x80 if invalid else 0),
        when.hour,
        when.day,
        when.month,
        when.year - 2000,
    )


async def causes(master, count):
    return [(got.cause, got.negative) for got in await master.asdus(count)]


async def test_a_direct_command_is_confirmed_and_terminated_when_the_device_has_done_it(start):
    running = await start(SWITCH)
    master = await running.master()
    going = hold(running.hub)
    master.ask(SC, ON, ioa=5000, originator=7)
    await master.silent()
    going.set()
    confirmed, ended = await master.asdus(2)
    assert (confirmed.summary, ended.summary) == ((SC, 7, False), (SC, 10, False))
    assert confirmed.objects == ended.objects == [(5000, ON)]
    assert {confirmed.originator, ended.originator} == {7}
    (command,) = running.hub.commands
    assert (command.name, command.value, command.outcome, command.selected) == ("m/switch", True, "done", None)
    assert command.origin.startswith("127.0.0.1:")
    assert command.reason == "IEC 104 command C_SC ON at IOA 5000 of common address 1, originator 7"


async def test_act_term_can_be_left_out(start):
    running = await start(SWITCH, termination=False)
    master = await running.master()
    master.ask(SC, ON, ioa=5000)
    assert (await master.asdu()).summary == (SC, 7, False)
    await running.hub.settle()
    await master.silent()


@pytest.mark.parametrize("refusal", [NotDone("no answer"), RuntimeError("a fault of ours")])
async def test_what_the_device_does_not_do_is_confirmed_negatively(start, refusal):
    running = await start({**SWITCH, "return_ioa": 10})
    master = await running.master()
    hold(running.hub, refusal).set()
    master.ask(SC, ON, ioa=5000)
    assert (await master.asdu()).summary == (SC, 7, True)
    await running.hub.settle()
    await master.silent()
    assert not running.hub.writes


async def test_a_refusal_by_the_hub_such_as_an_interlock_is_passed_on(start):
    running = await start(SWITCH)
    master = await running.master()
    running.hub.refusals["m/switch"] = "the earthing switch is closed"
    master.ask(SC, ON, ioa=5000)
    assert (await master.asdu()).summary == (SC, 7, True)
    assert [(c.outcome, c.because) for c in running.hub.commands] == [("refused", "the earthing switch is closed")]


async def test_return_information_comes_with_cause_11_when_the_object_shows_the_new_state(start):
    running = await start({**SWITCH, "return_ioa": 10})
    master, other = await running.master(), await running.master()
    master.ask(SC, ON, ioa=5000, originator=3)
    assert (await master.asdu()).summary == (SC, 7, False)
    await master.silent()
    running.hub.give("m/switch", True)
    got = {g.summary: g for g in await master.asdus(3)}
    assert got[1, 11, False].objects == [(10, b"\1")]
    assert got[1, 11, False].originator == 3
    assert (await other.asdu()).summary == (30, 3, False)
    await other.silent()


async def test_return_information_that_does_not_change_comes_at_the_end_of_the_time_limit(start):
    running = await start({**SWITCH, "return_ioa": 10, "time_limit": 0.1})
    running.hub.give("m/switch", False)
    master = await running.master()
    assert (await master.asdu()).cause == 3
    master.ask(SC, ON, ioa=5000)
    got = await master.asdus(3)
    assert [(g.type_id, g.cause) for g in got] == [(SC, 7), (1, 11), (SC, 10)]
    assert got[1].objects == [(10, b"\0")]


async def test_a_set_point_that_is_scaled_reads_back_as_it_was_sent(start):
    running = await start({**LEVEL, "return_ioa": 11, "read_back": True})
    master = await running.master()
    running.hub.give("m/level", 84.0)
    assert (await master.asdu()).values == {11: 42.0}
    master.ask(NC, struct.pack("<fB", 42.0, 0), ioa=5001)
    got = await master.asdus(3)
    assert [(g.type_id, g.cause) for g in got] == [(NC, 7), (13, 11), (NC, 10)]
    assert got[1].values == {11: 42.0}
    (command,) = running.hub.commands
    assert (command.value, command.read_back) == (84, True)


WRITTEN = [
    ({"type": "C_SC"}, SC, b"\0", False),
    ({"type": "C_SC", "inverted": True}, SC, b"\0", True),
    ({"type": "C_SC", "on": 7, "off": -2.5}, SC, b"\1", 7),
    ({"type": "C_SC", "on": 7, "off": -2.5}, SC, b"\0", -2.5),
    ({"type": "C_SC", "on": 7}, SC, b"\0", False),
    ({"type": "C_DC"}, DC, b"\1", False),
    ({"type": "C_DC"}, DC, b"\2", True),
    ({"type": "C_DC", "inverted": True}, DC, b"\2", False),
    ({"type": "C_RC"}, RC, b"\1", False),
    ({"type": "C_RC"}, RC, b"\2", True),
    ({"type": "C_SC", "qualifiers": ["short-pulse"]}, SC, b"\5", True),
    ({"type": "C_SC", "qualifiers": ["long-pulse"]}, SC, b"\x09", True),
    ({"type": "C_SC"}, SC, b"\x0d", True),
    ({"type": "C_SE_NA"}, NA, struct.pack("<hB", -16384, 0), -0.5),
    ({"type": "C_SE_NA", "scaling": 0.01}, NA, struct.pack("<hB", 16384, 0), 50),
    ({"type": "C_SE_NB"}, NB, struct.pack("<hB", -32768, 0), -32768),
    ({"type": "C_SE_NB", "minimum": -5, "maximum": -5}, NB, struct.pack("<hB", -5, 0), -5),
    ({"type": "C_SE_NB", "scaling": 10}, NB, struct.pack("<hB", 5, 0), 0.5),
    ({"type": "C_SE_NC"}, NC, struct.pack("<fB", 1.5, 0), 1.5),
    ({"type": "C_SE_NC"}, NC, struct.pack("<fB", 3.0, 0), 3),
    ({"type": "C_SE_NC"}, NC, struct.pack("<fB", 1e30, 0), struct.unpack("<f", struct.pack("<f", 1e30))[0]),
    ({"type": "C_BO"}, BO, b"\xff\0\0\x80", 0x800000FF),
]


@pytest.mark.parametrize(("row", "type_id", "element", "value"), WRITTEN)
@pytest.mark.parametrize("tagged", [False, True])
async def test_each_type_writes_its_value_with_and_without_time_tag(start, row, type_id, element, value, tagged):
    running = await start({"point": "m/target", "ioa": 70_000, **row})
    master = await running.master()
    master.ask(type_id + (13 if tagged else 0), element + (tag() if tagged else b""), ioa=70_000)
    assert await causes(master, 2) == [(7, False), (10, False)]
    ((name, written, _),) = running.hub.writes
    assert (name, written, type(written)) == ("m/target", value, type(value))


@pytest.mark.parametrize(("type_id", "name"), [(DC, "C_DC"), (RC, "C_RC")])
async def test_two_outputs_are_written_one_at_a_time(start, type_id, name):
    running = await start({"type": name, "point": "m/close", "second_point": "m/open", "ioa": 1, "on": 1})
    master = await running.master()
    for element in (b"\2", b"\1"):
        master.ask(type_id, element, ioa=1)
        assert await causes(master, 2) == [(7, False), (10, False)]
    words = [command.reason.split()[4] for command in running.hub.commands]
    assert words == (["ON", "OFF"] if name == "C_DC" else ["HIGHER", "LOWER"])
    assert [write[:2] for write in running.hub.writes] == [("m/close", 1), ("m/open", 1)]


async def test_a_regulating_step_goes_from_what_the_point_reads(start):
    running = await start({"type": "C_RC", "point": "m/tap", "ioa": 1, "step": 2})
    master = await running.master()
    for reading, written in ((None, None), (Reading(5, 1), 7), (Reading(5, 1, Quality.STALE), None)):
        if reading is not None:
            running.hub.give("m/tap", reading)
            await running.hub.settle()
        master.ask(RC, b"\2", ioa=1)
        assert (await master.asdu()).summary == (RC, 7, written is None)
        if written is not None:
            assert (await master.asdu()).cause == 10
            assert running.hub.writes[-1][1] == written
    assert len(running.hub.writes) == 1
    assert "no good value to make a step from" in running.hub.commands[-1].because


NEVER = [
    ("C_SE_NB", NB, struct.pack("<hB", -101, 0), "-101 is below the minimum of -100"),
    ("C_SE_NB", NB, struct.pack("<hB", 101, 0), "101 is above the maximum of 100"),
    ("C_SC", SC, b"\2", "qualifier|state 2"),
    ("C_SC", SC, b"\5", "qualifier short-pulse is not among those accepted"),
    ("C_SC", SC, b"\x11", "qualifier 4 is not among"),
    ("C_DC", DC, b"\0", "state 0"),
    ("C_DC", DC, b"\3", "state 3"),
    ("C_RC", RC, b"\0", "state 0"),
    ("C_RC", RC, b"\3", "state 3"),
    ("C_SE_NB", NB, b"\0\0\1", "qualifier of set point 1"),
    ("C_SE_NC", NC, struct.pack("<fB", float("nan"), 0), "nan is no set point"),
    ("C_SE_NC", NC, struct.pack("<fB", float("inf"), 0), "inf is no set point"),
]


@pytest.mark.parametrize(("name", "type_id", "element", "because"), NEVER)
async def test_what_asks_for_nothing_there_is_is_refused_and_noted(start, name, type_id, element, because):
    limits = {"minimum": -100, "maximum": 100} if name == "C_SE_NB" else {}
    running = await start({"type": name, "point": "m/x", "ioa": 1, **limits})
    master = await running.master()
    master.ask(type_id, element, ioa=1)
    assert (await master.asdu()).summary == (type_id, 7, True)
    await running.hub.settle()
    (command,) = running.hub.commands
    assert command.outcome == "refused"
    assert any(word in command.because for word in because.split("|"))
    assert not running.hub.writes


@pytest.mark.parametrize(("cause", "answer"), [(8, 9), (3, 45), (0x86, 7), (0x88, 9), (0x83, 45), (10, 45)])
async def test_deactivation_other_causes_and_the_test_bit_never_execute(start, cause, answer):
    running = await start(SWITCH)
    master = await running.master()
    master.ask(SC, ON, ioa=5000, cause=cause)
    got = await master.asdu()
    assert (got.cause, got.negative, got.test) == (answer, True, cause >= 0x80)
    await running.hub.settle()
    await master.silent()
    assert not running.hub.writes


UNKNOWN = [
    (DC, b"\2", {"ioa": 5000}, 47),
    (SC, ON, {"ioa": 10}, 47),
    (SC, ON, {"ioa": 5000, "address": 2}, 46),
    (SC, ON, {"ioa": 5000, "address": 65535}, 46),
    (SC, ON, {"ioa": 5000, "cause": 5}, 45),
]


@pytest.mark.parametrize(("type_id", "element", "more", "cause"), UNKNOWN)
async def test_commands_to_nothing_are_mirrored_once_and_become_an_event(start, type_id, element, more, cause):
    running = await start(SWITCH)
    master = await running.master()
    master.ask(type_id, element, originator=4, **more)
    got = await master.asdu()
    assert (got.cause, got.negative, got.originator, got.common_address) == (cause, True, 4, more.get("address", 1))
    await master.silent()
    assert (await running.recorded("unknown-command"))["cause"] == cause
    assert not running.hub.commands


@pytest.mark.parametrize(
    ("given", "because"),
    [
        ({"seconds": -60}, "s old; 10 s will do"),
        ({"seconds": 60}, "in the future; 5 s will do"),
        ({"invalid": True}, "its time tag is invalid"),
        (b"\xff" * 7, "its time tag is invalid"),
        (b"\0\0\0\0\0\0\x1a", "its time tag is invalid"),
    ],
)
async def test_commands_that_are_too_old_early_or_of_no_time_are_refused(start, given, because):
    running = await start(SWITCH)
    master = await running.master()
    given = tag(**given) if isinstance(given, dict) else given
    master.ask(SC + 13, ON + given, ioa=5000)
    got = await master.asdu()
    assert (got.summary, got.objects) == ((SC + 13, 7, True), [(5000, ON + given)])
    await running.hub.settle()
    assert because in running.hub.commands[0].because
    assert not running.hub.writes


async def test_ages_are_not_judged_by_a_wrong_clock_and_not_at_all_where_they_do_not_matter(start):
    running = await start(SWITCH)
    master = await running.master()
    running.hub.clock = Clock.INVALID
    master.ask(SC + 13, ON + tag(), ioa=5000)
    assert (await master.asdu()).summary == (SC + 13, 7, True)
    await running.hub.settle()
    assert "the clock of this device is not right" in running.hub.commands[0].because


async def test_any_age_can_be_allowed(start):
    running = await start(SWITCH, maximum_age=0, maximum_lead=0)
    master = await running.master()
    for given in (tag(-7200), tag(7200)):
        master.ask(SC + 13, ON + given, ioa=5000)
        assert await causes(master, 2) == [(7, False), (10, False)]


@pytest.mark.parametrize(("time_tags", "refused"), [("with", SC), ("without", SC + 13)])
async def test_the_other_variant_of_a_type_is_unknown(start, time_tags, refused):
    running = await start(SWITCH, time_tags=time_tags)
    master = await running.master()
    for type_id in (SC, SC + 13):
        master.ask(type_id, ON + (tag() if type_id > SC else b""), ioa=5000)
        got = await master.asdu()
        assert got.cause == (44 if type_id == refused else 7)
        assert got.negative == (type_id == refused)
        if type_id != refused:
            assert (await master.asdu()).cause == 10
    assert len(running.hub.writes) == 1


async def test_one_object_takes_one_command_at_a_time_and_others_go_on(start):
    running = await start(SWITCH, {**SWITCH, "ioa": 5002, "point": "m/other"})
    one, two = await running.master(), await running.master()
    going = hold(running.hub)
    one.ask(SC, ON, ioa=5000)
    await one.silent()
    two.ask(SC, OFF, ioa=5000)
    assert (await two.asdu()).summary == (SC, 7, True)
    two.ask(SC, ON, ioa=5002)
    one.ask(100, b"\x14")
    assert (await one.asdu()).summary == (100, 7, False)
    going.set()
    assert await causes(two, 2) == [(7, False), (10, False)]
    assert sorted(write[0] for write in running.hub.writes) == ["m/other", "m/switch"]
    assert "still being carried out" in running.hub.commands[0].because


async def test_commands_at_once_are_bounded(start):
    rows = [{**SWITCH, "ioa": 1 + n, "point": f"m/{n}"} for n in range(40)]
    running = await start(*rows)
    master = await running.master()
    going = hold(running.hub)
    for n in range(40):
        master.ask(SC, ON, ioa=1 + n)
    assert await causes(master, 8) == [(7, True)] * 8
    going.set()
    assert sorted(await causes(master, 64)) == sorted([(7, False), (10, False)] * 32)


async def test_a_master_that_left_gets_no_late_answer_and_the_command_is_done_all_the_same(start):
    running = await start(SWITCH)
    master = await running.master()
    going = hold(running.hub)
    master.ask(SC, ON, ioa=5000)
    await master.silent()
    await master.leave()
    await running.until(lambda status: status.connected == 0)
    again = await running.master(expect_init=False)
    going.set()
    await running.hub.settle()
    await again.silent()
    assert len(running.hub.writes) == 1


@pytest.mark.parametrize("remote_when", [True, False])
async def test_the_local_remote_switch_refuses_and_both_turns_are_events(start, remote_when):
    running = await start(SWITCH, remote_switch="panel/remote", remote_when=remote_when)
    master = await running.master()
    states = (None, remote_when, not remote_when, Reading(remote_when, 1, Quality.STALE), remote_when)
    for state in states:
        if state is not None:
            running.hub.give("panel/remote", state)
            await running.hub.settle()
        master.ask(SC, ON, ioa=5000)
        allowed = state is remote_when
        assert running.service.status().remote_control == allowed
        assert (await master.asdu()).summary == (SC, 7, not allowed)
        if allowed:
            assert (await master.asdu()).cause == 10
    assert len(running.hub.writes) == 2
    assert [c.because for c in running.hub.commands if c.outcome == "refused"] == [
        "panel/remote says that control is local (it has no value)",
        f"panel/remote says that control is local (it reads {str(not remote_when).lower()})",
        "panel/remote says that control is local (it is stale)",
    ]
    names = [event.type.name for event in running.hub.recorded if "control" in event.type.name]
    assert names == ["local-control", "remote-control", "local-control", "remote-control"]


async def test_an_unknown_switch_can_mean_remote(start):
    running = await start(SWITCH, remote_switch="panel/remote", remote_when_unknown=True)
    master = await running.master()
    master.ask(SC, ON, ioa=5000)
    assert await causes(master, 2) == [(7, False), (10, False)]
