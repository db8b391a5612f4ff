"""``iec104-client`` in a whole instance: alone in its worker, reading the own controlled station of the instance."""

from __future__ import annotations

import asyncio
from typing import Any

from meterhub_sdk.testing import free_port


async def test_a_station_is_read_and_checked_in_a_worker_of_its_own(starter: Any) -> None:
    port = free_port()
    row = {"type": "M_ME_NC", "point": "load-curve/voltage", "ioa": 1}
    station = {
        "label": "rtu",
        "host": "127.0.0.1",
        "port": port,
        "points": [{"label": "p", "type": "M_ME_NC", "ioa": 1}],
    }
    services = {
        "load-curve": {},
        "iec104-server": {"port": port, "connections": 4, "groups": [{"label": "all", "rows": [row]}]},
        "iec104-client": {"stations": [station]},
    }
    running = await starter.run(starter.home("master", services, {})).serving()
    workers = await running.workers()
    assert workers["meterhub-iec104-client"]["distributions"] == ["meterhub-iec104-client"]
    async with asyncio.timeout(40):
        while True:
            checked = await running.cli("--json", "call", "/command/iec104-client/check", "station=rtu")
            if checked.code == 0 and checked.json["passed"]:
                break
            await asyncio.sleep(0.5)
    assert checked.json["points"][0]["value"] is not None
