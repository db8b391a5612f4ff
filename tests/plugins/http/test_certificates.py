"""What people upload as a certificate, and what is said of it."""

from __future__ import annotations

import base64
import contextlib
import datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given as given_any
from hypothesis import strategies
from meterhub_http.certificates import Certificates, Names, RequestArguments, SignedArguments, UploadArguments
from meterhub_http.certificates.checks import checked
from meterhub_http.certificates.identity import identity_of
from meterhub_sdk import Invalid
from meterhub_sdk.testing import FakeHub, Identity

PEM = serialization.Encoding.PEM
NAMES = Names.of(["localhost", "gate.example", "127.0.0.1"])
DAY = 86_400_000_000_000


@pytest.fixture(scope="module")
def authority() -> Identity:
    """Who signs."""
    return Identity.authority("the authority")


@pytest.fixture
def hub():
    """A fake hub at a time that only a test moves."""
    made = FakeHub("http")
    made.fixed_time = made.now()
    yield made
    made.close()


def certificates(hub: FakeHub, names: Names = NAMES) -> Certificates:
    """The room."""
    return Certificates(hub, lambda: names)


def certificate(public: Any, by: Identity, *extensions: x509.ExtensionType) -> str:
    """A certificate of an authority for any key, as PEM."""
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(
        issuer_name=by.certificate.subject,
        subject_name=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gate.example")]),
        public_key=public,
        serial_number=x509.random_serial_number(),
        not_valid_before=now - datetime.timedelta(days=1),
        not_valid_after=now + datetime.timedelta(days=90),
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(by.key, hashes.SHA256()).public_bytes(PEM).decode()


def pem_of(key: Any) -> str:
    return key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()


def uploaded(chain: str, key: str = "", passphrase: str = "") -> Any:
    """What an upload comes to."""
    return checked(identity_of(chain, key, passphrase), datetime.datetime.now(datetime.UTC))


_OWN = Identity.authority("myself")
SAN = x509.SubjectAlternativeName([x509.DNSName("gate.example")])


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("  ", "this is empty"),
        ("hello", "this is something else"),
        ("<!doctype html><p>Not found", "a page or an XML file"),
        ('{"services": {}}', "this is JSON"),
        ("eyJhbGciOiJFZDI1NTE5In0.e30.x", "a licence or another signed token"),
        ("ssh-ed25519 AAAAC3 me", "a public key of SSH"),
        ("-----BEGIN PKCS7-----\nMA==\n-----END PKCS7-----", "a PKCS#7 file"),
        ("-----BEGIN CERTIFICATE REQUEST-----\nMA==\n-----END CERTIFICATE REQUEST-----", "a certificate request"),
        ("-----BEGIN PRIVATE KEY-----\nMA==\n-----END PRIVATE KEY-----", "this is a private key"),
        ("-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----", "a certificate in it is damaged"),
        (base64.b64encode(b"\x30\x03\x02\x01\x01").decode(), "no PKCS#12 file"),
        (base64.b64encode(b"PK\x03\x04").decode(), "something else"),
    ],
)
def test_what_is_no_chain_is_said_to_be_what_it_is(content: str, sentence: str):
    with pytest.raises(Invalid, match=sentence) as refused:
        uploaded(content)
    assert [fault.path for fault in refused.value.faults] == [["chain"]]


@given_any(
    chain=strategies.text(max_size=200), key=strategies.text(max_size=200), passphrase=strategies.text(max_size=9)
)
def test_junk_is_refused_and_never_more(chain: str, key: str, passphrase: str):
    for prefix in ("", "-----BEGIN CERTIFICATE-----\n", "-----BEGIN PRIVATE KEY-----"):
        with pytest.raises(Invalid):
            uploaded(prefix + chain, key, passphrase)


@pytest.mark.filterwarnings("ignore:Parsed a")
@given_any(data=strategies.data())
def test_damaged_certificates_are_refused_and_never_more(data: strategies.DataObject):
    der = bytearray(_OWN.certificate.public_bytes(serialization.Encoding.DER))
    for _ in range(data.draw(strategies.integers(1, 3))):
        der[data.draw(strategies.integers(0, len(der) - 1))] = data.draw(strategies.integers(0, 255))
    text = base64.encodebytes(bytes(der)).decode()
    with contextlib.suppress(Invalid):
        uploaded(f"-----BEGIN CERTIFICATE-----\n{text}-----END CERTIFICATE-----\n", _OWN.key_pem)


