"""While the demo runs, other people's programs read the meters through the gateway."""

from __future__ import annotations

import re

import pytest

ENERGY_1, POWER_1, VOLTAGE_1, CONNECTED_1, ENERGY_2 = 1001, 1004, 1006, 1000, 2001
COSEM_RESOLUTION = 10
"""Milliseconds: a COSEM clock counts hundredths of a second, the gateway's own does not."""


async def settled(demo, name: str, read):
    """A value that another program read while the point held one value."""
    for _ in range(50):
        before = (await demo.gateway.point(name))["value"]
        value = await read()
        if before == (await demo.gateway.point(name))["value"]:
            return before, value
    raise AssertionError(f"{name} changed too fast to be compared")


@pytest.mark.parametrize(("meter", "address"), [("meter-1", 0), ("meter-2", 100)])
async def test_mbpoll_reads_the_energy_of_a_meter(demo, until, mbpoll, meter, address):
    await until(demo.is_good)

    async def read() -> int:
        code, output = await mbpoll(demo.port("modbus-server"), "-t", "4:int", "-B", "-r", str(address))
        assert code == 0, output
        found = re.search(rf"\[{address}\]:\s+(\d+)", output)
        assert found, output
        return int(found[1])

    point, value = await settled(demo, f"dlms-client/{meter}/energy-import", read)
    assert value == point > 0


async def test_pymodbus_reads_energy_and_voltage_of_both_meters(demo, until):
    client_module = pytest.importorskip("pymodbus.client")
    await until(demo.is_good)
    client = client_module.AsyncModbusTcpClient("127.0.0.1", port=demo.port("modbus-server"), retries=0)
    assert await client.connect()
    try:
        for meter, address in (("meter-1", 0), ("meter-2", 100)):

            async def read(start: int = address):
                answer = await client.read_holding_registers(start, count=12, device_id=1)
                assert not answer.isError()
                return answer.registers

            energy, registers = await settled(demo, f"dlms-client/{meter}/energy-import", read)
            voltage, later = await settled(demo, f"dlms-client/{meter}/voltage", read)
            kind = client.DATATYPE
            assert client.convert_from_registers(registers[:2], kind.UINT32) == energy
            assert client.convert_from_registers(later[10:12], kind.FLOAT32) == pytest.approx(voltage)
    finally:
        client.close()


async def test_c104_gets_every_value_of_both_meters_by_a_general_interrogation(demo, until, master):
    await until(demo.is_good)
    before = await demo.gateway.get("/data/points")
    wanted = [*range(1001, 1009), *range(2001, 2009), 3001, 3002]
    scada = await master(demo.port("iec104-server"), "M_ME_NC_1", *wanted)
    await until(lambda: all(scada.values(ioa) for ioa in wanted))
    after = await demo.gateway.get("/data/points")
    assert not scada.complaints
    for ioa in wanted:
        first = scada.values(ioa)[0]
        assert first["cause"] == "INTERROGATED_BY_STATION"
        assert "is_good: True" in first["quality"]
        assert first["time"] is None
    energies = {1001: "meter-1", 2001: "meter-2"}
    for ioa, meter in energies.items():
        least, most = (value_of(points, f"dlms-client/{meter}/energy-import") for points in (before, after))
        assert least <= scada.values(ioa)[0]["value"] <= most


def value_of(page, name: str):
    return next(point["value"] for point in page["points"] if point["name"] == name)


@pytest.mark.slow
async def test_c104_gets_changes_by_themselves_with_the_meters_own_time(demo, until, master):
    await until(demo.is_good)
    scada = await master(demo.port("iec104-server"), "M_ME_TF_1", ENERGY_1, VOLTAGE_1)
    at_the_meter: dict[float, int] = {}
    at_the_gateway: dict[float, int] = {}

    async def known() -> list[dict[str, object]]:
        """Changes whose value was seen at the meter and at the gateway."""
        reading = await demo.meter(1).point("load-curve/energy-import")
        at_the_meter.setdefault(reading["value"], reading["time"])
        reading = await demo.gateway.point("dlms-client/meter-1/energy-import")
        at_the_gateway.setdefault(reading["value"], reading["time"])
        found = [entry for entry in scada.values(ENERGY_1) if entry["value"] in at_the_meter.keys() & at_the_gateway]
        return found if len(found) >= 4 else []

    for entry in await until(known):
        value, time = entry["value"], entry["time"] * 1_000_000
        assert entry["cause"] == "SPONTANEOUS"
        assert "is_good: True" in entry["quality"]
        assert time == at_the_gateway[value]  # never stamped again on the way
        assert entry["time"] % COSEM_RESOLUTION == 0  # it is the meter's clock
        # the meter publishes each second, so its clock was read within the second after
        assert -COSEM_RESOLUTION * 1_000_000 <= time - at_the_meter[value] < 1_500_000_000
