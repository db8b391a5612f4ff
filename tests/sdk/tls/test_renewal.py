"""Secrets set again are used by new handshakes; secrets of no use change nothing; what ends is said in time."""

from __future__ import annotations

import asyncio
import ssl

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from meterhub_sdk import ConfigError
from meterhub_sdk.tls import TlsClient, TlsIdentity, TlsServer, tls_events

EVENTS = tls_events(10, "echo", "The echo")
TLS = {"tls_certificate": "chain", "tls_key": "key"}


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr("meterhub_sdk.tls.renewal.REFRESH", 0.0)


def set_server(secrets, identity):
    secrets["chain"], secrets["key"] = identity.pem, identity.key_pem


def shown_certificate(writer: asyncio.StreamWriter) -> bytes:
    return writer.get_extra_info("ssl_object").getpeercert(binary_form=True)


async def test_a_renewed_certificate_is_shown_to_new_clients_and_drops_nobody(serve, context, pki, secrets):
    async with serve() as running:
        reader, writer = await running.connect(context())
        before = shown_certificate(writer)
        set_server(secrets, renewed := pki.authority.issue("localhost", days=365))
        _, later = await running.connect(context())
        assert shown_certificate(later) == renewed.certificate.public_bytes(Encoding.DER) != before
        writer.write(b"still here")
        async with asyncio.timeout(5):
            assert await reader.read(100) == b"still here"
        (event,) = running.hub.recorded
        assert (event.type.name, event.parameters["subject"]) == ("echo-tls-renewed", "CN=localhost")
        assert running.handshakes.status().renewed
        writer.transport.abort()
        later.transport.abort()


async def test_a_client_revoked_by_a_new_list_does_not_come_in_again(serve, context, pki, secrets):
    async with serve(tls_authority="authority", tls_revocation_list="crl") as running:
        assert await running.answer(context(pki.client)) == b"hello"
        secrets["crl"] = pki.authority.revocation_list(pki.client)
        assert await running.answer(context(pki.client)) == b""
        assert "revoked" in await running.failure()


async def test_a_revoked_client_cannot_resume_its_former_session(serve, context, pki, secrets):
    async with serve(tls_authority="authority", tls_revocation_list="crl") as running:
        mine = context(pki.client, ssl.TLSVersion.TLSv1_2)
        _, writer = await running.connect(mine)
        session = writer.get_extra_info("ssl_object").session
        assert session.has_ticket
        writer.transport.abort()
        secrets["crl"] = pki.authority.revocation_list(pki.client)
        assert not await resumed(running.port, mine, session)
        assert "revoked" in await running.failure()


async def resumed(port: int, context: ssl.SSLContext, session: ssl.SSLSession) -> bytes:
    """The answer over a connection that takes up a former session, spoken without asyncio's streams."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost", session=session)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    handshaken, answer = False, b""
    async with asyncio.timeout(10):
        while not answer:
            try:
                if not handshaken:
                    tls.do_handshake()
                    handshaken = True
                    tls.write(b"hello")
                answer = tls.read(100)
            except ssl.SSLWantReadError:
                writer.write(outgoing.read())
                try:
                    received = await reader.read(65536)
                except ConnectionError:
                    break
                if not received:
                    break
                incoming.write(received)
            except ssl.SSLError:
                break
    writer.transport.abort()
    return answer


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda secrets, pki: secrets.update(chain="nonsense"), "secret chain holds no certificate chain"),
        (lambda secrets, pki: secrets.update(key=pki.client.key_pem), "belongs to another certificate"),
        (lambda secrets, pki: secrets.update(key=pki.server.encrypted_key_pem("x")), "encrypted with a password"),
        (lambda secrets, pki: secrets.pop("authority"), "authority"),
        (lambda secrets, pki: secrets.update(crl=pki.other_authority.revocation_list()), "has signed"),
    ],
)
async def test_new_secrets_of_no_use_leave_the_old_ones_and_are_said_once(serve, context, pki, secrets, change, words):
    async with serve(tls_authority="authority", tls_revocation_list="crl") as running:
        good = dict(secrets)
        change(secrets, pki)
        for _ in range(3):
            assert await running.answer(context(pki.client)) == b"hello"
        (event,) = running.hub.recorded
        assert event.type.name == "echo-tls-not-renewed"
        assert words in event.parameters["why"]
        assert words in running.handshakes.status().last_error
        secrets |= good
        assert await running.answer(context(pki.client)) == b"hello"
        assert running.handshakes.status().last_error == ""


async def test_a_core_that_does_not_answer_holds_up_no_handshake(serve, context, monkeypatch):
    monkeypatch.setattr("meterhub_sdk.tls.renewal.PATIENCE", 0.01)
    async with serve() as running:
        monkeypatch.setattr(running.hub, "secret", lambda name: asyncio.Event().wait())
        for _ in range(2):
            assert await running.answer(context()) == b"hello"


@pytest.mark.parametrize(("days", "warned"), [(40.5, None), (29.5, 29), (6.5, 6), (-2.5, -3)])
async def test_the_end_of_the_own_certificate_is_announced(fake_hub, pki, secrets, days, warned):
    set_server(secrets, pki.authority.issue("localhost", days=days))
    identity = await TlsIdentity.of(fake_hub, TlsServer(**TLS), EVENTS)
    identity.start()
    await fake_hub.settle()
    assert [event.parameters["days"] for event in fake_hub.recorded] == ([] if warned is None else [warned])
    assert identity.status().days_left == identity.days_left() == (warned if warned is not None else 40)
    await identity.end()


@pytest.mark.parametrize(
    ("secret", "value", "words"),
    [
        ("chain", "swordfish", "the secret chain holds no certificate chain as PEM"),
        ("key", "swordfish", "the secret key holds no private key as PEM"),
        ("key", "client", "belongs to another certificate than the first one in chain"),
        ("key", "encrypted", "the secret key holds a private key that is encrypted with a password"),
        ("authority", "swordfish", "the secret authority holds no certificate of an authority"),
        ("pinned", "swordfish", "the secret pinned holds no pinned certificate"),
        ("crl", "swordfish", "the secret crl holds no revocation list"),
        ("crl", "-----BEGIN X509 CRL-----\nswordfish\n-----END X509 CRL-----", "holds no revocation list"),
        ("crl", "foreign", "holds a revocation list of 'CN=another authority' that no certificate in authority"),
        ("crl", None, "the secret 'crl' was never set"),
    ],
)
async def test_a_secret_that_cannot_be_used_is_named_and_not_shown(fake_hub, pki, secrets, secret, value, words):
    known = {
        "client": pki.client.key_pem,
        "encrypted": pki.server.encrypted_key_pem("swordfish"),
        "foreign": pki.other_authority.revocation_list(),
    }
    secrets.pop(secret) if value is None else secrets.update({secret: known.get(value, value)})
    settings = TlsServer(**TLS, tls_authority="authority", tls_pinned="pinned", tls_revocation_list="crl")
    with pytest.raises(ConfigError, match=words) as caught:
        await TlsIdentity.of(fake_hub, settings, EVENTS)
    assert "swordfish" not in str(caught.value)


async def test_where_the_settings_want_no_tls_there_is_none(fake_hub):
    assert await TlsIdentity.of(fake_hub, TlsServer(), EVENTS) is None
    assert await TlsIdentity.of(fake_hub, TlsClient(), EVENTS) is None