def test_the_chain_is_put_in_order_and_must_be_one(authority: Identity):
    between = authority.issue("between", is_authority=True)
    own, stranger = between.issue("gate.example"), Identity.authority("a stranger")
    for texts in ((own, between, authority), (authority, own, between), (between, own, own)):
        chain = uploaded("".join(each.pem for each in texts), own.key_pem).chain
        assert [each.subject for each in chain][:2] == [own.certificate.subject, between.certificate.subject]
    with pytest.raises(Invalid, match="CN=a stranger has not signed CN=between; leave it out"):
        uploaded(own.pem + between.pem + stranger.pem, own.key_pem)


def test_signers_must_be_authorities(authority: Identity):
    middle = authority.issue("no authority")
    own = middle.issue("gate.example")
    with pytest.raises(Invalid, match="CN=no authority stands in the chain and may not sign certificates"):
        uploaded(own.pem + middle.pem, own.key_pem)


def test_the_key_must_match(authority: Identity):
    own = authority.issue("gate.example")
    with pytest.raises(Invalid, match=r"the private key is not that of the certificate of CN=gate.example"):
        uploaded(own.pem, authority.key_pem)
    with pytest.raises(Invalid, match="there is no private key"):
        uploaded(own.pem)
    with pytest.raises(Invalid, match=r"a private key as PEM .* belongs here, and this is a certificate"):
        uploaded(own.pem, own.pem)
    assert uploaded(own.key_pem + own.pem).own == own.certificate
    assert uploaded(own.pem + own.key_pem).own == own.certificate


def test_passphrases_open_keys_and_pkcs12(authority: Identity):
    own = authority.issue("gate.example")
    locked = own.encrypted_key_pem("sesame")
    assert uploaded(own.pem, locked, "sesame").key.private_numbers() == own.key.private_numbers()
    with pytest.raises(Invalid, match="is encrypted; give its passphrase"):
        uploaded(own.pem, locked)
    with pytest.raises(Invalid, match="the passphrase is not that of the private key"):
        uploaded(own.pem, locked, "simsalabim")
    encryption = serialization.BestAvailableEncryption(b"sesame")
    file = pkcs12.serialize_key_and_certificates(b"x", own.key, own.certificate, [authority.certificate], encryption)
    text = base64.encodebytes(file).decode()
    assert [each.subject for each in uploaded(text, "", "sesame").chain][1] == authority.certificate.subject
    with pytest.raises(Invalid, match=r"the passphrase is not that of the PKCS#12 file"):
        uploaded(text, "", "simsalabim")


def test_dates_are_checked(authority: Identity):
    old = authority.issue("gate.example", days=-1)
    with pytest.raises(Invalid, match=r"the certificate of CN=gate.example expired on 20"):
        uploaded(old.pem, old.key_pem)
    own = authority.issue("gate.example")
    early = own.certificate.not_valid_before_utc - datetime.timedelta(days=1)
    with pytest.raises(Invalid, match=r"is valid from .* UTC on, and the clock here says"):
        checked(identity_of(own.pem, own.key_pem, ""), early)


@pytest.mark.parametrize(
    ("extensions", "sentence"),
    [
        ((), "no alternative names"),
        ((SAN, x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])), "may not be used for servers"),
        ((SAN, x509.KeyUsage(*[False] * 5, True, *[False] * 3)), "may not be used for TLS"),
    ],
)
def test_usage_is_checked(authority: Identity, extensions: tuple[Any, ...], sentence: str):
    key = ec.generate_private_key(ec.SECP256R1())
    with pytest.raises(Invalid, match=sentence):
        uploaded(certificate(key.public_key(), authority, *extensions), pem_of(key))


def test_keys_that_browsers_do_not_take_are_refused(authority: Identity):
    short = rsa.generate_private_key(65537, 1024)
    with pytest.raises(Invalid, match="RSA with 1024 bits"):
        uploaded(certificate(short.public_key(), authority, SAN), pem_of(short))
    for key in (ed25519.Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP256K1())):
        with pytest.raises(Invalid, match="of a kind that browsers do not know"):
            uploaded(certificate(key.public_key(), authority, SAN), pem_of(key))


async def test_what_is_refused_changes_nothing(hub: FakeHub, authority: Identity):
    room = certificates(hub)
    own = authority.issue("gate.example")
    await room.upload(UploadArguments(chain=own.pem, key=own.key_pem))
    before, files = room.context, {path.name: path.read_bytes() for path in (hub.directory / "certificates").iterdir()}
    with pytest.raises(Invalid):
        await room.upload(UploadArguments(chain=authority.issue("gate.example").pem, key=own.key_pem))
    assert room.context is before
    assert {path.name: path.read_bytes() for path in (hub.directory / "certificates").iterdir()} == files


