"""Read, Write and UnconfirmedWrite with short names, lists and blocks (IEC 62056-5-3, clause 7.3.6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from meterhub_dlms.codec import axdr, sn
from meterhub_dlms.codec.axdr import Data, encode, encode_length
from meterhub_dlms.codec.errors import CodecError
from meterhub_dlms.codec.ln import Attribute, Block
from meterhub_dlms.codec.ln_action import ActionOutcome, ActionResult
from meterhub_dlms.codec.xdlms import AccessResult, Conformance
from meterhub_dlms.server.access import Selector
from meterhub_dlms.server.blocks import Part
from meterhub_dlms.server.cosem import Answer, CosemObject
from meterhub_dlms.server.exchange import MAX_ANSWER, Exchange
from meterhub_dlms.server.names import DeviceNames, Target

_BLOCK_OVERHEAD = 12
"""Bytes of a response with a block beside its content, at most."""

_READ_BLOCKS, _WRITE_BLOCKS = Conformance.BLOCK_TRANSFER_WITH_GET, Conformance.BLOCK_TRANSFER_WITH_SET


class ShortNameService:
    """Answers requests with short names; ``own`` holds those of the current association."""

    def __init__(self, exchange: Exchange, names: DeviceNames, own: Mapping[int, Target]) -> None:
        self._exchange = exchange
        self._names = names
        self._own = own

    async def handle(self, apdu: bytes) -> bytes | None:
        """The answer, or ``None`` where none is wanted; ``CodecError`` when malformed, ``NotServed`` when refused."""
        if apdu[0] == sn.READ_REQUEST:
            self._exchange.require(Conformance.READ)
            return await self._read_request(sn.decode_read_request(apdu))
        confirmed = apdu[0] != sn.UNCONFIRMED_WRITE_REQUEST
        self._exchange.require(Conformance.WRITE if confirmed else Conformance.UNCONFIRMED_WRITE)
        results = await self._write_request(sn.decode_write_request(apdu))
        return sn.encode_write_response(results) if confirmed else None

    # -- reading ----------------------------------------------------------------------------------

    async def _read_request(self, items: Sequence[sn.Specification]) -> bytes:
        first = items[0]
        if isinstance(first, sn.NextBlock):
            _alone(items)
            return self._next(first.number)
        if isinstance(first, sn.RequestBlock):
            _alone(items)
            return await self._read_block(first)
        self._exchange.fresh()
        return await self._read_all(items)

    async def _read_block(self, block: sn.RequestBlock) -> bytes:
        self._exchange.require(_READ_BLOCKS)
        refusal = self._exchange.take_part(block.number, block.content)
        if refusal is not None:
            return sn.encode_read_response([refusal])
        if not block.last:
            return sn.encode_read_response([sn.NextBlock(block.number)])
        whole = bytes((sn.READ_REQUEST,)) + self._exchange.request.complete()
        return await self._read_all(sn.decode_read_request(whole))

    async def _read_all(self, items: Sequence[sn.Specification]) -> bytes:
        if len(items) > 1:
            self._exchange.require(Conformance.MULTIPLE_REFERENCES)
        size = 0
        parts = [encode_length(len(items))]
        for item in items:
            answer = await self._read(item) if size < MAX_ANSWER else AccessResult.OTHER_REASON
            parts.append(sn.encode_read_result(answer))
            size += len(parts[-1])
        content = b"".join(parts)
        if 1 + len(content) <= self._exchange.limit:
            return bytes((sn.READ_RESPONSE,)) + content
        self._exchange.require_blocks(_READ_BLOCKS)
        return _encode_block(self._exchange.answer.begin(content, self._exchange.limit - _BLOCK_OVERHEAD))

    def _next(self, number: int) -> bytes:
        part = self._exchange.answer.following(number, self._exchange.limit - _BLOCK_OVERHEAD)
        return sn.encode_read_response([part]) if isinstance(part, AccessResult) else _encode_block(part)

    async def _read(self, item: sn.Specification) -> Answer:
        if not isinstance(item, sn.Variable):
            raise CodecError("a block stands in a list")
        found = self._resolve(item.name)
        if found is None:
            return AccessResult.OBJECT_UNDEFINED
        wanted, is_method = found
        if is_method:
            return _returned(await self._exchange.access.call(wanted, item.parameter))
        selector: Selector | None = None
        if item.selector is not None and item.parameter is not None:
            if Conformance.PARAMETERIZED_ACCESS not in self._exchange.conformance:
                return AccessResult.SCOPE_OF_ACCESS_VIOLATED
            selector = item.selector, item.parameter
        return await self._exchange.access.read(wanted, selector)

    # -- writing ----------------------------------------------------------------------------------

    async def _write_request(self, request: sn.WriteRequest) -> list[AccessResult | sn.NextBlock]:
        first = request.items[0]
        if isinstance(first, sn.WriteBlockHead):
            _alone(request.items)
            return await self._write_block(first, request.data[0])
        self._exchange.fresh()
        return await self._write_all(request)

    async def _write_block(self, head: sn.WriteBlockHead, data: Data) -> list[AccessResult | sn.NextBlock]:
        self._exchange.require(_WRITE_BLOCKS)
        if data.tag != axdr.OCTET_STRING:
            raise CodecError("a block of a Write is no octet string")
        refusal = self._exchange.take_part(head.number, data.value)
        if refusal is not None:
            return [refusal]
        if not head.last:
            return [sn.NextBlock(head.number)]
        whole = bytes((sn.WRITE_REQUEST,)) + self._exchange.request.complete()
        return await self._write_all(sn.decode_write_request(whole))

    async def _write_all(self, request: sn.WriteRequest) -> list[AccessResult | sn.NextBlock]:
        if len(request.items) > 1:
            self._exchange.require(Conformance.MULTIPLE_REFERENCES)
        pairs = zip(request.items, request.data, strict=True)
        return [await self._write(item, data) for item, data in pairs]

    async def _write(self, item: sn.Specification, data: Data) -> AccessResult:
        if not isinstance(item, sn.Variable):
            raise CodecError("a block stands in a list")
        found = self._resolve(item.name)
        if found is None:
            return AccessResult.OBJECT_UNDEFINED
        wanted, is_method = found
        if is_method:
            return AccessResult.of((await self._exchange.access.call(wanted, data)).result)
        if item.selector is not None:
            return AccessResult.SCOPE_OF_ACCESS_VIOLATED
        return await self._exchange.access.set(wanted, data)

    def _resolve(self, name: int) -> tuple[Attribute, bool] | None:
        """The attribute or method that a short name stands for in this association."""
        target = self._own.get(name) or self._names.target(name)
        if target is None:
            return None
        found: CosemObject | None = self._exchange.access.known(target.logical_name)
        if found is None:
            return None
        return Attribute(found.class_id, target.logical_name, target.number), target.is_method


def _returned(outcome: ActionOutcome) -> Answer:
    """What a method returned, in place of an attribute's value."""
    if outcome.result is not ActionResult.SUCCESS:
        return AccessResult.of(outcome.result)
    if isinstance(outcome.returned, AccessResult):
        return outcome.returned
    return encode(outcome.returned or Data(axdr.NULL, None))


def _alone(items: Sequence[sn.Specification]) -> None:
    if len(items) != 1:
        raise CodecError("a block stands in a list")


def _encode_block(part: Part) -> bytes:
    return sn.encode_read_response([Block(*part)])
