"""The three bytes of the LLC sub-layer before each APDU in HDLC (IEC 62056-46, clause 5.3)."""

from __future__ import annotations

REQUEST = b"\xe6\xe6\x00"
"""Before what a client sends."""

RESPONSE = b"\xe6\xe7\x00"
"""Before what a server sends."""

LENGTH = 3
