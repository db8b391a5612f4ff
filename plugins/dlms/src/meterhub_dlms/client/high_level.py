"""High-level security, passes 3 and 4: both sides prove that they know the secret (Green Book 9.2.7.4)."""

from __future__ import annotations

from meterhub_dlms.client.errors import AssociationRefused
from meterhub_dlms.client.request import Referencing
from meterhub_dlms.codec import hls
from meterhub_dlms.codec.acse import Mechanism
from meterhub_dlms.codec.hls import Parties, Secrets


async def prove(services: Referencing, mechanism: Mechanism, parties: Parties, known: Secrets) -> None:
    """Prove who we are and have the meter do the same.

    :class:`AssociationRefused` when it does not, ``SecurityError`` when what it says is wrong. Landis+Gyr's own
    mechanism is the exception: its meters answer that our proof is right, and need not prove anything.
    """
    one_way = mechanism is Mechanism.MANUFACTURER
    theirs = await services.reply_to_hls(hls.proof(mechanism, parties, known), one_way=one_way)
    if theirs is not None:
        hls.verify(mechanism, parties, known, theirs)
    elif not one_way:
        raise AssociationRefused("it does not prove that it knows the secret")
