"""ACTION: one method, lists, and long calls and answers in blocks (IEC 62056-5-3, clause 7.3.5)."""

from __future__ import annotations

from collections.abc import Sequence

from meterhub_dlms.codec import axdr, ln, ln_action, ln_action_list
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.codec.errors import CodecError
from meterhub_dlms.codec.ln import Attribute
from meterhub_dlms.codec.ln_action import ActionBlock, ActionOutcome, ActionResult
from meterhub_dlms.codec.ln_action_list import LIST_FIRST_BLOCK, WITH_LIST, ListFirstBlock
from meterhub_dlms.codec.xdlms import AccessResult, Conformance
from meterhub_dlms.server.blocks import Part
from meterhub_dlms.server.exchange import Exchange

_LISTS = frozenset({WITH_LIST, LIST_FIRST_BLOCK})


class ActionService:
    """Answers ACTION requests."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def handle(self, apdu: bytes) -> bytes:
        """The answer to one ACTION, when it is done; ``CodecError`` when malformed, ``NotServed`` when refused."""
        self._exchange.require(Conformance.ACTION)
        if apdu[1:2] and apdu[1] in _LISTS:
            return await self._list(ln_action_list.decode_action_list(apdu))
        request = ln_action.decode_request(apdu)
        if isinstance(request, ln_action.NextBlock):
            return self._next(request)
        if isinstance(request, ActionBlock):
            return await self._block(request)
        self._exchange.fresh()
        return self._answer(request.invoke, await self._exchange.access.call(request.method, request.data))

    async def _list(self, request: ln_action_list.ActionList | ListFirstBlock) -> bytes:
        self._exchange.require(Conformance.MULTIPLE_REFERENCES)
        self._exchange.fresh()
        if isinstance(request, ListFirstBlock):
            self._exchange.require(Conformance.BLOCK_TRANSFER_WITH_ACTION)
            self._exchange.request.begin(request.methods, with_list=True)
            return await self._add(ActionBlock(request.invoke, request.last, request.number, request.content))
        return self._answer_list(request.invoke, await self._call_all(request.methods, request.data))

    async def _block(self, block: ActionBlock) -> bytes:
        self._exchange.require(Conformance.BLOCK_TRANSFER_WITH_ACTION)
        if block.method is not None:
            self._exchange.fresh()
            self._exchange.request.begin([block.method])
        return await self._add(block)

    async def _add(self, block: ActionBlock) -> bytes:
        """Take a block of a long call, and do it once it is complete."""
        pending = self._exchange.request
        refusal = pending.add(block.number, block.content)
        if refusal is not None:
            return ln_action.encode_response(block.invoke, ActionOutcome(_result_of(refusal)))
        if not block.last:
            return ln_action.encode_response_next(block.invoke, block.number)
        methods, with_list, content = pending.targets, pending.with_list, pending.complete()
        if with_list:
            return self._answer_list(block.invoke, await self._call_list(methods, content))
        return self._answer(block.invoke, await self._call_whole(methods[0], content))

    async def _call_whole(self, method: Attribute, content: bytes) -> ActionOutcome:
        try:
            data = axdr.decode(content)
        except CodecError:
            return ActionOutcome(ActionResult.TYPE_UNMATCHED)
        return await self._exchange.access.call(method, data)

    async def _call_list(self, methods: Sequence[Attribute], content: bytes) -> list[ActionOutcome]:
        try:
            data = ln_action_list.decode_parameters(content, len(methods))
        except CodecError:
            return [ActionOutcome(ActionResult.TYPE_UNMATCHED)] * len(methods)
        return await self._call_all(methods, data)

    async def _call_all(self, methods: Sequence[Attribute], data: Sequence[Data]) -> list[ActionOutcome]:
        pairs = zip(methods, data, strict=True)
        return [await self._exchange.access.call(method, parameter) for method, parameter in pairs]

    # -- answers ----------------------------------------------------------------------------------

    def _answer(self, invoke: int, outcome: ActionOutcome) -> bytes:
        response = ln_action.encode_response(invoke, outcome)
        if len(response) <= self._exchange.limit or outcome.returned is None:
            return response
        return self._first_block(invoke, ln_action.encode_outcome(outcome))

    def _answer_list(self, invoke: int, outcomes: list[ActionOutcome]) -> bytes:
        content = ln_action_list.encode_outcomes(outcomes)
        response = ln_action_list.encode_list_response(invoke, content)
        return response if len(response) <= self._exchange.limit else self._first_block(invoke, content)

    def _first_block(self, invoke: int, content: bytes) -> bytes:
        self._exchange.require_blocks(Conformance.BLOCK_TRANSFER_WITH_ACTION)
        return _encode_block(invoke, self._exchange.answer.begin(content, self._block_size))

    def _next(self, request: ln_action.NextBlock) -> bytes:
        part = self._exchange.answer.following(request.number, self._block_size)
        if isinstance(part, AccessResult):
            return ln_action.encode_response(request.invoke, ActionOutcome(_result_of(part)))
        return _encode_block(request.invoke, part)

    @property
    def _block_size(self) -> int:
        return self._exchange.limit - ln.BLOCK_OVERHEAD


def _encode_block(invoke: int, part: Part) -> bytes:
    return ln_action.encode_response_block(ActionBlock(invoke, *part))


def _result_of(refusal: AccessResult) -> ActionResult:
    """The ACTION's own word for a block that cannot be taken or given."""
    if refusal in (AccessResult.NO_LONG_GET_IN_PROGRESS, AccessResult.NO_LONG_SET_IN_PROGRESS):
        return ActionResult.NO_LONG_ACTION_IN_PROGRESS
    return ActionResult.LONG_ACTION_ABORTED
