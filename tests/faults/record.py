"""Records what clients really say to our servers into ``recorded.json``, the good input of which bad input is made.

``python tests/faults/record.py`` runs every client through a proxy and keeps the octets that it sent. The clients are
ours and other people's: pymodbus, mbpoll, gurux-dlms, dlms-cosem, hat-drivers and c104, all of which must be there. The
test beside it replays what was recorded; record anew only to add to it.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from hat.drivers import iec104, net  # type: ignore[import-untyped]
from meterhub_dlms.client.service import DlmsClient
from meterhub_dlms.client.settings import DlmsClientConfig
from meterhub_iec104_client.service import Iec104Client
from meterhub_iec104_client.settings import Iec104ClientConfig
from meterhub_modbus.client.service import ModbusClient
from meterhub_modbus.client.settings import ModbusClientConfig
from meterhub_sdk.testing import FakeHub
from pymodbus.client import AsyncModbusTcpClient
from rig.plan import Plan
from rig.stage import Stage

HERE = Path(__file__).parent
DLMS_PEERS = HERE.parent / "plugins" / "dlms" / "peers"
Client = Callable[[int], Awaitable[None]]


@asynccontextmanager
async def tapped(port: int, heard: list[bytes]) -> AsyncIterator[int]:
    """A port that leads to another one; what clients send is noted."""

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, note: bool) -> None:
        while data := await reader.read(65536):
            if note:
                heard.append(data)
            writer.write(data)
        writer.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(carry(reader, back, True), carry(there, writer, False), return_exceptions=True)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


async def program(*line: str) -> None:
    """Run somebody's program to its end."""
    process = await asyncio.create_subprocess_exec(*line, stdout=subprocess.DEVNULL, stdin=subprocess.PIPE)
    assert process.stdin is not None
    try:
        async with asyncio.timeout(6):
            await process.wait()
    except TimeoutError:
        process.stdin.close()
        await process.wait()


async def with_pymodbus(port: int) -> None:
    client = AsyncModbusTcpClient("127.0.0.1", port=port, retries=0)
    assert await client.connect()
    await client.read_holding_registers(0, count=2, device_id=1)
    await client.read_input_registers(0, count=2, device_id=1)
    await client.read_coils(0, count=2, device_id=1)
    await client.read_discrete_inputs(0, count=1, device_id=1)
    await client.write_coil(0, True, device_id=1)
    await client.write_coils(0, [True, False], device_id=1)
    await client.write_register(10, 77, device_id=1)
    await client.write_registers(18, [1, 2], device_id=1)
    await client.mask_write_register(address=10, and_mask=0xF2, or_mask=0x25, device_id=1)
    await client.readwrite_registers(read_address=0, read_count=2, write_address=10, values=[9], device_id=1)
    await client.read_device_information(read_code=1, object_id=0, device_id=1)
    client.close()


async def with_mbpoll(port: int) -> None:
    line = ["mbpoll", "-m", "tcp", "-p", str(port), "-a", "1", "-0", "-1", "-q"]
    for arguments in (["-t", "3:float", "-r", "0"], ["-t", "4", "-c", "2", "-r", "0"], ["-t", "0", "-r", "0"]):
        await program(*line, *arguments, "127.0.0.1")
    await program(*line, "-t", "4", "-r", "10", "127.0.0.1", "55")


async def ours(make: Callable[[FakeHub], Any], name: str) -> None:
    """One of our clients, for two seconds."""
    hub = FakeHub(name)
    async with hub.running(make(hub)):
        await asyncio.sleep(2)
    hub.close()


async def with_our_modbus(port: int) -> None:
    rows = [{"label": "energy", "bank": "holding", "address": 0, "type": "u32"}]
    rows += [{"label": "voltage", "bank": "input", "address": 0, "type": "f32"}]
    device = {"label": "m", "host": "127.0.0.1", "port": port, "rows": rows}
    config = ModbusClientConfig.model_validate({"devices": [device]})
    await ours(lambda hub: ModbusClient(hub, config), "modbus-client")


