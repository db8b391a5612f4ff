"""TLS in the settings of a service: the same words wherever a port or a connection is protected."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal, Self

from meterhub_sdk.config import Config, SecretName, field
from pydantic import AfterValidator, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

_FINGERPRINT = re.compile(r"[0-9a-f]{64}")


def _fingerprint(text: str) -> str:
    plain = text.replace(":", "").replace(" ", "").lower()
    if not _FINGERPRINT.fullmatch(plain):
        raise ValueError(
            f"{text[:80]!r} is no SHA-256 fingerprint; give its 64 hexadecimal digits, as "
            "`openssl x509 -noout -fingerprint -sha256` shows them"
        )
    return plain


Fingerprint = Annotated[str, AfterValidator(_fingerprint), field(title="SHA-256 fingerprint", max_length=128)]
"""The SHA-256 fingerprint of a certificate, 64 hexadecimal digits; colons and capitals are taken and left out."""

TlsVersion = Literal["1.2", "1.3"]


class TlsEnd(Config):
    """What both ends of a connection have: an own identity, and rules for the other side's.

    A settings class inherits it (through :class:`TlsServer` or :class:`TlsClient`) beside its own fields; forms show
    the fields of TLS behind the one named in ``tls_behind``.
    """

    tls_behind: ClassVar[str] = "port"

    tls_certificate: SecretName | None = field(
        None, title="TLS certificate", description="Secret with the own certificate chain as PEM; empty for none."
    )
    tls_key: SecretName | None = field(
        None, title="TLS key", description="Secret with the private key of the certificate as PEM, without a password."
    )
    tls_authority: SecretName | None = field(None, title="TLS authority")
    tls_pinned: SecretName | None = field(
        None,
        title="TLS pinned certificates",
        description="Secret with the certificates of the other side as PEM: only these are accepted, whoever signed "
        "them.",
    )
    tls_pins: list[Fingerprint] = field(
        [],
        title="TLS pinned fingerprints",
        description="SHA-256 fingerprints of the certificates of the other side: only these are accepted, and those of "
        "the pinned certificates.",
        max_length=100,
    )
    tls_revocation_list: SecretName | None = field(
        None,
        title="TLS revocation list",
        description="Secret with the certificate revocation lists (CRL) of the authority as PEM; set it again whenever "
        "there is a newer one.",
    )
    tls_minimum: TlsVersion = field("1.2", title="TLS version at least")

    @property
    def tls_secrets(self) -> tuple[str, ...]:
        """The names of the secrets given."""
        given = (self.tls_certificate, self.tls_key, self.tls_authority, self.tls_pinned, self.tls_revocation_list)
        return tuple(name for name in given if name is not None)

    @property
    def tls_whose(self) -> str:
        """What the settings protect, at the beginning of a sentence: empty, or with a blank behind it."""
        title = getattr(self, "title", "")
        return f"{title} has " if title else ""

    @model_validator(mode="after")
    def _whole_identity(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError(f"{self.tls_whose}only one of TLS certificate and TLS key; give both, or neither")
        if self.tls_revocation_list is not None and self.tls_authority is None:
            raise ValueError(
                f"{self.tls_whose}a TLS revocation list, which needs the TLS authority that signed it; give it too"
            )
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Show what is inherited behind the port that it protects, not before everything else."""
        schema = handler(core)
        shown: dict[str, Any] = handler.resolve_ref_schema(schema).get("properties", {})
        names = sorted((name for name in shown if name.startswith("tls")), key=lambda name: name != "tls")
        own = {name: shown.pop(name) for name in names}
        rest = dict(shown)
        shown.clear()
        for name, described in rest.items():
            shown[name] = described
            if name == cls.tls_behind:
                shown |= own
        shown |= own
        return schema


class TlsServer(TlsEnd):
    """TLS of a port that others connect to: with a certificate the port takes TLS only, without one none."""

    tls_certificate: SecretName | None = field(
        None,
        title="TLS certificate",
        description="Secret with the server's certificate chain as PEM; empty for no TLS. With it the port takes TLS "
        "1.2 or 1.3 only.",
    )
    tls_authority: SecretName | None = field(
        None,
        title="TLS authority of the clients",
        description="Secret with the certificates, as PEM, of which one must have signed a client's certificate; "
        "empty: clients need none, unless some are pinned.",
    )

    @model_validator(mode="after")
    def _rules_for_clients(self) -> Self:
        asked = [*self.tls_pins, self.tls_authority, self.tls_pinned]
        if self.tls_certificate is None and any(rule is not None for rule in asked):
            raise ValueError(
                f"{self.tls_whose}rules for the certificates of clients: a TLS authority needs the server's own TLS "
                "certificate and TLS key, and so do pinned clients; give them too"
            )
        if self.tls_pins and self.tls_authority is None and self.tls_pinned is None:
            raise ValueError(
                f"{self.tls_whose}pinned fingerprints of clients alone, with which their certificates cannot be asked "
                "for; give the TLS authority that signed them, or the TLS pinned certificates themselves"
            )
        return self

    @property
    def tls_wanted(self) -> bool:
        """Whether the port takes TLS."""
        return self.tls_certificate is not None

    @property
    def tls_checks_peers(self) -> bool:
        """Whether clients must show a certificate."""
        return self.tls_authority is not None or self.tls_pinned is not None


class TlsClient(TlsEnd):
    """TLS of a connection to another machine."""

    tls: bool = field(False, title="TLS")
    tls_authority: SecretName | None = field(
        None,
        title="TLS authority",
        description="Secret with the authority's certificate as PEM; empty: the pinned ones, else the system's.",
    )

    @model_validator(mode="after")
    def _only_with_tls(self) -> Self:
        rules = (self.tls_certificate, self.tls_pinned, self.tls_revocation_list, *self.tls_pins)
        if not self.tls and any(rule is not None for rule in rules):
            raise ValueError(
                f"{self.tls_whose}a TLS certificate or rules for the other side's, and TLS switched off; switch it on, "
                "or leave them out"
            )
        return self

    @property
    def tls_wanted(self) -> bool:
        """Whether the connection uses TLS."""
        return self.tls
