"""The services with logical names: GET, SET and ACTION, short, in lists and in blocks."""

from __future__ import annotations

from collections.abc import Sequence

from meterhub_dlms.client.errors import AssociationError, AssociationRefused, RequestRejected
from meterhub_dlms.client.exchange import Exchange
from meterhub_dlms.client.long_answer import LongAnswer
from meterhub_dlms.client.request import Request
from meterhub_dlms.codec import axdr, ln, ln_action, ln_set
from meterhub_dlms.codec.axdr import Data, decode
from meterhub_dlms.codec.ln import Attribute, GetResult
from meterhub_dlms.codec.ln_action import ActionBlock, ActionOutcome, ActionResult
from meterhub_dlms.codec.selection import Selection, encode_selected_get
from meterhub_dlms.codec.xdlms import AccessResult, Conformance, Initiate

REPLY_TO_HLS = Attribute(15, bytes((0, 0, 40, 0, 0, 255)), 1)
"""Method reply_to_HLS_authentication of the current association."""

_SINGLE_SIZE, _LIST_OVERHEAD = 13, 3


class LogicalNames:
    """GET, SET and ACTION over one association; every request has the next invoke-id."""

    needed = Conformance.GET
    item_size = ln.DESCRIPTOR_SIZE

    def __init__(self, exchange: Exchange, agreed: Initiate, limit: int) -> None:
        self._exchange = exchange
        self._agreed = agreed
        self._limit = limit
        self._invoke = 0

    async def begin(self) -> None:
        """Nothing: every object is known by its name."""

    def prepare(self, attributes: Sequence[Attribute]) -> Request:
        """A GET of one attribute, or with a list."""
        encoded = ln.encode_get(attributes[0]) if len(attributes) == 1 else ln.encode_get_list(attributes)
        return Request(tuple(attributes), bytearray(encoded))

    def request_size(self, count: int) -> int:
        """Bytes of a GET of ``count`` attributes."""
        if count == 1:
            return _SINGLE_SIZE
        return _LIST_OVERHEAD + len(axdr.encode_length(count)) + ln.DESCRIPTOR_SIZE * count

    # -- reading ----------------------------------------------------------------------------------

    async def get_many(self, request: Request) -> Sequence[GetResult]:
        """Read what was prepared; one result for each attribute."""
        encoded = request.encoded
        apdu = await self._request(encoded, ln.GET_RESPONSE)
        if encoded[1] != ln.WITH_LIST:
            result = await self._single(apdu)
            return [decode(result) if isinstance(result, bytes) else result]
        if apdu[1] == ln.WITH_BLOCK:
            content = await self._blocks(apdu)
            answer = content if isinstance(content, AccessResult) else ln.decode_results(content)
        else:
            answer = _of_list(ln.decode_get_response(apdu))
        if isinstance(answer, AccessResult):
            raise RequestRejected(answer.phrase)
        if len(answer) != len(request.attributes):
            raise AssociationError(
                f"the meter answered {len(answer)} values where {len(request.attributes)} were asked for"
            )
        return answer

    async def get_encoded(self, attribute: Attribute, selection: Selection | None) -> bytes | AccessResult:
        """Read one attribute and leave it encoded."""
        request = ln.encode_get(attribute) if selection is None else encode_selected_get(attribute, selection)
        self._check_size(len(request))
        return await self._single(await self._request(bytearray(request), ln.GET_RESPONSE))

    async def _single(self, apdu: bytes) -> bytes | AccessResult:
        """The one value of an answer, whole or in blocks, still encoded."""
        if apdu[1] == ln.NORMAL and apdu[3:4] == b"\x00":
            return apdu[4:]
        if apdu[1] == ln.WITH_BLOCK:
            return await self._blocks(apdu)
        answer = ln.decode_get_response(apdu)
        if isinstance(answer, AccessResult):
            return answer
        raise AssociationError("the meter answered a list of values where one was asked for")

    async def _blocks(self, apdu: bytes) -> bytes | AccessResult:
        """The whole of an answer whose first block has come."""
        answer = LongAnswer()
        while True:
            block = ln.decode_get_response(apdu)
            if not isinstance(block, ln.Block):
                raise AssociationError("the meter broke off a long answer")
            if isinstance(block.content, AccessResult):
                return block.content
            whole = answer.add(block.number, block.content, last=block.last)
            if whole is not None:
                return whole
            apdu = await self._ask(ln.encode_get_next(block.number, self._invoke), ln.GET_RESPONSE)

    # -- writing ----------------------------------------------------------------------------------

    async def set(self, attribute: Attribute, data: Data, encoded: bytes) -> AccessResult:
        """Write one attribute, in blocks where it does not fit one request."""
        if _SINGLE_SIZE + len(encoded) <= self._limit:
            request = bytearray(ln.encode_set(attribute, data))
            answer = ln_set.decode_response(await self._request(request, ln.SET_RESPONSE))
        else:
            answer = await self._set_in_blocks(attribute, data, len(encoded))
        if isinstance(answer, ln_set.BlockTaken) or len(answer) != 1:
            raise AssociationError("the meter's answer to the SET does not end it")
        return answer[0]

    async def _set_in_blocks(
        self, attribute: Attribute, data: Data, size: int
    ) -> list[AccessResult] | ln_set.BlockTaken:
        """The answer to the last block, or to the one after which the meter has had enough."""
        part = self._part(ln_set.BLOCK_OVERHEAD, size, Conformance.BLOCK_TRANSFER_WITH_SET)
        self._next_invoke()
        answer: list[AccessResult] | ln_set.BlockTaken = []
        for number, block in enumerate(ln_set.encode_set_blocks(attribute, data, part, self._invoke), start=1):
            answer = ln_set.decode_response(await self._ask(block, ln.SET_RESPONSE))
            if not isinstance(answer, ln_set.BlockTaken):
                break
            if answer.number != number:
                raise AssociationError(f"the meter took block {answer.number} where block {number} was sent")
        return answer

    # -- methods ----------------------------------------------------------------------------------

    async def action(self, method: Attribute, data: Data | None) -> ActionOutcome:
        """Call a method, with parameters and answer in blocks where they do not fit."""
        request = bytearray(ln_action.encode_action(method, data))
        if data is None or len(request) <= self._limit:
            apdu = await self._request(request, ln.ACTION_RESPONSE)
        else:
            apdu = await self._action_in_blocks(method, axdr.encode(data))
        outcome = LongAnswer()
        while True:
            answer = ln_action.decode_response(apdu)
            if isinstance(answer, ActionOutcome):
                return answer
            if not isinstance(answer, ActionBlock):
                raise AssociationError("the meter asks for a block of the ACTION that there is not")
            whole = outcome.add(answer.number, answer.content, last=answer.last)
            if whole is not None:
                return ln_action.decode_outcome(whole)
            apdu = await self._ask(ln_action.encode_request_next(answer.number, self._invoke), ln.ACTION_RESPONSE)

    async def _action_in_blocks(self, method: Attribute, encoded: bytes) -> bytes:
        """The answer to the last block, or to the one after which the meter has had enough."""
        part = self._part(ln_set.BLOCK_OVERHEAD, len(encoded), Conformance.BLOCK_TRANSFER_WITH_ACTION)
        self._next_invoke()
        apdu = b""
        for number, start in enumerate(range(0, len(encoded), part), start=1):
            content, last = encoded[start : start + part], start + part >= len(encoded)
            invoke = ln.PRIORITY | self._invoke
            block = ActionBlock(invoke, last, number, content, method if number == 1 else None)
            apdu = await self._ask(ln_action.encode_request_block(block), ln.ACTION_RESPONSE)
            answer = ln_action.decode_response(apdu)
            if last or not isinstance(answer, ln_action.NextBlock):
                break
            if answer.number != number:
                raise AssociationError(f"the meter took block {answer.number} where block {number} was sent")
        return apdu

    async def reply_to_hls(self, proof: bytes, *, one_way: bool) -> bytes | None:
        """Pass 3 and 4 by the method of the current association, which may answer a proof in any case."""
        outcome = await self.action(REPLY_TO_HLS, Data(axdr.OCTET_STRING, proof))
        if outcome.result is not ActionResult.SUCCESS:
            raise AssociationRefused(f"it does not accept our proof: {outcome.result.phrase}")
        if isinstance(outcome.returned, Data) and outcome.returned.tag == axdr.OCTET_STRING:
            return bytes(outcome.returned.value)
        return None

    # -- both -------------------------------------------------------------------------------------

    def _part(self, overhead: int, size: int, needed: Conformance) -> int:
        """Bytes of a long value that go into one block; :class:`RequestRejected` when the meter takes no blocks."""
        if needed not in self._agreed.conformance or self._limit <= overhead:
            self._check_size(size + _SINGLE_SIZE)
        return max(1, self._limit - overhead)

    def _check_size(self, size: int) -> None:
        if size > self._limit:
            raise RequestRejected(f"the value takes {size} bytes, the meter accepts {self._limit}")

    def _next_invoke(self) -> None:
        self._invoke = (self._invoke + 1) & ln.INVOKE_ID_MASK

    async def _request(self, request: bytearray, response_tag: int) -> bytes:
        """Send with the next invoke-id and wait for the response to exactly this request."""
        invoke = self._invoke = (self._invoke + 1) & ln.INVOKE_ID_MASK
        request[ln.INVOKE_ID_AT] = ln.PRIORITY | invoke
        self._exchange.send(request)
        return await self._exchange.answer(response_tag, invoke)

    async def _ask(self, request: bytes, response_tag: int) -> bytes:
        """Go on with a request that has begun."""
        self._exchange.send(request)
        return await self._exchange.answer(response_tag, self._invoke)


def _of_list(answer: GetResult | ln.Block | list[GetResult]) -> AccessResult | list[GetResult]:
    """The results of a list; one value alone was not asked for."""
    if isinstance(answer, AccessResult | list):
        return answer
    raise AssociationError("the meter answered one value where a list was asked for")
