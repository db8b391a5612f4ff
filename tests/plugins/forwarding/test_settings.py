"""What settings of forwarding are refused, and in which words."""

from __future__ import annotations

from typing import Any

import pytest
from meterhub_forwarding.service import Forwarding
from meterhub_forwarding.settings import ForwardingConfig
from meterhub_sdk.admission import AllowList
from meterhub_sdk.config import references
from pydantic import ValidationError


def channel(label: str, *endpoints: Any, **more: Any) -> dict[str, Any]:
    shapes = {
        int: lambda port: {"kind": "tcp-listen", "port": port},
        str: lambda name: {"kind": "serial", "port": name},
    }
    ends = [shapes[type(end)](end) if type(end) in shapes else end for end in endpoints]
    return {"label": label, "endpoints": ends, **more}


def shared(**more: Any) -> dict[str, Any]:
    return {"kind": "serial", "port": "bus", **more}


@pytest.mark.parametrize(
    ("channels", "words"),
    [
        ([channel("a", 1)], "at least 2"),
        ([channel(f"c{n}", 2000 + n, 3000 + n) for n in range(11)], "at most 10"),
        ([channel(f"c{n}", 2000 + n, f"bus-{n}") for n in range(5)], "at most 4"),
        ([channel("a", 1, "x"), channel("a", 2, "y")], "two channels are labelled a"),
        ([channel("a", "x", "x")], "serial port x twice"),
        ([channel("a", 1, "x"), channel("b", 2, "x")], "channels a and b both have the serial port x"),
        ([channel("a", 1, shared(window=5)), channel("b", 2, "bus")], "give both a time window"),
        ([channel("a", 1, "x"), channel("b", 1, "y")], "TCP port 1 is taken twice, in the channels a and b"),
        ([channel("a", "x", shared(on_demand=True))], "nobody ever connects"),
        ([channel("a", "x", {"kind": "udp"})], "needs a port to listen on"),
        ([channel("a", "x", {"kind": "udp", "peer_host": "h"})], "only one of peer"),
        ([channel("a", "x", {"kind": "tcp-listen", "port": 1, "tls_key": "k"})], "only one of TLS certificate"),
        ([channel("a", "x", {"kind": "tcp-listen", "port": 1, "allowed": ["10.0.*"]})], "192.0.2.7"),
        ([channel("a", "x", {"kind": "tcp-client", "host": "a b", "port": 1})], "host"),
        ([channel("a", "x", {"kind": "tcp-client", "host": "a..b", "port": 1})], "is no host"),
    ],
)
def test_contradictions_are_refused(channels: list[dict[str, Any]], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        ForwardingConfig.model_validate({"channels": channels})


def test_ten_channels_on_four_buses_and_shared_ports_are_accepted(fake_hub: Any) -> None:
    channels = [channel(f"c{n}", 2000 + n, f"bus-{n}") for n in range(4)]
    channels += [channel(f"d{n}", 3000 + n, f"bus-{n}", enabled=False) for n in range(4)]
    config = ForwardingConfig.model_validate({"channels": channels})
    assert {found.value for found in references(config) if found.reference.kind == "serial"} == {
        f"bus-{n}" for n in range(4)
    }
    assert len(Forwarding(fake_hub, config).status().channels) == 4
    ForwardingConfig.model_validate(
        {"channels": [channel("a", 1, shared(window=5)), channel("b", 2, shared(on_demand=True))]}
    )


@pytest.mark.parametrize(
    ("patterns", "inside", "outside"),
    [
        (["192.0.2.*"], "192.0.2.77", "192.0.3.77"),
        (["*.0.*.7"], "10.0.3.7", "10.1.3.7"),
        (["192.0.2.0/25"], "192.0.2.1", "192.0.2.200"),
        (["2001:db8::/32"], "2001:db8::1", "192.0.2.1"),
        (["192.0.2.7"], "::ffff:192.0.2.7", "::1"),
        (["fe80::/10"], "fe80::1%eth0", "nonsense"),
    ],
)
def test_allowed_addresses(patterns: list[str], inside: str, outside: str) -> None:
    allowed = AllowList(patterns)
    assert inside in allowed
    assert outside not in allowed
