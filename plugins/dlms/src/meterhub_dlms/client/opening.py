"""How an association is opened: who we are, what both can do, and how it is protected from then on."""

from __future__ import annotations

import secrets
from typing import NamedTuple

from meterhub_dlms.client.credentials import Credentials
from meterhub_dlms.client.errors import AssociationRefused
from meterhub_dlms.client.exchange import Exchange
from meterhub_dlms.codec import acse, ciphering, hls, xdlms
from meterhub_dlms.codec.acse import AssociationResponse, Mechanism
from meterhub_dlms.codec.ciphering import KEY_LENGTH, TITLE_LENGTH, Ciphering, Keys, Wrapping
from meterhub_dlms.codec.hls import Parties, Secrets
from meterhub_dlms.codec.xdlms import Conformance, Initiate
from meterhub_dlms.counter_store import ReceivedCounter

MAX_PDU_SIZE = 0xFFFF
"""What we can receive, in bytes."""

PROPOSED_LN = (
    Conformance.GET
    | Conformance.SET
    | Conformance.ACTION
    | Conformance.SELECTIVE_ACCESS
    | Conformance.MULTIPLE_REFERENCES
    | Conformance.BLOCK_TRANSFER_WITH_GET
    | Conformance.BLOCK_TRANSFER_WITH_SET
    | Conformance.BLOCK_TRANSFER_WITH_ACTION
    | Conformance.GENERAL_BLOCK_TRANSFER
    | Conformance.PRIORITY
)
PROPOSED_SN = (
    Conformance.READ
    | Conformance.WRITE
    | Conformance.PARAMETERIZED_ACCESS
    | Conformance.MULTIPLE_REFERENCES
    | Conformance.BLOCK_TRANSFER_WITH_GET
    | Conformance.BLOCK_TRANSFER_WITH_SET
)

_CONTEXTS = {
    acse.CONTEXT_LN: "logical names",
    acse.CONTEXT_SN: "short names",
    acse.CONTEXT_LN_CIPHERED: "logical names with ciphering",
    acse.CONTEXT_SN_CIPHERED: "short names with ciphering",
}


class Opened(NamedTuple):
    """What the meter agreed to; ``parties`` is what passes 3 and 4 prove, ``None`` where there are none."""

    agreed: Initiate
    parties: Parties | None


class Opening:
    """Passes 1 and 2 of one association: the AARQ and its answer."""

    def __init__(self, exchange: Exchange, credentials: Credentials) -> None:
        self._exchange = exchange
        self._credentials = credentials
        self._high = credentials.mechanism in hls.HIGH
        self._challenge = hls.challenge(credentials.mechanism) if self._high else b""
        self._ciphering = self._new_ciphering()

    @property
    def secrets(self) -> Secrets:
        """What proves who we are."""
        return Secrets(self._credentials.password, self._credentials.keys, self._credentials.counter)

    async def run(self) -> Opened:
        """Ask, and check what is answered; :class:`AssociationRefused` with the reason when it will not do.

        From here on everything is ciphered where that was asked for.
        """
        self._exchange.channel.send(acse.encode_request(self._request()))
        response = acse.decode_response(await self._exchange.answer(acse.AARE))
        self._check(response)
        information = self._accept_ciphering(response)
        agreed = xdlms.decode_initiate_response(information)
        if not self._high:
            return Opened(agreed, None)
        own, theirs = self._challenge, response.authentication or b""
        return Opened(agreed, Parties(own, theirs, self._credentials.title, response.title))

    def _new_ciphering(self) -> Ciphering | None:
        credentials = self._credentials
        if credentials.protection is None or credentials.keys is None or credentials.counter is None:
            return None
        dedicated = secrets.token_bytes(KEY_LENGTH) if credentials.dedicated_key else b""
        keys = Keys(credentials.keys.encryption, credentials.keys.authentication, dedicated)
        protection, wrapping = credentials.protection, credentials.wrapping
        return Ciphering(credentials.title, keys, credentials.counter, protection, wrapping)

    def _request(self) -> acse.AssociationRequest:
        """The AARQ; its initiate request goes under the global key, whatever is agreed for later."""
        credentials, protecting = self._credentials, self._ciphering
        proposed = PROPOSED_SN if credentials.short_names else PROPOSED_LN
        if credentials.general_ciphering:
            proposed |= Conformance.GENERAL_PROTECTION
        key = protecting.keys.dedicated if protecting is not None else b""
        initiate = xdlms.encode_initiate_request(Initiate(proposed, MAX_PDU_SIZE, dedicated_key=key))
        if protecting is not None:
            initiate = protecting.protect(initiate, Wrapping.GLOBAL)
        value = self._challenge if self._high else credentials.password
        return acse.AssociationRequest(
            credentials.context, credentials.mechanism, value or None, initiate, credentials.calling_title
        )

    def _check(self, response: AssociationResponse) -> None:
        credentials = self._credentials
        if response.result != acse.Result.ACCEPTED:
            raise AssociationRefused(response.phrase)
        if response.context != credentials.context:
            raise AssociationRefused(
                f"it answered with application context {response.context}, not {_CONTEXTS[credentials.context]}"
            )
        if not self._high:
            return
        if response.authentication is None:
            raise AssociationRefused("it accepts us without a challenge, and so does not prove who it is")
        if response.mechanism not in (Mechanism.NONE, credentials.mechanism):
            raise AssociationRefused(
                f"it answered with authentication mechanism {response.mechanism}, not {credentials.mechanism}"
            )

    def _accept_ciphering(self, response: AssociationResponse) -> bytes:
        """The initiate response in clear; with ciphering, the meter's title is pinned from here on."""
        protecting, information = self._ciphering, response.user_information
        if protecting is None:
            return information
        if len(response.title) != TITLE_LENGTH:
            raise AssociationRefused(f"it tells a system title of {len(response.title)} bytes, not of {TITLE_LENGTH}")
        if information[:1] == bytes((xdlms.CONFIRMED_SERVICE_ERROR,)):
            raise AssociationRefused(xdlms.service_error_phrase(information))
        protecting.partner = response.title
        received = self._received_from(response.title)
        amnesty = self._credentials.amnesty
        if received is not None and not amnesty.granted:
            protecting.received[False] = received.highest
        plain = protecting.unprotect(information)
        if received is not None:
            received.keep(protecting.received[False], again=amnesty.granted)
            amnesty.granted = False
        self._exchange.protect(protecting, received)
        return plain

    def _received_from(self, title: bytes) -> ReceivedCounter | None:
        keys, counters = self._credentials.keys, self._credentials.counters
        if keys is None or counters is None or not self._credentials.keeps_received:
            return None
        return counters.received(keys.encryption, title)


def overhead(credentials: Credentials) -> int:
    """Bytes that ciphering adds to an APDU, at most."""
    if credentials.protection is None:
        return 0
    length = 3
    general = 1 + 1 + TITLE_LENGTH if credentials.general_ciphering else 1
    return general + length + ciphering.OVERHEAD
