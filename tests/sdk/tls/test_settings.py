"""Settings of TLS: what cannot be, in which words, and how they stand among the others."""

from __future__ import annotations

import pytest
from meterhub_sdk import Config, TcpPort, field
from meterhub_sdk.config import references
from meterhub_sdk.tls import TlsClient, TlsServer
from pydantic import ValidationError

TLS = {"tls_certificate": "chain", "tls_key": "key"}
PIN = "ab" * 32


class Port(TlsServer):
    host: str = field("::", title="Listen on")
    port: TcpPort = field(title="TCP port")
    clients: int = field(1, title="Clients")

    @property
    def title(self) -> str:
        return f"TCP port {self.port}"


@pytest.mark.parametrize(
    ("kind", "given", "words"),
    [
        (TlsServer, {"tls_key": "k"}, "only one of TLS certificate and TLS key"),
        (TlsServer, {"tls_certificate": "c"}, "only one of TLS certificate and TLS key"),
        (TlsServer, {"tls_authority": "a"}, "a TLS authority needs"),
        (TlsServer, {"tls_pinned": "a"}, "pinned clients"),
        (TlsServer, {**TLS, "tls_pins": [PIN]}, "pinned fingerprints of clients alone"),
        (TlsServer, {**TLS, "tls_revocation_list": "crl"}, "needs the TLS authority"),
        (TlsServer, {**TLS, "tls_authority": "a", "tls_pins": ["ab:cd"]}, "is no SHA-256 fingerprint"),
        (TlsServer, {**TLS, "tls_minimum": "1.1"}, "tls_minimum"),
        (TlsClient, {"tls_pinned": "a"}, "TLS switched off"),
        (TlsClient, {"tls": True, "tls_key": "k"}, "only one of TLS certificate and TLS key"),
        (Port, {"port": 5, "tls_key": "k"}, "TCP port 5 has only one of"),
    ],
)
def test_settings_that_cannot_be(kind, given, words):
    with pytest.raises(ValidationError, match=words):
        kind(**given)


def test_fingerprints_are_taken_as_openssl_shows_them():
    shown = ":".join(["AB"] * 32)
    assert TlsServer(**TLS, tls_authority="a", tls_pins=[shown, PIN]).tls_pins == [PIN, PIN]


def test_forms_show_them_behind_the_port():
    names = list(Port.model_json_schema()["properties"])
    assert (names[:2], names[-1]) == (["host", "port"], "clients")
    assert all(name.startswith("tls_") for name in names[2:-1])


def test_forms_show_them_behind_the_port_of_a_row_too():
    class Several(Config):
        ports: list[Port] = field(title="Ports")

    assert list(Several.model_json_schema()["$defs"]["Port"]["properties"])[:3] == ["host", "port", "tls_certificate"]


def test_every_secret_is_known_as_one():
    given = Port(port=5, **TLS, tls_authority="a", tls_pinned="p", tls_revocation_list="crl")
    assert {found.value for found in references(given) if found.reference.kind == "secret"} == {
        *("chain", "key", "a", "p", "crl")
    }
    assert set(given.tls_secrets) == {"chain", "key", "a", "p", "crl"}
