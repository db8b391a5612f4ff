"""GET: one attribute, lists, and long answers in blocks (IEC 62056-5-3, clause 7.3.3)."""

from __future__ import annotations

from meterhub_dlms.codec import ln
from meterhub_dlms.codec.axdr import encode_length
from meterhub_dlms.codec.selection import decode_selectors
from meterhub_dlms.codec.xdlms import AccessResult, Conformance
from meterhub_dlms.server.access import Selector
from meterhub_dlms.server.blocks import Part
from meterhub_dlms.server.cosem import Answer
from meterhub_dlms.server.exchange import MAX_ANSWER, Exchange


class GetService:
    """Answers GET requests."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def handle(self, apdu: bytes) -> bytes:
        """The answer to one GET; ``CodecError`` when it is malformed, ``NotServed`` when it cannot be answered."""
        self._exchange.require(Conformance.GET)
        request = ln.decode_get_request(apdu)
        if isinstance(request, ln.GetNext):
            return self._next(request)
        self._exchange.fresh()
        if request.with_list:
            return await self._list(request, decode_selectors(apdu))
        selector = decode_selectors(apdu)[0] if request.selective[0] else None
        answer = await self._read(request.attributes[0], selector)
        response = ln.encode_get_response(request.invoke, answer)
        if len(response) <= self._exchange.limit or isinstance(answer, AccessResult):
            return response
        return self._first_block(request.invoke, answer)

    async def _list(self, request: ln.GetRequest, selectors: list[Selector | None]) -> bytes:
        self._exchange.require(Conformance.MULTIPLE_REFERENCES)
        size = 0
        parts = [encode_length(len(request.attributes))]
        for attribute, selector in zip(request.attributes, selectors, strict=True):
            answer = await self._read(attribute, selector) if size < MAX_ANSWER else AccessResult.OTHER_REASON
            parts.append(ln.encode_result(answer))
            size += len(parts[-1])
        results = b"".join(parts)
        head = bytes((ln.GET_RESPONSE, ln.WITH_LIST, request.invoke))
        if len(head) + len(results) <= self._exchange.limit:
            return head + results
        return self._first_block(request.invoke, results)

    async def _read(self, attribute: ln.Attribute, selector: Selector | None) -> Answer:
        if selector is not None and Conformance.SELECTIVE_ACCESS not in self._exchange.conformance:
            return AccessResult.SCOPE_OF_ACCESS_VIOLATED
        return await self._exchange.access.read(attribute, selector)

    def _first_block(self, invoke: int, content: bytes) -> bytes:
        self._exchange.require_blocks(Conformance.BLOCK_TRANSFER_WITH_GET)
        return _block(invoke, self._exchange.answer.begin(content, self._block_size))

    def _next(self, request: ln.GetNext) -> bytes:
        part = self._exchange.answer.following(request.block, self._block_size)
        if isinstance(part, AccessResult):
            return ln.encode_get_block(request.invoke, ln.Block(True, request.block, part))
        return _block(request.invoke, part)

    @property
    def _block_size(self) -> int:
        return self._exchange.limit - ln.BLOCK_OVERHEAD


def _block(invoke: int, part: Part) -> bytes:
    return ln.encode_get_block(invoke, ln.Block(*part))
