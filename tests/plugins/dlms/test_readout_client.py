"""``readout-client`` against meters on pseudo-terminals and behind a converter."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import re
import termios
import tty
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from meterhub_dlms.codec import mode_c
from meterhub_dlms.link import mode_e, parity
from meterhub_dlms.readout import exchange
from meterhub_dlms.readout import port as port_module
from meterhub_dlms.readout.service import ReadoutClient
from meterhub_dlms.readout.settings import ReadoutClientConfig
from meterhub_dlms.readout.status import ReadOutRequest
from meterhub_sdk import Clock, Quality, Refused, nanoseconds
from meterhub_sdk.testing import FakeHub

LINES = ["F.F(00)", "0.0.0({number})", "0.9.1(1143000)", "0.9.2(1240710)", "1-0:1.8.0*255(001234.567*kWh)",
         "1.8.0*01(001200.000*kWh)", "1.6.0(01.25*kW)(2407101415)", "C.5.0(1)", "!"]  # fmt: skip


def framed(lines: list[str]) -> bytes:
    content = "".join(f"{line}\r\n" for line in lines).encode("ascii") + b"\x03"
    return b"\x02" + content + bytes((mode_c.check_character(content),))


class Device:
    """A meter by the book: identification, then the readout once it was acknowledged."""

    def __init__(self, address: str, lines: list[str] | None = None) -> None:
        self.identification = b"/EMH4LZQJ\r\n"
        self.readout = framed([line.format(number=address) for line in lines or LINES])
        self.spoil: list[Callable[[bytes], bytes]] = []
        """What happens to the next readouts."""
        self.silent = False
        self.asked = 0

    def next_readout(self) -> bytes:
        return self.spoil.pop(0)(self.readout) if self.spoil else self.readout


class Bus:
    """Meters on one line: bytes in, bytes out; ``addressed`` is the one that waits for its acknowledgement."""

    def __init__(self) -> None:
        self.devices: dict[str, Device] = {}
        self.heard = b""
        self.addressed: Device | None = None
        self.echo = False
        self.delay = 0.0
        self.speeds: list[int] = []
        self.late: Callable[[], float] = float
        """Seconds by which the next answer comes too late."""
        self.wire: Callable[[bytes], bytes] = bytes
        """What the line does to the characters that the meters send."""

    def add(self, address: str, lines: list[str] | None = None) -> Device:
        device = self.devices[address] = Device(address, lines)
        return device

    def hear(self, text: bytes) -> bytes:
        self.heard += text
        answer = text if self.echo else b""
        while found := re.search(rb"/\?([0-9A-Za-z]*)!\r\n|\x06(...)\r\n", self.heard):
            self.heard = self.heard[found.end() :]
            if found[2] is None:
                self.addressed = self.devices.get(found[1].decode())
                if self.addressed is not None:
                    self.addressed.asked += 1
                    answer += b"" if self.addressed.silent else self.addressed.identification
            elif self.addressed is not None:
                answer += self.addressed.next_readout()
        return answer


@pytest.fixture
def bus() -> Bus:
    return Bus()


@pytest.fixture
def hub(bus: Bus, fake_hub: FakeHub, with_parity: bool) -> Iterator[FakeHub]:
    """A hub with the port ``optical``, at whose far side the bus is."""
    far, near = os.openpty()
    tty.setraw(far)
    fake_hub.things["serial", "optical"] = {
        "device": os.ttyname(near), "baud": 300, "data_bits": 7, "parity": "even", "software_parity": with_parity,
    }  # fmt: skip
    fake_hub.far = far
    yield fake_hub
    os.close(near)
    os.close(far)


@pytest.fixture
def with_parity() -> bool:
    return True


@contextlib.asynccontextmanager
async def listening(bus: Bus, far: int, with_parity: bool) -> AsyncIterator[None]:
    def arrived() -> None:
        with contextlib.suppress(OSError):
            answer = bus.hear(parity.remove(os.read(far, 4096)))
            loop.call_later(bus.delay + bus.late(), send, bus.wire(parity.add(answer) if with_parity else answer))

    def send(answer: bytes) -> None:
        bus.speeds.append(_SPEEDS[termios.tcgetattr(far)[5]])
        os.write(far, answer)

    loop = asyncio.get_running_loop()
    loop.add_reader(far, arrived)
    try:
        yield
    finally:
        loop.remove_reader(far)


_SPEEDS = {termios.B300: 300, termios.B2400: 2400, termios.B4800: 4800, termios.B9600: 9600}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses of the standard that would only make the tests slow."""
    monkeypatch.setattr(port_module, "_SETTLING", 0.05)
    monkeypatch.setattr(mode_e, "MIN_DELAY", 0.02)
    monkeypatch.setattr(exchange, "QUIET", 0.02)


