"""The machine as an instance shows it: monitoring, clock and lamps out of a confined worker, restart and reboot."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from meterhub_sdk import Invalid, Refused

INTERFACES = sorted(path.name for path in Path("/sys/class/net").glob("*") if (path / "statistics").is_dir())


@contextlib.asynccontextmanager
async def instance(starter: Any, settings: dict[str, Any]) -> AsyncIterator[Any]:
    """A running instance with nothing but the service ``system``."""
    yield await starter.run(starter.home("machine", {"system": settings})).serving()


async def seen(home: Any) -> dict[str, Any] | None:
    """The status once everything was looked at twice."""
    status = (await home.get("/status/system"))["status"]
    return status if status and status["monitoring"]["processor"]["load_10s"] is not None else None


async def test_a_confined_worker_sees_the_machine(starter: Any, until: Any) -> None:
    settings = {"interval": 2, "interfaces": INTERFACES, "utility": {"location": "Łódź, substation 7"}}
    async with instance(starter, settings) as home:
        status = await until(lambda: seen(home))
        rows = {row["name"]: row for row in (await home.get("/data/points", {"pattern": "system/**"}))["points"]}
        (worker,) = (await home.workers()).values()
        core = psutil.Process(home.process.pid).memory_info().rss

    monitoring, info = status["monitoring"], status["info"]
    assert [row["name"] for row in monitoring["network"]] == INTERFACES
    assert sum(row["received"] for row in monitoring["network"]) > 0
    assert monitoring["memory"]["total"] == info["memory"] == psutil.virtual_memory().total
    assert 0 < monitoring["disk"]["used"] <= monitoring["disk"]["total"]
    assert monitoring["memory"]["core"] == pytest.approx(core, rel=0.5)
    assert len(monitoring["processor"]["cores"]) == info["processor_cores"]
    assert info["kernel"].startswith("Linux ")
    assert info["uptime"] <= time.clock_gettime(time.CLOCK_BOOTTIME)

    valued = [f"network/{INTERFACES[0]}/received", "cpu/load-10s", "cpu/core-1/load-15min", "memory/share", "uptime"]
    for name in valued:
        row = rows[f"system/{name}"]
        assert (row["quality"], row["title"] != "", row["value"] is not None) == (0, True, True), row
    assert rows["system/utility/location"]["value"] == status["utility"]["location"] == "Łódź, substation 7"
    assert rows["system/lamps/ready"]["value"] == "on"
    assert {lamp["lamp"]: lamp["state"] for lamp in status["lamps"]}["boot"] == "off"

    # The sandbox stays whole: what is seen comes from /sys, not from an open network.
    assert "network: seccomp opens no sockets" in worker["enforced"] or worker["missing"]


async def test_the_clock_is_judged_for_the_whole_instance(starter: Any, until: Any) -> None:
    async with instance(starter, {"interval": 2, "clock": {"not_before": "2999-01-01"}}) as home:

        async def judged() -> bool:
            return bool((await home.get("/status/clock"))["validity"] == "invalid")

        await until(judged)
        await until(lambda: home.events("clock-not-valid"))
        (event,) = await home.events("clock-not-valid")
        shown = (await until(lambda: seen(home)))["time"]
        (uptime,) = (await home.get("/data/points", {"pattern": "system/uptime"}))["points"]
    assert "2999-01-01" in event["text"]
    assert (shown["clock"], uptime["quality"]) == ("invalid", 0)


async def test_inside_the_sandbox_the_kernel_tells_of_its_clock(starter: Any, until: Any) -> None:
    async with instance(starter, {"interval": 2}) as home:
        status = await until(lambda: seen(home))
        clock = (await home.get("/status/clock"))["validity"]
    told = status["time"]
    assert isinstance(told["synchronised"], bool), told["reason"]
    assert told["maximum_error"] >= 0
    assert (clock == "valid") == (told["synchronised"] and told["maximum_error"] <= 1.5)


async def test_nobody_restarts_or_reboots_what_would_not_come_back(starter: Any) -> None:
    async with instance(starter, {}) as home:
        for command in ("restart", "reboot"):
            with pytest.raises(Invalid, match="set it to true"):
                await home.post(f"/command/diagnostics/{command}", {})
        with pytest.raises(Refused, match="Nobody would start this instance again"):
            await home.post("/command/diagnostics/restart", {"confirm": True})
        if not Path("/etc/meterhub/allow-reboot").exists():
            with pytest.raises(Refused, match="Rebooting is not allowed on this machine"):
                await home.post("/command/diagnostics/reboot", {"confirm": True})


async def test_a_supervised_instance_ends_in_order_and_asks_to_be_started_again(
    starter: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("METERHUB_SUPERVISED", "1")
    async with instance(starter, {}) as home:
        answer = await home.post("/command/diagnostics/restart", {"confirm": True})
        assert answer["in"] > 0
        assert await home.ended() == 75
    again = await starter.run(home.path, initial=False).serving()
    names = [event["name"] for event in await again.events(log="system")]
    assert "restart-asked" in names
    assert "unclean-stop" not in names
