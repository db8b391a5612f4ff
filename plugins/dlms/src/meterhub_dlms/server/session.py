"""What one client asks over one connection or link, and what it is answered; bytes in, bytes out."""

from __future__ import annotations

import logging

from meterhub_dlms.codec import acse, xdlms
from meterhub_dlms.codec.ciphering import ReplayError, SecurityError
from meterhub_dlms.codec.errors import CodecError
from meterhub_dlms.codec.general_block import GENERAL_BLOCK_TRANSFER
from meterhub_dlms.codec.xdlms import Conformance, ServiceError, StateError
from meterhub_dlms.server.association import ServerAssociation
from meterhub_dlms.server.exchange import NotServed
from meterhub_dlms.server.general_blocks import GeneralBlocks
from meterhub_dlms.server.negotiation import AssociationDenied, Negotiation
from meterhub_dlms.server.reporter import Reporter
from meterhub_dlms.server.shield import Shield
from meterhub_dlms.server.site import Served, Site, Visitor

_NOT_ASSOCIATED = xdlms.encode_exception(StateError.SERVICE_NOT_ALLOWED, ServiceError.OPERATION_NOT_POSSIBLE)
_NOT_SERVED = xdlms.encode_exception(StateError.SERVICE_UNKNOWN, ServiceError.SERVICE_NOT_SUPPORTED)
_FAULTY = xdlms.encode_exception(StateError.SERVICE_NOT_ALLOWED, ServiceError.OTHER_REASON)
_NOT_DECIPHERED = xdlms.encode_exception(StateError.SERVICE_NOT_ALLOWED, ServiceError.DECIPHERING_ERROR)
_log = logging.getLogger(__name__)


class Session:
    """One client address and one logical device on one connection."""

    def __init__(self, site: Site, served: Served, visitor: Visitor, reporter: Reporter) -> None:
        self.association: ServerAssociation | None = None
        self._site = site
        self._served = served
        self.visitor = visitor
        self._reporter = reporter
        self._blocks = GeneralBlocks()

    @property
    def associated(self) -> bool:
        """Whether the client has an association and has proven who it is."""
        return self.association is not None and self.association.open

    async def handle(self, apdu: bytes) -> bytes | None:
        """The response to one request, ``None`` where none is wanted.

        Garbage gets an exception response, and so does a request that meets a fault of ours: whoever carries it
        serves on.
        """
        self._site.counters.requests += 1
        try:
            if apdu[0] == GENERAL_BLOCK_TRANSFER:
                return await self._general_block(apdu)
            self._blocks.reset()
            return await self._handle_whole(apdu)
        except CodecError:
            self._site.counters.errors += 1
            return _NOT_SERVED
        except Exception:
            return self._faulty()

    async def _general_block(self, apdu: bytes) -> bytes | None:
        association = self.association
        if association is None or Conformance.GENERAL_BLOCK_TRANSFER not in association.conformance:
            raise CodecError("general block transfer was not agreed on")
        step = self._blocks.feed(apdu, association.answer_limit)
        if step.request is None:
            return step.response
        answer = await self._handle_whole(step.request, in_blocks=True)
        return None if answer is None else self._blocks.begin(answer, association.answer_limit)

    async def _handle_whole(self, apdu: bytes, *, in_blocks: bool = False) -> bytes | None:
        if apdu[0] == acse.AARQ:
            return await self._associate(apdu)
        if apdu[0] == acse.RLRQ:
            self.association = None
            return acse.encode_release_response()
        association = self.association
        if association is None:
            self._site.counters.errors += 1
            return _NOT_ASSOCIATED
        bits = association.conformance
        only_general = Conformance.GENERAL_BLOCK_TRANSFER in bits and Conformance.BLOCK_TRANSFER_WITH_GET not in bits
        association.general_blocks = in_blocks or only_general
        answer = await self._protected(association, apdu)
        if answer is None or in_blocks or not only_general or len(answer) <= association.answer_limit:
            return answer
        return self._blocks.begin(answer, association.answer_limit)

    async def _associate(self, apdu: bytes) -> bytes:
        self.association = None
        try:
            self.association, response = Negotiation(self._site, self._served, self.visitor, apdu).conclude()
        except AssociationDenied as denied:
            await self._refused(str(denied), guessed=denied.guessed)
            return denied.response
        return response

    async def _refused(self, reason: str, *, guessed: bool) -> None:
        self._site.counters.refused += 1
        await self._reporter.refused(self.visitor, reason)
        if guessed and self._site.throttle.failed(*self.visitor):
            await self._reporter.locked(self.visitor)

    # -- services ---------------------------------------------------------------------------------

    async def _protected(self, association: ServerAssociation, apdu: bytes) -> bytes | None:
        """The answer to a request, ciphered as the request was."""
        shield = association.shield
        if shield is None:
            return await self._served_answer(association, apdu)
        try:
            plain = shield.open(apdu)
        except SecurityError as error:
            self._site.counters.unprotected += 1
            await self._reporter.unprotected(self.visitor, str(error))
            return _insecure(shield, error)
        answer = await self._served_answer(association, plain)
        return None if answer is None else shield.seal(answer)

    async def _served_answer(self, association: ServerAssociation, apdu: bytes) -> bytes | None:
        """The answer in clear; a fault is answered here too, as that must be ciphered like any other answer."""
        try:
            answer = await association.serve(apdu)
        except NotServed as refusal:
            self._site.counters.errors += 1
            return refusal.response
        except CodecError:
            self._site.counters.errors += 1
            return _NOT_SERVED
        except Exception:
            return self._faulty()
        proof = association.proof
        if proof is not None and proof.denied:
            self.association = None
            await self._refused(proof.denied, guessed=True)
        return answer

    def _faulty(self) -> bytes:
        self._site.counters.errors += 1
        _log.exception("a request of %s could not be served for a fault in this program", self.visitor.reason)
        return _FAULTY


def _insecure(shield: Shield, error: SecurityError) -> bytes:
    """What a client is told whose message was refused: at a counter used before, the one that will do."""
    if isinstance(error, ReplayError):
        return xdlms.encode_exception(
            StateError.SERVICE_NOT_ALLOWED, ServiceError.INVOCATION_COUNTER_ERROR, min(shield.expected, 0xFFFF_FFFF)
        )
    return _NOT_DECIPHERED
