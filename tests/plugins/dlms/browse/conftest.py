"""A meter that is our own server, over TCP or HDLC, with logical or short names, and a client that polls it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from meterhub_dlms.client.browse.models import BrowseRequest
from meterhub_dlms.client.service import DlmsClient
from meterhub_dlms.client.settings import DlmsClientConfig

ENERGY, LIMIT, SERIAL = "1-1:1.8.0*255", "1-1:35.31.0*255", "0-0:96.1.0*255"
WAYS = ["LN over TCP", "SN over TCP", "LN over HDLC", "SN over HDLC"]


class Bench:
    """Runs a meter and a client side by side; ``row`` makes the settings of the meter ``m``."""

    def __init__(self, meter_hub: Any, hub: Any, serve: Any, port: int, hdlc_port: int, way: str) -> None:
        self.meter_hub, self.hub = meter_hub, hub
        self._serve, self._port, self._hdlc_port = serve, port, hdlc_port
        self.short, self.hdlc = way.startswith("SN"), way.endswith("HDLC")
        meter_hub.give("a/energy", 1234567.0, unit="Wh")
        meter_hub.give("a/limit", 16.0, unit="A")
        meter_hub.give("a/serial", "50114833")
        meter_hub.secrets["pw"] = hub.secrets["pw"] = "12345678"
        self.objects: list[dict[str, Any]] = [
            {"logical_name": ENERGY, "point": "a/energy", "unit": "Wh", "scaler": 1},
            {"logical_name": LIMIT, "point": "a/limit", "unit": "A", "scaler": -1, "writable": True},
            {"logical_name": SERIAL, "point": "a/serial", "class_id": 1, "data_type": "visible-string"},
        ]

    def row(self, *mappings: dict[str, Any], **given: Any) -> dict[str, Any]:
        where = {"transport": "hdlc-tcp", "port": self._hdlc_port} if self.hdlc else {"port": self._port}
        return {
            "label": "m", "host": "127.0.0.1", "client_address": 32, "authentication": "password", "password": "pw",
            "referencing": "short-names" if self.short else "logical-names", "timeout": 2, "mappings": list(mappings),
            **where, **given,
        }  # fmt: skip

    @contextlib.asynccontextmanager
    async def meter(self, **given: Any) -> AsyncIterator[None]:
        client = {"address": 32, "password": "pw", "authentication": "password", "rights": "read and write",
                  "referencing": "both"}  # fmt: skip
        served = {"objects": self.objects, "clients": [client], "hdlc_port": self._hdlc_port, **given}
        async with self._serve(**served):
            yield

    @contextlib.asynccontextmanager
    async def client(self, *rows: dict[str, Any], **given: Any) -> AsyncIterator[DlmsClient]:
        config = {"fast": 0.05, "normal": 0.1, "reconnect_delay": 0.1, "meters": list(rows), **given}
        client = DlmsClient(self.hub, DlmsClientConfig.model_validate(config))
        async with self.hub.running(client):
            yield client

    @contextlib.asynccontextmanager
    async def connected(self, *mappings: dict[str, Any], **given: Any) -> AsyncIterator[DlmsClient]:
        """Both, with the client connected to the meter."""
        async with self.meter(), self.client(self.row(*mappings, **given)) as client:
            async with asyncio.timeout(10):
                while client.status().meters[0].state != "connected":
                    await asyncio.sleep(0.01)
            yield client


@pytest.fixture(params=WAYS)
def bench(request: Any, meter_hub: Any, hub: Any, serve: Any, port: int, free_port: Callable[[], int]) -> Bench:
    """In each way of talking to a meter."""
    return Bench(meter_hub, hub, serve, port, free_port(), request.param)


@pytest.fixture
def tcp_bench(meter_hub: Any, hub: Any, serve: Any, port: int, free_port: Callable[[], int]) -> Bench:
    """Over TCP with logical names."""
    return Bench(meter_hub, hub, serve, port, free_port(), WAYS[0])


@pytest.fixture
def hdlc_bench(meter_hub: Any, hub: Any, serve: Any, port: int, free_port: Callable[[], int]) -> Bench:
    """Over HDLC with logical names."""
    return Bench(meter_hub, hub, serve, port, free_port(), WAYS[2])


@pytest.fixture
def everything() -> Callable[..., Awaitable[list[Any]]]:
    """All pages of a browser."""

    async def collect(client: DlmsClient, **request: Any) -> list[Any]:
        pages: list[Any] = []
        cursor = ""
        async with asyncio.timeout(30):
            while not pages or cursor:
                page = await client.browse(BrowseRequest.model_validate({"meter": "m", **request, "cursor": cursor}))
                cursor = page.cursor
                pages.append(page)
        return pages

    return collect
