# SPDX-License-Identifier: GPL-2.0-only
"""Settings of ``dlms-explain`` and the arguments of its commands."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any

from meterhub_sdk import Config, Label, SecretName, field
from pydantic import AfterValidator, BeforeValidator, field_validator

from meterhub_dlms_explain.catalogue import parse_code
from meterhub_dlms_explain.octets import MOST_OCTETS
from meterhub_dlms_explain.protection import TITLE_LENGTH

MOST_CODES = 500


def _system_title(text: str) -> str:
    digits = text.replace(" ", "")
    try:
        octets = bytes.fromhex(digits)
    except ValueError:
        octets = b""
    if digits and len(octets) != TITLE_LENGTH:
        raise ValueError(
            f"{text[:40]!r} is not a system title; write its {TITLE_LENGTH} octets as 16 hexadecimal digits"
        )
    return digits.lower()


def _as_text(given: Any) -> Any:
    """The command line reads digits alone as a number; a whole one is still what was written."""
    if isinstance(given, float):
        raise ValueError(f"the hex came as the number {given}; write it with spaces between the octets")
    return str(given) if isinstance(given, int) and not isinstance(given, bool) else given


SystemTitle = Annotated[str, BeforeValidator(_as_text), AfterValidator(_system_title)]
"""Eight octets in hexadecimal, or nothing."""


def _code(text: str) -> str:
    parse_code(text)
    return text


class KeyRow(Config):
    """The keys of a meter whose ciphered frames are to be explained."""

    label: Label = field(title="Label", description="What the command calls these keys, such as meter-1.")
    encryption_key: SecretName = field(
        title="Encryption key",
        description="Secret with the global unicast encryption key, 32 hexadecimal digits (64 in suite 2).",
    )
    authentication_key: SecretName = field(
        title="Authentication key",
        description="Secret with the authentication key, 32 hexadecimal digits (64 in suite 2).",
    )
    system_titles: list[SystemTitle] = field(
        [],
        title="System titles",
        description="Of the meter and of its client, 16 hexadecimal digits each; for frames without their association.",
        max_length=16,
    )


class ExplainConfig(Config):
    """Explaining needs no settings; only ciphered frames need keys."""

    keys: list[KeyRow] = field([], title="Keys", description="For frames that are ciphered.", max_length=500)

    @field_validator("keys")
    @classmethod
    def _labels_differ(cls, keys: list[KeyRow]) -> list[KeyRow]:
        doubled = [label for label, count in Counter(row.label for row in keys).items() if count > 1]
        if doubled:
            raise ValueError(f"the label {doubled[0]!r} is given to two rows of keys; each needs one of its own")
        return keys


class FrameArguments(Config):
    """What to explain."""

    hex: Annotated[str, BeforeValidator(_as_text)] = field(
        title="Frames",
        description="HDLC frames, wrapper frames or APDUs in hexadecimal; a semicolon or an empty line ends an APDU.",
        max_length=8 * MOST_OCTETS,
    )
    keys: str = field(
        "", title="Keys", description="Label of the keys in the settings; ciphered frames only.", max_length=64
    )
    system_title: SystemTitle = field(
        "", title="System title", description="Of whoever sent the ciphered frames, 16 hexadecimal digits."
    )


class CodeArguments(Config):
    """One OBIS code."""

    code: Annotated[str, BeforeValidator(_as_text), AfterValidator(_code)] = field(
        title="OBIS code", description="Such as 1-0:1.8.0*255, 1.0.1.8.0.255 or 0100010800ff.", max_length=64
    )
    class_id: int = field(0, title="Class", description="COSEM interface class; 0 for any.", ge=0, le=65535)


class CodesArguments(Config):
    """Many OBIS codes."""

    codes: list[CodeArguments] = field(
        title="OBIS codes", description="Each with its class if that is known.", min_length=1, max_length=MOST_CODES
    )
