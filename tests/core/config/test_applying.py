"""Apply, confirm, and all the ways back."""

from __future__ import annotations

import asyncio
import errno
import os

import pytest
from meterhub_sdk import MeterhubError, NotDone, Refused

from meterhub.store import StoreError

OLD = {"meter": {"offers": ["x"]}}
NEW = {"meter": {"offers": ["x"]}, "server": {"needs": ["meter/x"]}}
NEWER = {"meter": {"offers": ["x", "y"]}}


async def test_apply_runs_the_draft_and_answers_what_changed(bench) -> None:
    await bench.apply(OLD)
    applied = await bench.apply(NEW)
    assert applied.applied
    assert applied.changed == ["server"]
    assert bench.machine.services == NEW
    assert bench.configuration.editor.draft is None
    assert bench.recorded.of("configuration-applied")[-1]["sentence"] == "anna applied revision 2; changed: server"
    assert bench.configuration.confirm_until is None
    with pytest.raises(Refused, match="revision 2 needs no confirmation"):
        await bench.configuration.confirm("anna")
    await bench.restart()
    assert bench.machine.services == NEW


async def test_what_nobody_confirms_in_time_is_taken_back(bench, until) -> None:
    await bench.apply(OLD)
    await bench.apply(NEW, confirm_within=0.05)
    assert bench.machine.services == NEW
    await until(lambda: bench.configuration.active.number == 1)
    await until(lambda: "configuration-rolled-back" in bench.recorded.names)
    assert bench.machine.services == OLD
    assert bench.configuration.confirm_until is None
    (event,) = bench.recorded.of("configuration-rolled-back")
    assert event["sentence"] == ("Revision 2 was taken back, revision 1 runs again: nobody confirmed it within 0.05 s")
    await bench.restart()
    assert bench.machine.services == OLD


async def test_what_was_confirmed_stays(bench) -> None:
    await bench.apply(OLD)
    await bench.apply(NEW, confirm_within=0.1)
    assert await bench.configuration.confirm("anna") == 2
    await asyncio.sleep(0.15)
    assert bench.machine.services == NEW
    await bench.restart()
    assert bench.machine.services == NEW
    assert "configuration-rolled-back" not in bench.recorded.names


async def test_an_unconfirmed_revision_is_taken_back_at_the_next_start(bench) -> None:
    await bench.apply(OLD)
    await bench.apply(NEW, confirm_within=100)
    await bench.restart()
    assert bench.machine.services == OLD
    assert bench.recorded.of("configuration-rolled-back")[0]["reason"] == (
        "the instance restarted before it was confirmed"
    )
    await bench.restart()
    assert len(bench.recorded.of("configuration-rolled-back")) == 1


async def test_a_service_that_takes_long_to_start_is_waited_for(bench) -> None:
    await bench.apply(OLD)
    bench.machine.looks.clear()
    assert (await bench.apply({"meter": {"offers": ["x"], "slow": 12}})).applied


@pytest.mark.parametrize("confirm_within", [0, 100])
async def test_a_service_that_ran_before_and_does_not_start_takes_the_revision_back_at_once(
    bench, confirm_within
) -> None:
    await bench.apply(OLD)
    applied = await bench.apply({"meter": {"offers": ["x"], "dead": True}}, confirm_within)
    assert not applied.applied
    assert applied.reason == "meter ran before and does not start any more"
    assert bench.machine.services == OLD
    assert bench.configuration.editor.draft is not None  # to be mended
    assert bench.configuration.confirm_until is None
    await bench.restart()
    assert bench.machine.services == OLD


async def test_a_service_that_is_new_may_take_its_time(bench) -> None:
    await bench.apply(OLD)
    assert (await bench.apply({**OLD, "server": {"dead": True}})).applied


