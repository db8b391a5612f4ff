"""Select before operate: conformance cases 12 and 13, and selections against a model."""

from __future__ import annotations

import struct

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from meterhub_iec104.control.selections import NotSelected, Selections

SC, NC = 45, 50
SELECT_ON, SELECT_OFF, ON, OFF = b"\x81", b"\x80", b"\1", b"\0"
DONE = [(7, False), (10, False)]
ROWS = [
    {"type": "C_SC", "point": "m/switch", "ioa": 1, "execution": "select"},
    {"type": "C_SE_NC", "point": "m/level", "ioa": 2, "execution": "select"},
    {"type": "C_SC", "point": "m/either", "ioa": 3},
    {"type": "C_SC", "point": "m/direct", "ioa": 4, "execution": "direct"},
]


@pytest.fixture
def start(serve):
    async def start(rows=ROWS, **more):
        commands = {"groups": [{"label": "c", "rows": rows}], **more}
        return await serve([{"type": "M_SP", "point": "m/switch", "ioa": 1}], commands=commands, connections=2)

    return start


async def ask(master, element, *, type_id=SC, count=1, **more):
    master.ask(type_id, element, **{"ioa": 1, **more})
    return [(got.cause, got.negative) for got in await master.asdus(count)]


async def noted(running, count=1):
    await running.hub.settle()
    found = [(command.outcome, command.because) for command in running.hub.commands if command.because]
    assert len(found) == count, found
    return found[-1]


@pytest.mark.parametrize(
    ("ioa", "type_id", "selecting", "executing", "written"),
    [
        (1, SC, SELECT_ON, ON, ("m/switch", True)),
        (3, SC, SELECT_OFF, OFF, ("m/either", False)),
        (2, NC, struct.pack("<fB", 2.5, 0x80), struct.pack("<fB", 2.5, 0), ("m/level", 2.5)),
    ],
)
async def test_what_was_selected_is_executed_once(start, ioa, type_id, selecting, executing, written):
    running = await start()
    running.hub.fixed_time = 1_700_000_000_000_000_000
    master = await running.master()
    assert await ask(master, selecting, type_id=type_id, ioa=ioa) == [(7, False)]
    assert not running.hub.commands
    assert await ask(master, executing, type_id=type_id, ioa=ioa, count=2) == DONE
    (command,) = running.hub.commands
    assert (command.name, command.value, command.selected) == (*written, 1_700_000_000_000_000_000)
    if ioa != 3:
        assert await ask(master, executing, type_id=type_id, ioa=ioa) == [(7, True)]
        assert "was not selected" in (await noted(running))[1]


async def test_execute_without_select_is_refused(start):
    running = await start()
    master = await running.master()
    assert await ask(master, ON) == [(7, True)]
    assert await noted(running) == ("refused", "it was not selected, or its selection lapsed")
    assert not running.hub.writes


async def test_select_of_what_is_only_executed_directly_is_refused(start):
    running = await start()
    master = await running.master()
    assert await ask(master, SELECT_ON, ioa=4) == [(7, True)]
    assert await ask(master, ON, ioa=4, count=2) == DONE


async def test_direct_execution_can_be_forbidden_for_all(start):
    running = await start(ROWS[:3], direct_execute=False)
    master = await running.master()
    assert await ask(master, ON, ioa=3) == [(7, True)]
    assert await ask(master, SELECT_ON, ioa=3) == [(7, False)]
    assert await ask(master, ON, ioa=3, count=2) == DONE


@pytest.mark.parametrize(
    ("element", "more"),
    [(OFF, {}), (b"\x0d", {}), (ON, {"originator": 5}), (ON, {"ioa": 3, "element": SELECT_OFF})],
    ids=["value", "qualifier", "originator", "direct"],
)
async def test_execute_of_something_else_is_refused_and_voids_the_selection(start, element, more):
    running = await start()
    master = await running.master()
    selecting = more.pop("element", SELECT_ON)
    place = {"ioa": more.get("ioa", 1)}
    assert await ask(master, selecting, **place) == [(7, False)]
    assert await ask(master, element, **more) == [(7, True)]
    outcome, because = await noted(running)
    assert (outcome, "differs from the select" in because) == ("refused", True)
    assert running.hub.commands[-1].selected is not None
    if place["ioa"] == 1:
        assert await ask(master, ON) == [(7, True)]
    assert not running.hub.writes


