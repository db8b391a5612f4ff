"""HTTPS and HTTP listeners, in front of other people's clients."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from meterhub_http import listening
from meterhub_http.certificates import RequestArguments, UploadArguments
from meterhub_http.settings import HttpConfig
from meterhub_sdk.testing import Identity, free_port
from pydantic import ValidationError

HOST = "127.0.0.1"


def anybody() -> ssl.SSLContext:
    """A client that takes every certificate."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def seen(port: int, context: ssl.SSLContext | None = None, name: str | None = None) -> bytes:
    """The certificate that a client is shown, as DER."""
    async with asyncio.timeout(10):
        _, writer = await asyncio.open_connection(HOST, port, ssl=context or anybody(), server_hostname=name or "")
    try:
        der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        assert isinstance(der, bytes)
        return der
    finally:
        writer.transport.abort()


async def run(*command: str, given: bytes = b"") -> tuple[int, str]:
    """A program of others: its exit code and all it says."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(20):
        out, _ = await process.communicate(given)
    return process.returncode or 0, out.decode()


async def until(condition: Callable[[], Any]) -> None:
    """Wait for something that happens soon."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


@pytest.fixture
def port() -> int:
    """For HTTPS."""
    return free_port()


def given(identity: Identity, *above: Identity) -> UploadArguments:
    """An upload."""
    return UploadArguments(chain=identity.pem + "".join(each.pem for each in above), key=identity.key_pem)


async def test_a_self_made_certificate_names_this_machine_and_says_so(serve, hub, port: int):
    async with serve(https_port=port, host_names=["Gate.Example"]) as server:
        shown = server.service.status().certificate
        assert shown is not None
        assert shown.source == "self-made"
        assert "none was uploaded" in shown.warning
        assert {"gate.example", "localhost", HOST, "::1"} <= set(shown.chain[0].alternative_names)
        assert [event.type.name for event in hub.recorded] == ["self-made-certificate-used"]
        key = hub.directory / "certificates" / "self-made.pem"
        assert key.stat().st_mode & 0o777 == 0o600
        trusted = hub.directory / "trusted.pem"
        code, pem = await run("openssl", "x509", "-in", str(key))
        assert code == 0
        trusted.write_text(pem)
        code, out = await run(
            "curl", "-sS", "--cacert", str(trusted), "--resolve", f"gate.example:{port}:{HOST}",
            f"https://gate.example:{port}/healthz",
        )  # fmt: skip
        assert (code, out) == (0, '{"status":"ok"}')


async def test_openssl_finds_tls_1_2_and_1_3_and_nothing_older(serve, port: int):
    async with serve(https_port=port) as server:
        for version, works in (("-tls1_3", True), ("-tls1_2", True), ("-tls1_1", False)):
            _, out = await run(
                "openssl", "s_client", "-connect", f"{HOST}:{port}", version, "-cipher", "ALL:@SECLEVEL=0"
            )
            assert ("Server certificate" in out) is works, version
        assert server.service.status().handshakes_failed >= 1


@pytest.mark.parametrize("name", [None, "localhost"])
async def test_a_new_certificate_is_used_at_once_and_drops_nobody(serve, port: int, name: str | None):
    authority = Identity.authority()
    between = authority.issue("between", is_authority=True)
    first, second = between.issue("localhost"), authority.issue("localhost")
    async with serve(https_port=port) as server, aiohttp.ClientSession() as browser:
        url = f"https://{HOST}:{port}/healthz"
        async with browser.get(url, ssl=anybody()) as answer:
            assert answer.status == 200
        assert answer.connection is None
        reader, writer = await asyncio.open_connection(HOST, port, ssl=anybody())
        await server.service.certificate_upload(given(first, between))
        assert await seen(port, name=name) == first.certificate.public_bytes(Encoding.DER)
        await server.service.certificate_upload(given(second))
        assert await seen(port, name=name) == second.certificate.public_bytes(Encoding.DER)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        async with asyncio.timeout(10):
            assert (await reader.read()).startswith(b"HTTP/1.1 200")
        writer.close()
        status = server.service.status().certificate
        assert status is not None
        assert (status.source, status.warning, len(status.chain)) == ("uploaded", "", 1)


async def test_a_key_of_another_kind_takes_the_place_of_the_first(serve, hub, port: int):
    rsa = hub.directory / "rsa"
    code, out = await run(
        "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=localhost", "-addext",
        "subjectAltName=DNS:localhost", "-keyout", f"{rsa}.key", "-out", f"{rsa}.pem",
    )  # fmt: skip
    assert code == 0, out
    only_rsa = anybody()
    only_rsa.maximum_version = ssl.TLSVersion.TLSv1_2
    only_rsa.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")
    texts = [(hub.directory / f"rsa.{end}").read_text() for end in ("pem", "key")]
    ec = Identity.authority().issue("localhost")
    async with serve(https_port=port) as server:
        await server.service.certificate_upload(UploadArguments(chain=texts[0], key=texts[1]))
        assert ssl.DER_cert_to_PEM_cert(await seen(port, only_rsa)).strip() == texts[0].strip()
        await server.service.certificate_upload(given(ec))
        assert await seen(port) == ec.certificate.public_bytes(Encoding.DER)
        with pytest.raises(OSError):  # however it ends: it is not served the old one
            await seen(port, only_rsa)


