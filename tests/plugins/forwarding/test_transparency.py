"""Bytes through real sockets and lines, however they are cut; TLS; other people's programs as the far side."""

from __future__ import annotations

import asyncio
import os
import shutil
import ssl
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from meterhub_sdk.testing import Identity

Chunks = list[tuple[int, bytes]]


def channel(*endpoints: dict[str, Any]) -> dict[str, Any]:
    return {"label": "c", "endpoints": list(endpoints)}


@given(st.lists(st.tuples(st.integers(0, 2), st.binary(min_size=1, max_size=2000)), max_size=30))
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_interleaving_arrives_in_order_and_unchanged(
    rig: Any, connect: Any, free_port: Callable[[], int], chunks: Chunks
) -> None:
    for far in rig.fars.values():
        far.unplug()
        os.remove(far.link)
    rig.fars.clear()
    far, ports = rig.port("bus"), [free_port(), free_port()]
    ends = [{"kind": "tcp-listen", "host": "127.0.0.1", "port": port} for port in ports]
    async with rig.running(channel(*ends, {"kind": "serial", "port": "bus"})):
        streams = [await connect(port) for port in ports]
        await rig.until(lambda: all(rig.end(index).connected for index in range(3)))
        sent = [b"".join(chunk for source, chunk in chunks if source == index) for index in range(3)]
        got: list[asyncio.Task[bytes]] = []
        for index in range(2):
            got.append(asyncio.create_task(streams[index][0].readexactly(sum(map(len, sent)) - len(sent[index]))))
        got.append(asyncio.create_task(far.receive(len(sent[0]) + len(sent[1]))))
        for source, chunk in chunks:
            if source == 2:
                far.send(chunk)
            else:
                streams[source][1].write(chunk)
            await asyncio.sleep(0)
        async with asyncio.timeout(20):
            for index, task in enumerate(got):
                arrived = await task
                others = [sent[source] for source in range(3) if source != index]
                assert is_interleaving(arrived, *others)


def is_interleaving(whole: bytes, first: bytes, second: bytes) -> bool:
    """Whether a sequence is made of two others, each in its own order."""
    reachable = {0}
    for at, byte in enumerate(whole):
        nxt = {taken + 1 for taken in reachable if taken < len(first) and first[taken] == byte}
        nxt |= {taken for taken in reachable if at - taken < len(second) and second[at - taken] == byte}
        reachable = nxt
    return len(first) in reachable


async def test_tls_on_both_sides(rig: Any, free_port: Callable[[], int]) -> None:
    """One channel serves TLS; another one connects to it with TLS, verified."""
    far, near = rig.port("far"), rig.port("near")
    authority = Identity.authority()
    server = authority.issue("localhost")
    rig.hub.secrets |= {"chain": server.pem, "key": server.key_pem, "authority": authority.pem}
    port = free_port()
    serving = {"kind": "tcp-listen", "host": "127.0.0.1", "port": port, "tls_certificate": "chain", "tls_key": "key"}
    calling = {"kind": "tcp-client", "host": "localhost", "port": port, "tls": True, "tls_authority": "authority"}
    async with rig.running(
        {**channel(serving, {"kind": "serial", "port": "far"}), "label": "serving"},
        {**channel(calling, {"kind": "serial", "port": "near"}), "label": "calling"},
    ):
        await rig.until(lambda: rig.end(0, 0).connected and rig.end(1, 0).connected and rig.end(1, 1).connected)
        near.send(b"through TLS")
        assert await far.receive(11) == b"through TLS"
        far.send(b"and back")
        assert await near.receive(8) == b"and back"
        with pytest.raises(ssl.SSLError):
            await asyncio.open_connection("localhost", port, ssl=ssl.create_default_context())


@pytest.mark.skipif(shutil.which("socat") is None, reason="socat is not installed")
async def test_a_line_and_a_client_by_socat(rig: Any, free_port: Callable[[], int]) -> None:
    """The cable is socat's, and so is the client; an HDLC frame and a sign-on pass unharmed."""
    near, far = f"{rig.directory}/near", f"{rig.directory}/far"
    cable = await asyncio.create_subprocess_exec("socat", f"PTY,link={near},raw,echo=0", f"PTY,link={far},raw,echo=0")
    port = free_port()
    rig.hub.things["serial", "bus"] = {"device": near, "baud": 300}
    try:
        await rig.until(lambda: os.path.exists(near) and os.path.exists(far))
        listen = {"kind": "tcp-listen", "host": "127.0.0.1", "port": port}
        async with rig.running(channel(listen, {"kind": "serial", "port": "bus"})):
            await rig.until(lambda: rig.end(1).connected and rig.end(0).state == "listening")
            client = await asyncio.create_subprocess_exec(
                "socat", "-", f"TCP:127.0.0.1:{port}", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
            )
            assert client.stdin is not None
            assert client.stdout is not None
            await rig.until(lambda: rig.end(0).connected)
            with open(far, "r+b", buffering=0) as meter:
                os.set_blocking(meter.fileno(), False)
                for request, answer in [
                    (b"/?!\r\n", b"/LGZ5\\2ZMD4054407.B32\r\n"),
                    (bytes.fromhex("7ea00703219351017e"), bytes.fromhex("7ea01e21037314c1818014050200800602008007")),
                ]:
                    client.stdin.write(request)
                    got = b""
                    async with asyncio.timeout(5):
                        while len(got) < len(request):
                            got += meter.read(100) or b""
                            await asyncio.sleep(0.002)
                        assert got == request
                        meter.write(answer)
                        assert await client.stdout.readexactly(len(answer)) == answer
            client.stdin.close()
            await asyncio.wait_for(client.wait(), 5)
    finally:
        cable.terminate()
        await cable.wait()
