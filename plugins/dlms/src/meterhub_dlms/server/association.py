"""The server's side of one association: who it is, what was agreed, what it sees."""

from __future__ import annotations

import hmac

from meterhub_dlms.codec import acse, axdr, xdlms
from meterhub_dlms.codec.acse import AssociationRequest, AssociationResponse, Diagnostic, Mechanism, Result
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.codec.ln import Attribute
from meterhub_dlms.codec.xdlms import AccessResult, Conformance, Initiate, InitiateError
from meterhub_dlms.server import model
from meterhub_dlms.server.device import LogicalDevice
from meterhub_dlms.server.settings import ASSOCIATION_NAME, ClientAccess

OFFERED = (
    Conformance.GET
    | Conformance.SET
    | Conformance.ACTION
    | Conformance.MULTIPLE_REFERENCES
    | Conformance.BLOCK_TRANSFER_WITH_GET
    | Conformance.PRIORITY
)
UNLIMITED = 0xFFFF
MIN_PDU_SIZE = 12
"""The smallest size of an APDU that a client may propose (IEC 62056-5-3, clause 8.2.2)."""

_ASSOCIATED = 2


class AssociationDenied(Exception):
    """Why a request for an association is turned down, and the AARE that says so."""

    def __init__(self, reason: str, response: bytes) -> None:
        super().__init__(reason)
        self.response = response


class ServerAssociation:
    """An open association of one client."""

    def __init__(self, device: LogicalDevice, client: ClientAccess, agreed: Initiate) -> None:
        self.client = client
        self.conformance = agreed.conformance
        self.answer_limit = agreed.max_pdu_size or UNLIMITED
        """Bytes that one response may have: what the client can receive."""
        self.may_write = client.rights == "read and write"
        self._device = device
        self._itself = self._association_object()
        self._list: bytes | None = None

    def find(self, attribute: Attribute) -> model.CosemObject | AccessResult:
        """The object that an attribute or method belongs to, or why there is none."""
        name = attribute.logical_name
        found = self._itself if name == ASSOCIATION_NAME else self._device.objects.get(name)
        if found is None:
            return AccessResult.OBJECT_UNDEFINED
        return found if found.class_id == attribute.class_id else AccessResult.OBJECT_CLASS_INCONSISTENT

    def read(self, attribute: Attribute) -> model.Answer:
        """One attribute, encoded, or why not."""
        found = self.find(attribute)
        if isinstance(found, AccessResult):
            return found
        reader = found.attributes.get(attribute.number)
        return AccessResult.READ_WRITE_DENIED if reader is None else reader()

    def _association_object(self) -> model.FixedObject:
        """Current association, class 15 version 0; its secret (attribute 7) cannot be read."""
        mechanism = Mechanism.PASSWORD if self.client.authentication == "password" else Mechanism.NONE
        conformance = Data(axdr.BIT_STRING, f"{int(self.conformance):024b}")
        sizes = [Data(axdr.UINT16, self._device.max_pdu_size), Data(axdr.UINT16, self.answer_limit)]
        rest = [Data(axdr.UINT8, xdlms.DLMS_VERSION), Data(axdr.INT8, 0), Data(axdr.OCTET_STRING, b"")]
        partners = [Data(axdr.INT8, self.client.address), Data(axdr.UINT16, self._device.address)]
        return model.FixedObject(
            15,
            ASSOCIATION_NAME,
            [
                self._object_list,
                Data(axdr.STRUCTURE, partners),
                Data(axdr.OCTET_STRING, acse.context_name(acse.CONTEXT_LN)),
                Data(axdr.STRUCTURE, [conformance, *sizes, *rest]),
                Data(axdr.OCTET_STRING, acse.mechanism_name(mechanism)),
                lambda: AccessResult.READ_WRITE_DENIED,
                Data(axdr.ENUM, _ASSOCIATED),
            ],
        )

    def _object_list(self) -> bytes:
        if self._list is None:
            objects = [self._itself, *self._device.objects.values()]
            rows = [model.object_list_row(shown, may_write=self.may_write) for shown in objects]
            self._list = axdr.encode(Data(axdr.ARRAY, rows))
        return self._list


def negotiate(device: LogicalDevice, address: int, apdu: bytes) -> tuple[ServerAssociation, bytes]:
    """A new association and its AARE.

    :class:`AssociationDenied` when the client may not have one, ``CodecError`` when the AARQ is malformed.
    """
    request = acse.decode_request(apdu)
    if request.context != acse.CONTEXT_LN:
        raise _denied(f"application context {request.context}", Diagnostic.CONTEXT_NAME_NOT_SUPPORTED)
    client = device.clients.get(address)
    if client is None:
        raise _denied("no such client address in the settings", Diagnostic.NO_REASON_GIVEN)
    _authenticate(device, client, request)
    proposed = xdlms.decode_initiate_request(request.user_information)
    common = proposed.conformance & OFFERED
    error = _objection(proposed, common)
    if error is not None:
        information = xdlms.encode_initiate_error(error)
        raise _denied(error.name.lower().replace("_", " "), Diagnostic.NO_REASON_GIVEN, information)
    answer = xdlms.encode_initiate_response(Initiate(common, device.max_pdu_size))
    response = AssociationResponse(acse.CONTEXT_LN, Result.ACCEPTED, Diagnostic.NULL, answer)
    association = ServerAssociation(device, client, Initiate(common, proposed.max_pdu_size))
    return association, acse.encode_response(response)


def _objection(proposed: Initiate, common: Conformance) -> InitiateError | None:
    if proposed.version < xdlms.DLMS_VERSION:
        return InitiateError.DLMS_VERSION_TOO_LOW
    if Conformance.GET not in common:
        return InitiateError.INCOMPATIBLE_CONFORMANCE
    if 0 < proposed.max_pdu_size < MIN_PDU_SIZE:
        return InitiateError.PDU_SIZE_TOO_SHORT
    return None


def _authenticate(device: LogicalDevice, client: ClientAccess, request: AssociationRequest) -> None:
    if client.authentication == "none":
        if request.mechanism != Mechanism.NONE:
            raise _denied(f"authentication mechanism {request.mechanism}", Diagnostic.MECHANISM_NOT_RECOGNISED)
        return
    if request.mechanism == Mechanism.NONE:
        raise _denied("no password", Diagnostic.AUTHENTICATION_REQUIRED)
    if request.mechanism != Mechanism.PASSWORD:
        raise _denied(f"authentication mechanism {request.mechanism}", Diagnostic.MECHANISM_NOT_RECOGNISED)
    if not hmac.compare_digest(request.authentication or b"", device.passwords[client.address]):
        raise _denied("wrong password", Diagnostic.AUTHENTICATION_FAILURE)


def _denied(reason: str, diagnostic: Diagnostic, information: bytes = b"") -> AssociationDenied:
    response = AssociationResponse(acse.CONTEXT_LN, Result.REJECTED_PERMANENT, diagnostic, information)
    return AssociationDenied(reason, acse.encode_response(response))
