"""Who this instance is: its serial number, its product, and the key of its event chain."""

from __future__ import annotations

import re
import secrets
import socket
from pathlib import Path

import msgspec

from meterhub.files import create_once, read_limited, read_private

PRODUCT = "meterhub"
SERIAL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{2,63}")
"""What a serial number may look like: ours is ``MH-`` and 12 hexadecimal digits, an integrator may have others."""

KEY_BYTES = 32
LIMIT = 4096


class IdentityError(Exception):
    """The identity cannot be read; the text is one sentence saying which file and what would do."""


class _Kept(msgspec.Struct):
    """The content of ``identity.json``."""

    product: str
    serial: str


class Identity:
    """The identity of the instance in ``home``, made at its first start and the same ever after.

    ``serial`` is what licences are bound to: the content of ``serial_file`` where an integrator put one (such as
    ``/etc/meterhub/serial``), else made at random and kept in ``<home>/identity.json``. ``event_key`` are 32 random
    bytes in ``<home>/event.key`` (mode 0600) for the hash chain of the event log; ``event_key_is_new`` tells that
    this start made them, so that the log begins a new chain and says so.

    ``IdentityError`` when a file is there but useless: a new serial number would void every licence silently.
    """

    product = PRODUCT

    def __init__(self, home: Path, serial_file: Path | None = None) -> None:
        given = _given_serial(serial_file) if serial_file is not None else None
        self.serial = given or _kept_serial(home / "identity.json")
        self.event_key, self.event_key_is_new = _event_key(home / "event.key")

    @property
    def host_name(self) -> str:
        """The name of the machine, as it is now."""
        return socket.gethostname()

    def __repr__(self) -> str:
        return f"<Identity {self.product} {self.serial}>"


def _given_serial(path: Path) -> str | None:
    try:
        text = read_limited(path, LIMIT).decode()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise IdentityError(f"the serial number in {path} cannot be read: {error}") from None
    return _checked(text.strip(), path)


def _kept_serial(path: Path) -> str:
    try:
        kept = msgspec.json.decode(read_limited(path, LIMIT), type=_Kept)
    except FileNotFoundError:
        kept = _Kept(PRODUCT, f"MH-{secrets.token_hex(6).upper()}")
        create_once(path, msgspec.json.format(msgspec.json.encode(kept), indent=2) + b"\n", 0o644)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise IdentityError(f"{path} cannot be read ({error}): restore it from a backup") from None
    return _checked(kept.serial, path)


def _checked(serial: str, path: Path) -> str:
    if SERIAL.fullmatch(serial) is None:
        raise IdentityError(
            f"the serial number in {path} must be 3 to 64 letters, digits, dots, hyphens or underscores, "
            f"not {serial[:80]!r}"
        )
    return serial


def _event_key(path: Path) -> tuple[bytes, bool]:
    try:
        key = read_private(path, LIMIT)
    except FileNotFoundError:
        key = secrets.token_bytes(KEY_BYTES)
        create_once(path, key)
        return key, True
    except OSError as error:
        raise IdentityError(f"{path} cannot be read: {error}") from None
    if len(key) != KEY_BYTES:
        raise IdentityError(f"{path} has {len(key)} bytes instead of {KEY_BYTES}: restore it from a backup")
    return key, False
