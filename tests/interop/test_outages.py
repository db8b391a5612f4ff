"""A meter that falls silent and a worker that dies, as SCADA sees them."""

from __future__ import annotations

import os
import signal
import time

import pytest

ENERGY_1, ENERGY_2 = 1001, 2001
REGISTERS_1, REGISTERS_2 = 0, 100


async def qualities(home, meter: str) -> set[int]:
    page = await home.get("/data/points", {"pattern": f"dlms-client/{meter}/*"})
    return {point["quality"] for point in page["points"] if not point["name"].endswith("/connected")}


@pytest.mark.slow
async def test_a_stopped_meter_turns_stale_in_both_protocols_and_heals_by_itself(
    own_demo, starter, until, master, mbpoll, watch_registers
):
    gateway, scada_port, modbus_port = own_demo.gateway, own_demo.port("iec104-server"), own_demo.port("modbus-server")
    other_meter = watch_registers(modbus_port, REGISTERS_2)
    changes = await master(scada_port, "M_ME_TF_1", ENERGY_1, ENERGY_2)
    await until(lambda: changes.values(ENERGY_1) and changes.values(ENERGY_2))
    last = await gateway.point("dlms-client/meter-1/energy-import")

    own_demo.core("meter-1").terminate()
    await until(lambda: all_are(gateway, "meter-1", 2))
    stale = await gateway.point("dlms-client/meter-1/energy-import")
    assert stale["value"] >= last["value"]
    assert stale["time"] < time.time_ns() - 1_000_000_000  # its old time
    await until(lambda: "NonTopical" in changes.values(ENERGY_1)[-1]["quality"])
    interrogated = await master(scada_port, "M_ME_NC_1", ENERGY_1, ENERGY_2)
    await until(lambda: interrogated.values(ENERGY_1) and interrogated.values(ENERGY_2))
    assert interrogated.values(ENERGY_1)[0]["value"] == stale["value"]
    assert "NonTopical" in interrogated.values(ENERGY_1)[0]["quality"]
    assert "is_good: True" in interrogated.values(ENERGY_2)[0]["quality"]
    code, output = await mbpoll(modbus_port, "-t", "4:int", "-B", "-r", str(REGISTERS_1))
    assert code != 0
    assert "Slave device or server failure" in output  # exception 4

    again = await starter.run(own_demo.meter(1).path, initial=False).ready()
    await until(lambda: all_are(gateway, "meter-1", 0))
    await until(lambda: "is_good: True" in changes.values(ENERGY_1)[-1]["quality"])
    code, output = await mbpoll(modbus_port, "-t", "4:int", "-B", "-r", str(REGISTERS_1))
    assert code == 0, output
    assert changes.connections() == 1
    assert all("is_good: True" in entry["quality"] for entry in changes.values(ENERGY_2))
    assert not other_meter
    assert await again.stop() == 0


async def all_are(home, meter: str, quality: int) -> bool:
    return await qualities(home, meter) == {quality}


@pytest.mark.slow
async def test_a_killed_worker_comes_back_and_nobody_else_notices(own_demo, until, master, watch_registers):
    gateway = own_demo.gateway
    modbus_client = watch_registers(own_demo.port("modbus-server"), REGISTERS_1)
    changes = await master(own_demo.port("iec104-server"), "M_ME_TF_1", ENERGY_1)
    await until(lambda: changes.values(ENERGY_1) and {"interrogated": True} in changes.told)
    before = await gateway.workers()

    connections, killed = changes.connections(), time.time() * 1000
    os.kill(before["meterhub-iec104"]["pid"], signal.SIGKILL)
    await until(lambda: changes.connections() > connections)
    await until(lambda: changes.values(ENERGY_1)[-1]["time"] > killed)
    assert "is_good: True" in changes.values(ENERGY_1)[-1]["quality"]

    after = await gateway.workers()
    changed = {name for name in before if after[name]["pid"] != before[name]["pid"]}
    assert changed == {"meterhub-iec104"}
    assert {name: worker["restarts"] for name, worker in after.items() if name != "meterhub-iec104"} == {
        name: worker["restarts"] for name, worker in before.items() if name != "meterhub-iec104"
    }
    assert not modbus_client
    assert await own_demo.is_good()
    (lost,) = await gateway.events("worker-lost", log="fatal-errors")
    assert "meterhub-iec104" in lost["text"]
    started = [entry for entry in await gateway.events("worker-started") if "meterhub-iec104" in entry["text"]]
    assert started[0]["sequence"] > lost["sequence"] > started[1]["sequence"]
