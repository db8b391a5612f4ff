"""What all services say in their settings about security: how one proves who it is, how messages are protected."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from meterhub_sdk import ConfigError
from pydantic import AfterValidator

from meterhub_dlms.codec.acse import Mechanism
from meterhub_dlms.codec.ciphering import KEY_LENGTH, TITLE_LENGTH, Protection

Authentication = Literal["none", "password", "md5", "sha1", "sha256", "gmac", "landis-gyr"]
Security = Literal["none", "authenticated", "encrypted", "authenticated and encrypted"]

MECHANISMS: Mapping[Authentication, Mechanism] = {
    "none": Mechanism.NONE,
    "password": Mechanism.PASSWORD,
    "md5": Mechanism.MD5,
    "sha1": Mechanism.SHA1,
    "sha256": Mechanism.SHA256,
    "gmac": Mechanism.GMAC,
    "landis-gyr": Mechanism.MANUFACTURER,
}
"""Authentication of the settings as mechanism of the standard (IEC 62056-5-3, clause 7.2)."""

PROTECTIONS: Mapping[Security, Protection] = {
    "none": Protection(0),
    "authenticated": Protection.AUTHENTICATED,
    "encrypted": Protection.ENCRYPTED,
    "authenticated and encrypted": Protection.BOTH,
}
"""Security of the settings as protection of suite 0."""

_KEY = re.compile(rf"[0-9A-Fa-f]{{{2 * KEY_LENGTH}}}", re.ASCII)
_TITLE = re.compile(rf"[0-9A-Fa-f]{{{2 * TITLE_LENGTH}}}", re.ASCII)


def key_of(name: str, text: str) -> bytes:
    """The key of suite 0 that the secret ``name`` holds as ``text``: 16 bytes, blanks between the digits allowed.

    ``ConfigError`` names the secret and never tells it.
    """
    digits = "".join(text.split())
    if _KEY.fullmatch(digits) is None:
        raise ConfigError(
            f"the secret {name!r} is no key: it takes {2 * KEY_LENGTH} hexadecimal digits, "
            f"{len(digits)} characters are there"
        )
    return bytes.fromhex(digits)


def _check_title(text: str) -> str:
    if text and _TITLE.fullmatch(text) is None:
        raise ValueError(f"{text[:40]!r} is no system title; write {2 * TITLE_LENGTH} hexadecimal digits")
    return text.upper()


SystemTitle = Annotated[str, AfterValidator(_check_title)]
"""A system title in hexadecimal digits, or nothing."""
