"""What becomes of a client's request for an association (IEC 62056-5-3, clause 7.3.7; Green Book 9.4.4)."""

from __future__ import annotations

import hmac

from meterhub_dlms.codec import acse, hls, xdlms
from meterhub_dlms.codec.acse import AssociationRequest, AssociationResponse, Diagnostic, Mechanism, Result
from meterhub_dlms.codec.ciphering import TITLE_LENGTH, Keys, SecurityError
from meterhub_dlms.codec.hls import Parties, Secrets
from meterhub_dlms.codec.xdlms import Conformance, Initiate, InitiateError
from meterhub_dlms.security import PROTECTIONS
from meterhub_dlms.server.association import Proof, ServerAssociation
from meterhub_dlms.server.client_settings import ClientAccess
from meterhub_dlms.server.shield import GROWTH, Shield
from meterhub_dlms.server.site import Served, Site, Visitor

_COMMON = Conformance.MULTIPLE_REFERENCES | Conformance.GENERAL_BLOCK_TRANSFER
_BLOCKS = Conformance.BLOCK_TRANSFER_WITH_GET | Conformance.BLOCK_TRANSFER_WITH_SET
OFFERED = (
    _COMMON
    | _BLOCKS
    | Conformance.GET
    | Conformance.SET
    | Conformance.ACTION
    | Conformance.BLOCK_TRANSFER_WITH_ACTION
    | Conformance.SELECTIVE_ACCESS
    | Conformance.PRIORITY
)
"""What is offered with logical names."""

OFFERED_SHORT = (
    _COMMON
    | _BLOCKS
    | Conformance.READ
    | Conformance.WRITE
    | Conformance.UNCONFIRMED_WRITE
    | Conformance.PARAMETERIZED_ACCESS
)
"""What is offered with short names."""

MIN_PDU_SIZE = 12
"""The smallest size of an APDU that a client may propose (IEC 62056-5-3, clause 8.2.2)."""

_LOGICAL = (acse.CONTEXT_LN, acse.CONTEXT_LN_CIPHERED)
_CIPHERED = (acse.CONTEXT_LN_CIPHERED, acse.CONTEXT_SN_CIPHERED)
_TITLED = (Mechanism.GMAC, Mechanism.SHA256)
"""The mechanisms whose proof takes the system titles."""


class AssociationDenied(Exception):
    """Why a request for an association is turned down, and the AARE that says so.

    ``guessed`` when a password was wrong, ``locked`` while the client is locked out.
    """

    def __init__(self, reason: str, response: bytes, *, guessed: bool = False, locked: bool = False) -> None:
        super().__init__(reason)
        self.response = response
        self.guessed = guessed
        self.locked = locked