async def test_another_type_does_not_execute_a_selection(start):
    running = await start()
    master = await running.master()
    assert await ask(master, SELECT_ON) == [(7, False)]
    assert await ask(master, ON + bytes(7), type_id=SC + 13) == [(7, True)]
    assert not running.hub.writes


async def test_a_second_master_can_neither_select_nor_execute_nor_cancel(start):
    running = await start()
    one, two = await running.master(), await running.master()
    for ioa in (1, 3):
        assert await ask(one, SELECT_ON, ioa=ioa) == [(7, False)]
        assert await ask(two, SELECT_ON, ioa=ioa) == [(7, True)]
        assert await ask(two, ON, ioa=ioa) == [(7, True)]
        assert await ask(two, SELECT_ON, ioa=ioa, cause=8) == [(9, True)]
        assert await ask(one, ON, ioa=ioa, count=2) == DONE
    assert await noted(running, 4) == ("refused", "another master has selected it")


async def test_a_selection_that_is_not_executed_lapses_silently_and_is_noted(start):
    running = await start(select_timeout=0.1)
    master = await running.master()
    assert await ask(master, SELECT_ON) == [(7, False)]
    await running.until(lambda _: bool(running.hub.commands))
    assert await noted(running) == ("expired", "it was selected, and not executed within 0.1 s")
    await master.silent()
    assert await ask(master, ON) == [(7, True)]


async def test_an_execute_that_comes_too_late_is_no_direct_command(start):
    running = await start(select_timeout=0.1)
    master = await running.master()
    assert await ask(master, SELECT_ON, ioa=3) == [(7, False)]
    await running.until(lambda _: bool(running.hub.commands))
    assert await ask(master, ON, ioa=3) == [(7, True)]
    assert await noted(running, 2) == ("refused", "it was selected, and its selection lapsed")
    assert not running.hub.writes
    assert await ask(master, ON, ioa=3, count=2) == DONE  # its master knows by now


async def test_a_selection_can_be_cancelled(start):
    running = await start()
    master = await running.master()
    assert await ask(master, SELECT_ON) == [(7, False)]
    assert await ask(master, SELECT_ON, cause=8) == [(9, False)]
    assert await noted(running) == ("cancelled", "its master cancelled it")
    assert await ask(master, SELECT_ON, cause=8) == [(9, True)]
    assert await ask(master, ON) == [(7, True)]
    assert not running.hub.writes


async def test_a_test_neither_selects_nor_executes_nor_cancels(start):
    running = await start()
    master = await running.master()
    assert await ask(master, SELECT_ON, cause=0x86) == [(7, True)]
    assert await ask(master, ON) == [(7, True)]
    assert await ask(master, SELECT_ON) == [(7, False)]
    assert await ask(master, ON, cause=0x86) == [(7, True)]
    assert await ask(master, SELECT_ON, cause=0x88) == [(9, True)]
    assert await ask(master, ON, count=2) == DONE


async def test_selecting_again_renews_and_selecting_something_else_replaces(start):
    running = await start()
    master = await running.master()
    for element in (SELECT_ON, SELECT_ON, SELECT_OFF):
        assert await ask(master, element) == [(7, False)]
    assert await noted(running) == ("cancelled", "its master selected something else")
    assert await ask(master, OFF, count=2) == DONE


async def test_a_lost_connection_and_a_stopped_data_transfer_end_the_selections(start):
    running = await start()
    for leaving in ("leave", "stop"):
        master = await running.master(expect_init=leaving == "leave")
        assert await ask(master, SELECT_ON) == [(7, False)]
        if leaving == "leave":
            await master.leave()
            await running.until(lambda status: status.connected == 0)
        else:
            master.unnumbered(0x13)
            while (await master.control())[0] != 0x23:
                pass
    assert await noted(running, 2) == ("cancelled", "its master is gone")


async def test_the_switch_to_local_stops_a_selected_command(start):
    running = await start(remote_switch="panel/remote")
    master = await running.master()
    running.hub.give("panel/remote", True)
    await running.hub.settle()
    assert await ask(master, SELECT_ON) == [(7, False)]
    running.hub.give("panel/remote", False)
    await running.hub.settle()
    assert await ask(master, ON) == [(7, True)]
    assert "control is local" in (await noted(running))[1]
    running.hub.give("panel/remote", True)
    await running.hub.settle()
    assert await ask(master, ON) == [(7, True)]
    assert not running.hub.writes


