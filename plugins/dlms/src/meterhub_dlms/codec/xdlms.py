"""xDLMS (IEC 62056-5-3): conformance, initiation, results and the APDUs that every association has."""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import NamedTuple, Self

from meterhub_dlms.codec.axdr import decode_octets, encode_octets
from meterhub_dlms.codec.errors import CodecError

DLMS_VERSION = 6
VAA_LN = 0x0007
"""The variable name of the initiate response with logical name referencing (clause 8.2.2)."""

VAA_SN = 0xFA00
"""The same with short name referencing: the base name of the current association."""

INITIATE_REQUEST, INITIATE_RESPONSE, CONFIRMED_SERVICE_ERROR = 0x01, 0x08, 0x0E
EXCEPTION_RESPONSE = 0xD8

_CONFORMANCE_HEADER = b"\x5f\x1f\x04\x00"


class Conformance(IntFlag):
    """What a side can do: the conformance block of clause 7.3.1, its bit 0 written first."""

    GENERAL_PROTECTION = 1 << 22
    GENERAL_BLOCK_TRANSFER = 1 << 21
    READ = 1 << 20
    WRITE = 1 << 19
    UNCONFIRMED_WRITE = 1 << 18
    ATTRIBUTE_0_WITH_SET = 1 << 15
    PRIORITY = 1 << 14
    ATTRIBUTE_0_WITH_GET = 1 << 13
    BLOCK_TRANSFER_WITH_GET = 1 << 12
    BLOCK_TRANSFER_WITH_SET = 1 << 11
    BLOCK_TRANSFER_WITH_ACTION = 1 << 10
    MULTIPLE_REFERENCES = 1 << 9
    INFORMATION_REPORT = 1 << 8
    DATA_NOTIFICATION = 1 << 7
    ACCESS = 1 << 6
    PARAMETERIZED_ACCESS = 1 << 5
    GET = 1 << 4
    SET = 1 << 3
    SELECTIVE_ACCESS = 1 << 2
    EVENT_NOTIFICATION = 1 << 1
    ACTION = 1


class ServiceResult(IntEnum):
    """A result code of a service; every kind of them has ``OTHER_REASON`` (250)."""

    @classmethod
    def of(cls, code: int) -> Self:
        """The result with this code; one the standard does not know counts as other-reason."""
        try:
            return cls(code)
        except ValueError:
            return cls(250)

    @property
    def phrase(self) -> str:
        """For people: ``object-undefined (4)``."""
        return f"{self.name.lower().replace('_', '-')} ({self.value})"


class AccessResult(ServiceResult):
    """Data-access-result: why one item was not read or written (clause 8.2.7)."""

    SUCCESS = 0
    HARDWARE_FAULT = 1
    TEMPORARY_FAILURE = 2
    READ_WRITE_DENIED = 3
    OBJECT_UNDEFINED = 4
    OBJECT_CLASS_INCONSISTENT = 9
    OBJECT_UNAVAILABLE = 11
    TYPE_UNMATCHED = 12
    SCOPE_OF_ACCESS_VIOLATED = 13
    DATA_BLOCK_UNAVAILABLE = 14
    LONG_GET_ABORTED = 15
    NO_LONG_GET_IN_PROGRESS = 16
    LONG_SET_ABORTED = 17
    NO_LONG_SET_IN_PROGRESS = 18
    DATA_BLOCK_NUMBER_INVALID = 19
    OTHER_REASON = 250


class StateError(IntEnum):
    """The first half of an exception response."""

    SERVICE_NOT_ALLOWED = 1
    SERVICE_UNKNOWN = 2


class ServiceError(IntEnum):
    """The second half of an exception response."""

    OPERATION_NOT_POSSIBLE = 1
    SERVICE_NOT_SUPPORTED = 2
    OTHER_REASON = 3
    PDU_TOO_LONG = 4
    DECIPHERING_ERROR = 5
    INVOCATION_COUNTER_ERROR = 6


class InitiateError(IntEnum):
    """Why an initiation was refused (ServiceError, choice ``initiate``)."""

    OTHER = 0
    DLMS_VERSION_TOO_LOW = 1
    INCOMPATIBLE_CONFORMANCE = 2
    PDU_SIZE_TOO_SHORT = 3
    REFUSED_BY_VDE_HANDLER = 4