class Negotiation:
    """One request for an association."""

    def __init__(self, site: Site, served: Served, visitor: Visitor, apdu: bytes) -> None:
        """Take the AARQ apart; ``CodecError`` when it is malformed."""
        self._site = site
        self._served = served
        self._visitor = visitor
        self._request: AssociationRequest = acse.decode_request(apdu)
        self._logical = self._request.context in _LOGICAL
        self._ciphered = self._request.context in _CIPHERED

    def conclude(self) -> tuple[ServerAssociation, bytes]:
        """A new association and its AARE; :class:`AssociationDenied` when the client may not have one.

        ``CodecError`` when the initiate request is malformed.
        """
        request, client = self._request, self._client()
        self._check_context(client)
        self._check_mechanism(client)
        shield = self._shield(client) if self._ciphered else None
        proposed = self._proposed(shield)
        self._check_password(client)
        offered = OFFERED if self._logical else OFFERED_SHORT
        common = proposed.conformance & (offered | Conformance.GENERAL_PROTECTION * (shield is not None))
        self._check_proposal(proposed, common, shield)
        answer = self._initiate_response(common, shield)
        proof, challenge, title = self._proof(client)
        agreed = Initiate(common, proposed.max_pdu_size)
        association = ServerAssociation(self._served, client, request, agreed, self._site, self._visitor, shield, proof)
        diagnostic = Diagnostic.NULL if proof is None else Diagnostic.AUTHENTICATION_REQUIRED
        response = AssociationResponse(
            request.context, Result.ACCEPTED, diagnostic, answer, title, client.mechanism, challenge
        )
        return association, acse.encode_response(response)

    # -- who it is --------------------------------------------------------------------------------

    def _client(self) -> ClientAccess:
        client = self._site.clients.get(self._visitor.client)
        if client is None:
            raise self._denied("no such client address in the settings", Diagnostic.NO_REASON_GIVEN)
        device = self._served.device.address
        if client.logical_devices and device not in client.logical_devices:
            raise self._denied(f"it may not use the logical device {device}", Diagnostic.NO_REASON_GIVEN)
        return client

    def _check_context(self, client: ClientAccess) -> None:
        request = self._request
        known = self._logical or request.context in (acse.CONTEXT_SN, acse.CONTEXT_SN_CIPHERED)
        wanted = "logical-names" if self._logical else "short-names"
        keys = self._site.credentials[client.address].keys
        if not known or client.referencing not in (wanted, "both") or (self._ciphered and keys is None):
            raise self._denied(f"application context {request.context}", Diagnostic.CONTEXT_NAME_NOT_SUPPORTED)
        if client.security != "none" and not self._ciphered:
            raise self._denied("it came in clear", Diagnostic.CONTEXT_NAME_NOT_SUPPORTED)
        if self._ciphered or client.mechanism is Mechanism.GMAC:
            self._check_title(client)

    def _check_title(self, client: ClientAccess) -> None:
        title = self._request.title
        expected = client.system_title
        if len(title) != TITLE_LENGTH or (expected and title.hex().upper() != expected):
            raise self._denied(f"system title {title.hex() or 'missing'}", Diagnostic.CALLING_TITLE_NOT_RECOGNIZED)
        if title == self._site.keyring.title:
            raise self._denied("it brought our own system title", Diagnostic.CALLING_TITLE_NOT_RECOGNIZED)

    def _check_mechanism(self, client: ClientAccess) -> None:
        request = self._request
        if request.mechanism == client.mechanism:
            return
        if request.mechanism == Mechanism.NONE:
            reason = "no password" if client.mechanism is Mechanism.PASSWORD else "no high-level security"
            raise self._denied(reason, Diagnostic.AUTHENTICATION_REQUIRED)
        raise self._denied(f"authentication mechanism {request.mechanism}", Diagnostic.MECHANISM_NOT_RECOGNISED)

    def _check_password(self, client: ClientAccess) -> None:
        """Low-level security; the attempt counts before the password is compared."""
        if client.mechanism is Mechanism.NONE:
            return
        throttle, visitor = self._site.throttle, self._visitor
        if throttle.locked(*visitor):
            raise self._locked()
        if client.mechanism is not Mechanism.PASSWORD:
            return
        if not throttle.attempt(*visitor):
            raise self._locked()
        given, expected = self._request.authentication or b"", self._site.credentials[client.address].password
        if not hmac.compare_digest(given, expected):
            raise self._denied("wrong password", Diagnostic.AUTHENTICATION_FAILURE, guessed=True)
        throttle.succeeded(*visitor)

    def _proof(self, client: ClientAccess) -> tuple[Proof | None, bytes | None, bytes]:
        """With high-level security what the client must prove, and our challenge; and the title for the AARE."""
        mechanism, request = client.mechanism, self._request
        titled = self._ciphered or bool(request.title) or mechanism in _TITLED
        title = self._site.keyring.title if titled else b""
        if mechanism not in hls.HIGH:
            return None, None, title
        told = request.authentication or b""
        if not hls.MIN_CHALLENGE <= len(told) <= hls.MAX_CHALLENGE:
            raise self._denied(f"a challenge of {len(told)} bytes", Diagnostic.AUTHENTICATION_FAILURE)
        credentials = self._site.credentials[client.address]
        counter = None if credentials.keys is None else self._site.keyring.counter(credentials.keys)
        challenge = hls.challenge(mechanism)
        parties = Parties(challenge, told, title, request.title)
        known = Secrets(credentials.password, credentials.keys, counter)
        return Proof(mechanism, parties, known, self._site, self._visitor), challenge, title

    # -- what is agreed on ------------------------------------------------------------------------

    def _shield(self, client: ClientAccess) -> Shield:
        keys: Keys | None = self._site.credentials[client.address].keys
        if keys is None:
            raise self._denied("no keys", Diagnostic.CONTEXT_NAME_NOT_SUPPORTED)
        proves = client.mechanism in hls.HIGH
        return Shield(self._site.keyring, keys, self._request.title, PROTECTIONS[client.security], proves=proves)

    def _proposed(self, shield: Shield | None) -> Initiate:
        """The initiate request; a ciphered one must be whole, new and from that client."""
        information = self._request.user_information
        if shield is None:
            return xdlms.decode_initiate_request(information)
        try:
            plain = shield.open(information)
        except SecurityError as error:
            raise self._denied(str(error), Diagnostic.AUTHENTICATION_FAILURE) from None
        proposed = xdlms.decode_initiate_request(plain)
        if proposed.dedicated_key:
            shield.use_dedicated(proposed.dedicated_key)
        return proposed

    def _check_proposal(self, proposed: Initiate, common: Conformance, shield: Shield | None) -> None:
        least = MIN_PDU_SIZE + (0 if shield is None else GROWTH + TITLE_LENGTH + 1)
        required = Conformance.GET if self._logical else Conformance.READ
        if proposed.version < xdlms.DLMS_VERSION:
            error = InitiateError.DLMS_VERSION_TOO_LOW
        elif required not in common:
            error = InitiateError.INCOMPATIBLE_CONFORMANCE
        elif 0 < proposed.max_pdu_size < least:
            error = InitiateError.PDU_SIZE_TOO_SHORT
        else:
            return
        information = xdlms.encode_initiate_error(error)
        protected = information if shield is None else shield.seal(information)
        raise self._denied(error.name.lower().replace("_", " "), Diagnostic.NO_REASON_GIVEN, protected)

    def _initiate_response(self, common: Conformance, shield: Shield | None) -> bytes:
        name = xdlms.VAA_LN if self._logical else xdlms.VAA_SN
        agreed = Initiate(common, self._served.device.max_pdu_size)
        response = xdlms.encode_initiate_response(agreed, name)
        return response if shield is None else shield.seal(response)

    def _locked(self) -> AssociationDenied:
        reason = "too many wrong passwords"
        response = self._response(Result.REJECTED_TRANSIENT, Diagnostic.AUTHENTICATION_FAILURE)
        return AssociationDenied(reason, response, locked=True)

    def _denied(
        self, reason: str, diagnostic: Diagnostic, information: bytes = b"", *, guessed: bool = False
    ) -> AssociationDenied:
        response = self._response(Result.REJECTED_PERMANENT, diagnostic, information)
        return AssociationDenied(reason, response, guessed=guessed)

    def _response(self, result: Result, diagnostic: Diagnostic, information: bytes = b"") -> bytes:
        context = self._request.context or acse.CONTEXT_LN
        return acse.encode_response(AssociationResponse(context, result, diagnostic, information))
