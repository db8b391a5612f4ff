"""The client's side of one association: every reply is checked against its request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from meterhub_dlms.client.channel import Channel
from meterhub_dlms.codec import acse, ln, xdlms
from meterhub_dlms.codec.axdr import Data, decode
from meterhub_dlms.codec.errors import CodecError
from meterhub_dlms.codec.xdlms import AccessResult, Conformance, Initiate
from meterhub_dlms.link.errors import LinkError

PROPOSED = (
    Conformance.GET
    | Conformance.SET
    | Conformance.MULTIPLE_REFERENCES
    | Conformance.BLOCK_TRANSFER_WITH_GET
    | Conformance.PRIORITY
)
MAX_PDU_SIZE = 0xFFFF
"""What we can receive, in bytes."""

MAX_LONG_ANSWER = 1 << 20
"""Bytes that one answer in blocks may have in all."""

_RELEASE_TIMEOUT = 1.0
_ERROR_TAGS = frozenset({xdlms.EXCEPTION_RESPONSE, xdlms.CONFIRMED_SERVICE_ERROR})


class AssociationError(Exception):
    """The association is no longer usable and must be built again."""


class AssociationRefused(AssociationError):
    """The meter refused the association; the text is its reason."""


class RequestRejected(Exception):
    """The meter answered that it cannot serve the request as a whole; the association stays."""


BROKEN = (AssociationError, CodecError, LinkError, OSError)
"""Errors after which an association is over."""


class Association:
    """One association with logical name referencing, with or without a password.

    One request is under way at a time; others wait. Nothing is recovered in place: an
    :class:`AssociationError` or ``CodecError`` closes the channel, a ``LinkError`` says that it is closed.
    """

    def __init__(self, channel: Channel, timeout: float, password: bytes | None = None) -> None:
        self.channel = channel
        self.agreed = Initiate(PROPOSED, MAX_PDU_SIZE)
        self.foreign = 0
        self._timeout = timeout
        self._password = password
        self._invoke = 0
        self._lock = asyncio.Lock()

    @property
    def dropped(self) -> int:
        """Frames that were not what was waited for: other addresses, services, invoke-ids."""
        return self.channel.dropped + self.foreign

    @property
    def request_limit(self) -> int:
        """Bytes the meter takes in one request; 0 in the negotiation means no limit."""
        return self.agreed.max_pdu_size or MAX_PDU_SIZE

    @property
    def lists(self) -> bool:
        """Whether the meter reads several attributes at once."""
        return Conformance.MULTIPLE_REFERENCES in self.agreed.conformance

    async def open(self) -> None:
        """Associate; :class:`AssociationRefused` with the meter's reason when it will not."""
        proposal = xdlms.encode_initiate_request(Initiate(PROPOSED, MAX_PDU_SIZE))
        mechanism = acse.Mechanism.NONE if self._password is None else acse.Mechanism.PASSWORD
        request = acse.AssociationRequest(acse.CONTEXT_LN, mechanism, self._password, proposal)
        async with self._lock:
            self.channel.send(acse.encode_request(request))
            apdu = await self._await_reply(lambda reply: reply[0] == acse.AARE or reply[0] in _ERROR_TAGS)
        if apdu[0] in _ERROR_TAGS:
            raise AssociationRefused(xdlms.service_error_phrase(apdu))
        response = acse.decode_response(apdu)
        if response.result != acse.Result.ACCEPTED:
            raise AssociationRefused(response.phrase)
        if response.context != acse.CONTEXT_LN:
            raise AssociationRefused(f"it answered with application context {response.context}, not logical names")
        self.agreed = xdlms.decode_initiate_response(response.user_information)
        if Conformance.GET not in self.agreed.conformance:
            raise AssociationRefused("it grants no right to read (GET)")

    async def release(self) -> None:
        """Say goodbye and close; never raises, and waits a second for the meter at most."""
        try:
            async with asyncio.timeout(_RELEASE_TIMEOUT), self._lock:
                self.channel.send(acse.encode_release_request())
                await self._await_reply(lambda reply: reply[0] == acse.RLRE)
        except Exception:  # noqa: S110 -- it is closed either way
            pass
        finally:
            self.channel.close()

    async def get(self, attribute: ln.Attribute) -> ln.GetResult:
        """Read one attribute; :class:`RequestRejected` when the meter will not hear of it."""
        return (await self.get_all(bytearray(ln.encode_get(attribute)), 1))[0]

    async def get_all(self, request: bytearray, count: int) -> Sequence[ln.GetResult]:
        """Send an encoded GET of ``count`` attributes (its invoke-id is set here) and answer its results.

        :class:`RequestRejected` when the meter turned the request down as a whole.
        """
        with_list = request[1] == ln.WITH_LIST
        async with self._exclusive():
            apdu = await self._request(request, ln.GET_RESPONSE)
            answer = ln.decode_get_response(apdu)
            if isinstance(answer, ln.Block):
                answer = await self._blocks(answer, request[ln.INVOKE_ID_AT] & ln.INVOKE_ID_MASK, with_list)
            if with_list and isinstance(answer, AccessResult):
                raise RequestRejected(answer.phrase)
            results = answer if isinstance(answer, list) else [answer]
            if len(results) != count:
                raise AssociationError(f"the meter answered {len(results)} values where {count} were asked for")
            return results

    async def set(self, attribute: ln.Attribute, data: Data) -> AccessResult:
        """Write one attribute; answers the meter's result.

        :class:`RequestRejected` when it will not hear of it, ``CodecError`` when it is too long to send.
        """
        request = bytearray(ln.encode_set(attribute, data))
        if len(request) > self.request_limit:
            raise RequestRejected(f"the value takes {len(request)} bytes, the meter accepts {self.request_limit}")
        async with self._exclusive():
            return ln.decode_set_response(await self._request(request, ln.SET_RESPONSE))

    @asynccontextmanager
    async def _exclusive(self) -> AsyncIterator[None]:
        """One request at a time; what is wrong with its reply closes the channel."""
        async with self._lock:
            try:
                yield
            except (AssociationError, CodecError):
                self.channel.close()
                raise

    async def _blocks(self, block: ln.Block, invoke: int, with_list: bool) -> list[ln.GetResult] | ln.GetResult:
        """Fetch the blocks after the first one and decode the whole."""
        content = bytearray()
        number = 1
        while True:
            if block.number != number:
                raise AssociationError(f"block {block.number} came where block {number} was expected")
            if isinstance(block.content, AccessResult):
                return block.content
            content += block.content
            if block.last:
                break
            if len(content) > MAX_LONG_ANSWER:
                raise AssociationError(f"the meter's answer is longer than {MAX_LONG_ANSWER} bytes")
            self.channel.send(ln.encode_get_next(number, invoke))
            answer = ln.decode_get_response(await self._await_service(ln.GET_RESPONSE, invoke))
            if not isinstance(answer, ln.Block):
                raise AssociationError("the meter broke off a long answer")
            block, number = answer, number + 1
        whole = bytes(content)
        return ln.decode_results(whole) if with_list else decode(whole)

    async def _request(self, request: bytearray, response_tag: int) -> bytes:
        """Send with the next invoke-id and wait for the response to exactly this request."""
        self._invoke = (self._invoke + 1) & ln.INVOKE_ID_MASK
        request[ln.INVOKE_ID_AT] = ln.PRIORITY | self._invoke
        self.channel.send(request)
        return await self._await_service(response_tag, self._invoke)

    async def _await_service(self, tag: int, invoke: int) -> bytes:
        def fits(reply: bytes) -> bool:
            if reply[0] in _ERROR_TAGS:
                return True
            return len(reply) > 2 and reply[0] == tag and reply[ln.INVOKE_ID_AT] & ln.INVOKE_ID_MASK == invoke

        apdu = await self._await_reply(fits)
        if apdu[0] in _ERROR_TAGS:
            raise RequestRejected(xdlms.service_error_phrase(apdu))
        return apdu

    async def _await_reply(self, fits: Callable[[bytes], bool]) -> bytes:
        """The first reply that fits; what does not is counted and dropped."""
        try:
            async with asyncio.timeout(self._timeout):
                while True:
                    apdu = await self.channel.receive()
                    if fits(apdu):
                        return apdu
                    self.foreign += 1
        except TimeoutError:
            raise AssociationError(f"no answer within {self._timeout:g} s") from None
