"""Licences: signed texts that people can read.

::

    Meterhub licence
    Vendor: ACME Metering
    Product: meterhub
    Serial: MH-4F2A91C07B55
    Licence: 2026-0042
    Issued: 2026-11-21
    Expires: 2027-11-21
    Features:
      synth.losses
      iec104.server

    -----BEGIN SIGNATURE-----
    <compact JWS with detached content, folded>
    -----END SIGNATURE-----

The lines stand in this order and no others may (``Expires`` may be absent). The signature is a JWS (RFC 7515) by
Ed25519 (RFC 8037, named as in RFC 9864) whose detached content (appendix F) is the text above it, so nothing is
said twice. What a journey by mail does to a text is forgiven: a byte order mark, CRLF, spaces and tabs at the ends
of lines, empty lines before and after, another folding of the signature. The licence is the same one then, to the
character; every other change of a byte is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from meterhub.licensing.errors import LicenceMalformed
from meterhub.licensing.vendor_keys import TEXT_LENGTH, is_plain
from meterhub.mistaken_text import LICENCE, what_it_is

SIZE = 64 * 1024
TITLE = "Meterhub licence"
BEGIN = "-----BEGIN SIGNATURE-----"
END = "-----END SIGNATURE-----"

NUMBER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
FEATURE = re.compile(r"(?=.{1,100}$)[a-z0-9]+([._-][a-z0-9]+)*")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TOKEN = re.compile(r"[A-Za-z0-9_-]+\.\.[A-Za-z0-9_-]+")
_DAY = 86_400 * 1_000_000_000
_EPOCH = date(1970, 1, 1).toordinal()
_FOLD = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Licence:
    """What a licence says. ``number`` is the vendor's own; ``expires`` is the last day, in UTC, on which it counts."""

    vendor: str
    product: str
    serial: str
    number: str
    issued: date
    features: tuple[str, ...]
    expires: date | None = None

    @property
    def ends(self) -> int | None:
        """The moment from which it counts no more, in nanoseconds UTC; ``None`` for never."""
        return None if self.expires is None else (self.expires.toordinal() + 1 - _EPOCH) * _DAY

    def text(self) -> str:
        """The text that is signed: normalised, without the signature and without a final line end."""
        lines = [TITLE, f"Vendor: {self.vendor}", f"Product: {self.product}", f"Serial: {self.serial}"]
        lines += [f"Licence: {self.number}", f"Issued: {self.issued.isoformat()}"]
        if self.expires is not None:
            lines.append(f"Expires: {self.expires.isoformat()}")
        return "\n".join([*lines, "Features:", *(f"  {feature}" for feature in self.features)])


@dataclass(frozen=True, slots=True)
class SignedLicence:
    """A licence as it was read, its signature not yet believed."""

    licence: Licence
    signature: str

    def text(self) -> str:
        """The normalised document."""
        folded = [self.signature[at : at + _FOLD] for at in range(0, len(self.signature), _FOLD)]
        return "\n".join([self.licence.text(), "", BEGIN, *folded, END, ""])


def parse(document: bytes | str) -> SignedLicence:
    """Read a document without believing it; :class:`LicenceMalformed` says in which line it is no licence.

    Where it was meant to be something else, it says what.
    """
    text = _decoded(document)
    if (what := what_it_is(text)) not in ("", LICENCE):
        raise LicenceMalformed(f"this is no licence: {what}")
    reader = _Reader(text)
    reader.exactly(TITLE)
    vendor, product, serial = (reader.field(label) for label in ("Vendor", "Product", "Serial"))
    number = reader.field("Licence", NUMBER, "letters, digits, dots, hyphens and underscores")
    issued = reader.date("Issued")
    expires = reader.date("Expires") if reader.next.startswith("Expires:") else None
    if expires is not None and expires < issued:
        raise reader.fault(f"the licence expires on {expires}, before it was issued on {issued}", back=1)
    reader.exactly("Features:")
    features = reader.features()
    reader.empty_lines()
    reader.exactly(BEGIN)
    signature = reader.signature()
    if reader.more:
        raise reader.fault(f"nothing may stand after {END}")
    licence = Licence(
        vendor=vendor,
        product=product,
        serial=serial,
        number=number,
        issued=issued,
        features=features,
        expires=expires,
    )
    return SignedLicence(licence, signature)


class _Reader:
    """The lines of a document, one after the other; the numbers are those that an editor shows."""

    def __init__(self, text: str) -> None:
        lines = [line.rstrip(" \t") for line in text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")]
        while lines and not lines[-1]:
            lines.pop()
        self._lines = lines
        self._at = 0
        while self.more and not self.next:
            self._at += 1

    @property
    def more(self) -> bool:
        return self._at < len(self._lines)

    @property
    def next(self) -> str:
        return self._lines[self._at] if self.more else ""

    def fault(self, text: str, *, back: int = 0) -> LicenceMalformed:
        return LicenceMalformed(f"line {self._at + 1 - back}: {text}")

    def exactly(self, text: str) -> None:
        if not self.more or self.next != text:
            raise self.fault(f"expected {text or 'an empty line'!r}, found {self._shown()}")
        self._at += 1

    def field(self, label: str, pattern: re.Pattern[str] | None = None, allowed: str = "") -> str:
        start = f"{label}: "
        if not self.next.startswith(start):
            raise self.fault(f"expected '{label}: ...', found {self._shown()}")
        value = self.next.removeprefix(start)
        if not is_plain(value):
            raise self.fault(f"{label} must be 1 to {TEXT_LENGTH} printable characters with single spaces between")
        if pattern is not None and pattern.fullmatch(value) is None:
            raise self.fault(f"{label} must be {allowed}, not {self._shown()}")
        self._at += 1
        return value

    def empty_lines(self) -> None:
        self.exactly("")
        while self.more and not self.next:
            self._at += 1

    def date(self, label: str) -> date:
        value = self.field(label, _DATE, "a date such as 2026-11-21")
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise self.fault(f"{label} names no day of the calendar: {value}", back=1) from None

    def features(self) -> tuple[str, ...]:
        found: dict[str, None] = {}
        while self.next.startswith("  "):
            name = self.next[2:]
            if FEATURE.fullmatch(name) is None:
                raise self.fault(f"expected a feature such as synth.losses, found {self._shown()}")
            if name in found:
                raise self.fault(f"the feature {name} stands here twice")
            found[name] = None
            self._at += 1
        if not found:
            raise self.fault(f"expected a feature after two spaces, found {self._shown()}")
        return tuple(found)

    def signature(self) -> str:
        lines = []
        while self.more and self.next != END:
            lines.append(self.next)
            self._at += 1
        self.exactly(END)
        token = "".join(lines)
        if _TOKEN.fullmatch(token) is None:
            raise self.fault("the signature above this line is damaged", back=1)
        return token

    def _shown(self) -> str:
        return repr(self.next[:60]) if self.more else "the end of the text"


def _decoded(document: bytes | str) -> str:
    if isinstance(document, str):
        document = document.encode("utf-8", "surrogatepass")
    if len(document) > SIZE:
        raise LicenceMalformed(f"a licence has at most {SIZE} bytes, this has {len(document)}")
    try:
        return document.decode()
    except UnicodeDecodeError as error:
        line = document.count(b"\n", 0, error.start) + 1
        raise LicenceMalformed(f"line {line}: byte {error.start} is not UTF-8 text") from None
