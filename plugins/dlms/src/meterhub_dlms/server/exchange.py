"""What the services of one association share: what was agreed on, and the answers and requests in blocks."""

from __future__ import annotations

from collections.abc import Callable

from meterhub_dlms.codec import xdlms
from meterhub_dlms.codec.xdlms import AccessResult, Conformance, ServiceError, StateError
from meterhub_dlms.server.access import Access
from meterhub_dlms.server.blocks import LongAnswer, LongRequest

MAX_ANSWER = 1 << 20
"""Bytes that the answer to one list may have in all, however many attributes were asked for."""


class NotServed(Exception):
    """A request that cannot be served as a whole; ``response`` says so to the client."""

    def __init__(self, service: ServiceError) -> None:
        state = StateError.SERVICE_UNKNOWN if service is ServiceError.SERVICE_NOT_SUPPORTED else None
        super().__init__(service.name)
        self.response = xdlms.encode_exception(state or StateError.SERVICE_NOT_ALLOWED, service)


class Exchange:
    """One association's side of every service; ``limit`` gives the bytes that the next answer may have."""

    def __init__(self, access: Access, conformance: Conformance, limit: Callable[[], int]) -> None:
        self.access = access
        self.answer = LongAnswer()
        self.request = LongRequest()
        self.conformance = conformance
        self._limit = limit

    @property
    def limit(self) -> int:
        """Bytes that the next answer may have."""
        return self._limit()

    def require(self, *bits: Conformance) -> None:
        """:class:`NotServed` unless all these were agreed on."""
        if any(bit not in self.conformance for bit in bits):
            raise NotServed(ServiceError.SERVICE_NOT_SUPPORTED)

    def require_blocks(self, kind: Conformance) -> None:
        """:class:`NotServed` when an answer is too long and blocks were not agreed on."""
        if kind not in self.conformance:
            raise NotServed(ServiceError.OTHER_REASON)

    def take_part(self, number: int, content: bytes) -> AccessResult | None:
        """A part of a long request with short names, of which number 1 begins a new one; or why it is refused."""
        if number == 1:
            self.fresh()
            self.request.begin()
        return self.request.add(number, content)

    def fresh(self) -> None:
        """Another request came: what was left of the ones before is forgotten."""
        self.answer.forget()
        self.request.forget()
