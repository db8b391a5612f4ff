"""What octets of commands mean, whatever they are; and that nothing is executed that was not clearly meant."""

from __future__ import annotations

import math
import random
import struct

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from meterhub_iec104.apci import ProtocolError
from meterhub_iec104.asdu import Asdu
from meterhub_iec104.command_settings import CommandRow, CommandSettings
from meterhub_iec104.control import Control
from meterhub_iec104.control.orders import SIZES, TYPES, NotPermitted, parse, target
from meterhub_iec104.journal import Journal
from meterhub_iec104.station import Station, Stations
from meterhub_sdk import Reading
from pydantic import ValidationError

NUMBERS = st.none() | st.floats(allow_nan=False, allow_infinity=False)
ROWS = st.fixed_dictionaries(
    {"type": st.sampled_from(sorted(TYPES)), "point": st.just("m/x"), "ioa": st.just(1)},
    optional={
        "on": NUMBERS,
        "off": NUMBERS,
        "step": NUMBERS,
        "inverted": st.booleans(),
        "scaling": st.floats(allow_nan=False, allow_infinity=False),
        "second_point": st.just("m/y"),
        "qualifiers": st.lists(st.sampled_from(["none", "short-pulse", "long-pulse", "persistent"]), min_size=1),
    },
)
READINGS = st.none() | st.builds(
    Reading,
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats() | st.text(max_size=3),
    st.just(1),
    st.integers(0, 3),
)


def row_of(settings):
    try:
        return CommandRow.model_validate(settings)
    except ValidationError:
        assume(False)
        raise


@given(ROWS, st.binary(min_size=12, max_size=12), READINGS)
def test_any_octets_are_a_value_that_a_point_can_take_or_are_not_permitted(settings, octets, reading):
    row = row_of(settings)
    size = SIZES[TYPES[row.type]]
    try:
        order = parse(row, octets[:size])
        point, value = target(row, order, reading)
    except NotPermitted:
        return
    assert point in row.points
    assert type(value) in (bool, int, float)
    assert math.isfinite(value)
    assert abs(value) < 2**53 or type(value) is float
    assert order.tag == b""
    assert order.select == (row.type != "C_BO" and octets[size - 1] >= 0x80)


@given(st.floats(width=32, allow_nan=False, allow_infinity=False), st.sampled_from([1.0, 0.5, 0.001, -10.0, 3.0]))
def test_a_set_point_and_a_monitored_value_of_the_same_scaling_agree(number, scaling):
    row = CommandRow(type="C_SE_NC", point="m/x", ioa=1, scaling=scaling)
    order = parse(row, struct.pack("<fB", number, 0))
    try:
        _, value = target(row, order, None)
    except NotPermitted:
        return
    assert value * scaling == pytest.approx(number, rel=1e-12, abs=1e-300)


class Master:
    """Takes answers, and nothing else."""

    origin = "192.0.2.1:40000"
    closed = False

    def __init__(self):
        self.got = []

    def reply(self, *asdus):
        self.got += asdus

    def begin(self, request, answers):
        self.got += answers
        return True

    def cancel(self, request):
        return False

    def flush(self):
        pass


async def test_20000_mutated_commands_execute_only_what_is_in_order(fake_hub):
    """The oracle is written apart: what may be written is read from the octets by hand."""
    source = random.Random(5604)
    rows = [{"type": name, "point": f"m/{name}", "ioa": number} for number, name in enumerate(TYPES, 1)]
    settings = CommandSettings.model_validate({"groups": [{"label": "c", "rows": rows}], "maximum_age": 0})
    master, errors = Master(), 0
    async with Control(fake_hub, Stations([Station(1, [])]), settings, Journal(fake_hub), common_address=1) as control:
        for _ in range(20_000):
            base = source.randrange(45, 52)
            type_id = base + source.choice((0, 0, 13))
            body = bytes((base - 44, 0, 0)) + bytes(SIZES[base] - 1) + bytes((source.choice((0, 1, 2, 0x81)),))
            tag = bytes((0, 0, 0, 0, 1, 1, 26)) if type_id > 51 else b""
            octets = bytearray(bytes((type_id, 1, 6, 0, 1, 0)) + body + tag)
            for _ in range(source.choice((0, 0, 1, 2))):
                octets[source.randrange(len(octets))] = source.randrange(256)
            cut = source.choice((len(octets), len(octets), len(octets), source.randrange(len(octets))))
            before = len(fake_hub.writes)
            try:
                control.handle(bytes(octets[:cut]), master)
            except ProtocolError:
                errors += 1
            await fake_hub.settle(3)
            if len(fake_hub.writes) > before:
                asdu = Asdu.parse(bytes(octets[:cut]))
                name = sorted(TYPES, key=lambda name: TYPES[name])[asdu.object_address - 1]
                assert (asdu.cause, asdu.test, asdu.common_address, asdu.count) == (6, False, 1, 1)
                assert asdu.type_id in (TYPES[name], TYPES[name] + 13)
                assert fake_hub.writes[-1][0] == f"m/{name}"
                assert len(fake_hub.writes) == before + 1
    assert 1000 < errors < 10_000
    assert len(fake_hub.writes) > 2000
    outcomes = {command.outcome for command in fake_hub.commands}
    assert outcomes == {"done", "refused", "cancelled"}
