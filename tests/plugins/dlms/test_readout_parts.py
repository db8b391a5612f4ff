"""The parts of ``readout-client`` without a line: addresses, values, clock, schedule, identity, settings."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterhub_dlms.client.values import ValueMismatch
from meterhub_dlms.codec import mode_c
from meterhub_dlms.codec.errors import CodecError
from meterhub_dlms.codec.mode_c import DataSet
from meterhub_dlms.link import parity
from meterhub_dlms.link.errors import LinkError
from meterhub_dlms.link.mode_e import Goal, Identification, SignOn
from meterhub_dlms.link.readout import ReadoutCollector
from meterhub_dlms.readout import addresses, clock, identity, values
from meterhub_dlms.readout.due import Due, Urgency
from meterhub_dlms.readout.exchange import Readout
from meterhub_dlms.readout.identity import Identities, OtherMeter
from meterhub_dlms.readout.settings import ReadoutClientConfig
from meterhub_dlms.readout.status import ReadOutRequest
from meterhub_sdk import zone_of
from pydantic import ValidationError


@pytest.mark.parametrize(
    ("one", "other", "fit"),
    [
        ("1.8.0", "1-0:1.8.0*255", True),
        ("1-0:1.8.0", "1-1:1.8.0", False),
        ("1.8.0", "1.8.1", False),
        ("1.8.0", "1.8.0*01", False),
        ("1.8.0*1", "1.8.0&01", True),
        ("1.8.0*255", "1.8.0", True),
        ("f.f", "F.F", True),
        ("C.1.0", "0-0:C.1.0", True),
        ("97.97.0", "0-0:97.97.0*255", True),
    ],
)
def test_addresses_fit_in_any_spelling(one, other, fit):
    assert addresses.parse(one).fits(addresses.parse(other)) is fit
    assert addresses.parse(other).fits(addresses.parse(one)) is fit


@pytest.mark.parametrize("text", ["", "1.8.0.0", "1:8:0", "1-0:", "ż.1", "1.8.0*", "1.8.0*x", "1..0", "٣.8.0"])
def test_what_is_no_address_is_refused(text):
    with pytest.raises(ValueError, match="no address of a readout"):
        addresses.parse(text)


@given(st.integers(0, 10**9), st.integers(0, 9), st.sampled_from([("kWh", "Wh", 3), ("Wh", "MWh", -6), ("V", "V", 0)]))
def test_numbers_are_converted_digit_by_digit(number, digits, units):
    told = f"{number:09d}"
    text = f"{told[: len(told) - digits]}.{told[len(told) - digits :]}" if 0 < digits < len(told) else told
    source, target, exponent = units
    value = values.to_value(DataSet("1.8.0", text, source), "float", target, Decimal(1))
    assert value == float(Decimal(text).scaleb(exponent))


@pytest.mark.parametrize(
    ("told", "wanted", "unit", "scale", "expected"),
    [
        (DataSet("a", "000123.450", "kWh"), "int", "Wh", "1", 123450),
        (DataSet("a", "000123.450", "kWh"), "float", "", "1", 123.45),
        (DataSet("a", "12", ""), "float", "kWh", "40", 480.0),
        (DataSet("a", "0.1", "kWh"), "float", "Wh", "0.1", 10.0),
        (DataSet("a", "1", ""), "bool", "", "1", True),
        (DataSet("a", "00120", ""), "str", "", "5", "00120"),
    ],
)
def test_values_become_what_the_mapping_says(told, wanted, unit, scale, expected):
    value = values.to_value(told, wanted, unit, Decimal(scale))
    assert (value, type(value)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("told", "wanted", "unit"),
    [
        (DataSet("a", "12:30"), "float", ""),
        (DataSet("a", ""), "int", ""),
        (DataSet("a", "1.5"), "int", ""),
        (DataSet("a", "9" * 25), "int", ""),
        (DataSet("a", "2"), "bool", ""),
        (DataSet("a", "1", "kWh"), "float", "V"),
    ],
)
def test_values_that_do_not_fit_are_refused(told, wanted, unit):
    with pytest.raises(ValueMismatch):
        values.to_value(told, wanted, unit, Decimal(1))


@pytest.mark.parametrize(
    ("time", "date", "zone", "expected"),
    [
        ("143000", "240710", "Europe/Warsaw", (2024, 7, 10, 12, 30)),
        ("14:30:00", "24-07-10", "Europe/Warsaw", (2024, 7, 10, 12, 30)),
        ("2123000", "2240710", "Europe/Warsaw", (2024, 7, 10, 12, 30)),
        ("1023000", "1241027", "Europe/Warsaw", (2024, 10, 27, 0, 30)),
        ("0023000", "0241027", "Europe/Warsaw", (2024, 10, 27, 1, 30)),
        ("023000", "241027", "Europe/Warsaw", (2024, 10, 27, 0, 30)),
        ("143000", "241310", "UTC", None),
        ("256000", "240710", "UTC", None),
        ("1430", "240710", "UTC", None),
        ("143000", None, "UTC", None),
    ],
)
def test_the_meters_clock_is_understood_in_its_zone(time, date, zone, expected):
    told = values.locate([DataSet("0-0:0.9.1", time), *([DataSet("0.9.2", date)] if date else [])])
    found = clock.meter_time(told, zone_of(zone))
    assert found == (int(datetime(*expected, tzinfo=UTC).timestamp()) * 10**9 if expected else None)


def test_groups_are_due_in_order_and_what_is_left_out_is_counted():
    due = Due({"fast": 10.0, "slow": 100.0}, 0.0)
    assert due.urgency(0.0) == Urgency(0, 0.0)
    assert due.take(0.0) == ["fast", "slow"]
    assert (due.next, due.urgency(9.9), due.urgency(10.0)) == (10.0, None, Urgency(0, 10.0))
    assert due.take(35.0) == ["fast"]
    assert (due.overruns, due.next) == (2, 40.0)
    due.restart(50.0)
    assert due.take(50.0) == ["fast", "slow"]
    assert due.overruns == 2


def readout(*told: tuple[str, str], device: str = "LZQJ") -> Readout:
    located = values.locate([DataSet(address, value) for address, value in told])
    return Readout(Identification("EMH", 9600, "", device), located, 9600, 1.0)


def test_the_numbers_of_a_meter_tell_whose_readout_it_is():
    known = Identities()
    known.check("a", "", readout(("0.0.0", "00000047")))
    known.check("b", "", readout(("0.0.0", "00000048")))
    known.check("b", "", readout(("1.8.0", "5")))
    known.check("c", "0047", readout(("C.1.0", "47"), device="other"))
    for _ in range(2):
        with pytest.raises(OtherMeter, match="as the meter a does"):
            known.check("b", "", readout(("0.0.0", "00000047")))
    with pytest.raises(OtherMeter, match="not 49"):
        known.check("d", "49", readout(("0.0.0", "00000047")))
    with pytest.raises(OtherMeter, match="of nothing"):
        known.check("d", "49", readout(("0.0.0", "0000")))
    known.forget("a")
    known.check("b", "", readout(("0.0.0", "00000047")))
    known.check("b", "", readout(("0.0.0", "00000048")))
    known.check("a", "", readout(("0.0.0", "00000047")))
    assert identity.numbers(readout(("0.0.0", "1"), ("0-0:C.1.0*255", "2"), ("1.8.0", "3"))) == ("1", "2")


METER = {"label": "m", "serial_port": "bus", "mappings": [{"label": "e", "address": "1.8.0"}]}


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"host": "192.0.2.1"}, "give one of the two"),
        ({"serial_port": None}, "give one of the two"),
        ({"serial_port": None, "host": "192.0.2.1"}, "cannot change its speed"),
        ({"meter_time": True}, "no time zone"),
        ({"zone": "Europe/Nowhere"}, "is no time zone"),
        ({"zone": "../etc/passwd"}, "is no time zone"),
        ({"zone": "Europe"}, "is no time zone"),
        ({"address": "12/3"}, "address"),
        ({"mappings": [{"label": "connected", "address": "1.8.0"}]}, "which each meter has already"),
        ({"mappings": [{"label": "e", "address": "1.8.0"}] * 2}, "given more than once"),
        ({"mappings": [{"label": "e", "address": "x y"}]}, "no address of a readout"),
        ({"mappings": [{"label": "e", "address": "1.8.0", "scale": float("nan")}]}, "scale"),
    ],
)
def test_settings_that_cannot_work_are_refused_with_a_reason(changes, complaint):
    with pytest.raises(ValidationError, match=complaint):
        ReadoutClientConfig.model_validate({"meters": [{**METER, **changes}]})


def test_two_meters_of_a_line_need_two_addresses():
    one = {**METER, "address": "0047"}
    two = {**METER, "label": "n", "address": "47"}
    with pytest.raises(ValidationError, match="same device address"):
        ReadoutClientConfig.model_validate({"meters": [one, two]})
    ReadoutClientConfig.model_validate({"meters": [one, {**two, "serial_port": "other"}]})


def test_a_draft_names_a_meter_or_a_connection():
    with pytest.raises(ValidationError, match="not both"):
        ReadOutRequest(meter="m", host="192.0.2.1")
    with pytest.raises(ValidationError, match="give one of the two"):
        ReadOutRequest()


SAMPLE = (
    "F.F(00)\r\n0.0.0(00000047)\r\n0.9.1(1143000)\r\n0.9.2(1240710)\r\n1-0:1.8.0*255(001234.567*kWh)\r\n"
    "1.6.0(01.25*kW)(2407101415)\r\n1.8.0*01(001200.000*kWh)\r\n!\r\n"
).encode("ascii")


def mutated(chance: random.Random, octets: bytes) -> bytes:
    """One to four changes: a character changed, left out, doubled, or a piece moved."""
    text = bytearray(octets)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(text))
        match chance.randrange(4):
            case 0:
                text[place] = (
                    chance.choice(b"()*.!\r\n/0129:-&\x02\x03") if chance.random() < 0.6 else chance.randrange(256)
                )
            case 1:
                del text[place]
            case 2:
                text[place:place] = text[place : place + chance.randint(1, 9)]
            case _:
                piece = text[place : place + 9]
                del text[place : place + 9]
                where = chance.randrange(len(text) + 1)
                text[where:where] = piece
    return bytes(text)


def test_mutated_readouts_are_refused_or_understood_and_nothing_else():
    seed = random.getrandbits(32)
    print("seed", seed)
    chance, passed, whole = random.Random(seed), 0, 0
    wanted = addresses.parse("1.8.0")
    for number in range(20_000):
        content = mutated(chance, SAMPLE)
        if number % 4:
            content = parity.remove(content).replace(b"\x03", b"").replace(b"\x02", b"") + b"\x03"
            stream = parity.add(b"\x02" + content + bytes((mode_c.check_character(content),)))
        else:
            stream = mutated(chance, parity.add(b"\x02" + content + b"\x03\x00"))
        try:
            octets = ReadoutCollector().feed(stream)
            content = mode_c.unframe(octets or b"")
            passed += 1
            told = values.locate(mode_c.parse(content))
            whole += 1
            clock.meter_time(told, zone_of("Europe/Warsaw"))
            values.to_value(values.look_up(told, wanted, 0), "float", "Wh", Decimal(1))
        except (LinkError, CodecError, ValueMismatch):
            pass
    assert passed >= 10_000
    assert whole >= 2_000


def test_mutated_identifications_are_refused_or_understood_and_nothing_else():
    seed = random.getrandbits(32)
    print("seed", seed)
    chance, understood = random.Random(seed), 0
    for _ in range(5_000):
        sign_on = SignOn(Goal.READOUT)
        sign_on.start()
        try:
            understood += sign_on.feed(parity.add(parity.remove(mutated(chance, b"/EMH4\\@01LZQJ-XC\r\n")))) is not None
        except LinkError:
            pass
    assert understood >= 500