class Initiate(NamedTuple):
    """Initiate request or response: what a side proposes, or what was agreed.

    ``max_pdu_size`` in bytes is what the sender of this can receive; 0 means no limit. A request may carry a
    ``dedicated_key`` for this association alone, and must then be ciphered.
    """

    conformance: Conformance
    max_pdu_size: int
    version: int = DLMS_VERSION
    dedicated_key: bytes = b""


def encode_initiate_request(initiate: Initiate) -> bytes:
    """An initiate request with confirmed services."""
    key = initiate.dedicated_key
    head = bytes((INITIATE_REQUEST, 1)) + encode_octets(key) if key else bytes((INITIATE_REQUEST, 0))
    return head + bytes((0, 0, initiate.version)) + _encode_agreement(initiate)


def decode_initiate_request(apdu: bytes) -> Initiate:
    """An initiate request; a quality of service is read over. ``CodecError`` when malformed."""
    try:
        if apdu[0] != INITIATE_REQUEST:
            raise CodecError(f"tag {apdu[0]:#04x} is no initiate request")
        key, place = decode_octets(apdu, 2) if apdu[1] else (b"", 2)
        place += 2 if apdu[place] else 1  # response-allowed
        place += 2 if apdu[place] else 1  # proposed-quality-of-service
        return _decode_agreement(apdu, place)._replace(dedicated_key=key)
    except IndexError:
        raise CodecError("the initiate request is cut off") from None


def encode_initiate_response(initiate: Initiate, variable_name: int = VAA_LN) -> bytes:
    """An initiate response; ``variable_name`` says whether objects go by logical or by short names."""
    agreement = _encode_agreement(initiate)
    return bytes((INITIATE_RESPONSE, 0, initiate.version)) + agreement + variable_name.to_bytes(2, "big")


def decode_initiate_response(apdu: bytes) -> Initiate:
    """An initiate response; ``CodecError`` when it is malformed or an error instead."""
    try:
        if apdu[0] == CONFIRMED_SERVICE_ERROR:
            raise CodecError(f"the initiation failed: {service_error_phrase(apdu)}")
        if apdu[0] != INITIATE_RESPONSE:
            raise CodecError(f"tag {apdu[0]:#04x} is no initiate response")
        return _decode_agreement(apdu, 3 if apdu[1] else 2)
    except IndexError:
        raise CodecError("the initiate response is cut off") from None


def _encode_agreement(initiate: Initiate) -> bytes:
    conformance = int(initiate.conformance).to_bytes(3, "big")
    return _CONFORMANCE_HEADER + conformance + initiate.max_pdu_size.to_bytes(2, "big")


def _decode_agreement(apdu: bytes, place: int) -> Initiate:
    """Version, conformance and size; some stacks leave out the second byte of the conformance tag."""
    version, place = apdu[place], place + 1
    if apdu[place : place + 4] == _CONFORMANCE_HEADER:
        place += 4
    elif apdu[place : place + 3] == b"\x5f\x04\x00":
        place += 3
    else:
        raise CodecError("the conformance block is malformed")
    if len(apdu) < place + 5:
        raise CodecError("the conformance block is cut off")
    conformance = Conformance(int.from_bytes(apdu[place : place + 3], "big"))
    return Initiate(conformance, int.from_bytes(apdu[place + 3 : place + 5], "big"), version)


def encode_initiate_error(error: InitiateError) -> bytes:
    """A confirmed service error that refuses the initiation."""
    return bytes((CONFIRMED_SERVICE_ERROR, 0x01, 0x06, error))


def encode_exception(state: StateError, service: ServiceError, counter: int | None = None) -> bytes:
    """An exception response: the request could not be served at all.

    With an invocation counter error goes the lowest ``counter`` that will do (clause 7.3.12).
    """
    tail = b"" if counter is None else counter.to_bytes(4, "big")
    return bytes((EXCEPTION_RESPONSE, state, service)) + tail


def service_error_phrase(apdu: bytes) -> str:
    """For people: what an exception response or a confirmed service error says."""
    if apdu[:1] == bytes((EXCEPTION_RESPONSE,)) and len(apdu) >= 3:
        return f"exception, state error {apdu[1]}, service error {apdu[2]}"
    if apdu[1:3] == b"\x01\x06" and len(apdu) >= 4 and apdu[3] <= max(InitiateError):
        return InitiateError(apdu[3]).name.lower().replace("_", "-")
    return f"service error {apdu[1:].hex() or 'without a reason'}"
