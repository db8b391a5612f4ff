"""Files that are given in the wrong place: what the refusal says that they are."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

import pytest
from meterhub_sdk import Refused

from meterhub.config.document import read_exported
from meterhub.licensing.text import parse
from meterhub.licensing.vendor import issue, new_vendor

CONFIGURATION = json.dumps({"format": 1, "services": {}})
CERTIFICATE = "Bag Attributes\n-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "it is empty"),
        ("\ufeff  \n", "it is empty"),
        (CERTIFICATE, "it is a TLS certificate"),
        (CERTIFICATE.replace("CERTIFICATE", "PRIVATE KEY"), "it is a private key, which should stay where it was made"),
        (CERTIFICATE.replace("CERTIFICATE", "CERTIFICATE REQUEST"), "it is a request for a certificate"),
        (b"\x89PNG\r\n\x1a\n\xff".decode(errors="replace"), "it is a picture"),
        ("PK\x03\x04\x14", "it is a zip file, such as the wheel of a plugin"),
        ("\n<!DOCTYPE html><html></html>", "it is a web page"),
        ('{"kid": "acme-2026", "x": "0CZ0"}', "it is the public key of a publisher or a vendor"),
    ],
)
def test_both_say_what_it_is(text: str, told: str) -> None:
    with pytest.raises(Refused, match=f"^this is no licence: {told}$"):
        parse(text)
    with pytest.raises(Refused, match=f"^this is no configuration file: {told}$"):
        read_exported(text.encode())


def test_each_is_known_in_the_place_of_the_other(tmp_path: Path) -> None:
    vendor = new_vendor("ACME Metering", tmp_path)
    licence = issue(vendor, serial="MH-1", number="7", features=["acme.x"], issued=datetime.date(2026, 1, 2))
    with pytest.raises(Refused, match=r"^this is no configuration file: it is a licence$"):
        read_exported(licence.encode())
    with pytest.raises(Refused, match=r"^this is no licence: it is a configuration file$"):
        parse(CONFIGURATION)


@pytest.mark.parametrize(
    ("read", "text", "told"),
    [
        (parse, "Meterhub licence\nSeller: ACME", "line 2: expected"),
        (parse, "hello", "line 1: expected 'Meterhub licence', found 'hello'"),
        (lambda text: read_exported(text.encode()), '{"services": []}', "Expected `object`, got `array`"),
        (lambda text: read_exported(text.encode()), '{"services": ', "truncated"),
    ],
)
def test_where_it_is_meant_or_nothing_is_known_of_it_the_place_of_the_fault_is_told(read, text, told) -> None:
    with pytest.raises(Refused) as refused:
        read(text)
    assert told in str(refused.value)
