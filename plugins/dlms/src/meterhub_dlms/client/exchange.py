"""One request and its answer: protected as agreed, put together from general blocks, and nothing else taken for it."""

from __future__ import annotations

import asyncio

from meterhub_dlms.client.channel import Channel
from meterhub_dlms.client.errors import AssociationError, RequestRejected
from meterhub_dlms.codec import acse, general_block, ln, xdlms
from meterhub_dlms.codec.ciphering import Ciphering, ReplayError, SecurityError, is_ciphered
from meterhub_dlms.codec.general_block import GENERAL_BLOCK_TRANSFER, GeneralBlockReceiver
from meterhub_dlms.codec.xdlms import ServiceError
from meterhub_dlms.counter_store import ReceivedCounter

ANY = -1
"""In place of an invoke-id: the service has none."""

_ERRORS = frozenset({xdlms.EXCEPTION_RESPONSE, xdlms.CONFIRMED_SERVICE_ERROR})
_MAX_REPEATED = 8
_NEVER_CIPHERED = _ERRORS | {acse.AARE, acse.RLRE}


class Exchange:
    """Sends requests over one channel and waits for the answer to each.

    Whatever else comes is counted in ``foreign`` and dropped: other services and invoke-ids and, once ``ciphering``
    is set, everything in clear and everything sent before. Only an error may come in clear, as the meter has no
    other way to say that it could not decipher: it ends the request and never counts as an answer.
    """

    def __init__(self, channel: Channel, timeout: float) -> None:
        self.channel = channel
        self.foreign = 0
        self._timeout = timeout
        self._ciphering: Ciphering | None = None
        self._received: ReceivedCounter | None = None
        self._transfer = GeneralBlockReceiver()
        self._block = self._repeated = 0
        self._dropped_for = ""

    def protect(self, ciphering: Ciphering, received: ReceivedCounter | None) -> None:
        """From now on everything is ciphered; ``received`` keeps the counters that come, where they are proven."""
        self._ciphering, self._received = ciphering, received

    @property
    def partner(self) -> bytes:
        """System title of the other side, once everything is ciphered."""
        return b"" if self._ciphering is None else self._ciphering.partner

    def settle(self) -> None:
        """The association is over: keep the highest counter that the meter used in it."""
        if self._ciphering is not None and self._received is not None:
            self._received.keep(self._ciphering.received[False])

    def send(self, request: bytes | bytearray) -> None:
        """Send a request; what came before and was not fetched is dropped."""
        self._transfer.reset()
        self._block = self._repeated = 0
        self._dropped_for = ""
        ciphering = self._ciphering
        self.channel.send(request if ciphering is None else ciphering.protect(bytes(request)))

    async def answer(self, tag: int, invoke: int = ANY) -> bytes:
        """The answer with this service tag and invoke-id, of three bytes at least where it has one.

        :class:`RequestRejected` when an error comes in its place, :class:`AssociationError` when nothing comes in
        time, ``CodecError`` when what comes cannot be deciphered.
        """
        receive, plain = self.channel.receive, self._ciphering is None
        try:
            async with asyncio.timeout(self._timeout) as deadline:
                while True:
                    apdu: bytes | None = await receive()
                    if apdu and apdu[0] == GENERAL_BLOCK_TRANSFER:
                        apdu = self._joined(apdu, deadline)
                    if apdu and not plain:
                        apdu = self._deciphered(apdu)
                    if not apdu:
                        continue
                    if apdu[0] == tag and (
                        invoke == ANY or (len(apdu) > 2 and apdu[ln.INVOKE_ID_AT] & ln.INVOKE_ID_MASK == invoke)
                    ):
                        return apdu
                    if apdu[0] in _ERRORS:
                        raise self._error(apdu)
                    self.foreign += 1
        except TimeoutError:
            why = f"; what came was refused: {self._dropped_for}" if self._dropped_for else ""
            raise AssociationError(f"no answer within {self._timeout:g} s{why}") from None

    def _joined(self, apdu: bytes, deadline: asyncio.Timeout) -> bytes | None:
        """The APDU whose last block this is; each block that brings it further has the whole time-out again."""
        number = general_block.decode(apdu).number
        progress = self._transfer.feed(apdu)
        if number > self._block:
            self._block = number
            deadline.reschedule(asyncio.get_running_loop().time() + self._timeout)
        else:
            self.foreign += 1
            self._repeated += 1
            if self._repeated > _MAX_REPEATED:
                raise AssociationError("the meter repeats a block of its answer without end")
        if progress.acknowledgement is not None:
            self.channel.send(progress.acknowledgement)
        return progress.apdu

    def _deciphered(self, apdu: bytes) -> bytes | None:
        """The APDU within a protected one, ``None`` for one that is dropped."""
        ciphering = self._ciphering
        if ciphering is None or apdu[0] in _NEVER_CIPHERED:
            return apdu
        try:
            plain = ciphering.unprotect(apdu)
        except SecurityError as error:
            if is_ciphered(apdu) and not isinstance(error, ReplayError):
                raise
            self.foreign += 1
            self._dropped_for = str(error)
            return None
        if self._received is not None:
            self._received.follow(ciphering.received[False])
        return plain

    @staticmethod
    def _error(apdu: bytes) -> Exception:
        """What an error of the meter means: the request fails, or the ciphering does not fit and so all do."""
        phrase = xdlms.service_error_phrase(apdu)
        if apdu[0] != xdlms.EXCEPTION_RESPONSE or len(apdu) < 3:
            return RequestRejected(phrase)
        if apdu[2] == ServiceError.INVOCATION_COUNTER_ERROR:
            expected = f" (it expects {int.from_bytes(apdu[3:7], 'big')})" if len(apdu) == 7 else ""
            return AssociationError(f"the meter refuses our invocation counter{expected}")
        if apdu[2] == ServiceError.DECIPHERING_ERROR:
            return AssociationError("the meter cannot decipher our request: its keys are others")
        return RequestRejected(phrase)
