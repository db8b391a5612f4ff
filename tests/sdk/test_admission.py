"""Which remote addresses may connect."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterhub_sdk.admission import EVERYBODY, AllowList, address_of


@pytest.mark.parametrize(
    ("patterns", "peer", "allowed"),
    [
        (["*.*.*.*"], "10.1.2.3", True),
        (["*.*.*.*"], "fd00::1", False),
        (EVERYBODY, "fd00::1", True),
        (["10.*.2.*"], "10.9.2.3", True),
        (["10.*.2.*"], "10.9.3.3", False),
        (["10.1.2.3"], "10.1.2.3", True),
        (["10.1.2.3"], "10.1.2.30", False),
        (["10.1.2.0/24"], "10.1.2.77", True),
        (["10.1.2.0/24"], "::ffff:10.1.2.77", True),
        (["10.1.*.*"], "::ffff:10.1.2.77", True),
        (["::ffff:10.1.2.3"], "10.1.2.3", True),
        (["::ffff:10.1.0.0/112"], "10.1.2.3", True),
        (["::ffff:10.1.0.0/112"], "10.2.2.3", False),
        (["fd00::/8"], "fd12::1", True),
        (["fd00::/8"], "10.1.2.3", False),
        (["fe80::1"], "fe80::1%eth0", True),
        (["fe80::1%eth0"], "fe80::1%eth0", True),
        (["fe80::1%eth0"], "fe80::1%eth1", False),
        (["fe80::1%eth0"], "fe80::1", False),
        (["fe80::%eth0/64"], "fe80::5%eth0", True),
        (["fe80::%eth0/64"], "fe80::5%eth1", False),
        (EVERYBODY, "", False),
        (EVERYBODY, "unknown", False),
    ],
)
def test_patterns_and_addresses(patterns, peer, allowed):
    assert (peer in AllowList(patterns)) is allowed


@pytest.mark.parametrize(
    "pattern",
    [
        *(
            "",
            "*",
            "10.*.*",
            "10.*.*.*.*",
            "256.*.*.*",
            "1*.2.3.4",
            "10.0.0.0/33",
            "master",
            "10.*.*.*/8",
            "10.1.2.3/16",
        ),
        *("fe80::1%", "fe80::1%a%b", "10.1.2.3%eth0", "fe80::*", "010.*.*.1", "٣.*.*.*", " 10.1.2.3"),
    ],
)
def test_what_says_nothing_clear_is_refused(pattern):
    with pytest.raises(ValueError, match="cannot be read"):
        AllowList([pattern])


@given(st.text(max_size=30), st.text(max_size=30))
def test_any_text_is_read_or_refused(pattern, peer):
    with contextlib.suppress(ValueError):
        assert (peer in AllowList([pattern])) in (True, False)


@given(st.lists(st.integers(0, 255), min_size=4, max_size=4), st.sets(st.integers(0, 3)))
def test_any_octet_can_be_a_wildcard(octets, wild):
    pattern = ".".join("*" if place in wild else str(octet) for place, octet in enumerate(octets))
    assert ".".join(map(str, octets)) in AllowList([pattern])


class Transport(asyncio.BaseTransport):
    def __init__(self, name):
        super().__init__({"peername": name})


def test_the_address_of_a_peer_carries_its_interface():
    index, name = socket.if_nameindex()[0]
    assert address_of(Transport(("10.0.0.5", 1))) == "10.0.0.5"
    assert address_of(Transport(("fd00::1", 1, 0, 0))) == "fd00::1"
    assert address_of(Transport(("fe80::1", 1, 0, index))) == f"fe80::1%{name}"
    assert address_of(Transport(("fe80::1", 1, 0, 99_999))) == "fe80::1%99999"
    assert address_of(Transport(None)) == "unknown"
    assert address_of(("fe80::1", 1, 0, index)) == f"fe80::1%{name}"
