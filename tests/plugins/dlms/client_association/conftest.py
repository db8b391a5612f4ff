"""A small meter made of the codec alone, and a channel to it in memory: to test the client's association with."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from meterhub_dlms import counter_store
from meterhub_dlms.client import name_cache
from meterhub_dlms.client.association import Association
from meterhub_dlms.client.credentials import Credentials
from meterhub_dlms.codec import acse, axdr, general_block, hls, ln, ln_action, ln_set, selection, short_names, sn, xdlms
from meterhub_dlms.codec.acse import AssociationResponse, Mechanism
from meterhub_dlms.codec.axdr import Data, encode
from meterhub_dlms.codec.ciphering import Ciphering, Keys, Protection, Wrapping, is_ciphered, wrapping_of
from meterhub_dlms.codec.hls import Parties, Secrets
from meterhub_dlms.codec.ln import Attribute
from meterhub_dlms.codec.short_names import ListedObject
from meterhub_dlms.codec.xdlms import AccessResult, Conformance, Initiate
from meterhub_dlms.counter_store import KeyCounters, SqliteCounters
from meterhub_dlms.link.errors import LinkError
from meterhub_sdk.store import open_store

KEYS = Keys(bytes(range(16)), bytes(range(0xD0, 0xE0)))
METER, CLIENT = bytes.fromhex("4d4d4d0000bc614e"), bytes.fromhex("4d48420000000001")
PASSWORD = b"1234567"
OBIS = [bytes((1, 1, n, 8, 0, 255)) for n in range(1, 41)]
NAME, PROFILE, SWITCH, TABLE = (
    bytes((0, 0, 42, 0, 0, 255)),
    bytes((1, 0, 99, 1, 0, 255)),
    bytes((0, 0, 96, 3, 10, 255)),
    bytes((0, 0, 10, 0, 1, 255)),
)
EVERYTHING = Conformance(0xFFFFFF)
SHORT = {short_names.ASSOCIATION: (12, bytes((0, 0, 40, 0, 0, 255))), short_names.DEVICE_NAME: (1, NAME)}


def objects() -> list[ListedObject]:
    registers = [ListedObject(0x1000 + 0x100 * n, 3, 0, name) for n, name in enumerate(OBIS)]
    rest = [(7, PROFILE, 0x6000), (70, SWITCH, 0x6100), (9, TABLE, 0x6200), (10004, OBIS[0], 0x6300)]
    own = [ListedObject(base, class_id, 0, name) for base, (class_id, name) in SHORT.items()]
    return own + registers + [ListedObject(base, class_id, 0, name) for class_id, name, base in rest]


class TinyMeter:
    """Serves one association after the other; ``spoil`` may replace what is sent for a request in clear."""

    def __init__(self, **given: Any) -> None:
        self.short = self.general = self.one_way = False
        self.mechanism, self.password, self.keys = Mechanism.NONE, PASSWORD, KEYS
        self.protection: Protection | None = None
        self.features, self.pdu, self.answers = EVERYTHING, 0, 100_000
        self.blocks = 0
        """Bytes of a general block; 0 for none."""
        self.listed = objects()
        self.values = {(name, 2): Data(axdr.UINT32, 1000 * n) for n, name in enumerate(OBIS, start=1)}
        self.values[NAME, 2] = Data(axdr.OCTET_STRING, b"LGZ12345678")
        self.calls: list[tuple[Attribute, Data | None]] = []
        self.returned: Data | None = None
        self.requests: list[bytes] = []
        self.wire: list[bytes] = []
        self.selected: list[selection.Selection | None] = []
        self.sent = itertools.count(10).__next__
        self.spoil: Callable[[bytes, bytes], list[bytes] | None] = lambda good, request: None
        self.spoil_wire: Callable[[bytes], list[bytes]] = lambda good: [good]
        self.aare: Callable[[AssociationResponse], AssociationResponse] = lambda response: response
        self.__dict__.update(given)
        self.open = self.proven = False
        self._rest = b""
        self._wrapping: Wrapping | None = None
        self._pending = bytearray()
        self._request_block: Attribute | None = None

    # -- the outer layers -----------------------------------------------------------------------

    def handle(self, apdu: bytes) -> list[bytes]:
        self.wire.append(apdu)
        if apdu[0] == acse.AARQ:
            return [self.associate(acse.decode_request(apdu))]
        if apdu[0] == acse.RLRQ:
            self.open = False
            return [acse.encode_release_response()]
        if not self.open:
            return [xdlms.encode_exception(xdlms.StateError.SERVICE_NOT_ALLOWED, xdlms.ServiceError.OTHER_REASON)]
        if apdu[0] == general_block.GENERAL_BLOCK_TRANSFER:
            return [self.general_part(general_block.decode(apdu).acknowledged + 1)]
        if self.ciphering is not None:
            self._wrapping = wrapping_of(apdu)
            apdu = self.ciphering.unprotect(apdu)
        self.requests.append(apdu)
        good = self.serve(apdu)
        spoilt = self.spoil(good, apdu)
        return [self.seal(answer) for answer in ([good] if spoilt is None else spoilt)]

    def seal(self, apdu: bytes) -> bytes:
        sealed = apdu if self.ciphering is None or apdu[0] == 0xD8 else self.ciphering.protect(apdu, self._wrapping)
        (sealed,) = self.spoil_wire(sealed)
        if self.blocks and len(sealed) > self.blocks:
            self._general = sealed
            return self.general_part(1)
        return sealed

    def general_part(self, number: int) -> bytes:
        start = (number - 1) * self.blocks
        content, last = self._general[start : start + self.blocks], start + self.blocks >= len(self._general)
        return general_block.encode(general_block.GeneralBlock(last, False, 1, number, 0, content))

    def associate(self, request: acse.AssociationRequest) -> bytes:
        self.asked = request
        context = (2 if self.short else 1) + (2 if self.protection is not None else 0)
        initiate = request.user_information
        self.ciphering: Ciphering | None = None
        if is_ciphered(initiate):
            self.ciphering = Ciphering(METER, self.keys, self.sent, self.protection, partner=request.title)
            self._wrapping = wrapping_of(initiate)
            initiate = self.ciphering.unprotect(initiate)
        self.initiate = xdlms.decode_initiate_request(initiate)
        if self.ciphering is not None and self.initiate.dedicated_key:
            keys = self.keys._replace(dedicated=self.initiate.dedicated_key)
            received = self.ciphering.received
            self.ciphering = Ciphering(METER, keys, self.sent, self.protection, partner=request.title)
            self.ciphering.received = received
        agreed = Initiate(self.features & self.initiate.conformance, self.pdu)
        information = xdlms.encode_initiate_response(agreed, 0xFA00 if self.short else 7)
        if self.ciphering is not None:
            information = self.ciphering.protect(information, self._wrapping)
        right = request.context == context and request.mechanism == self.mechanism
        right &= self.mechanism is not Mechanism.PASSWORD or request.authentication == self.password
        response = AssociationResponse(context, int(not right), 0 if right else 13, information if right else b"")
        if self.ciphering is not None or self.mechanism in (Mechanism.GMAC, Mechanism.SHA256):
            response = response._replace(title=METER)
        if self.mechanism in hls.HIGH:
            self.challenge = hls.challenge(self.mechanism)
            response = response._replace(mechanism=self.mechanism, authentication=self.challenge)
        self.open, self.proven = right, self.mechanism not in hls.HIGH
        return acse.encode_response(self.aare(response))

    # -- services -------------------------------------------------------------------------------

    def serve(self, apdu: bytes) -> bytes:
        return self.serve_short(apdu) if self.short else self.serve_long(apdu)

    def read(self, wanted: Attribute) -> Data | AccessResult:
        if not self.proven:
            return AccessResult.READ_WRITE_DENIED
        if wanted.class_id == 12 and wanted.number == 2:
            return short_names.encode_list(self.listed)
        return self.values.get((wanted.logical_name, wanted.number), AccessResult.OBJECT_UNDEFINED)

    def write(self, wanted: Attribute, data: Data) -> AccessResult:
        if (wanted.logical_name, wanted.number) not in self.values:
            return AccessResult.READ_WRITE_DENIED
        self.values[wanted.logical_name, wanted.number] = data
        return AccessResult.SUCCESS

    def call(self, method: Attribute, data: Data | None) -> ln_action.ActionOutcome:
        if method.class_id in (12, 15) and method.number == (8 if self.short else 1):
            return self.prove(data)
        self.calls.append((method, data))
        return ln_action.ActionOutcome(ln_action.ActionResult.SUCCESS, self.returned)

    def prove(self, data: Data | None) -> ln_action.ActionOutcome:
        parties = Parties(self.challenge, self.asked.authentication or b"", METER, self.asked.title)
        known = Secrets(self.password, self.keys, self.sent)
        try:
            hls.verify(self.mechanism, parties, known, data.value if data else b"")
        except ValueError:
            return ln_action.ActionOutcome(ln_action.ActionResult.READ_WRITE_DENIED)
        self.proven = True
        proof = Data(axdr.OCTET_STRING, hls.proof(self.mechanism, parties, known))
        return ln_action.ActionOutcome(ln_action.ActionResult.SUCCESS, None if self.one_way else proof)

    def serve_long(self, apdu: bytes) -> bytes:
        invoke = apdu[2]
        if apdu[0] == ln.GET_REQUEST:
            request = ln.decode_get_request(apdu)
            if isinstance(request, ln.GetNext):
                return self.long_block(invoke, request.block + 1)
            self.selected = selection.decode_selections(apdu)
            results = [self.read(attribute) for attribute in request.attributes]
            encoded = [encode(r) if isinstance(r, Data) else r for r in results]
            if request.with_list:
                content = axdr.encode_length(len(results)) + b"".join(map(ln.encode_result, encoded))
                whole = bytes((ln.GET_RESPONSE, ln.WITH_LIST, invoke)) + content
            else:
                content, whole = encoded[0], ln.encode_get_response(invoke, encoded[0])
            if len(whole) <= self.answers or isinstance(content, AccessResult):
                return whole
            self._rest = content
            return self.long_block(invoke, 1)
        if apdu[0] == ln.SET_REQUEST:
            return self.long_set(invoke, ln_set.decode_request(apdu))
        return self.long_action(invoke, ln_action.decode_request(apdu))

    def long_block(self, invoke: int, number: int) -> bytes:
        size = max(1, self.answers - ln.BLOCK_OVERHEAD)
        content = self._rest[(number - 1) * size : number * size]
        return ln.encode_get_block(invoke, ln.Block(number * size >= len(self._rest), number, content))

    def long_set(self, invoke: int, request: Any) -> bytes:
        if isinstance(request, ln.SetRequest):
            return ln.encode_set_response(invoke, self.write(request.attribute, request.data))
        if request.attributes:
            self._request_block, self._pending = request.attributes[0], bytearray()
        self._pending += request.content
        if not request.last:
            return ln_set.encode_block_taken(invoke, request.number)
        result = self.write(self._request_block, axdr.decode(bytes(self._pending)))
        return ln_set.encode_last_block(invoke, request.number, result)

    def long_action(self, invoke: int, request: Any) -> bytes:
        if isinstance(request, ln_action.NextBlock):
            return self.action_block(invoke, request.number + 1)
        if isinstance(request, ln_action.ActionBlock):
            if request.method is not None:
                self._request_block, self._pending = request.method, bytearray()
            self._pending += request.content
            if not request.last:
                return ln_action.encode_response_next(invoke, request.number)
            outcome = self.call(self._request_block, axdr.decode(bytes(self._pending)))
        else:
            outcome = self.call(request.method, request.data)
        whole = ln_action.encode_response(invoke, outcome)
        if len(whole) <= self.answers:
            return whole
        self._rest = ln_action.encode_outcome(outcome)
        return self.action_block(invoke, 1)

    def action_block(self, invoke: int, number: int) -> bytes:
        size = self.answers - ln.BLOCK_OVERHEAD
        content, last = self._rest[(number - 1) * size : number * size], number * size >= len(self._rest)
        return ln_action.encode_response_block(ln_action.ActionBlock(invoke, last, number, content))

    # -- short names ----------------------------------------------------------------------------

    def target(self, name: int) -> tuple[Attribute, bool]:
        found = max((o for o in self.listed if o.base_name <= name), key=lambda o: o.base_name)
        offset = name - found.base_name
        first = short_names.FIRST_METHOD.get(found.class_id, 0x1000)
        is_method = offset >= first
        number = (offset - first if is_method else offset) // 8 + 1
        return Attribute(found.class_id, found.logical_name, number), is_method

    def serve_short(self, apdu: bytes) -> bytes:
        if apdu[0] == sn.WRITE_REQUEST:
            return sn.encode_write_response([self.short_write(sn.decode_write_request(apdu))])
        items = sn.decode_read_request(apdu)
        if isinstance(items[0], sn.NextBlock):
            return self.short_block(items[0].number + 1)
        if isinstance(items[0], sn.RequestBlock):
            self._pending = bytearray() if items[0].number == 1 else self._pending
            self._pending += items[0].content
            if not items[0].last:
                return sn.encode_read_response([sn.NextBlock(items[0].number)])
            items = sn.decode_read_request(bytes((sn.READ_REQUEST,)) + self._pending)
        self.selected = []
        whole = sn.encode_read_response([self.short_read(item) for item in items])
        if len(whole) <= self.answers:
            return whole
        self._rest = whole[1:]
        return self.short_block(1)

    def short_block(self, number: int) -> bytes:
        size = max(1, self.answers - 12)
        content, last = self._rest[(number - 1) * size : number * size], number * size >= len(self._rest)
        return sn.encode_read_response([ln.Block(last, number, content)])

    def short_read(self, item: Any) -> bytes | AccessResult:
        wanted, is_method = self.target(item.name)
        if is_method:
            outcome = self.call(wanted, item.parameter)
            if outcome.result:
                return AccessResult.of(outcome.result)
            return encode(outcome.returned if isinstance(outcome.returned, Data) else Data(axdr.NULL, None))
        self.selected.append(selection.selection_of(item))
        result = self.read(wanted)
        return encode(result) if isinstance(result, Data) else result

    def short_write(self, request: sn.WriteRequest) -> AccessResult | sn.NextBlock:
        head, data = request.items[0], request.data[0]
        if isinstance(head, sn.WriteBlockHead):
            self._pending = bytearray() if head.number == 1 else self._pending
            self._pending += data.value
            if not head.last:
                return sn.NextBlock(head.number)
            whole = sn.decode_write_request(bytes((sn.WRITE_REQUEST,)) + self._pending)
            head, data = whole.items[0], whole.data[0]
        wanted, is_method = self.target(head.name)
        return AccessResult.of(self.call(wanted, data).result) if is_method else self.write(wanted, data)


class MemoryChannel:
    """Hands each APDU to a meter; nothing takes time. ``impatient``: an answer that never comes is a lost link."""

    def __init__(self, handle: Callable[[bytes], list[bytes]], *, impatient: bool = False) -> None:
        self.dropped, self.heard, self.reason = 0, False, ""
        self.notifications: Callable[[bytes], None] | None = None
        self.lost = asyncio.Event()
        self.waiting: deque[bytes] = deque()
        self._handle, self._impatient = handle, impatient
        self._arrival = asyncio.Event()

    def give(self, apdu: bytes) -> None:
        self.waiting.append(apdu)
        self._arrival.set()

    def send(self, apdu: bytes | bytearray) -> None:
        self.dropped += len(self.waiting)
        self.waiting.clear()
        if not self.lost.is_set():
            for answer in self._handle(bytes(apdu)):
                self.give(answer)

    async def receive(self) -> bytes:
        while not self.waiting:
            if self.lost.is_set() or self._impatient:
                raise LinkError("nothing comes any more")
            self._arrival.clear()
            await self._arrival.wait()
        return self.waiting.popleft()

    async def keep_alive(self) -> bool:
        return False

    def close(self) -> None:
        self.lost.set()
        self._arrival.set()

    async def disconnect(self) -> None:
        self.close()


@pytest.fixture
def tiny_meter() -> Callable[..., TinyMeter]:
    return TinyMeter


@pytest.fixture
def memory_channel() -> Callable[..., MemoryChannel]:
    return MemoryChannel


@pytest.fixture
def database(tmp_path: Path) -> Any:
    """A service's store with the tables of the client."""
    store = open_store(tmp_path / "association.db", (*counter_store.MIGRATIONS, *name_cache.MIGRATIONS))
    yield store
    store.close()


