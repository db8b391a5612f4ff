"""The client's HDLC bus against ``dlms-server``: both referencings, lists and single values."""

from __future__ import annotations

import socket

import pytest


@pytest.fixture
def hdlc_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.parametrize("names", ["logical-names", "short-names"])
@pytest.mark.parametrize("most", [1, 1000])
async def test_values_of_our_own_server_come_over_hdlc(meter_hub, hub, serve, read, hdlc_port, names, most):
    objects, mappings = [], []
    for i in range(1, 41):
        meter_hub.give(f"a/{i}", i * 1000 + 7)
        name = f"1-1:{i}.8.0*255"
        objects.append({"logical_name": name, "point": f"a/{i}", "unit": "Wh"})
        mappings.append({"label": f"v{i}", "logical_name": name, "group": "fast"})
    meter = {
        "label": "m", "transport": "hdlc-tcp", "host": "127.0.0.1", "port": hdlc_port, "referencing": names,
        "physical_address": 17, "values_per_request": most, "mappings": mappings,
    }  # fmt: skip
    served = {"clients": [{"address": 16, "referencing": "both"}], "objects": objects, "physical_address": 17}
    async with serve(hdlc_port=hdlc_port, **served), read([meter]) as client:
        await hub.until_published(*(f"m/v{i}" for i in range(1, 41)), timeout=10)
        assert client.status().meters[0].state == "connected"
    assert [hub.published[f"m/v{i}"].value for i in range(1, 41)] == [i * 1000 + 7 for i in range(1, 41)]
    assert hub.published["m/v1"].unit == "Wh"
