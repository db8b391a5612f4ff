"""Settings: what is refused, and that the sentence names the field, the value and a way out."""

from __future__ import annotations

import pytest
from meterhub_iec104.settings import Iec104Settings
from meterhub_sdk import Config
from meterhub_sdk.admission import AllowList
from pydantic import ValidationError

ROW = {"type": "M_ME_NC", "point": "m/power", "ioa": 10}
GROUP = {"label": "north", "allowed": ["10.0.0.1"]}


def test_defaults_are_those_of_the_standard():
    settings = Iec104Settings()
    assert (settings.host, settings.port, settings.common_address) == ("127.0.0.1", 2404, 1)
    assert (settings.t0, settings.t1, settings.t2, settings.t3, settings.k, settings.w) == (30, 15, 10, 20, 12, 8)
    assert (settings.allowed, settings.connections, settings.initial_poll) == (["*.*.*.*"], 1, "asynchronous")


def test_every_field_has_a_title_for_people():
    for schema in [Iec104Settings.model_json_schema(), *Iec104Settings.model_json_schema()["$defs"].values()]:
        for name, described in schema["properties"].items():
            assert described.get("title"), name
    assert issubclass(Iec104Settings, Config)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"t2": 15}, "T2 is 15 s and T1 15 s"),
        ({"t3": 14}, "T3 is 14 s and T1 15 s"),
        ({"w": 9}, "w is 9 and k 12"),
        ({"k": 1, "w": 2}, "w is 2 and k 1"),
        ({"k": 32768}, "k"),
        ({"port": 0}, "port"),
        ({"common_address": 65535}, "common_address"),
        ({"connections": 17}, "connections"),
        ({"allowed": ["10.0.0.300"]}, "allowed remote address '10.0.0.300'"),
        ({"groups": [{"label": "a", "rows": [ROW]}, {"label": "a", "rows": []}]}, "two groups are called 'a'"),
        ({"connection_groups": [GROUP, GROUP]}, "two connection groups are called 'north'"),
        ({"connection_groups": [{**GROUP, "allowed": []}]}, "connection_groups.0.allowed"),
        ({"connection_groups": [{**GROUP, "allowed": ["10.0.0.300"]}]}, "10.0.0.300"),
        ({"connection_groups": [{**GROUP, "connections": 0}]}, "connection_groups.0.connections"),
        ({"connection_groups": [{**GROUP, "event_queue": 99}]}, "connection_groups.0.event_queue"),
        (
            {"groups": [{"label": "a", "rows": [ROW]}, {"label": "b", "rows": [{**ROW, "point": "m/x"}]}]},
            "IOA 10 of common address 1 is used twice, by row 1 of group 'a' (M_ME_NC m/power) and by row 1 of group "
            "'b' (M_ME_NC m/x); give each its own",
        ),
    ],
)
def test_settings_that_cannot_work_are_refused(wrong, sentence):
    with pytest.raises(ValidationError) as refused:
        Iec104Settings.model_validate(wrong)
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    ("entries", "peer", "admitted"),
    [
        (["*.*.*.*"], "10.1.2.3", True),
        (["*.*.*.*"], "fd00::1", False),
        (["10.*.2.*"], "10.9.2.3", True),
        (["10.*.2.*"], "10.9.3.3", False),
        (["10.1.2.3"], "10.1.2.3", True),
        (["10.1.2.3"], "10.1.2.4", False),
        (["10.1.2.0/24"], "10.1.2.77", True),
        (["10.1.2.0/24"], "::ffff:10.1.2.77", True),
        (["10.1.*.*"], "::ffff:10.1.2.77", True),
        (["fd00::/8"], "fd12::1", True),
        (["fe80::1"], "fe80::1%eth0", True),
        (["fd00::/8"], "10.1.2.3", False),
        (["*.*.*.*", "::/0"], "", False),
        (["*.*.*.*", "::/0"], "nonsense", False),
    ],
)
def test_the_allow_list_reads_wildcards_networks_and_ipv6(entries, peer, admitted):
    assert (peer in AllowList(entries)) is admitted


@pytest.mark.parametrize("entry", ["", "*", "10.*.*", "10.*.*.*.*", "256.*.*.*", "1*.2.3.4", "10.0.0.0/33", "master"])
def test_unreadable_addresses_are_refused(entry):
    with pytest.raises(ValueError, match="cannot be read"):
        AllowList([entry])
