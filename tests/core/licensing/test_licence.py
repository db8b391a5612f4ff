"""A licence is accepted to the character, or refused in one clear sentence."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import ECKey, OctKey, OKPKey

from meterhub.licensing.errors import (
    LicenceAltered,
    LicenceError,
    LicenceExpired,
    LicenceMalformed,
    NotAllowed,
    VendorUnknown,
    WrongProduct,
    WrongSerial,
)
from meterhub.licensing.licence import TYPE, sign, verify
from meterhub.licensing.text import BEGIN, END, SIZE, Licence, SignedLicence, parse
from meterhub.licensing.vendor_keys import VendorKey

KEY = OKPKey.generate_key("Ed25519")
ACME = VendorKey("acme-1", "ACME Metering", KEY, ("*",))
LICENCE = Licence(
    vendor="ACME Metering",
    product="meterhub",
    serial="MH-4F2A91C07B55",
    number="2026-0042",
    issued=date(2026, 11, 21),
    expires=date(2027, 11, 21),
    features=("synth.losses", "iec104.server"),
)
DOCUMENT = sign(LICENCE, "acme-1", KEY)

plain = st.text(st.characters(codec="utf-8"), min_size=1, max_size=60).map(lambda text: " ".join(text.split()))
printable = plain.filter(lambda text: text and text.isprintable())
days = st.dates(date(2000, 1, 1), date(9999, 12, 31))


def believed(document, *, vendor=ACME, serial=LICENCE.serial, product="meterhub", now=None):
    return verify(document, {vendor.kid: vendor}, product=product, serial=serial, now=now)


def nanoseconds(*moment):
    return int(datetime(*moment, tzinfo=UTC).timestamp()) * 1_000_000_000


def forged(header, key=KEY, algorithm="Ed25519", text=None):
    token = jws.serialize_compact(header, text or LICENCE.text(), key, algorithms=[algorithm])
    return SignedLicence(LICENCE, jws.detach_content(token)).text()


@given(
    vendor=printable,
    serial=st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9._-]{2,63}\Z"),
    number=st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z"),
    issued=days,
    lasts=st.none() | days,
    features=st.lists(
        st.from_regex(r"\A[a-z0-9]{1,9}([._-][a-z0-9]{1,9}){0,3}\Z"), min_size=1, max_size=9, unique=True
    ),
)
def test_what_a_vendor_issues_the_instance_believes(vendor, serial, number, issued, lasts, features):
    expires = None if lasts is None else max(lasts, issued)
    licence = Licence(
        vendor=vendor,
        product="meterhub",
        serial=serial,
        number=number,
        issued=issued,
        expires=expires,
        features=tuple(features),
    )
    document = sign(licence, "acme-1", KEY)
    trusted = VendorKey("acme-1", vendor, KEY)
    assert believed(document, vendor=trusted, serial=serial) == licence
    assert parse(document).text() == document


@given(at=st.integers(0, len(DOCUMENT) - 1), flip=st.integers(1, 255))
@settings(max_examples=1_000)
def test_a_changed_byte_is_refused_or_is_white_space_at_the_end_of_a_line(at, flip):
    data = bytearray(DOCUMENT.encode())
    data[at] ^= flip
    try:
        licence = believed(bytes(data))
    except LicenceError:
        return
    assert licence == LICENCE
    assert parse(bytes(data)).text() == DOCUMENT


def test_each_bit_of_the_signature_counts():
    start, end = DOCUMENT.index(BEGIN) + len(BEGIN) + 1, DOCUMENT.index(END)
    for at in range(start, end):
        for bit in range(8):
            data = bytearray(DOCUMENT.encode())
            data[at] ^= 1 << bit
            with pytest.raises(LicenceError):
                believed(bytes(data))


@given(at=st.integers(0, len(DOCUMENT)), text=st.text(min_size=1, max_size=20))
def test_text_put_in_anywhere_is_refused_or_white_space(at, text):
    try:
        licence = believed(DOCUMENT[:at] + text + DOCUMENT[at:])
    except LicenceError:
        return
    assert licence == LICENCE
    assert not text.strip(" \t\r\n\ufeff")


@given(st.binary(max_size=400) | st.text(max_size=400))
@example(b"\xef\xbb\xbf")
@example("\ud800")
def test_rubbish_is_malformed(document):
    with pytest.raises(LicenceMalformed):
        parse(document)


@pytest.mark.parametrize(
    "journey",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: "\ufeff" + text,
        lambda text: "\n\n" + text + "\n\n\n",
        lambda text: text.replace("\n", " \t\n"),
        lambda text: text.rstrip("\n"),
        lambda text: text.replace(f"\n{BEGIN}", f"\n\n\n{BEGIN}"),
        lambda text: text[:-60] + "\n" + text[-60:],
    ],
)
def test_a_journey_by_mail_does_no_harm(journey):
    assert believed(journey(DOCUMENT)) == LICENCE
    assert parse(journey(DOCUMENT)).text() == DOCUMENT


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("Meterhub licence", "Licence", 1, "expected 'Meterhub licence', found 'Licence'"),
        ("Product: meterhub\n", "", 3, "expected 'Product: ...', found 'Serial: MH-4F2A91C07B55'"),
        ("Serial: ", "serial: ", 4, "expected 'Serial: ...'"),
        ("Serial: MH", "Serial:  MH", 4, "Serial must be 1 to 100 printable characters"),
        ("ACME", "\x1b[2J", 2, "Vendor must be 1 to 100 printable characters"),
        ("ACME", "\u202eEMCA", 2, "Vendor must be 1 to 100 printable characters"),
        ("ACME", "A" * 101, 2, "Vendor must be 1 to 100 printable characters"),
        ("2026-0042", "../../0042", 5, "Licence must be letters, digits, dots, hyphens and underscores"),
        ("Issued: 2026-11-21", "Issued: 21.11.2026", 6, "Issued must be a date such as 2026-11-21"),
        ("Issued: 2026-11-21", "Issued: 2026-02-30", 6, "Issued names no day of the calendar"),
        ("Expires: 2027", "Expires: 2025", 7, "before it was issued on 2026-11-21"),
        ("Features:", "Seats: 5\nFeatures:", 8, "expected 'Features:', found 'Seats: 5'"),
        ("  synth.losses\n  iec104.server\n", "", 9, "expected a feature after two spaces"),
        ("  synth.losses", "  Synth Losses", 9, "expected a feature such as synth.losses"),
        ("  iec104.server", "  synth.losses", 10, "the feature synth.losses stands here twice"),
        ("  iec104.server\n", "  iec104.server\nFree: yes\n", 11, "expected 'an empty line', found 'Free: yes'"),
        (f"\n{BEGIN}", f"\nFree: yes\n{BEGIN}", 12, f"expected '{BEGIN}', found 'Free: yes'"),
        (f"{END}\n", "", 16, f"expected '{END}', found the end of the text"),
        (END, f"=\n{END}", 17, "the signature above this line is damaged"),
        (END, f"{END}\nFree: yes", 17, f"nothing may stand after {END}"),
    ],
)
def test_a_malformed_licence_is_refused_with_its_line(old, new, line, says):
    assert DOCUMENT.count(old) == 1
    with pytest.raises(LicenceMalformed) as caught:
        believed(DOCUMENT.replace(old, new))
    assert str(caught.value).startswith(f"line {line}: ")
    assert says in str(caught.value)


def test_a_byte_that_is_no_text_is_refused_with_its_line():
    with pytest.raises(LicenceMalformed, match=r"line 2: byte \d+ is not UTF-8"):
        parse(DOCUMENT.encode().replace(b"ACME", b"AC\xffE"))


def test_a_licence_has_at_most_64_kib():
    with pytest.raises(LicenceMalformed, match=f"at most {SIZE} bytes, this has {SIZE + 1}"):
        parse("x" * (SIZE + 1))
    many = Licence(
        **{**{name: getattr(LICENCE, name) for name in LICENCE.__slots__}, "features": tuple(map(str, range(20_000)))}
    )
    with pytest.raises(LicenceMalformed, match="at most"):
        sign(many, "acme-1", KEY)


@pytest.mark.parametrize("field", ["vendor", "product", "serial", "number", "features"])
def test_a_vendor_cannot_issue_what_could_not_be_read(field):
    value = ("x\n\n",) if field == "features" else "a\nSerial: b"
    fields = {name: getattr(LICENCE, name) for name in LICENCE.__slots__} | {field: value}
    with pytest.raises(LicenceMalformed):
        sign(Licence(**fields), "acme-1", KEY)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("iec104.server", "iec104.client"),
        ("7B55", "7B56"),
        ("Expires: 2027", "Expires: 2028"),
        ("2026-0042", "2026-0043"),
    ],
)
def test_an_altered_licence_is_refused(old, new):
    with pytest.raises(LicenceAltered, match="does not fit its text: ask ACME Metering"):
        believed(DOCUMENT.replace(old, new), serial="MH-4F2A91C07B56" if "7B" in old else LICENCE.serial)


def test_a_licence_that_lost_its_last_day_is_refused():
    with pytest.raises(LicenceAltered):
        believed(DOCUMENT.replace("Expires: 2027-11-21\n", ""))


def test_the_signature_of_another_licence_is_refused():
    other = sign(Licence(**{**{n: getattr(LICENCE, n) for n in LICENCE.__slots__}, "number": "1"}), "acme-1", KEY)
    with pytest.raises(LicenceAltered):
        believed(DOCUMENT[: DOCUMENT.index(BEGIN)] + other[other.index(BEGIN) :])


@pytest.mark.parametrize(
    ("header", "key", "algorithm"),
    [
        ({"alg": "Ed25519", "typ": "meterhub-plugin+jws", "kid": "acme-1"}, KEY, "Ed25519"),
        ({"alg": "Ed25519", "kid": "acme-1"}, KEY, "Ed25519"),
        ({"alg": "Ed25519", "typ": TYPE}, KEY, "Ed25519"),
        ({"alg": "Ed25519", "typ": TYPE, "kid": "acme-1", "cty": "text"}, KEY, "Ed25519"),
        ({"alg": "HS256", "typ": TYPE, "kid": "acme-1"}, OctKey.import_key(KEY.as_dict(private=False)["x"]), "HS256"),
        ({"alg": "ES256", "typ": TYPE, "kid": "acme-1"}, ECKey.generate_key("P-256"), "ES256"),
        ({"alg": "Ed25519", "typ": TYPE, "kid": "acme-1"}, OKPKey.generate_key("Ed25519"), "Ed25519"),
    ],
    ids=["a plugin's signature", "no type", "no key named", "more said", "HMAC by the public key", "ECDSA", "stranger"],
)
@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
def test_only_a_licence_signature_by_ed25519_counts(header, key, algorithm):
    with pytest.raises(LicenceAltered):
        believed(forged(header, key, algorithm))


def test_an_unsigned_licence_is_refused():
    with pytest.raises(LicenceError):
        believed(SignedLicence(LICENCE, "eyJhbGciOiJub25lIn0..").text())


def test_each_fault_has_its_sentence():
    stranger = VendorKey("other-1", "Other", OKPKey.generate_key("Ed25519"))
    renamed = VendorKey("acme-1", "ACME Holding", KEY)
    narrow = VendorKey("acme-1", "ACME Metering", KEY, ("synth.*", "acme.*"))
    with pytest.raises(VendorUnknown, match="'acme-1', which is not that of a trusted vendor"):
        believed(DOCUMENT, vendor=stranger)
    with pytest.raises(NotAllowed, match="signed with the key acme-1, which belongs to ACME Holding"):
        believed(DOCUMENT, vendor=renamed)
    with pytest.raises(WrongProduct, match="is for the product meterhub, this is meter"):
        believed(DOCUMENT, product="meter")
    with pytest.raises(WrongSerial, match="for the serial number MH-4F2A91C07B55, this instance has MH-000000000000"):
        believed(DOCUMENT, serial="MH-000000000000")
    with pytest.raises(
        NotAllowed, match=r"names iec104\.server, but ACME Metering may license synth\.\*, acme\.\* only"
    ):
        believed(DOCUMENT, vendor=narrow)
    with pytest.raises(LicenceExpired, match="ended on 2027-11-21: ask ACME Metering"):
        believed(DOCUMENT, now=nanoseconds(2027, 11, 22))


def test_a_licence_counts_through_its_last_day_in_utc():
    assert believed(DOCUMENT, now=nanoseconds(2027, 11, 22) - 1) == LICENCE
    assert LICENCE.ends == nanoseconds(2027, 11, 22)


def test_without_a_clock_to_be_trusted_nothing_ends():
    assert believed(DOCUMENT, now=None) == LICENCE
