"""SET: one attribute, lists, and long values in blocks (IEC 62056-5-3, clause 7.3.4)."""

from __future__ import annotations

from collections.abc import Sequence

from meterhub_dlms.codec import axdr, ln, ln_set
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.codec.errors import CodecError
from meterhub_dlms.codec.ln import Attribute
from meterhub_dlms.codec.xdlms import AccessResult, Conformance, ServiceError
from meterhub_dlms.server.exchange import Exchange, NotServed

_LIST_OVERHEAD = 12
"""Bytes of a response with a list beside its results, at most."""


class SetService:
    """Answers SET requests."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def handle(self, apdu: bytes) -> bytes:
        """The answer to one SET, when it is done; ``CodecError`` when it is malformed, ``NotServed`` when refused."""
        self._exchange.require(Conformance.SET)
        request = ln_set.decode_request(apdu)
        if isinstance(request, ln_set.SetBlock):
            return await self._block(request)
        self._exchange.fresh()
        if isinstance(request, ln_set.SetList):
            self._require_list(len(request.attributes))
            return ln_set.encode_list_response(request.invoke, await self._set_all(request.attributes, request.data))
        if request.selective:
            return ln.encode_set_response(request.invoke, AccessResult.SCOPE_OF_ACCESS_VIOLATED)
        result = await self._exchange.access.set(request.attribute, request.data)
        return ln.encode_set_response(request.invoke, result)

    def _require_list(self, count: int) -> None:
        """Before anything is done: afterwards it would be too late to say that the answer is too long."""
        self._exchange.require(Conformance.MULTIPLE_REFERENCES)
        if count + _LIST_OVERHEAD > self._exchange.limit:
            raise NotServed(ServiceError.OTHER_REASON)

    async def _set_all(self, attributes: Sequence[Attribute], data: Sequence[Data]) -> list[AccessResult]:
        pairs = zip(attributes, data, strict=True)
        return [await self._exchange.access.set(attribute, value) for attribute, value in pairs]

    async def _block(self, block: ln_set.SetBlock) -> bytes:
        self._exchange.require(Conformance.BLOCK_TRANSFER_WITH_SET)
        pending = self._exchange.request
        if block.attributes:
            self._exchange.fresh()
            if block.with_list:
                self._require_list(len(block.attributes))
            pending.begin(block.attributes, with_list=block.with_list)
        refusal = pending.add(block.number, block.content)
        if refusal is not None:
            return ln_set.encode_last_block(block.invoke, block.number, refusal)
        if not block.last:
            return ln_set.encode_block_taken(block.invoke, block.number)
        attributes, with_list, content = pending.targets, pending.with_list, pending.complete()
        if not with_list:
            result = await self._set_whole(attributes[0], content)
            return ln_set.encode_last_block(block.invoke, block.number, result)
        results = await self._set_list(attributes, content)
        return ln_set.encode_list_last_block(block.invoke, block.number, results)

    async def _set_whole(self, attribute: Attribute, content: bytes) -> AccessResult:
        try:
            data = axdr.decode(content)
        except CodecError:
            return AccessResult.TYPE_UNMATCHED
        return await self._exchange.access.set(attribute, data)

    async def _set_list(self, attributes: Sequence[Attribute], content: bytes) -> list[AccessResult]:
        try:
            data, end = axdr.decode_values(content, 0, len(attributes), "attributes")
            if end != len(content):
                raise CodecError("bytes follow the values")
        except CodecError:
            return [AccessResult.TYPE_UNMATCHED] * len(attributes)
        return await self._set_all(attributes, data)