async def with_gurux(port: int) -> None:
    await program(sys.executable, str(DLMS_PEERS / "gurux_client.py"), str(port), "16", "-")
    await program(sys.executable, str(DLMS_PEERS / "gurux_client.py"), str(port), "32", "5EC4E700")


async def with_dlms_cosem(port: int) -> None:
    await program(sys.executable, str(DLMS_PEERS / "cosem_client.py"), str(port), "16", "-")
    await program(sys.executable, str(DLMS_PEERS / "cosem_client.py"), str(port), "32", "5EC4E700")


async def with_our_dlms(port: int) -> None:
    mappings = [
        {"label": "energy", "logical_name": "1-1:1.8.0*255", "unit": "Wh"},
        {"label": "v", "logical_name": "1-1:32.7.0*255"},
    ]
    meter = {"label": "m", "host": "127.0.0.1", "port": port, "mappings": mappings}
    config = DlmsClientConfig.model_validate({"meters": [meter]})
    await ours(lambda hub: DlmsClient(hub, config), "dlms-client")


async def with_hat(port: int) -> None:
    connection = await iec104.connect(net.TcpAddress("127.0.0.1", port))
    interrogation = iec104.InterrogationMsg(
        is_test=False,
        originator_address=0,
        asdu_address=1,
        request=20,
        is_negative_confirm=False,
        cause=iec104.CommandReqCause.ACTIVATION,
    )
    counters = iec104.CounterInterrogationMsg(
        is_test=False,
        originator_address=0,
        asdu_address=1,
        request=5,
        freeze=iec104.FreezeCode.READ,
        is_negative_confirm=False,
        cause=iec104.CommandReqCause.ACTIVATION,
    )
    await connection.send([interrogation, counters], wait_ack=False)
    for value in (iec104.SingleValue.ON, iec104.SingleValue.OFF):
        command = iec104.SingleCommand(value=value, select=False, qualifier=0)
        message = iec104.CommandMsg(
            is_test=False,
            originator_address=0,
            asdu_address=1,
            io_address=2,
            command=command,
            is_negative_confirm=False,
            time=None,
            cause=iec104.CommandReqCause.ACTIVATION,
        )
        await connection.send([message], wait_ack=False)
    await asyncio.sleep(1)
    await connection.async_close()


async def with_c104(port: int) -> None:
    peer = HERE.parent / "interop" / "peers" / "c104_master.py"
    await program(sys.executable, str(peer), str(port), "M_ME_NC_1", "1")


async def with_our_iec104(port: int) -> None:
    points = [{"label": "energy", "type": "M_ME_NC", "ioa": 1}]
    station = {"label": "s", "host": "127.0.0.1", "port": port, "points": points, "clock_interval": 60}
    config = Iec104ClientConfig.model_validate({"stations": [station]})
    await ours(lambda hub: Iec104Client(hub, config), "iec104-client")


CLIENTS: dict[str, dict[str, Client]] = {
    "modbus": {"pymodbus": with_pymodbus, "mbpoll": with_mbpoll, "modbus-client": with_our_modbus},
    "dlms": {"gurux-dlms": with_gurux, "dlms-cosem": with_dlms_cosem, "dlms-client": with_our_dlms},
    "iec104": {"hat-drivers": with_hat, "c104": with_c104, "iec104-client": with_our_iec104},
}


async def main() -> None:
    """Record all."""
    recorded: dict[str, dict[str, str]] = {}
    with tempfile.TemporaryDirectory() as directory:
        stage = Stage(Plan(Path(directory)).whole())
        await stage.start()
        for protocol, clients in CLIENTS.items():
            for name, client in clients.items():
                heard: list[bytes] = []
                async with tapped(stage.plan.ports[protocol], heard) as port:
                    await client(port)
                assert heard, name
                recorded.setdefault(protocol, {})[name] = b"".join(heard).hex()
                print(protocol, name, len(b"".join(heard)))
        stage.stop()
    (HERE / "recorded.json").write_text(json.dumps(recorded, indent=1) + "\n", "ascii")


if __name__ == "__main__":
    asyncio.run(main())
