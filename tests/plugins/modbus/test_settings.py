"""What settings are refused, and the sentence that says why."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterhub_modbus.settings import ModbusServerConfig
from meterhub_sdk.admission import AllowList
from pydantic import ValidationError


def row(address=0, bank="holding", **more):
    return {"point": f"dlms-client/m/p{address}", "bank": bank, "address": address, **more}


def config(*rows, **more):
    return ModbusServerConfig(groups=[{"label": "g", "rows": list(rows), **more}])


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([row(0), row(1)], ["group g row 1 (dlms-client/m/p0", "group g row 2 (dlms-client/m/p1", "holding 1"]),
        ([row(0, quality_address=5), row(4)], ["quality register of group g row 1", "value of group g row 2"]),
        ([row(0, "contacts", format="bool", quality_address=3), row(2, "input")], ["overlap at input 3"]),
        ([row(0, quality_address=1)], ["overlap at holding 1"]),
        ([row(65535)], ["dlms-client/m/p65535 at holding 65535", "crosses address 65535", "65536"]),
        ([row(0, time_address=65535)], ["time registers", "65536"]),
        ([row(0, "input", writable=True)], ["read-only", "dlms-client/m/p0 at input 0"]),
        ([row(0, "contacts", format="bool", writable=True)], ["read-only"]),
        ([row(0, "coils", format="i16")], ["one bit", "i16"]),
        ([row(0, scaling=0)], ["scaling 0"]),
        ([row(0, format="string[4]", scaling=2)], ["scaling 2"]),
        ([row(0, format="string[247]")], ["string[247]", "246"]),
        ([row(0, format="i16", sentinel=40000)], ["sentinel", "out of the range of i16"]),
        ([row(0, format="i16", sentinel=0.5)], ["sentinel 0.5"]),
        ([row(0, format="f16")], ["format"]),
        ([row(70000)], ["address"]),
    ],
)
def test_rows_that_cannot_work_are_named(rows, words):
    with pytest.raises(ValidationError) as caught:
        config(*rows)
    for word in words:
        assert word in str(caught.value)


def test_last_values_need_a_quality_register():
    with pytest.raises(ValidationError, match=r"group g row 1 \(dlms-client/m/p0 at holding 0\).*quality register"):
        config(row(0), stale="last")


def test_the_same_addresses_in_other_banks_and_units_are_free():
    ModbusServerConfig(
        groups=[
            {"label": "a", "rows": [row(0), row(0, "input"), row(0, "coils", format="bool")]},
            {"label": "b", "unit": 2, "rows": [row(0)]},
        ]
    )


def test_two_groups_cannot_share_a_label():
    with pytest.raises(ValidationError, match="two groups are labelled a"):
        ModbusServerConfig(groups=[{"label": "a"}, {"label": "a"}])


@pytest.mark.parametrize(
    ("patterns", "peer", "allowed"),
    [
        (["*.*.*.*"], "192.0.2.1", True),
        (["*.*.*.*"], "2001:db8::1", False),
        (["*.*.*.*"], "::ffff:192.0.2.1", True),
        (["192.0.2.*"], "192.0.2.77", True),
        (["192.0.2.*"], "192.0.20.7", False),
        (["192.*.2.7"], "192.99.2.7", True),
        (["10.0.0.0/8"], "10.255.0.1", True),
        (["10.0.0.0/8"], "11.0.0.1", False),
        (["2001:db8::/32"], "2001:db8:5::1", True),
        (["2001:db8::/32"], "2001:db9::1", False),
        (["fe80::/10"], "fe80::1%eth0", True),
        (["::1"], "::1", True),
        (["192.0.2.1"], "unknown", False),
        (["192.0.2.1"], "", False),
    ],
)
def test_allowed_remote_addresses(patterns, peer, allowed):
    assert (peer in AllowList(patterns)) is allowed


@pytest.mark.parametrize(
    "pattern", ["", "*", "192.0.2", "192.0.2.256", "192.0.2.1*", "10.0.0.1/8", "name", "*.*.*.*/8"]
)
def test_a_pattern_that_says_nothing_is_refused(pattern):
    with pytest.raises(ValidationError, match="allowed"):
        ModbusServerConfig(allowed=[pattern])


@given(st.lists(st.integers(0, 255), min_size=4, max_size=4), st.sets(st.integers(0, 3)))
def test_any_octet_can_be_a_wildcard(octets, wild):
    pattern = ".".join("*" if place in wild else str(octet) for place, octet in enumerate(octets))
    peer = ".".join(map(str, octets))
    assert peer in AllowList([pattern])


@pytest.mark.parametrize("host", ["localhost", "", "1.2.3", "eth0"])
def test_the_listening_address_is_an_ip_address(host):
    with pytest.raises(ValidationError, match="no IP address"):
        ModbusServerConfig(host=host)
