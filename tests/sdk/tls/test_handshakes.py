"""Who may finish a handshake, who may not and why, and that those who hang hold up nobody."""

from __future__ import annotations

import asyncio
import random
import shutil
import ssl
from pathlib import Path

import pytest

V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
MUTUAL = {"tls_authority": "authority"}
OPENSSL = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")


@pytest.mark.parametrize("version", [V12, V13])
@pytest.mark.parametrize(
    "rules",
    [
        MUTUAL,
        {"tls_pinned": "pinned"},
        {**MUTUAL, "tls_pins": ["pin"]},
        {**MUTUAL, "tls_revocation_list": "crl"},
        {**MUTUAL, "tls_pinned": "pinned", "tls_revocation_list": "crl"},
    ],
    ids=" ".join,
)
async def test_a_client_that_keeps_the_rules_is_served_and_named(serve, context, pki, version, rules):
    rules = {**rules, "tls_pins": [pki.client.pin]} if "tls_pins" in rules else rules
    async with serve(**rules) as running:
        for _ in range(3):
            assert await running.answer(context(pki.client, version)) == b"hello"
        assert running.subjects == ["CN=a client"] * 3
        assert running.failures == []


async def test_without_rules_clients_need_no_certificate(serve, context):
    async with serve() as running:
        assert await running.answer(context()) == b"hello"
        assert running.subjects == [""]


@pytest.mark.parametrize("version", [V12, V13])
@pytest.mark.parametrize(
    ("rules", "who", "words"),
    [
        (MUTUAL, None, "it gave no certificate"),
        (MUTUAL, "stranger", "its certificate is not accepted"),
        (MUTUAL, "expired", "its certificate is not accepted (certificate has expired)"),
        ({"tls_pinned": "pinned"}, None, "it gave no certificate"),
        ({"tls_pinned": "pinned"}, "colleague", "its certificate is not accepted"),
        ({**MUTUAL, "tls_pinned": "pinned"}, "colleague", "(CN=a colleague) is none of those pinned"),
        ({**MUTUAL, "tls_pins": ["0" * 64]}, "client", "(CN=a client) is none of those pinned"),
        ({**MUTUAL, "tls_revocation_list": "crl"}, "revoked", "(CN=a revoked one) was revoked on 20"),
        ({**MUTUAL, "tls_minimum": "1.3"}, "client", "it speaks no version of TLS that is allowed here"),
    ],
)
async def test_a_client_that_breaks_a_rule_gets_no_word_through(
    serve, context, pki, secrets, version, rules, who, words
):
    known = {
        "client": pki.client,
        "stranger": pki.stranger,
        "expired": pki.authority.issue("an expired one", days=-1),
        "colleague": pki.authority.issue("a colleague"),
        "revoked": pki.authority.issue("a revoked one"),
    }
    secrets["crl"] = pki.authority.revocation_list(known["revoked"])
    if "tls_minimum" in rules:
        version = V12
    async with serve(**rules) as running:
        assert await running.answer(context(known[who] if who else None, version)) == b""
        assert words in await running.failure()
        assert running.failures[0][0] == "127.0.0.1"
        assert running.connections == []
        assert running.handshakes.status().failed == 1


async def test_an_expired_pinned_certificate_is_not_accepted(serve, context, pki, secrets):
    expired = pki.authority.issue("an old friend", days=-1)
    secrets["pinned"] = expired.pem
    async with serve(tls_pinned="pinned") as running:
        assert await running.answer(context(expired)) == b""
        assert "expired" in await running.failure()


async def test_an_issuing_authority_without_its_root_will_do(serve, context, pki, secrets):
    below = pki.authority.issue("an issuing authority", is_authority=True)
    secrets["authority"] = below.pem
    async with serve(**MUTUAL) as running:
        assert await running.answer(context(below.issue("a client below"))) == b"hello"


async def test_an_outdated_revocation_list_still_names_the_revoked_and_locks_nobody_else_out(
    serve, context, pki, secrets
):
    secrets["crl"] = pki.authority.revocation_list(pki.client, days=-1)
    async with serve(**MUTUAL, tls_revocation_list="crl") as running:
        assert await running.answer(context(pki.authority.issue("a colleague"))) == b"hello"
        assert await running.answer(context(pki.client)) == b""
        assert "revoked" in await running.failure()
        assert [event.type.name for event in running.hub.recorded] == ["echo-tls-list-outdated"]