@pytest.mark.parametrize("kind", ["EC P-256", "RSA 3072"])
async def test_a_request_is_signed_elsewhere_and_its_key_stays(hub: FakeHub, authority: Identity, kind: Any):
    room = certificates(hub)
    asked = RequestArguments(common_name="gate.example", organisation="Utility & Sons", country="PL", key=kind)
    text = (await room.request(asked)).request
    assert "PRIVATE" not in text
    request = x509.load_pem_x509_csr(text.encode())
    assert request.is_signature_valid
    assert room.status().request == "C=PL, O=Utility & Sons, CN=gate.example"
    names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["gate.example", "localhost"]
    room = certificates(hub)  # after a restart
    with pytest.raises(Invalid, match="the private key is not that of"):
        await room.signed(SignedArguments(chain=authority.issue("gate.example").pem))
    await room.signed(SignedArguments(chain=certificate(request.public_key(), authority, names)))
    status = room.status()
    assert (status.source, status.request, status.warning) == ("uploaded", "", "")
    assert [event.type.name for event in hub.recorded] == ["certificate-requested", "certificate-used"]
    with pytest.raises(Invalid, match="no certificate was requested here"):
        await room.signed(SignedArguments(chain=authority.pem))


async def test_requests_for_names_that_are_none_are_refused(hub: FakeHub):
    with pytest.raises(Invalid, match="'gate example' is neither a host name nor an IP address"):
        await certificates(hub).request(RequestArguments(common_name="x", names=["gate example"]))


async def test_the_end_of_a_certificate_is_told_at_30_7_and_1_days(hub: FakeHub, authority: Identity):
    room = certificates(hub)
    own = authority.issue("gate.example", days=50)
    await room.upload(UploadArguments(chain=own.pem, key=own.key_pem))
    hub.recorded.clear()
    assert hub.fixed_time is not None
    start, told = hub.fixed_time, []
    for day in range(52):
        hub.fixed_time = start + day * DAY
        await room.look()
        await room.look()
        told += [(event.type.name, event.parameters.get("days")) for event in hub.recorded]
        hub.recorded.clear()
    warned = [("certificate-expires", days) for days in (29, 6, 0)]
    assert told == [*warned, ("self-made-certificate-used", None)]
    status = room.status()
    assert status.source == "self-made"
    assert "the uploaded one expired on" in status.warning
    hub.fixed_time = start  # the clock was wrong
    await room.look()
    assert room.status().source == "uploaded"


async def test_the_self_made_certificate_is_renewed_in_time_and_for_new_names(hub: FakeHub):
    room = certificates(hub)
    first = room.context
    assert certificates(hub).status().chain == room.status().chain  # kept over restarts
    assert hub.fixed_time is not None
    hub.fixed_time += 370 * DAY
    await room.look()
    assert room.context is not first
    assert room.status().days_left > 390
    fewer, more = Names.of(["localhost"]), Names.of(["localhost", "other.example"])
    assert certificates(hub, fewer).status().chain == room.status().chain
    assert "other.example" in certificates(hub, more).status().chain[0].alternative_names


async def test_the_chain_is_shown_as_people_compare_it(hub: FakeHub, authority: Identity):
    room = certificates(hub)
    own = authority.issue("gate.example")
    await room.upload(UploadArguments(chain=own.pem + authority.pem, key=own.key_pem))
    shown, above = room.status().chain
    assert (shown.subject, shown.issuer, above.subject) == ("CN=gate.example", "CN=the authority", "CN=the authority")
    assert shown.fingerprint.replace(":", "").lower() == own.pin
    assert shown.alternative_names == ["gate.example"]


def test_names_of_the_machine_follow_the_listeners():
    local = Names.of_machine(["127.0.0.1"], ["Gate.Example"])
    assert {"localhost", "gate.example"} <= set(local.hosts)
    assert [str(address) for address in local.addresses] == ["127.0.0.1", "::1"]
    given = Names.of_machine(["10.1.2.3", "fe80::1%eth0"], [])
    assert [str(address) for address in given.addresses] == ["10.1.2.3", "127.0.0.1", "::1"]
    assert set(local.addresses) <= set(Names.of_machine(["0.0.0.0", "::"], []).addresses)