def meter(label: str = "m", **given: Any) -> dict[str, Any]:
    mappings = given.pop("mappings", [{"label": "energy", "address": "1.8.0", "unit": "Wh"}])
    return {
        "label": label,
        "serial_port": "optical",
        "start_speed": 9600,
        "timeout": 0.3,
        "retries": 0,
        "mappings": mappings,
        **given,
    }


@contextlib.asynccontextmanager
async def reading(
    hub: FakeHub, bus: Bus, *meters: dict[str, Any], with_parity: bool = True, **given: Any
) -> AsyncIterator[ReadoutClient]:
    config = {"retry_delay": 0.05, "fast": 0.05, "meters": list(meters), **given}
    client = ReadoutClient(hub, ReadoutClientConfig.model_validate(config))
    async with listening(bus, hub.far, with_parity), hub.running(client):
        yield client


def names(hub: FakeHub) -> list[str]:
    return [event.type.name for event in hub.recorded]


@pytest.mark.parametrize("with_parity", [True, False])
async def test_a_meter_is_read_out_and_its_units_converted(hub, bus, with_parity):
    bus.add("")
    bus.delay = 0.25
    mappings = [
        {"label": "energy", "address": "1-0:1.8.0*255", "unit": "Wh"},
        {"label": "stored", "address": "1.8.0*01", "unit": "kWh", "type": "int"},
        {"label": "maximum", "address": "1.6.0", "unit": "W"},
        {"label": "maximum-at", "address": "1.6.0", "place": 2, "type": "str"},
        {"label": "faults", "address": "F.F", "type": "str"},
        {"label": "open", "address": "C.5.0", "type": "bool"},
        {"label": "tenfold", "address": "1.8.0", "scale": 10},
    ]
    async with reading(
        hub, bus, meter(mappings=mappings, start_speed=300, timeout=1), with_parity=with_parity
    ) as client:
        await hub.until_published("m/tenfold")
        (row,) = client.status().meters
    assert {name: reading.value for name, reading in hub.published.items()} == {
        "m/connected": True, "m/energy": 1234567.0, "m/stored": 1200, "m/maximum": 1250.0, "m/maximum-at": "2407101415",
        "m/faults": "00", "m/open": True, "m/tenfold": 12345.67,
    }  # fmt: skip
    assert (hub.published["m/energy"].unit, hub.published["m/tenfold"].unit) == ("Wh", "kWh")
    assert hub.published["m/energy"].clock == Clock.VALID
    assert (row.state, row.device, row.speed, row.readouts, row.time) == ("good", "EMH LZQJ", 4800, 1, "arrival")
    assert bus.speeds == [300, 4800]
    assert names(hub) == ["readout-started"]


async def test_values_carry_the_meters_own_time_where_that_is_wanted(hub, bus):
    bus.add("")
    async with reading(hub, bus, meter(meter_time=True, zone="Europe/Warsaw")) as client:
        await hub.until_published("m/energy")
        assert client.status().meters[0].time == "meter"
    told = hub.published["m/energy"]
    assert told.time == nanoseconds(datetime(2024, 7, 10, 12, 30, tzinfo=UTC))
    assert told.clock == Clock.UNKNOWN