@pytest.mark.parametrize("failure", [MeterhubError("no"), NotDone("the worker died"), OSError(28, "disk full")])
async def test_a_revision_that_cannot_be_run_is_taken_back(bench, failure) -> None:
    await bench.apply(OLD)
    await bench.configuration.enter("anna")
    await bench.configuration.replace("anna", NEW, {})
    bench.machine.failure = failure
    applied = await bench.configuration.apply("anna", confirm_within=0)
    assert not applied.applied
    assert applied.reason.startswith("it could not be run")
    assert bench.machine.services == OLD
    assert bench.configuration.active.number == bench.configuration.history.state.confirmed == 1


async def test_one_unconfirmed_on_top_of_another_goes_back_to_what_was_confirmed(bench, until) -> None:
    await bench.apply(OLD)
    await bench.apply(NEW, confirm_within=100)
    await bench.apply(NEWER, confirm_within=0.05)
    await until(lambda: bench.configuration.active.number == 1)
    assert bench.machine.services == OLD
    assert bench.configuration.confirm_until is None


async def test_a_failure_on_top_of_an_unconfirmed_revision_does_not_confirm_that_one(bench, until) -> None:
    await bench.apply(OLD)
    await bench.apply(NEW, confirm_within=0.3)
    await bench.apply({"meter": {"dead": True}}, confirm_within=100)
    assert bench.machine.services == NEW
    assert bench.configuration.history.state.confirmed == 1
    assert bench.configuration.confirm_until is not None
    await until(lambda: bench.machine.services == OLD)


async def test_confirming_on_top_of_an_unconfirmed_one_confirms_what_runs(bench) -> None:
    await bench.apply(OLD)
    await bench.apply(NEW, confirm_within=0.05)
    await bench.apply(NEWER, confirm_within=0)
    await asyncio.sleep(0.1)
    assert bench.machine.services == NEWER
    assert bench.configuration.history.state.confirmed == 3


@pytest.mark.parametrize("seconds", [-1, 86_401, float("nan"), float("inf")])
async def test_the_time_to_confirm_has_limits(bench, seconds) -> None:
    await bench.configuration.enter("anna")
    with pytest.raises(Refused, match="0 to 86400 will do"):
        await bench.configuration.apply("anna", confirm_within=seconds)


async def test_a_disk_that_takes_nothing_changes_nothing(bench, monkeypatch) -> None:
    await bench.apply(OLD)
    await bench.configuration.enter("anna")
    await bench.configuration.replace("anna", NEW, {})
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def fsync(_: int) -> None:
        raise full

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(Refused, match=r"could not be written \(No space left on device\); nothing changed"):
        await bench.configuration.apply("anna")
    monkeypatch.undo()
    assert bench.machine.services == OLD
    assert (await bench.configuration.apply("anna", confirm_within=0)).applied


async def test_the_way_back_does_not_need_the_disk(bench, monkeypatch, until) -> None:
    await bench.apply(OLD)
    await bench.apply(NEW, confirm_within=0.05)

    def fsync(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fsync)
    await until(lambda: bench.machine.services == OLD)
    monkeypatch.undo()
    await bench.restart()
    assert bench.machine.services == OLD


async def test_an_event_that_cannot_be_written_leaves_no_revision_without_its_way_back(bench, until) -> None:
    await bench.apply(OLD)
    await bench.configuration.enter("anna")
    await bench.configuration.replace("anna", NEW, {})
    bench.recorded.broken = StoreError("the disk is full")
    with pytest.raises(StoreError):
        await bench.configuration.apply("anna", confirm_within=0.05)
    bench.recorded.broken = None
    assert bench.configuration.confirm_until is not None
    await until(lambda: bench.machine.services == OLD)


async def test_applies_come_one_after_the_other(bench) -> None:
    await bench.configuration.enter("anna")
    await bench.configuration.replace("anna", OLD, {})
    first, second = await asyncio.gather(
        bench.configuration.apply("anna", confirm_within=0),
        bench.configuration.apply("anna", confirm_within=0),
        return_exceptions=True,
    )
    assert first.applied
    assert isinstance(second, Refused)
    assert bench.configuration.history.numbers() == [1]
