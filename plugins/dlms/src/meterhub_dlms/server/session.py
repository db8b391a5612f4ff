"""What one client asks over one connection, and what it is answered; bytes in, bytes out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from meterhub_sdk import NotDone, Refused, Value

from meterhub_dlms.codec import acse, ln, xdlms
from meterhub_dlms.codec.axdr import encode_length
from meterhub_dlms.codec.errors import CodecError
from meterhub_dlms.codec.xdlms import AccessResult, Conformance, ServiceError, StateError
from meterhub_dlms.server.association import AssociationDenied, ServerAssociation, negotiate
from meterhub_dlms.server.device import LogicalDevice
from meterhub_dlms.server.model import Answer
from meterhub_dlms.server.served import ServedPoint

MAX_ANSWER = 1 << 20
"""Bytes that the answer to one request may have in all, however many attributes were asked for."""

Write = Callable[[str, Value], Awaitable[None]]

_NOT_ASSOCIATED = xdlms.encode_exception(StateError.SERVICE_NOT_ALLOWED, ServiceError.OPERATION_NOT_POSSIBLE)
_NOT_SERVED = xdlms.encode_exception(StateError.SERVICE_UNKNOWN, ServiceError.SERVICE_NOT_SUPPORTED)
_TOO_LONG = xdlms.encode_exception(StateError.SERVICE_NOT_ALLOWED, ServiceError.OTHER_REASON)


@dataclass(slots=True)
class Counters:
    """What all sessions of a server count."""

    requests: int = 0
    errors: int = 0
    unavailable: int = 0
    refused: int = 0


class Session:
    """One client address on one connection.

    ``denied`` holds why the last request for an association was turned down, ``None`` after one that was not.
    """

    def __init__(self, device: LogicalDevice, client: int, write: Write, counters: Counters) -> None:
        self.association: ServerAssociation | None = None
        self.denied: str | None = None
        self._device = device
        self._client = client
        self._write = write
        self._counters = counters
        self._rest = memoryview(b"")
        self._block = 0

    async def handle(self, apdu: bytes) -> bytes:
        """The response to one request; garbage is answered with an exception response."""
        self._counters.requests += 1
        try:
            if apdu[0] == acse.AARQ:
                return self._associate(apdu)
            if apdu[0] == acse.RLRQ:
                self.association = None
                return acse.encode_release_response()
            return await self._serve(apdu)
        except CodecError:
            self._counters.errors += 1
            return _NOT_SERVED

    def _associate(self, apdu: bytes) -> bytes:
        self.association, self._rest = None, memoryview(b"")
        try:
            self.association, response = negotiate(self._device, self._client, apdu)
            self.denied = None
        except AssociationDenied as denied:
            self._counters.refused += 1
            self.denied = str(denied)
            return denied.response
        return response

    async def _serve(self, apdu: bytes) -> bytes:
        association = self.association
        if association is None:
            self._counters.errors += 1
            return _NOT_ASSOCIATED
        if apdu[0] == ln.GET_REQUEST:
            request = ln.decode_get_request(apdu)
            return (
                self._next(association, request) if isinstance(request, ln.GetNext) else self._get(association, request)
            )
        self._rest = memoryview(b"")
        if apdu[0] == ln.SET_REQUEST and Conformance.SET in association.conformance:
            return await self._set(association, ln.decode_set_request(apdu))
        if apdu[0] == ln.ACTION_REQUEST and Conformance.ACTION in association.conformance:
            return self._action(association, ln.decode_action_request(apdu))
        raise CodecError(f"the service {apdu[0]:#04x} is not served")

    # -- reading ----------------------------------------------------------------------------------

    def _get(self, association: ServerAssociation, request: ln.GetRequest) -> bytes:
        self._rest = memoryview(b"")
        if not request.with_list:
            answer = self._read(association, request.attributes[0], request.selective[0])
            response = ln.encode_get_response(request.invoke, answer)
            if len(response) <= association.answer_limit or isinstance(answer, AccessResult):
                return response
            return self._first_block(association, request.invoke, answer)
        if Conformance.MULTIPLE_REFERENCES not in association.conformance:
            raise CodecError("lists were not agreed on")
        results = self._read_list(association, request)
        head = bytes((ln.GET_RESPONSE, ln.WITH_LIST, request.invoke))
        if len(head) + len(results) <= association.answer_limit:
            return head + results
        return self._first_block(association, request.invoke, results)

    def _read_list(self, association: ServerAssociation, request: ln.GetRequest) -> bytes:
        size = 0
        parts = [encode_length(len(request.attributes))]
        for attribute, selective in zip(request.attributes, request.selective, strict=True):
            answer = self._read(association, attribute, selective) if size < MAX_ANSWER else AccessResult.OTHER_REASON
            parts.append(ln.encode_result(answer))
            size += len(parts[-1])
        return b"".join(parts)

    def _read(self, association: ServerAssociation, attribute: ln.Attribute, selective: bool) -> Answer:
        answer = AccessResult.SCOPE_OF_ACCESS_VIOLATED if selective else association.read(attribute)
        self._counters.unavailable += isinstance(answer, AccessResult)
        return answer

    def _first_block(self, association: ServerAssociation, invoke: int, content: bytes) -> bytes:
        if Conformance.BLOCK_TRANSFER_WITH_GET not in association.conformance:
            self._counters.errors += 1
            return _TOO_LONG
        self._rest, self._block = memoryview(content), 0
        return self._send_block(association, invoke)

    def _next(self, association: ServerAssociation, request: ln.GetNext) -> bytes:
        if not self._rest:
            return self._no_block(request, AccessResult.NO_LONG_GET_IN_PROGRESS)
        if request.block != self._block:
            return self._no_block(request, AccessResult.DATA_BLOCK_NUMBER_INVALID)
        return self._send_block(association, request.invoke)

    def _send_block(self, association: ServerAssociation, invoke: int) -> bytes:
        size = max(1, association.answer_limit - ln.BLOCK_OVERHEAD)
        content, self._rest = bytes(self._rest[:size]), self._rest[size:]
        self._block += 1
        return ln.encode_get_block(invoke, ln.Block(not self._rest, self._block, content))

    def _no_block(self, request: ln.GetNext, reason: AccessResult) -> bytes:
        self._rest = memoryview(b"")
        self._counters.errors += 1
        return ln.encode_get_block(request.invoke, ln.Block(True, request.block, reason))

    # -- writing and methods ----------------------------------------------------------------------

    async def _set(self, association: ServerAssociation, request: ln.SetRequest) -> bytes:
        result = self._writable(association, request)
        if isinstance(result, ServedPoint):
            result = await self._write_point(result, request)
        return ln.encode_set_response(request.invoke, result)

    def _writable(self, association: ServerAssociation, request: ln.SetRequest) -> ServedPoint | AccessResult:
        found = association.find(request.attribute)
        if isinstance(found, AccessResult):
            return found
        if request.selective:
            return AccessResult.SCOPE_OF_ACCESS_VIOLATED
        if not association.may_write or request.attribute.number != 2 or found.served is None:
            return AccessResult.READ_WRITE_DENIED
        return found.served

    async def _write_point(self, point: ServedPoint, request: ln.SetRequest) -> AccessResult:
        try:
            value = point.value(request.data)
        except ValueError:
            return AccessResult.TYPE_UNMATCHED
        try:
            await self._write(point.point, value)
        except NotDone:
            return AccessResult.OTHER_REASON
        except Refused:
            return AccessResult.READ_WRITE_DENIED
        return AccessResult.SUCCESS

    def _action(self, association: ServerAssociation, request: ln.ActionRequest) -> bytes:
        """No object of this device has a method that may be called."""
        found = association.find(request.method)
        result = found if isinstance(found, AccessResult) else AccessResult.READ_WRITE_DENIED
        return ln.encode_action_response(request.invoke, result)
