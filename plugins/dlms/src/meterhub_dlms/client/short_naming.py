"""The services with short names: Read and Write, with parameters and in blocks (IEC 62056-5-3, clause 7.3)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from meterhub_dlms.client.errors import AssociationError, AssociationRefused, RequestRejected
from meterhub_dlms.client.exchange import Exchange
from meterhub_dlms.client.long_answer import LongAnswer
from meterhub_dlms.client.name_list import NameList
from meterhub_dlms.client.request import Request
from meterhub_dlms.codec import axdr, short_names, sn
from meterhub_dlms.codec.axdr import Data, decode
from meterhub_dlms.codec.errors import CodecError
from meterhub_dlms.codec.ln import Attribute, Block, GetResult
from meterhub_dlms.codec.ln_action import ActionOutcome, ActionResult
from meterhub_dlms.codec.selection import Selection, selected_variable
from meterhub_dlms.codec.sn import NextBlock, RequestBlock, Variable, WriteBlockHead, WriteRequest
from meterhub_dlms.codec.xdlms import AccessResult, Conformance, Initiate

REPLY_TO_HLS = short_names.method_name(short_names.ASSOCIATION, 12, 8)
"""Short name of reply_to_HLS_authentication of the current association."""

_RETURNING = frozenset({(12, 1), (12, 2), (12, 3), (12, 4), (12, 8)})
"""Methods that return something, by class and number: they are read with a parameter, the others are written."""

_METHOD_SELECTOR = 0
_READ_OVERHEAD, _WRITE_OVERHEAD = 9, 11

_Result = TypeVar("_Result")


class ShortNaming:
    """Read and Write over one association.

    Nothing in an answer tells which request it belongs to: the link's sequence numbers do, or one request at a time
    on a connection that is given up when an answer does not come.
    """

    needed = Conformance.READ
    item_size = sn.NAME_SIZE

    def __init__(self, exchange: Exchange, agreed: Initiate, limit: int, names: NameList) -> None:
        self._exchange = exchange
        self._agreed = agreed
        self._limit = limit
        self._names = names

    async def begin(self) -> None:
        """Make the short names known: from what is kept of this meter, or from its object list."""
        await self._names.begin(self._read_name)

    def prepare(self, attributes: Sequence[Attribute]) -> Request:
        """A Read of the short names of these attributes; those that the meter has not are left out."""
        names = [self._names.of(attribute) for attribute in attributes]
        variables = [Variable(name) for name in names if name is not None]
        encoded = bytearray(sn.encode_read(variables))
        return Request(tuple(attributes), encoded, [name is not None for name in names], self._names.known)

    def request_size(self, count: int) -> int:
        """Bytes of a Read of ``count`` attributes."""
        return 1 + len(axdr.encode_length(count)) + sn.NAME_SIZE * count

    # -- reading ----------------------------------------------------------------------------------

    async def get_many(self, request: Request) -> Sequence[GetResult]:
        """Read what was prepared; one result for each attribute."""
        if not all(request.found):
            await self._names.look_again(request.attributes, self._read_name)
        if request.names is not self._names.known:
            request = self.prepare(request.attributes)
        count = sum(request.found)
        if not count:
            return [AccessResult.OBJECT_UNDEFINED] * len(request.attributes)
        results = await self._results(request.encoded, count)
        if AccessResult.OBJECT_UNDEFINED in results:
            self._names.forget()
        if count == len(request.attributes):
            return results
        rest = iter(results)
        return [next(rest) if found else AccessResult.OBJECT_UNDEFINED for found in request.found]

    async def get_encoded(self, attribute: Attribute, selection: Selection | None) -> bytes | AccessResult:
        """Read one attribute and leave it encoded."""
        name = self._names.of(attribute)
        if name is None:
            await self._names.look_again([attribute], self._read_name)
            name = self._names.of(attribute)
        if name is None:
            return AccessResult.OBJECT_UNDEFINED
        result = await self._read(Variable(name) if selection is None else selected_variable(name, selection))
        if result is AccessResult.OBJECT_UNDEFINED:
            self._names.forget()
        return result

    async def _read_name(self, name: int) -> bytes | AccessResult:
        return await self._read(Variable(name))

    async def _read(self, variable: Variable) -> bytes | AccessResult:
        """One value, still encoded."""
        apdu = await self._ask_read(sn.encode_read([variable]))
        if apdu[1:3] == b"\x01\x00":
            return apdu[3:]
        content = await self._content(apdu)
        if content[:2] == b"\x01\x00":
            return content[2:]
        (result,) = _counted(sn.decode_results(content), 1)
        if isinstance(result, AccessResult):
            return result
        raise AssociationError("the meter's answer is malformed")

    async def _results(self, encoded: bytearray, count: int) -> Sequence[GetResult]:
        """The results of a Read of several names, decoded."""
        results = sn.decode_read_response(await self._ask_read(encoded))
        plain = [result for result in results if isinstance(result, Data | AccessResult)]
        if len(plain) == len(results):
            return _counted(plain, count)
        return _counted(sn.decode_results(await self._joined(results)), count)

    async def _content(self, apdu: bytes) -> bytes:
        """The results of an answer, their count first: its own, or those that its blocks make together."""
        results = sn.decode_read_response(apdu)
        return apdu[1:] if isinstance(results[0], Data | AccessResult) else await self._joined(results)

    async def _joined(self, results: Sequence[sn.ReadResult]) -> bytes:
        """The whole of an answer whose first block has come."""
        answer = LongAnswer()
        while True:
            block = results[0] if len(results) == 1 else None
            if isinstance(block, AccessResult):
                raise RequestRejected(block.phrase)
            if not isinstance(block, Block) or not isinstance(block.content, bytes):
                raise AssociationError("the meter broke off a long answer")
            whole = answer.add(block.number, block.content, last=block.last)
            if whole is not None:
                return whole
            results = sn.decode_read_response(await self._ask(sn.encode_read([NextBlock(block.number)])))

    # -- writing and methods ----------------------------------------------------------------------

    async def set(self, attribute: Attribute, data: Data, encoded: bytes) -> AccessResult:
        """Write one attribute."""
        name = self._names.of(attribute)
        if name is None:
            return AccessResult.OBJECT_UNDEFINED
        return await self._write(name, data)

    async def action(self, method: Attribute, data: Data | None) -> ActionOutcome:
        """Call a method: write its short name, or read it with a parameter where it returns something."""
        try:
            name = self._names.of_method(method)
        except CodecError as error:
            raise RequestRejected(str(error)) from None
        if name is None:
            return ActionOutcome(ActionResult.OBJECT_UNDEFINED)
        parameter = Data(axdr.INT8, 0) if data is None else data
        if (method.class_id, method.number) not in _RETURNING:
            return ActionOutcome(ActionResult.of(await self._write(name, parameter)))
        result = await self._read(Variable(name, _METHOD_SELECTOR, parameter))
        if isinstance(result, AccessResult):
            return ActionOutcome(ActionResult.of(result))
        return ActionOutcome(ActionResult.SUCCESS, decode(result))

    async def reply_to_hls(self, proof: bytes, *, one_way: bool) -> bytes | None:
        """Pass 3 and 4: the proof is the parameter of a Read, the meter's own its value.

        A proof that is not answered is written, as meters of Landis+Gyr want it, if they serve that.
        """
        ours = Data(axdr.OCTET_STRING, proof)
        result: bytes | AccessResult | None = await self._write_proof(ours) if one_way else None
        if result is None:
            result = await self._read(Variable(REPLY_TO_HLS, _METHOD_SELECTOR, ours))
        if isinstance(result, bytes):
            theirs = decode(result)
            return bytes(theirs.value) if theirs.tag == axdr.OCTET_STRING else None
        if result is not AccessResult.SUCCESS:
            raise AssociationRefused(f"it does not accept our proof: {result.phrase}")
        return None

    async def _write_proof(self, proof: Data) -> AccessResult | None:
        try:
            return await self._write(REPLY_TO_HLS, proof)
        except RequestRejected:
            return None

    async def _write(self, name: int, data: Data) -> AccessResult:
        request = sn.encode_write(WriteRequest([Variable(name)], [data]))
        if len(request) > self._limit:
            self._check_blocks(len(request), _WRITE_OVERHEAD, Conformance.BLOCK_TRANSFER_WITH_SET)
            return await self._write_blocks(request)
        return self._outcome(await self._ask(request, sn.WRITE_RESPONSE))

    async def _write_blocks(self, request: bytes) -> AccessResult:
        """A Write of one name that does not fit one request."""
        for block in _split(request[1:], self._limit - _WRITE_OVERHEAD):
            content = Data(axdr.OCTET_STRING, block.content)
            head = WriteBlockHead(block.last, block.number)
            apdu = await self._ask(sn.encode_write(WriteRequest([head], [content])), sn.WRITE_RESPONSE)
            if block.last:
                return self._outcome(apdu)
            (taken,) = _counted(sn.decode_write_response(apdu), 1)
            if isinstance(taken, AccessResult):
                return taken if taken is not AccessResult.SUCCESS else AccessResult.OTHER_REASON
            _check_taken(taken, block)
        raise AssociationError("a Write has no blocks")

    @staticmethod
    def _outcome(apdu: bytes) -> AccessResult:
        (result,) = _counted(sn.decode_write_response(apdu), 1)
        if isinstance(result, AccessResult):
            return result
        raise AssociationError("the meter asks for a block of the Write that there is not")

    # -- both -------------------------------------------------------------------------------------

    async def _ask_read(self, request: bytes | bytearray) -> bytes:
        """The answer to a Read; one that is too long goes in blocks."""
        if len(request) <= self._limit:
            return await self._ask(request)
        self._check_blocks(len(request), _READ_OVERHEAD, Conformance.BLOCK_TRANSFER_WITH_GET)
        apdu = b""
        for block in _split(bytes(request[1:]), self._limit - _READ_OVERHEAD):
            apdu = await self._ask(sn.encode_read([block]))
            taken = sn.decode_read_response(apdu)[0]
            if block.last or not isinstance(taken, NextBlock):
                break
            _check_taken(taken, block)
        return apdu

    def _check_blocks(self, size: int, overhead: int, needed: Conformance) -> None:
        if needed not in self._agreed.conformance or self._limit <= overhead:
            raise RequestRejected(f"the request takes {size} bytes, the meter accepts {self._limit}")

    async def _ask(self, request: bytes | bytearray, tag: int = sn.READ_RESPONSE) -> bytes:
        self._exchange.send(request)
        return await self._exchange.answer(tag)


def _split(body: bytes, size: int) -> Iterator[RequestBlock]:
    """The blocks of a request without its tag."""
    for number, start in enumerate(range(0, len(body), size), start=1):
        yield RequestBlock(start + size >= len(body), number, body[start : start + size])


def _check_taken(taken: NextBlock, block: RequestBlock) -> None:
    if taken.number != block.number:
        raise AssociationError(f"the meter took block {taken.number} where block {block.number} was sent")


def _counted(results: Sequence[_Result], count: int) -> Sequence[_Result]:
    """The results, as many as were asked for; one error in the place of several turns the whole request down."""
    if len(results) == count:
        return results
    if len(results) == 1 and isinstance(results[0], AccessResult):
        raise RequestRejected(results[0].phrase)
    raise AssociationError(f"the meter answered {len(results)} values where {count} were asked for")