async def test_a_reset_of_the_process_ends_every_selection_and_is_announced(start):
    running = await start(reset_process="confirm")
    master = await running.master()
    assert await ask(master, SELECT_ON) == [(7, False)]
    master.ask(105, b"\1")
    confirmed, announced = await master.asdus(2)
    assert (confirmed.summary, announced.summary) == ((105, 7, False), (70, 4, False))
    assert announced.objects == [(0, b"\2")]
    assert await ask(master, ON) == [(7, True)]
    assert not running.hub.writes


MASTERS, PLACES, CONTENTS = "ab", [(1, 1), (1, 2), (2, 1)], [b"\x2d\0\0", b"\x2d\0\1", b"\x2e\0\1"]
TIMEOUT = 10.0


class SelectionMachine(RuleBasedStateMachine):
    """Selections beside a model that is a list of everything that was ever selected."""

    def __init__(self):
        super().__init__()
        self.selections = Selections[str, int](TIMEOUT)
        self.now = 0.0
        self.model = {}
        self.late = set()
        self.number = 0

    def current(self, place):
        made = self.model.get(place)
        return made if made is not None and self.now < made[2] else None

    def forget(self, places):
        for place in places:
            del self.model[place]

    @rule(seconds=st.sampled_from([0.5, 4.0, 9.5, 10.0]))
    def time_passes(self, seconds):
        self.now += seconds

    @rule(place=st.sampled_from(PLACES), master=st.sampled_from(MASTERS), content=st.sampled_from(CONTENTS))
    def select(self, place, master, content):
        before, self.number = self.current(place), self.number + 1
        if before is not None and before[0] != master:
            with pytest.raises(NotSelected, match="another master"):
                self.selections.select(place, master, content, self.now, self.number)
            return
        answer = self.selections.select(place, master, content, self.now, self.number)
        self.late.discard((place, master))
        assert (None if answer is None else answer.what) == (None if before is None else before[3])
        self.model[place] = (master, content, self.now + TIMEOUT, self.number)

    @rule(place=st.sampled_from(PLACES), master=st.sampled_from(MASTERS), content=st.sampled_from(CONTENTS))
    def execute(self, place, master, content):
        before = self.current(place)
        if (before is None or before[0] == master) and (place, master) in self.late:
            self.late.remove((place, master))
            with pytest.raises(NotSelected, match="lapsed"):
                self.selections.take(place, master, content, self.now)
        elif before is None:
            assert self.selections.take(place, master, content, self.now) is None
        elif before[0] != master:
            with pytest.raises(NotSelected, match="another master"):
                self.selections.take(place, master, content, self.now)
        elif before[1] != content:
            with pytest.raises(NotSelected, match="differs"):
                self.selections.take(place, master, content, self.now)
            self.forget([place])
        else:
            assert self.selections.take(place, master, content, self.now).what == before[3]
            self.forget([place])

    @rule(place=st.sampled_from(PLACES), master=st.sampled_from(MASTERS), content=st.sampled_from(CONTENTS))
    def cancel(self, place, master, content):
        before = self.current(place)
        ended = self.selections.cancel(place, master, content[:2], self.now)
        self.late.discard((place, master))
        expected = before is not None and before[0] == master and before[1][:2] == content[:2]
        assert (ended is not None) == expected
        if expected:
            self.forget([place])

    @rule()
    def lapse(self):
        over = {place for place, made in self.model.items() if made[2] <= self.now}
        assert {made.place for made in self.selections.lapsed(self.now)} == over
        self.late |= {(place, self.model[place][0]) for place in over}
        self.forget(over)

    @rule(master=st.sampled_from(MASTERS))
    def connection_lost(self, master):
        theirs = {place for place, made in self.model.items() if made[0] == master}
        assert {made.place for made in self.selections.gone(master)} == theirs
        self.late = {entry for entry in self.late if entry[1] != master}
        self.forget(theirs)

    @rule()
    def reset(self):
        assert {made.place for made in self.selections.clear()} == set(self.model)
        self.model.clear()
        self.late.clear()

    @invariant()
    def one_selection_for_each_object(self):
        assert len(self.selections) == len(self.model)
        assert self.selections.deadline() == min((made[2] for made in self.model.values()), default=None)
        for place in PLACES:
            for master in MASTERS:
                own, known = self.selections.own(place, master, self.now), self.current(place)
                assert (own is not None) == (known is not None and known[0] == master)


SelectionMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestSelections = SelectionMachine.TestCase
