"""schemathesis over the OpenAPI document of a whole instance: every operation, with good arguments and bad ones."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from meterhub_sdk.testing import free_port

CASES = 2
"""Of each operation, good and bad ones."""
NEVER_ASKED = r"/(stream|command/(diagnostics/(reboot|restart)|configuration/apply|plugins/rescan))$"
"""A stream never ends; an instance that ends, gets other settings or finds other plugins is asked nothing more."""
SETTINGS = """
[checks]
positive_data_acceptance.enabled = false  # rules between fields stand in no schema
# 412: another version of tus, or none
missing_required_header.expected-statuses = [400, 401, 403, 406, 412, 415, 422]
negative_data_rejection.expected-statuses = [400, 401, 403, 404, 405, 409, 412, 413, 415, 422, 429]
"""
HOOKS = """
import schemathesis

@schemathesis.serializer("application/offset+octet-stream")
def octets(context, value):
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
"""


def services(port: int) -> dict[str, Any]:
    """Every kind of thing that a document has: settings of all kinds, statuses, commands, queries."""
    rows = [{"point": "load-curve/voltage", "bank": "holding", "address": 0, "format": "f32"}]
    end = {"kind": "tcp-listen", "host": "127.0.0.1"}
    return {
        "http": {"http_port": port, "https_port": None, "http_mode": "plain", "rate": 100_000},
        "load-curve": {"interval": 1},
        "data-logger": {"sources": [{"label": "all", "points": ["load-curve/**"]}]},
        "modbus-server": {"host": "127.0.0.1", "port": free_port(), "groups": [{"label": "g", "rows": rows}]},
        "forwarding": {"channels": [{"label": "c", "endpoints": [{**end, "port": free_port()} for _ in range(2)]}]},
        "serial": {},
        "system": {},
    }


async def described(base: str, token: str) -> dict[str, Any]:
    """The OpenAPI document of whoever may do everything."""
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        asyncio.timeout(60),
        aiohttp.ClientSession(headers=headers) as session,
        session.get(f"{base}/api/v1/openapi.json") as answer,
    ):
        assert answer.status == 200
        return dict(await answer.json())


async def tried(directory: Path, base: str, token: str) -> tuple[int, str]:
    """Run schemathesis; its exit status, and what it said."""
    (directory / "schemathesis.toml").write_text(SETTINGS)
    (directory / "octets.py").write_text(HOOKS)
    options = ["--url", base, "--header", f"Authorization: Bearer {token}", "--exclude-path-regex", NEVER_ASKED]
    options += ["--phases", "fuzzing", "--max-examples", str(CASES), "--generation-deterministic"]
    options += ["--continue-on-failure", "--suppress-health-check", "all", "--warnings", "off"]
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": "octets", "PYTHONPATH": str(directory), "NO_COLOR": "1"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "schemathesis.cli", "run", "openapi.json", *options,
        cwd=directory, env=environment, start_new_session=True,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    assert process.returncode is not None
    return process.returncode, said.decode("utf-8", "replace")


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_schemathesis_finds_nothing(starter, tmp_path: Path) -> None:
    pytest.importorskip("schemathesis", reason="schemathesis is not installed")
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    home = await starter.run(starter.home("documented", services(port))).serving()
    token = (await home.cli("--json", "token", "create", "robot", "--roles", "RA", "--days", "1")).json["token"]
    document = await described(base, token)
    assert len(document["paths"]) > 100
    (tmp_path / "openapi.json").write_text(json.dumps(document))
    async with asyncio.timeout(240):
        status, said = await tried(tmp_path, base, token)
    assert status == 0, said
    assert "test cases" in said.lower()