async def test_what_was_uploaded_is_used_after_a_restart_and_removed_on_demand(serve, hub, port: int):
    uploaded = Identity.authority().issue("localhost")
    async with serve(https_port=port) as server:
        await server.service.certificate_upload(given(uploaded))
    async with serve(https_port=port) as server:
        assert await seen(port) == uploaded.certificate.public_bytes(Encoding.DER)
        await server.service.certificate_remove()
        assert await seen(port) != uploaded.certificate.public_bytes(Encoding.DER)
        assert not (hub.directory / "certificates" / "uploaded.pem").exists()


async def test_a_damaged_certificate_falls_back_to_a_self_made_one(serve, hub, port: int):
    async with serve(https_port=port) as server:
        await server.service.certificate_upload(given(Identity.authority().issue("localhost")))
    path = hub.directory / "certificates" / "uploaded.pem"
    path.write_bytes(path.read_bytes()[:300])
    async with serve(https_port=port) as server:
        status = server.service.status().certificate
        assert status is not None
        assert (status.source, "cannot be used" in status.warning) == ("self-made", True)
        await seen(port)


async def test_handshakes_that_hang_keep_nobody_out(serve, port: int):
    async with serve(https_port=port):
        hanging = [await asyncio.open_connection(HOST, port) for _ in range(80)]
        try:
            await seen(port)
        finally:
            for _, writer in hanging:
                writer.transport.abort()


async def test_one_address_has_half_of_the_encrypted_connections(serve, port: int):
    async with serve(https_port=port, connections=8) as server:
        kept = [await asyncio.open_connection(HOST, port, ssl=anybody()) for _ in range(4)]
        with contextlib.suppress(OSError):  # however it ends
            reader, writer = await asyncio.open_connection(HOST, port, ssl=anybody())
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert await reader.read() == b""
        assert server.service.status().connections_turned_away == 1
        for _, writer in kept:
            writer.transport.abort()


async def test_http_sends_on_to_the_right_port_and_only_for_own_names(serve, port: int):
    async with serve(https_port=port, http_mode="redirect", host_names=["gate.example"]) as server:
        got = await server("GET", "/api/v1/session?language=pl", headers={"Host": f"gate.example:{server.port}"})
        assert (got.status, got.headers["Location"]) == (308, f"https://gate.example:{port}/api/v1/session?language=pl")
        got = await server("GET", "/%2F/..%2f?x=%0d%0a", headers={"Host": "[::1]"})
        assert got.headers["Location"].startswith(f"https://[::1]:{port}/%2F/")
        assert (await server("GET", "/", headers={"Host": "evil.example"})).status == 421
        code, out = await run("curl", "-sSkL", f"http://localhost:{server.port}/healthz")
        assert (code, out) == (0, '{"status":"ok"}')


async def test_encrypted_connections_have_a_cookie_that_others_cannot_plant(serve, port: int):
    async with serve(https_port=port), aiohttp.ClientSession() as browser:
        body = {"user": "admin", "password": "right"}
        async with browser.post(f"https://{HOST}:{port}/api/v1/session", json=body, ssl=anybody()) as answer:
            cookie = answer.headers["Set-Cookie"]
        assert cookie.startswith("__Host-meterhub=")
        assert {"Secure", "HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
        assert answer.headers["Strict-Transport-Security"]


async def test_an_address_that_cannot_be_had_is_tried_again_while_others_serve(serve, hub, port, monkeypatch):
    monkeypatch.setattr(listening, "RETRY", 0.01)
    with socket.socket(socket.AF_INET6) as holder:
        holder.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        holder.bind(("::1", port))
        holder.listen()
        async with serve(https_port=port, addresses=[HOST, "::1"]) as server:
            await until(lambda: "not-listening" in [event.type.name for event in hub.recorded])
            status = server.service.status()
            assert f"https://{HOST}:{port}" in status.listening
            assert status.not_listening == [f"https://[::1]:{port}: Address already in use"]
            await seen(port)
            holder.close()
            await until(lambda: not server.service.status().not_listening)
            code, out = await run("curl", "-sSk", "-6", f"https://[::1]:{port}/healthz")
            assert (code, out) == (0, '{"status":"ok"}')
            await until(lambda: hub.recorded[-1].type.name == "listening-again")


async def test_addresses_that_are_not_allowed_get_no_handshake(serve, port: int):
    async with serve(https_port=port, allowed=["10.0.0.0/8"]) as server:
        with pytest.raises((OSError, EOFError)):
            await seen(port)
        assert server.service.status().turned_away == 1


async def test_without_https_there_is_no_certificate(serve):
    async with serve() as server:
        assert server.service.status().certificate is None
        with pytest.raises(Exception, match="HTTPS is off"):
            await server.service.certificate_request(RequestArguments(common_name="x"))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"addresses": ["localhost"]}, "'localhost' is no IP address"),
        ({"addresses": ["::1", "::1"]}, "::1 is given twice"),
        ({"https_port": None, "http_port": None}, "neither"),
        ({"https_port": 80, "http_port": 80}, "each needs its own"),
        ({"https_port": None, "http_port": 80}, "redirect"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings, sentence):
    with pytest.raises(ValidationError, match=sentence):
        HttpConfig(**settings)
