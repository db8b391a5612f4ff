"""The client's side of one association: it is opened, used, and never mended."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType

from meterhub_dlms.client.channel import Channel
from meterhub_dlms.client.credentials import Credentials
from meterhub_dlms.client.errors import BROKEN, AssociationError, AssociationRefused, RequestRejected
from meterhub_dlms.client.exchange import Exchange
from meterhub_dlms.client.high_level import prove
from meterhub_dlms.client.logical_names import LogicalNames
from meterhub_dlms.client.name_cache import NameCache
from meterhub_dlms.client.name_list import NameList
from meterhub_dlms.client.opening import MAX_PDU_SIZE, Opening, overhead
from meterhub_dlms.client.request import Referencing, Request
from meterhub_dlms.client.short_naming import ShortNaming
from meterhub_dlms.codec import acse
from meterhub_dlms.codec.axdr import Data, decode, encode
from meterhub_dlms.codec.ciphering import ReplayError, SecurityError
from meterhub_dlms.codec.ln import Attribute, GetResult
from meterhub_dlms.codec.ln_action import ActionOutcome
from meterhub_dlms.codec.selection import Selection
from meterhub_dlms.codec.short_names import ShortNames
from meterhub_dlms.codec.xdlms import AccessResult, Conformance, Initiate

__all__ = ["BROKEN", "Association", "AssociationError", "AssociationRefused", "Request", "RequestRejected"]

_RELEASE_TIMEOUT = 1.0
_SMALLEST_PDU = 12
"""A meter that takes less is not believed: nothing could be asked of it."""


class Association:
    """One association with one meter, by logical or short names, with or without security.

    One request is under way at a time; others wait. :class:`RequestRejected` leaves it as it is. After any other
    error it is over and its channel closed; after a cancelled request too, but it may still be released.
    ``names`` keeps the object list of a meter with short names.
    """

    def __init__(
        self, channel: Channel, credentials: Credentials, timeout: float, names: NameCache | None = None
    ) -> None:
        self.channel = channel
        self.agreed = Initiate(Conformance(0), MAX_PDU_SIZE)
        """What the meter grants, and the longest APDU that it takes; known once the association is open."""
        self._overhead = overhead(credentials)
        self._credentials = credentials
        self._exchange = Exchange(channel, timeout)
        self._names = NameList(names)
        self._services = self._new_services()
        self._turn = _Turn(self._exchange)

    @property
    def dropped(self) -> int:
        """Frames and APDUs that were not what was waited for: other addresses, services, invoke-ids."""
        return self.channel.dropped + self._exchange.foreign

    @property
    def request_limit(self) -> int:
        """Bytes the meter takes in one request; 0 in the negotiation means no limit."""
        return self.agreed.max_pdu_size or MAX_PDU_SIZE

    @property
    def answer_limit(self) -> int:
        """Bytes to expect in one answer without blocks: a meter answers no more at once than it can receive."""
        return self.request_limit

    @property
    def lists(self) -> bool:
        """Whether the meter reads several attributes at once."""
        return Conformance.MULTIPLE_REFERENCES in self.agreed.conformance

    @property
    def item_size(self) -> int:
        """Bytes of one attribute in a request for several."""
        return self._services.item_size

    @property
    def title(self) -> bytes:
        """System title of the meter, empty without ciphering."""
        return self._exchange.partner

    @property
    def short_names(self) -> ShortNames | None:
        """The object list of a meter with short names, once the association is open."""
        return self._names.known if self._credentials.short_names else None

    def request_size(self, count: int) -> int:
        """Bytes of a request for ``count`` attributes, with what ciphering adds at most."""
        return self._services.request_size(count) + self._overhead

    async def open(self) -> None:
        """Associate, prove, and learn the short names; :class:`AssociationRefused` when the meter will not."""
        async with self._turn:
            try:
                await self._open()
            except RequestRejected as rejected:
                raise AssociationRefused(str(rejected)) from None
            except ReplayError as error:
                raise AssociationRefused(
                    f"{error}; if the meter lost its counter, give it new keys, or take it as it is with forget-counter"
                ) from None
            except SecurityError as error:
                raise AssociationRefused(str(error)) from None

    async def _open(self) -> None:
        opening = Opening(self._exchange, self._credentials)
        self.agreed, parties = await opening.run()
        self._services = self._new_services()
        if self._services.needed not in self.agreed.conformance:
            raise AssociationRefused(f"it grants no right to read ({self._services.needed.name})")
        if parties is not None:
            await prove(self._services, self._credentials.mechanism, parties, opening.secrets)
        await self._services.begin()

    async def release(self) -> None:
        """Say goodbye and close; never raises, and waits a second for the meter at most."""
        try:
            async with asyncio.timeout(_RELEASE_TIMEOUT), self._turn.lock:
                self.channel.send(acse.encode_release_request())
                await self._exchange.answer(acse.RLRE)
        except Exception:  # noqa: S110 -- it is closed either way
            pass
        finally:
            self._turn.end()

    # -- reading ----------------------------------------------------------------------------------

    def prepare(self, attributes: Sequence[Attribute]) -> Request:
        """Encode a request for one or several attributes, for :meth:`get_many` of this association."""
        return self._services.prepare(attributes)

    async def get_many(self, batch: Request) -> Sequence[GetResult]:
        """Read what was prepared; one result for each attribute, in their order."""
        async with self._turn:
            return await self._services.get_many(batch)

    async def get(self, attribute: Attribute, selection: Selection | None = None) -> GetResult:
        """Read one attribute, or a selection of it."""
        async with self._turn:
            result = await self._services.get_encoded(attribute, selection)
            return decode(result) if isinstance(result, bytes) else result

    async def get_encoded(self, attribute: Attribute, selection: Selection | None = None) -> bytes | AccessResult:
        """The same, but left encoded: whoever decodes a long value can do it in slices."""
        async with self._turn:
            return await self._services.get_encoded(attribute, selection)

    # -- writing ----------------------------------------------------------------------------------

    async def set(self, attribute: Attribute, data: Data) -> AccessResult:
        """Write one attribute; answers the meter's result. ``CodecError`` when the value cannot be encoded."""
        encoded = encode(data)
        async with self._turn:
            return await self._services.set(attribute, data, encoded)

    async def action(self, method: Attribute, data: Data | None = None) -> ActionOutcome:
        """Call a method; answers its result, and what it returns. ``CodecError`` when ``data`` cannot be encoded."""
        if data is not None:
            encode(data)
        async with self._turn:
            return await self._services.action(method, data)

    def _new_services(self) -> Referencing:
        limit = max(_SMALLEST_PDU, self.request_limit - self._overhead)
        if self._credentials.short_names:
            return ShortNaming(self._exchange, self.agreed, limit, self._names)
        return LogicalNames(self._exchange, self.agreed, limit)


class _Turn:
    """One request at a time; one that ends otherwise than with an answer ends the association."""

    def __init__(self, exchange: Exchange) -> None:
        self.lock = asyncio.Lock()
        self._exchange = exchange
        self._over = ""

    async def __aenter__(self) -> None:
        await self.lock.acquire()
        if self._over:
            self.lock.release()
            raise AssociationError(self._over)

    async def __aexit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.lock.release()
        if kind is None or issubclass(kind, RequestRejected):
            return
        if issubclass(kind, asyncio.CancelledError):
            self._over = "a request was left in the middle, so its answer could be taken for another"
        else:
            self._over = self._over or f"the association is over: {error}"
            self.end()

    def end(self) -> None:
        """The association is over."""
        self._over = self._over or "the association was released"
        self._exchange.channel.close()
        with suppress(OSError):  # the next association begins with a higher counter, or not at all
            self._exchange.settle()