async def test_a_meter_that_tells_no_time_gives_that_of_the_arrival_and_says_so(hub, bus):
    bus.add("", ["1.8.0(1*kWh)", "!"])
    async with reading(hub, bus, meter(meter_time=True, zone="UTC")) as client:
        await hub.until_published("m/energy")
        assert client.status().meters[0].time.startswith("arrival (")


async def test_a_readout_is_shown_as_frames_steps_and_a_peer(hub, bus):
    device = bus.add("")
    hub.trace.points.add(f"{hub.name}/m/energy")
    async with reading(hub, bus, meter()) as client:
        await hub.until_published("m/energy")
        conversion = client.conversion()
    (channel,) = hub.recorder.channels
    said = {sent: b"".join(octets for _, _, way, _, octets in channel.frames if way is sent) for sent in (True, False)}
    assert said[True].startswith(b"/?!\r\n\x060")
    assert said[False] == device.identification + device.readout
    assert [step.step for step in hub.steps] == ["decoded"]
    assert (conversion.role, conversion.peers[0].state, conversion.counters["readouts"]) == ("client", "good", 1)


def flip(place: int, change: int) -> Callable[[bytes], bytes]:
    return lambda readout: readout[:place] + bytes((readout[place] ^ change,)) + readout[place + 1 :]


@pytest.mark.parametrize("spoil", [flip(60, 0x02), flip(-1, 0x01), lambda readout: readout[:50], lambda readout: b""])
async def test_a_spoiled_readout_is_read_again_and_nothing_of_it_is_taken(hub, bus, spoil):
    device = bus.add("")
    device.spoil = [spoil]
    async with reading(hub, bus, meter(retries=1)) as client:
        await hub.until_published("m/energy")
        (row,) = client.status().meters
    assert hub.published["m/energy"].value == 1234567.0
    assert (row.retries, row.errors, row.readouts, device.asked) == (1, 1, 1, 2)


async def test_wrong_parity_is_noticed_where_the_check_character_is_blind(hub, bus):
    device = bus.add("")
    one = device.readout.index(b"1234.567")
    spoiled = flip(one, 0x02)(flip(one + 1, 0x02)(device.readout))
    device.spoil = [lambda readout: spoiled]
    bus.wire = lambda octets: (
        flip(one, 0x80)(flip(one + 1, 0x80)(octets)) if parity.remove(octets) == spoiled else octets
    )
    async with reading(hub, bus, meter(retries=1)) as client:
        await hub.until_published("m/energy")
        assert "damaged" in client.status().meters[0].last_error
    assert hub.published["m/energy"].value == 1234567.0


async def test_a_dead_meter_costs_one_probe_and_its_neighbour_keeps_its_interval(hub, bus, until):
    alive = bus.add("2")
    dead = bus.add("1")
    dead.silent = True
    meters = (
        meter("dead", address="1", retries=2, timeout=0.1),
        meter("alive", address="2", mappings=[{"label": "energy", "address": "1.8.0", "group": "fast"}]),
    )
    async with reading(hub, bus, *meters, retry_delay=0.4) as client:
        await until(lambda: client.status().meters[0].state == "lost")
        tries = dead.asked
        assert tries == 3
        await until(lambda: alive.asked >= 5)
        assert dead.asked - tries <= 2
        dead.silent = False
        await hub.until_published("dead/energy")
        rows = client.status().meters
    assert [row.state for row in rows] == ["good", "good"]
    assert hub.published["dead/connected"].value is True
    assert names(hub).count("readout-lost") == 1
    assert names(hub).count("readout-started") == 2


