"""What verifies and deciphers the pushes of one meter."""

from __future__ import annotations

from typing import NoReturn

from meterhub_sdk import Hub

from meterhub_dlms.codec.ciphering import KEY_LENGTH, TITLE_LENGTH, Ciphering, Keys, Protection
from meterhub_dlms.push.settings import PushMeter
from meterhub_dlms.security import PROTECTIONS, key_of

_NOBODY = bytes(TITLE_LENGTH)


def _never() -> NoReturn:
    raise AssertionError("nothing is ever sent to a meter that pushes")


async def ciphering_of(hub: Hub, meter: PushMeter) -> Ciphering | None:
    """The keys of a meter, or ``None`` when it sends in clear; ``ConfigError`` when a secret is no key."""
    if meter.encryption_key is None:
        return None
    encryption = key_of(meter.encryption_key, await hub.secret(meter.encryption_key))
    protection = PROTECTIONS[meter.protection]
    # Without an authentication key no tag can be right, and such a push is refused.
    authentication = bytes(KEY_LENGTH)
    if meter.authentication_key is not None:
        authentication = key_of(meter.authentication_key, await hub.secret(meter.authentication_key))
    title = bytes.fromhex(meter.system_title)
    return Ciphering(_NOBODY, Keys(encryption, authentication), _never, protection, partner=title)


def authenticates(ciphering: Ciphering) -> bool:
    """Whether what it lets through is known to be unchanged."""
    return Protection.AUTHENTICATED in ciphering.protection