@pytest.fixture
def counters(database: Any, tmp_path: Path) -> KeyCounters:
    return KeyCounters(SqliteCounters(database, tmp_path))


@pytest.fixture
def credentials_for(counters: KeyCounters) -> Callable[..., Credentials]:
    """The credentials that a meter accepts."""

    def make(meter: TinyMeter, **given: Any) -> Credentials:
        settings: dict[str, Any] = {
            "short_names": meter.short,
            "mechanism": meter.mechanism,
            "password": meter.password if meter.mechanism not in (Mechanism.NONE, Mechanism.GMAC) else b"",
            "protection": meter.protection,
            "title": CLIENT,
            "keys": KEYS,
            "counters": counters,
        }
        return Credentials(**{**settings, **given})

    return make


@pytest.fixture
def associated(
    credentials_for: Callable[..., Credentials],
) -> Callable[..., AbstractAsyncContextManager[Association]]:
    """An open association with a meter."""

    @asynccontextmanager
    async def run(
        meter: TinyMeter, names: Any = None, timeout: float = 0.5, **given: Any
    ) -> AsyncIterator[Association]:
        async with asyncio.timeout(20):
            association = Association(MemoryChannel(meter.handle), credentials_for(meter, **given), timeout, names)
            await association.open()
            yield association
            await association.release()

    return run