async def test_the_answer_of_one_meter_never_becomes_the_value_of_another(hub, bus, until):
    one, two = bus.add("1"), bus.add("2", ["0.0.0(2)", "1.8.0(2*kWh)", "!"])
    mappings = [{"label": "energy", "address": "1.8.0", "unit": "Wh", "group": "fast"}]
    meters = [meter(label, address=address, mappings=mappings) for label, address in (("one", "1"), ("two", "2"))]
    async with reading(hub, bus, *meters) as client:
        await hub.until_published("one/energy", "two/energy")
        own, two.readout = two.readout, one.readout
        await until(lambda: client.status().meters[1].foreign >= 3)
        two.readout = own
        await until(lambda: client.status().meters[1].state == "good")
    assert {reading.value for name, reading in hub.history if name == "two/energy"} == {2000.0}
    assert {reading.value for name, reading in hub.history if name == "one/energy"} == {1234567.0}
    assert names(hub).count("readout-of-another-meter") == 1


async def test_on_a_bad_line_every_value_is_right_and_of_the_right_meter(hub, bus, until, monkeypatch):
    monkeypatch.setattr(port_module, "_SETTLING", 0.2)
    seed = random.getrandbits(32)
    print("seed", seed)
    chance = random.Random(seed)

    def spoiled(octets: bytes) -> bytes:
        if not octets or chance.random() < 0.9:
            return octets
        return b"" if chance.random() < 0.5 else flip(chance.randrange(len(octets)), 1 << chance.randrange(8))(octets)

    bus.wire = spoiled
    bus.late = lambda: chance.choice([0.15, 0.25]) if chance.random() < 0.05 else 0.0
    meters = []
    for number in "123":
        bus.add(number, ["0.0.0({number})", f"1.8.0({number}*kWh)", *["2.8.0(0*kWh)"] * 20, "!"])
        mappings = [{"label": "energy", "address": "1.8.0", "unit": "kWh", "group": "fast"}]
        meters.append(meter(number, address=number, mappings=mappings, timeout=0.1, retries=1))
    async with reading(hub, bus, *meters) as client:
        await until(lambda: all(row.readouts >= 3 for row in client.status().meters))
        await until(lambda: any(row.errors for row in client.status().meters))
    for number in "123":
        told = {reading.value for name, reading in hub.history if name == f"{number}/energy"}
        assert told == {float(number)}


async def test_a_readout_with_another_serial_number_is_refused(hub, bus, until):
    bus.add("")
    async with reading(hub, bus, meter(serial_number="0047")) as client:
        await until(lambda: client.status().meters[0].foreign >= 1)
    assert "m/energy" not in hub.published
    bus.add("", ["C.1.0(00047)", "1.8.0(5*kWh)", "!"])
    async with reading(hub, bus, meter(serial_number="0047")):
        await hub.until_published("m/energy")


async def test_what_the_meter_does_not_tell_is_invalid_and_told_once(hub, bus, until):
    bus.add("", [*LINES[:-1], "1-1:1.8.0(7*kWh)", "21.7.0(x)", "!"])
    mappings = [
        {"label": "absent", "address": "2.8.0", "group": "fast"},
        {"label": "twice", "address": "1.8.0", "group": "fast"},
        {"label": "text", "address": "21.7.0", "group": "fast"},
        {"label": "volts", "address": "1.6.0", "unit": "V", "group": "fast"},
        {"label": "exact", "address": "1-0:1.8.0", "unit": "Wh", "type": "int", "group": "fast"},
        {"label": "broken", "address": "1.6.0", "type": "int", "group": "fast"},
    ]
    async with reading(hub, bus, meter(mappings=mappings)) as client:
        await until(lambda: client.status().meters[0].readouts >= 2)
    good = {name for name, reading in hub.published.items() if reading.quality == Quality.GOOD}
    assert good == {"m/connected", "m/exact"}
    assert hub.published["m/exact"].value == 1234567
    assert names(hub).count("readout-without-address") == 5


async def test_an_echoing_head_is_understood(hub, bus):
    bus.add("")
    bus.echo = True
    async with reading(hub, bus, meter()):
        await hub.until_published("m/energy")


