"""Whether services start again after their plugin was replaced."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from meterhub.synthesizers import watch as room
from meterhub.synthesizers.watch import Watch


class Stage:
    """Two services of one plugin, as the core sees them; the test moves them."""

    def __init__(self) -> None:
        names = ("gain", "gain@north")
        self.orders = {name: SimpleNamespace(distribution="acme-gain") for name in names}
        self.states = {name: SimpleNamespace(state="running", detail="", worker="acme-gain") for name in names}
        self.idle: dict[str, str] = {}
        self.worker = SimpleNamespace(status=SimpleNamespace(state="running", detail=""))
        self.workers = SimpleNamespace(running={"acme-gain": self.worker})

    def running(self) -> set[str]:
        return {name for name, state in self.states.items() if state.state == "running"}

    def take_out(self, name: str) -> None:
        del self.orders[name]
        del self.states[name]


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def watch(stage: Any) -> Watch:
    return Watch(stage, stage, settle=0.0)


async def trouble(watch: Watch) -> str:
    async with asyncio.timeout(10):
        return await watch.trouble({"gain", "gain@north"})


async def test_those_that_run_are_no_trouble(stage: Stage, watch: Watch) -> None:
    assert watch.running("acme-gain") == {"gain", "gain@north"}
    assert watch.running("acme-other") == set()
    assert await trouble(watch) == ""


async def test_one_that_starts_is_waited_for(stage: Stage, watch: Watch) -> None:
    stage.states["gain"].state = "lost"
    asyncio.get_running_loop().call_later(0.15, setattr, stage.states["gain"], "state", "running")
    assert await trouble(watch) == ""
    assert stage.running() == {"gain", "gain@north"}


@pytest.mark.parametrize("state", ["waiting", "failed"])
async def test_one_that_fails_is_told_at_once(stage: Stage, watch: Watch, state: str) -> None:
    stage.states["gain@north"].state, stage.states["gain@north"].detail = state, "ZeroDivisionError"
    assert await trouble(watch) == "gain@north ran before and fails now: ZeroDivisionError"


async def test_one_without_its_feature_is_told(stage: Stage, watch: Watch) -> None:
    stage.take_out("gain")
    stage.idle["gain"] = "the feature acme.gain is not licensed or switched off"
    assert await trouble(watch) == f"gain ran before and is off now: {stage.idle['gain']}"


async def test_a_worker_that_cannot_begin_is_told(stage: Stage, watch: Watch) -> None:
    stage.states["gain"].state = "lost"
    stage.worker.status = SimpleNamespace(state="refused", detail="acme-gain cannot be imported")
    assert "its worker cannot begin: acme-gain cannot be imported" in await trouble(watch)


async def test_one_that_is_taken_out_of_the_configuration_meanwhile_is_no_trouble(stage: Stage, watch: Watch) -> None:
    stage.states["gain"].state = "lost"
    asyncio.get_running_loop().call_later(0.15, stage.take_out, "gain")
    assert await trouble(watch) == ""
    stage.take_out("gain@north")
    assert await trouble(watch) == ""


async def test_one_that_never_starts_is_given_up(stage: Stage, watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "LONGEST_START", 0.15)
    stage.states["gain"].state = "lost"
    assert await trouble(watch) == "gain ran before and does not start any more"
