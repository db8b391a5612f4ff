"""What the ill-treated process serves: every server of the plugins, on ports of their own."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from meterhub_sdk.testing import free_port

TITLE, KEYS = bytes.fromhex("4d48420000000001"), (bytes(range(16)), bytes(range(0xD0, 0xE0)))
"""Of the meter whose pushes nobody else can make."""
READINGS = {"d/energy": 1_234_567, "d/voltage": 231, "d/relay": True, "d/text": "twenty letters or so"}
_FORMATS = ("u16", "i16", "u32", "i32", "i64", "f32", "f64", "string[8]", "bool")


def certificate() -> tuple[str, str]:
    """A certificate for localhost, signed by itself, and its key; PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = x509.CertificateBuilder(
        issuer_name=name,
        subject_name=name,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=now - datetime.timedelta(days=1),
        not_valid_after=now + datetime.timedelta(days=1),
    ).sign(key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return made.public_bytes(pem).decode(), secret.decode()


@dataclass
class Plan:
    """Everything that the process is told; ``ports`` are those to knock at, by what is behind them."""

    directory: Path
    host: str = "127.0.0.1"
    serial: dict[str, dict[str, Any]] = field(default_factory=dict)
    services: dict[str, dict[str, Any]] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)

    def whole(self) -> Plan:
        """With every server."""
        chain, key = certificate()
        self.secrets |= {"chain": chain, "key": key, "p": "5EC4E700", "e": KEYS[0].hex(), "a": KEYS[1].hex()}
        self._modbus()
        self._dlms()
        self._push()
        self._iec104()
        self._forwarding()
        return self

    @property
    def tcp_ports(self) -> list[int]:
        """All ports that take connections."""
        return [port for what, port in self.ports.items() if not what.endswith("udp")]

    def document(self) -> dict[str, Any]:
        """For the process."""
        return {
            "directory": str(self.directory),
            "services": self.services,
            "serial": self.serial,
            "secrets": self.secrets,
            "readings": READINGS,
        }

    def _port(self, what: str) -> int:
        return self.ports.setdefault(what, free_port())

    def _line(self, label: str) -> str | None:
        return label if label in self.serial else None

    def _modbus(self) -> None:
        rows: list[dict[str, Any]] = [{"point": "d/energy", "bank": "holding", "address": 0, "format": "u32"}]
        rows += [
            {"point": "d/relay", "bank": "coils", "address": n, "format": "bool", "writable": True} for n in (0, 1)
        ]
        rows += [
            {"point": f"w/{number}", "bank": "holding", "address": 10 + 4 * number, "format": kind, "writable": True}
            for number, kind in enumerate(_FORMATS)
        ]
        rows += [{"point": "d/slow", "bank": "holding", "address": 60, "format": "u16", "writable": True}]
        rows += [{"point": "d/voltage", "bank": "input", "address": 0, "format": "f32", "quality_address": 2}]
        served = {"host": self.host, "connections": 16, "groups": [{"label": "g", "stale": "last", "rows": rows[-1:]}]}
        served["groups"] += [{"label": "h", "stale": "sentinel", "rows": rows[:-1]}]
        tls = {"tls_certificate": "chain", "tls_key": "key"}
        line = {"serial_port": self._line("rtu"), "turnaround": 1}
        self.services["modbus-server"] = {**served, "port": self._port("modbus"), **line}
        self.services["modbus-server@tls"] = {**served, "port": self._port("modbus-tls"), **tls}
        device = {"label": "m", "rows": [{"label": "energy", "bank": "holding", "address": 0, "type": "u32"}]}
        device["rows"] += [
            {"label": f"w{number}", "bank": "holding", "address": 10 + 4 * number, "type": kind, "writable": True}
            for number, kind in enumerate(("u16", "i32", "f32", "f64"))
        ]
        device["values"] = [{"label": "energy", "value": READINGS["d/energy"]}]
        self.services["modbus-simulator"] = {"host": self.host, "port": self._port("simulator"), "devices": [device]}

    def _dlms(self) -> None:
        rights = {"referencing": "both", "rights": "read and write"}
        clients = [{"address": 16, **rights}, {"address": 32, **rights, "authentication": "password", "password": "p"}]
        energy, voltage = "1-1:1.8.0*255", "1-1:32.7.0*255"
        objects = [
            {"logical_name": energy, "point": "d/energy", "unit": "Wh", "writable": True},
            {"logical_name": voltage, "point": "d/voltage", "unit": "V", "scaler": -1, "data_type": "long-unsigned"},
            {"logical_name": "0-0:96.1.0*255", "point": "d/text", "class_id": 1, "data_type": "octet-string"},
        ]
        columns = [{"logical_name": "0-0:1.0.0*255"}, {"logical_name": energy}]
        self.services["dlms-server"] = {
            "host": self.host,
            "port": self._port("dlms"),
            "hdlc_port": self._port("dlms-hdlc"),
            "serial_port": self._line("hdlc"),
            "connections": 16,
            "clients": clients,
            "objects": objects,
            "profiles": [{"columns": columns, "period": 10, "on_change": ["d/energy"]}],
            "disconnect": [{"state_point": "d/relay", "command_point": "d/relay"}],
        }

    def _push(self) -> None:
        places = [
            {"label": "a", "source": "1-0:1.8.0*255", "unit": "Wh"},
            {"label": "b", "source": "#2.1", "type": "str"},
        ]
        self.services["dlms-push"] = {
            "host": self.host,
            "tcp_port": self._port("push"),
            "udp_port": self._port("push-udp"),
            "rate": 10_000,
            "meters": [
                {"label": "plain", "host": "127.0.0.0/8", "zone": "Europe/Warsaw", "mappings": places},
                {"label": "keyed", "system_title": TITLE.hex(), "encryption_key": "e", "authentication_key": "a"},
            ],
        }

    def _iec104(self) -> None:
        rows = [{"point": "d/energy", "type": "M_ME_NC", "ioa": 1}, {"point": "d/relay", "type": "M_SP", "ioa": 2}]
        served = {"host": self.host, "connections": 16, "groups": [{"label": "g", "rows": rows}]}
        tls = {"tls_certificate": "chain", "tls_key": "key"}
        self.services["iec104-server"] = {**served, "port": self._port("iec104")}
        self.services["iec104-server@tls"] = {**served, "port": self._port("iec104-tls"), **tls}

    def _forwarding(self) -> None:
        listen = {"kind": "tcp-listen", "host": self.host, "max_clients": 16}
        pairs = [("watch", "there", "back"), ("stream", "stream", "stream-far")]
        channels = [
            {"label": label, "endpoints": [{**listen, "port": self._port(f"forwarding-{end}")} for end in ends]}
            for label, *ends in pairs
        ]
        secure = {**listen, "port": self._port("forwarding-tls"), "tls_certificate": "chain", "tls_key": "key"}
        channels += [{"label": "secure", "endpoints": [secure, {**listen, "port": self._port("forwarding-clear")}]}]
        if self._line("meter"):
            serial = {"kind": "serial", "port": "meter", "follow_mode_e": True}
            channels += [{"label": "bus", "endpoints": [{**listen, "port": self._port("forwarding-bus")}, serial]}]
        self.services["forwarding"] = {"channels": channels}