async def test_the_port_is_free_between_two_readouts_and_given_when_wanted(hub, bus, until):
    bus.add("1")
    bus.add("2")
    async with reading(hub, bus, meter("one", address="1"), meter("two", address="2")):
        await until(lambda: ("serial", "optical") in hub.leases)
        first = hub.leases["serial", "optical"]
        first.want()
        await until(lambda: hub.leases.get(("serial", "optical")) is not first)
        assert "two/energy" not in hub.published
        await hub.until_published("one/energy", "two/energy")
        await until(lambda: not hub.leases)


async def test_a_port_that_is_absent_is_tried_again(hub, bus, until):
    bus.add("")
    right = hub.things["serial", "optical"]
    hub.things["serial", "optical"] = {**right, "device": "/dev/pts/99999"}
    async with reading(hub, bus, meter()) as client:
        await until(lambda: client.status().meters[0].state == "lost")
        assert "absent" in client.status().meters[0].last_error
        hub.things["serial", "optical"] = right
        await hub.until_published("m/energy")


async def test_a_whole_readout_is_shown_for_a_meter_and_for_a_draft(hub, bus):
    bus.add("")
    bus.add("77", ["1.8.0(5*kWh)", "!"])
    async with reading(hub, bus, meter()) as client:
        table = await client.read_out(ReadOutRequest(meter="m"))
        draft = await client.read_out(
            ReadOutRequest(serial_port="optical", address="77", timeout=0.3, start_speed=9600)
        )
        with pytest.raises(Refused, match="no meter is called"):
            await client.read_out(ReadOutRequest(meter="x"))
        with pytest.raises(Refused, match="does not answer the sign-on"):
            await client.read_out(ReadOutRequest(serial_port="optical", address="78", timeout=0.1, start_speed=9600))
    assert (table.manufacturer, table.device, table.speed) == ("EMH", "LZQJ", 4800)
    assert [line.address for line in table.lines][:2] == ["F.F", "0.0.0"]
    assert {line.address: line.mapping for line in table.lines}["1-0:1.8.0*255"] == "energy"
    assert [(line.address, line.value, line.unit) for line in draft.lines] == [("1.8.0", "5", "kWh")]


@pytest.mark.parametrize("converter_parity", [True, False])
async def test_a_meter_behind_a_converter_is_read_out(fake_hub, bus, converter_parity):
    bus.add("")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(4096):
                answer = bus.hear(parity.remove(data))
                writer.write(answer if converter_parity else parity.add(answer))
        writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    row = meter(
        serial_port=None, host="127.0.0.1", port=server.sockets[0].getsockname()[1], start_speed=4800, max_speed=4800,
        converter_parity=converter_parity,
    )  # fmt: skip
    client = ReadoutClient(fake_hub, ReadoutClientConfig.model_validate({"meters": [row]}))
    async with server, fake_hub.running(client):
        await fake_hub.until_published("m/energy")
        draft = {key: row[key] for key in ("host", "port", "start_speed", "max_speed", "converter_parity")}
        table = await client.read_out(ReadOutRequest.model_validate(draft))
        assert len(table.lines) == 9
    client = ReadoutClient(fake_hub, ReadoutClientConfig())
    with pytest.raises(Refused, match="does not answer"):
        await client.read_out(ReadOutRequest.model_validate(draft))


async def test_a_converter_that_cannot_follow_the_speed_is_named(fake_hub, bus, until):
    bus.add("")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(4096):
            writer.write(parity.add(bus.hear(parity.remove(data))))
        writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    row = meter(
        serial_port=None, host="127.0.0.1", port=server.sockets[0].getsockname()[1], start_speed=9600, max_speed=9600
    )
    client = ReadoutClient(fake_hub, ReadoutClientConfig.model_validate({"meters": [row]}))
    async with server, fake_hub.running(client):
        await until(lambda: client.status().meters[0].state == "lost")
    assert "goes on at 4800 Bd" in client.status().meters[0].last_error
