"""The secrets of the clients: passwords and keys, fetched once and checked."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from meterhub_sdk import ConfigError, Hub

from meterhub_dlms.codec.ciphering import Keys
from meterhub_dlms.codec.hls import LANDIS_LENGTH
from meterhub_dlms.security import key_of
from meterhub_dlms.server.client_settings import ClientAccess

MAX_PASSWORD = 64
"""Bytes of a password, at most: what fits the calling authentication value of an AARQ."""


class Credentials(NamedTuple):
    """What one client must know."""

    password: bytes = b""
    keys: Keys | None = None

    def __repr__(self) -> str:
        """Never the secrets."""
        return "Credentials(...)"


async def load_credentials(hub: Hub, clients: Iterable[ClientAccess]) -> dict[int, Credentials]:
    """The credentials by client address; ``ConfigError`` when a secret was never set or cannot be what it should."""
    return {client.address: await _load(hub, client) for client in clients}


async def _load(hub: Hub, client: ClientAccess) -> Credentials:
    password = b"" if client.password is None else await _password(hub, client, client.password)
    if client.encryption_key is None or client.authentication_key is None:
        return Credentials(password)
    encryption = key_of(client.encryption_key, await hub.secret(client.encryption_key))
    authentication = key_of(client.authentication_key, await hub.secret(client.authentication_key))
    return Credentials(password, Keys(encryption, authentication))


async def _password(hub: Hub, client: ClientAccess, name: str) -> bytes:
    password = (await hub.secret(name)).encode()
    if client.authentication == "landis-gyr":
        password = password.upper()
        if re.fullmatch(rb"[0-9A-F]{%d}" % (LANDIS_LENGTH - 1), password) is None:
            raise ConfigError(f"the secret {name!r} is no Landis+Gyr password: it has 7 hexadecimal digits")
    if not 1 <= len(password) <= MAX_PASSWORD:
        raise ConfigError(f"the secret {name!r} has {len(password)} bytes; a password has 1 to {MAX_PASSWORD}")
    return password