async def test_suites_without_forward_secrecy_or_encryption_and_old_versions_are_refused(serve, context):
    async with serve() as running:
        for ciphers in ("AES128-GCM-SHA256", "ECDHE+SHA1", "NULL:@SECLEVEL=0"):
            assert await running.answer(context(None, V12, ciphers)) == b"", ciphers
        assert "no cipher suite" in await running.failure()


async def test_what_comes_right_behind_a_handshake_waits_for_the_connection(serve, context):
    async with serve() as running:
        for _ in range(20):
            assert await running.answer(context(), b"at once") == b"at once"
        assert all(connection.calls[:2] == ["made", "data"] for connection in running.connections)


async def test_who_may_not_connect_does_not_get_as_far_as_a_handshake(serve, context):
    async with serve(admits=lambda address: address != "127.0.0.1") as running:
        assert await running.answer(context()) == b""
        assert running.failures == []


@pytest.mark.parametrize(
    ("octets", "words"),
    [(b"GET / HTTP/1.1\r\n\r\n", "HTTP"), (b"\x68\x04\x07\x00\x00\x00" * 3, "it does not speak TLS")],
)
async def test_who_does_not_speak_tls_is_told_apart(serve, octets, words):
    async with serve() as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(octets)
        async with asyncio.timeout(5):
            await reader.read()
        assert words in await running.failure()
        writer.transport.abort()


async def test_clients_that_hang_in_the_handshake_hold_up_nobody(serve, context, monkeypatch):
    monkeypatch.setattr("meterhub_sdk.tls.handshakes.LIMIT", 5)
    async with serve() as running:
        hanging = [await asyncio.open_connection("127.0.0.1", running.port) for _ in range(12)]
        hanging[-1][1].write(bytes.fromhex("160301"))
        for _ in range(3):
            assert await running.answer(context()) == b"hello"
        assert running.handshakes.status().handshakes <= 5
        async with asyncio.timeout(5):
            assert await hanging[0][0].read() == b""
        for _, writer in hanging:
            writer.transport.abort()
    assert not [task for task in asyncio.all_tasks() if "_secure" in repr(task)]


async def test_a_handshake_that_takes_too_long_ends(serve, monkeypatch):
    monkeypatch.setattr("meterhub_sdk.tls.handshakes.HANDSHAKE_TIMEOUT", 0.05)
    async with serve() as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        async with asyncio.timeout(5):
            assert await reader.read() == b""
        assert "handshake failed" in await running.failure()
        writer.transport.abort()


async def test_a_client_that_leaves_in_the_middle_is_a_failure_and_no_more(serve):
    async with serve() as running:
        _, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(bytes.fromhex("1603010200"))
        writer.transport.abort()
        assert "handshake failed" in await running.failure()


async def test_garbage_in_the_shape_of_tls_harms_nobody(serve, context):
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    made = random.Random(seed)
    async with serve() as running:
        for count in range(1, 151):
            body = made.randbytes(made.randrange(200))
            _, writer = await asyncio.open_connection("127.0.0.1", running.port)
            kind = made.choice([20, 21, 22, 23, 255])
            writer.write(bytes((kind, 3, made.randrange(5))) + len(body).to_bytes(2, "big") + body)
            writer.close()
            if count % 50 == 0:
                assert await running.answer(context()) == b"hello"
        assert running.handshakes.status().failed <= 150


@OPENSSL
@pytest.mark.parametrize(
    ("options", "served", "words"),
    [
        (["-tls1_2"], True, ""),
        (["-tls1_3"], True, ""),
        (["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], False, "no version of TLS"),
        (["-tls1_2", "-cipher", "AES256-SHA"], False, "no cipher suite"),
        (["-tls1_2", "-cipher", "eNULL:@SECLEVEL=0"], False, "no cipher suite"),
    ],
)
async def test_openssl_as_the_client(serve, pki, tmp_path: Path, options, served, words):
    own = tmp_path / "own.pem"
    own.write_text(pki.client.pem + pki.client.key_pem, "ascii")
    async with serve(**MUTUAL) as running:
        client = await asyncio.create_subprocess_exec(
            *["openssl", "s_client", "-quiet", "-connect", f"127.0.0.1:{running.port}", "-cert", own, *options],
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        assert client.stdin is not None
        assert client.stdout is not None
        async with asyncio.timeout(20):
            if served:
                client.stdin.write(b"hello\n")
                assert await client.stdout.readline() == b"hello\n"
                client.kill()
            else:
                assert words in await running.failure()
            client.stdin.close()
            await client.wait()
