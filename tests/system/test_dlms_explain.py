"""``dlms-explain`` in a whole instance: alone in its worker, without a network, asked from the command line."""

from __future__ import annotations

from typing import Any

import pytest

GET = "C0 01 C1 00 03 01 00 01 08 00 FF 02 00"
PROTECTED = "C81E3001234567411312FF935A47566827C467BC7D825C3BE4A77C3FCC056B6B"
KEYS = {"ek": bytes(range(16)).hex(), "ak": bytes(range(0xD0, 0xE0)).hex()}
SETTINGS = {
    "keys": [
        {
            "label": "meter-1",
            "encryption_key": "ek",
            "authentication_key": "ak",
            "system_titles": ["4d4d4d0000bc614e"],
        }
    ]
}
TOGETHER = {"workers": {"placement": [["meterhub-load-curve", "meterhub-dlms-explain"]]}}


@pytest.mark.slow
async def test_frames_are_explained_in_a_worker_that_imports_nothing_else(starter: Any) -> None:
    services = {**TOGETHER, "load-curve": {}, "dlms-explain": SETTINGS}
    home = starter.home("explain", services, KEYS)
    running = await starter.run(home).serving()
    workers = await running.workers()
    assert workers["meterhub-dlms-explain"]["distributions"] == ["meterhub-dlms-explain"]
    asked = await running.cli("call", "/command/dlms-explain/frame", f"hex={GET}")
    assert asked.code == 0, asked.said
    assert "get-request-normal" in asked.said
    assert "1-0:1.8.0*255 Sum Li Active power+" in asked.said
    opened = await running.cli("--json", "call", "dlms-explain/frame", f"hex={PROTECTED}", "keys=meter-1")
    assert opened.json["frames"][0]["service"] == "glo-get-request: get-request-normal"
    named = await running.cli("--json", "call", "dlms-explain/object-name", "code=1-0:1.8.0*255")
    assert (named.json["unit"], named.json["classes"]) == ("Wh", [3, 4, 7])
    wrong = await running.cli("call", "dlms-explain/frame", "hex=7e a0 0z")
    assert (wrong.code, wrong.err.strip()) == (
        1,
        "meterhub: line 1, character 8: 'z' is not a hexadecimal digit (0-9, a-f)",
    )
    assert KEYS["ek"] not in (await running.cli("logs", "meterhub-dlms-explain")).said
