"""Simulated meters as a master sees them, without a line in between."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterhub_dlms import identity
from meterhub_dlms.codec import cosem_time
from meterhub_dlms.codec.selection import ByEntry
from meterhub_dlms.codec.xdlms import AccessResult
from meterhub_dlms.link.errors import LinkError
from meterhub_dlms.link.hdlc_frame import HdlcAddress, HdlcFrame, Kind
from meterhub_dlms.simulator import meters
from meterhub_dlms.simulator.load import HOUR, QUANTITIES, Load
from meterhub_dlms.simulator.settings import USUAL_REGISTERS
from pydantic import ValidationError

SECOND = 1_000_000_000
ENERGY, POWER, VOLTAGE = "1-0:1.8.0*255", "1-0:16.7.0*255", "1-0:32.7.0*255"
PROFILE = "1-0:99.1.0*255"
MINUTES = 60 * SECOND
TIMES = st.floats(1.72e9, 2.1e9)


@given(st.text(max_size=10), TIMES, st.integers(1, 900))
def test_energy_is_the_integral_of_power(name, begin, seconds):
    load, power, energy = Load(name), QUANTITIES["power"], QUANTITIES["energy-import"]
    total = sum(power(load, begin + second + 0.5) for second in range(seconds))
    assert energy(load, begin + seconds) - energy(load, begin) == pytest.approx(total / HOUR, rel=1e-3)


@given(st.text(max_size=10), TIMES)
def test_the_quantities_of_a_load_agree(name, at):
    shown = {quantity: value(Load(name), at) for quantity, value in QUANTITIES.items()}
    phases = [f"l{number}" for number in (1, 2, 3)]
    assert shown["power"] == pytest.approx(sum(shown[f"power-{phase}"] for phase in phases))
    assert 0 < shown["power"] <= shown["apparent-power"]
    assert shown["power-factor"] == pytest.approx(shown["power"] / shown["apparent-power"])
    apparent = sum(shown[f"voltage-{phase}"] * shown[f"current-{phase}"] for phase in phases)
    assert shown["apparent-power"] == pytest.approx(apparent)
    assert shown["reactive-power"] < shown["apparent-power"]
    assert 0 < shown["energy-import"] < 2**32


def test_each_meter_has_its_own_name_and_its_own_values(master):
    bus = meters(meters=2, profile_period=0)
    shown = []
    for address in (17, 18):
        reader = master(bus, address)
        assert reader.read("0-0:42.0.0*255", class_id=1) == b"MHBSIM%05d" % address
        assert reader.read("0-0:96.1.0*255", class_id=1) == b"%08d" % address
        at = cosem_time.decode(bytes(reader.read("0-0:1.0.0*255", class_id=8))).time
        meter = bus.meters[address]
        assert reader.read(ENERGY) in [round(meter.value(ENERGY, at + later * SECOND)) for later in (0, 1)]
        assert [part.value for part in reader.read(VOLTAGE, 3)] == [-1, 35]
        assert 226 <= reader.read(VOLTAGE) / 10 <= 234
        shown.append(reader.read(ENERGY))
    assert shown[0] != shown[1]


def test_all_usual_registers_can_be_read(master):
    reader = master(meters(meters=1, profile_period=0), 17)
    assert all(isinstance(reader.read(name), int) for name in USUAL_REGISTERS)


def test_a_meter_that_is_alone_answers_without_a_physical_address(master):
    assert master(meters(meters=1, profile_period=0)).read(ENERGY) > 0
    assert meters(meters=2, profile_period=0)(connect(None)) == []


def connect(physical):
    return HdlcFrame(HdlcAddress.server(1, physical), HdlcAddress.client(16), Kind.SNRM, True).encode()


def test_fixed_registers_tell_the_meters_apart(master):
    row = {"logical_name": ENERGY, "value": 5000, "per_meter": 100, "unit": "varh"}
    bus = meters(meters=3, first_address=100, registers=[row], profile_period=0)
    assert [master(bus, 100 + number).read(ENERGY) for number in range(3)] == [5000, 5100, 5200]
    assert [part.value for part in master(bus, 101).read(ENERGY, 3)] == [0, 32]


def test_the_profile_holds_the_days_before_the_start(master):
    bus = meters(meters=1, profile_days=0.5, profile_period=900)
    reader = master(bus, 17)
    assert reader.read(PROFILE, 7, 7) in (48, 49)
    (row,) = reader.read(PROFILE, 2, 7, ByEntry(1, 1))
    at, status, energy, *_ = (column.value for column in row.value)
    ended = cosem_time.decode(bytes(at)).time
    assert ended % (900 * SECOND) == 0
    assert status == 0
    assert energy == round(bus.meters[17].value(ENERGY, ended))


@pytest.mark.parametrize("minutes", [1, 15, 61, 600])
def test_the_profile_has_no_gaps_however_seldom_the_meter_is_asked(master, monkeypatch, minutes):
    now = 1_800_000_000 * SECOND
    monkeypatch.setattr("meterhub_dlms.simulator.bus.time.time_ns", lambda: now)
    bus = meters(meters=1, profile_days=1, profile_period=900)
    reader = master(bus, 17)
    before = reader.read(PROFILE, 7, 7)
    now += minutes * MINUTES
    count = reader.read(PROFILE, 7, 7)
    assert count == before + minutes // 15
    rows = reader.read(PROFILE, 2, 7, ByEntry(count, count))
    assert cosem_time.decode(bytes(rows[0].value[0].value)).time == now // (15 * MINUTES) * 15 * MINUTES


def test_a_meter_that_is_switched_off_says_nothing_until_it_is_on_again(master):
    bus = meters(meters=2, silent=[18], profile_period=0)
    assert bus(connect(18)) == []
    reader = master(bus, 17)
    bus.meters[17].switched_on = False
    assert bus(reader.primary.send(b"\xc0\x01\xc1\x00\x03")) == []
    bus.meters[17].switched_on = bus.meters[18].switched_on = True
    with pytest.raises(LinkError, match="DM"):
        reader.exchange(reader.primary.repeat())
    assert master(bus, 18).read(ENERGY) > 0
    assert master(bus, 17).read(ENERGY) > 0


def test_the_public_client_sees_no_values_where_there_is_a_password(master):
    reader = master(meters(meters=1, password="00000000", profile_period=0), 17)
    assert reader.read("0-0:42.0.0*255", class_id=1) == b"MHBSIM00017"
    assert reader.read(ENERGY) in (AccessResult.READ_WRITE_DENIED, AccessResult.OBJECT_UNDEFINED)


@given(noise=st.lists(st.binary(max_size=40), max_size=20))
def test_noise_on_the_line_stops_no_meter(shared_bus, master, noise):
    for heard in noise:
        shared_bus(heard)
    shared_bus(bytes(200))  # whatever had begun is over
    assert master(shared_bus, 17).read(ENERGY) > 0


@pytest.fixture(scope="module")
def shared_bus():
    return meters(meters=2, profile_period=0)


async def test_a_bus_can_be_made_within_an_event_loop():
    assert list(meters(meters=3, profile_period=0).meters) == [17, 18, 19]


def test_each_meter_has_a_system_title_of_its_own_which_changes_with_each_start():
    keys = {"encryption_key": "0" * 32, "authentication_key": "1" * 32}
    buses = [meters(meters=3, **keys) for _ in range(2)]
    titles = [identity.own_title(meter.hub.store, "") for bus in buses for meter in bus.meters.values()]
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"meters": 0}, "greater than or equal to 1"),
        ({"meters": 100, "first_address": 16300}, "begin lower"),
        ({"silent": [3]}, "no meter has the address 3"),
        ({"encryption_key": "0" * 32}, "give both"),
        ({"encryption_key": "secret", "authentication_key": "0" * 32}, "match pattern"),
        ({"registers": [{"logical_name": ENERGY, "quantity": "warmth"}]}, "energy-import"),
        ({"registers": [{"logical_name": ENERGY, "unit": "furlong"}]}, "DLMS has no unit"),
        ({"profile_period": 700}, "does not divide a day"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_settings_that_cannot_be_are_refused_with_what_would_do(settings, said):
    with pytest.raises(ValidationError, match=said):
        meters(**settings)
