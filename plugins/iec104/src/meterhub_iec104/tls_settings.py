"""Where masters connect: local addresses, and TLS after IEC 62351-3, as IEC 62351-5 asks of IEC 60870-5-104."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated, Any

from meterhub_sdk.tls import TlsServer
from pydantic import AfterValidator, StringConstraints, model_validator

TLS_PORT = 19_998
"""The port registered for IEC 60870-5-104 over TLS; without it is 2404."""


def _address(text: str) -> str:
    try:
        ip_address(text)
    except ValueError:
        raise ValueError(f"{text!r} is no IP address; give one of this device's, or 0.0.0.0 or :: for all") from None
    return text


IpAddress = Annotated[str, StringConstraints(max_length=64), AfterValidator(_address)]
"""A local IP address; a link-local one with its interface, fe80::1%eth0."""


class TlsSettings(TlsServer):
    """The fields of TLS; where they are used and no port is given, it is the one registered for that."""

    @model_validator(mode="before")
    @classmethod
    def _usual_port(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("tls_certificate") is not None and "port" not in given:
            return {**given, "port": TLS_PORT}
        return given
