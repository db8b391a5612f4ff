"""What a text is that was given in place of a licence or a configuration, so that the refusal can say so."""

from __future__ import annotations

import json
from typing import Any

CONFIGURATION = "it is a configuration file"
_SIGNS = {
    "Meterhub licence": "it is a licence",
    "PRIVATE KEY-----": "it is a private key, which should stay where it was made",
    "-----BEGIN CERTIFICATE REQUEST": "it is a request for a certificate",
    "-----BEGIN CERTIFICATE": "it is a TLS certificate",
    "PK\x03\x04": "it is a zip file, such as the wheel of a plugin",
    "<!DOCTYPE": "it is a web page",
    "<html": "it is a web page",
    "<?xml": "it is an XML file",
    "%PDF-": "it is a PDF file",
    "PNG\r\n": "it is a picture",
    "JFIF": "it is a picture",
}
"""What stands near the beginning of a file, and what it is then."""
LICENCE = _SIGNS["Meterhub licence"]
_HEAD = 1024


def what_it_is(text: str) -> str:
    """The kind of a text as a clause, such as :data:`LICENCE`; empty when nothing tells it."""
    head = text[:_HEAD].removeprefix("\ufeff").lstrip()
    if not head:
        return "it is empty"
    sign = next((each for each in _SIGNS if each in head), None)
    if sign is not None:
        return _SIGNS[sign]
    return what_json_is(text) if head.startswith("{") else ""


def what_json_is(text: str) -> str:
    """The same of JSON."""
    try:
        found: Any = json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        return ""
    if "services" in found:
        return CONFIGURATION
    return "it is the public key of a publisher or a vendor" if "kid" in found else ""
