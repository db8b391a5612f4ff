"""The server against raw APDUs: good ones, bad ones and none."""

from __future__ import annotations

import asyncio
import socket
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from meterhub_dlms.codec import acse, axdr, ln, obis, xdlms
from meterhub_dlms.codec.axdr import Data, encode
from meterhub_dlms.codec.xdlms import AccessResult, Conformance, Initiate
from meterhub_dlms.events import CLIENT_REFUSED
from meterhub_dlms.link.wrapper import WrapperDeframer, wrap
from meterhub_dlms.server.negotiation import OFFERED
from meterhub_dlms.server.objects.profile_store import ProfileStore
from meterhub_dlms.server.service import DlmsServer
from meterhub_dlms.server.settings import DlmsServerConfig
from meterhub_sdk import NotReady

NAME_TEXT = "1-1:1.8.0*255"
ENERGY = {"logical_name": NAME_TEXT, "point": "a/energy", "unit": "Wh", "writable": True}
NAME = obis.parse(NAME_TEXT)
VALUE, SCALER = ln.Attribute(3, NAME, 2), ln.Attribute(3, NAME, 3)
CLOCK = ln.Attribute(8, obis.parse("0-0:1.0.0*255"), 2)
NOT_ASSOCIATED, NOT_SERVED = bytes.fromhex("d80101"), bytes.fromhex("d80202")
HEADS = [b"\xc0", b"\xc1", b"\xc3", b"\x60", b""]
WRITER = [{"address": 16, "rights": "read and write"}]


class RawClient:
    """Sends APDUs as they are and waits for what comes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.deframer = WrapperDeframer()

    async def ask(self, apdu: bytes, source: int = 16, destination: int = 1) -> bytes:
        self.writer.write(wrap(source, destination, apdu))
        async with asyncio.timeout(5):
            while True:
                data = await self.reader.read(65536)
                assert data, "the server closed the connection"
                for frame in self.deframer.feed(data):
                    assert (frame.source, frame.destination) == (destination, source)
                    return frame.apdu

    async def associate(
        self, *, size: int = 65535, conformance: Conformance = OFFERED, password: bytes | None = None, source: int = 16
    ) -> acse.AssociationResponse:
        initiate = xdlms.encode_initiate_request(Initiate(conformance, size))
        mechanism = 0 if password is None else 1
        request = acse.AssociationRequest(1, mechanism, password, initiate)
        return acse.decode_response(await self.ask(acse.encode_request(request), source))

    async def get(self, attribute: ln.Attribute) -> ln.GetResult | ln.Block | list[ln.GetResult]:
        return ln.decode_get_response(await self.ask(ln.encode_get(attribute)))

    async def closed(self) -> bool:
        async with asyncio.timeout(5):
            try:
                while await self.reader.read(65536):
                    pass
            except ConnectionError:
                pass
        return True


Connect = Callable[[], AbstractAsyncContextManager[RawClient]]


@pytest.fixture
def connect(port: int) -> Connect:
    @asynccontextmanager
    async def run() -> AsyncIterator[RawClient]:
        client = RawClient(*await asyncio.open_connection("127.0.0.1", port))
        try:
            yield client
        finally:
            client.writer.transport.abort()
            await asyncio.sleep(0)

    return run


@pytest.mark.parametrize(
    "apdu",
    [ln.encode_get(VALUE), ln.encode_get_list([VALUE]), ln.encode_set(VALUE, Data(axdr.UINT32, 1)), b"\xc3\x01\xc1\x00",
     b"\x00", b"\xff" * 50],
)  # fmt: skip
async def test_nothing_is_served_without_an_association(serve, connect, meter_hub, apdu):
    meter_hub.give("a/energy", 1)
    async with serve(objects=[ENERGY]), connect() as client:
        assert await client.ask(apdu) == NOT_ASSOCIATED


async def test_after_release_nothing_is_served_either(serve, connect, meter_hub):
    meter_hub.give("a/energy", 1)
    async with serve(objects=[ENERGY]) as server, connect() as client:
        await client.associate()
        assert await client.get(VALUE) == Data(axdr.UINT32, 1)
        assert server.status().associations == 1
        assert await client.ask(acse.encode_release_request()) == acse.encode_release_response()
        assert await client.ask(ln.encode_get(VALUE)) == NOT_ASSOCIATED
        assert server.status().associations == 0


async def test_a_point_says_whether_a_client_is_connected(serve, connect, meter_hub, until, monkeypatch):
    monkeypatch.setattr("meterhub_dlms.server.service._LOOK", 0.005)
    async with serve(objects=[ENERGY]):
        points = await meter_hub.until_published("clients/connected")
        assert points["clients/connected"].value is False
        async with connect():
            await until(lambda: points["clients/connected"].value)
        await until(lambda: not points["clients/connected"].value)


@pytest.mark.parametrize(
    ("attribute", "result"),
    [
        (ln.Attribute(3, obis.parse("1-1:2.8.0*255"), 2), AccessResult.OBJECT_UNDEFINED),
        (ln.Attribute(1, NAME, 2), AccessResult.OBJECT_CLASS_INCONSISTENT),
        (ln.Attribute(3, NAME, 9), AccessResult.READ_WRITE_DENIED),
        (ln.Attribute(3, NAME, -1), AccessResult.READ_WRITE_DENIED),
        (ln.Attribute(15, obis.parse("0-0:40.0.0*255"), 7), AccessResult.READ_WRITE_DENIED),
        (VALUE, AccessResult.TEMPORARY_FAILURE),
        (SCALER, Data(axdr.STRUCTURE, [Data(axdr.INT8, 0), Data(axdr.ENUM, 30)])),
        (ln.Attribute(3, NAME, 1), Data(axdr.OCTET_STRING, NAME)),
    ],
)
async def test_each_attribute_is_answered_rightly(serve, connect, attribute, result):
    async with serve(objects=[ENERGY]), connect() as client:
        await client.associate()
        assert await client.get(attribute) == result
        listed = ln.decode_get_response(await client.ask(ln.encode_get_list([SCALER, attribute])))
        assert listed[1] == result


@pytest.mark.parametrize(
    ("given", "unit", "row", "result"),
    [
        (1.5, "kWh", {}, Data(axdr.UINT32, 1500)),
        (1500, "Wh", {"unit": "Wh", "scaler": 3}, Data(axdr.UINT32, 2)),
        (12.34, "A", {"unit": "A", "scaler": -3}, Data(axdr.UINT32, 12340)),
        (2**64 - 1, "Wh", {"data_type": "long64-unsigned"}, Data(axdr.UINT64, 2**64 - 1)),
        (-1, "Wh", {}, AccessResult.OTHER_REASON),
        (2**32, "Wh", {}, AccessResult.OTHER_REASON),
        ("text", "", {}, AccessResult.OTHER_REASON),
        (5, "V", {}, AccessResult.OTHER_REASON),
        (float("nan"), "Wh", {}, AccessResult.OTHER_REASON),
        (5, "", {"data_type": "boolean"}, AccessResult.OTHER_REASON),
        ("ż", "", {"data_type": "visible-string"}, AccessResult.OTHER_REASON),
        (230.5, "", {"data_type": "float32"}, Data(axdr.FLOAT32, 230.5)),
    ],
)
async def test_values_are_scaled_or_refused_never_wrong(serve, connect, meter_hub, given, unit, row, result):
    meter_hub.give("a/energy", given, unit=unit)
    async with serve(objects=[{**ENERGY, **row}]), connect() as client:
        await client.associate()
        assert await client.get(VALUE) == result


async def test_selective_access_is_refused(serve, connect, meter_hub):
    meter_hub.give("a/energy", 1)
    selective = ln.encode_get(VALUE)[:-1] + b"\x01\x01" + encode(Data(axdr.STRUCTURE, []))
    async with serve(objects=[ENERGY]), connect() as client:
        await client.associate()
        assert ln.decode_get_response(await client.ask(selective)) == AccessResult.SCOPE_OF_ACCESS_VIOLATED


@pytest.mark.parametrize(
    ("attribute", "data", "result"),
    [
        (VALUE, Data(axdr.UINT32, 7), AccessResult.SUCCESS),
        (VALUE, Data(axdr.UINT16, 7), AccessResult.TYPE_UNMATCHED),
        (SCALER, Data(axdr.UINT32, 7), AccessResult.READ_WRITE_DENIED),
        (CLOCK, Data(axdr.OCTET_STRING, bytes(12)), AccessResult.READ_WRITE_DENIED),
        (ln.Attribute(1, NAME, 2), Data(axdr.UINT32, 7), AccessResult.OBJECT_CLASS_INCONSISTENT),
    ],
)  # fmt: skip
async def test_each_set_is_answered_rightly(serve, connect, meter_hub, attribute, data, result):
    async with serve(objects=[ENERGY], clients=WRITER), connect() as client:
        await client.associate()
        assert ln.decode_set_response(await client.ask(ln.encode_set(attribute, data))) is result
    assert len(meter_hub.writes) == (result is AccessResult.SUCCESS)


async def test_a_set_is_answered_only_when_it_is_done(serve, connect, meter_hub, monkeypatch):
    release, begun = asyncio.Event(), asyncio.Event()

    async def slow(name, value, *, reason, timeout=10.0):
        begun.set()
        await release.wait()

    monkeypatch.setattr(meter_hub, "write", slow)
    async with serve(objects=[ENERGY], clients=WRITER), connect() as client, connect() as other:
        await client.associate()
        answer = asyncio.create_task(client.ask(ln.encode_set(VALUE, Data(axdr.UINT32, 7))))
        await begun.wait()
        assert (await other.associate()).result == 0
        assert not answer.done()
        release.set()
        assert ln.decode_set_response(await answer) is AccessResult.SUCCESS


async def test_methods_are_refused(serve, connect):
    async with serve(objects=[ENERGY]), connect() as client:
        await client.associate()
        for name, code in ((NAME, 3), (obis.parse("1-1:9.9.9*255"), 4)):
            call = bytes((ln.ACTION_REQUEST, 1, 0xC5)) + ln.encode_get(ln.Attribute(3, name, 1))[3:]
            assert await client.ask(call) == bytes((ln.ACTION_RESPONSE, 1, 0xC5, code, 0))


@pytest.mark.parametrize("size", [12, 20, 64, 200])
async def test_long_answers_come_in_blocks_of_the_agreed_size(serve, connect, size):
    async with serve(objects=[ENERGY]), connect() as client:
        await client.associate(size=size)
        content, number = b"", 0
        apdu = await client.ask(ln.encode_get(ln.Attribute(15, obis.parse("0-0:40.0.0*255"), 2)))
        while True:
            assert len(apdu) <= size
            block = ln.decode_get_response(apdu)
            content, number = content + block.content, number + 1
            assert block.number == number
            if block.last:
                break
            apdu = await client.ask(ln.encode_get_next(number, 1))
        assert len(axdr.decode(content).value) == 5


async def test_blocks_out_of_order_end_the_long_answer(serve, connect):
    objects = ln.Attribute(15, obis.parse("0-0:40.0.0*255"), 2)
    async with serve(objects=[ENERGY]), connect() as client:
        await client.associate(size=64)
        assert (await client.get(objects)).number == 1
        for block, reason in ((5, AccessResult.DATA_BLOCK_NUMBER_INVALID), (1, AccessResult.NO_LONG_GET_IN_PROGRESS)):
            answer = ln.decode_get_response(await client.ask(ln.encode_get_next(block, 1)))
            assert answer.content is reason


async def test_what_was_not_agreed_on_is_not_done(serve, connect, meter_hub):
    meter_hub.give("a/energy", 1)
    async with serve(objects=[ENERGY], clients=WRITER), connect() as client:
        response = await client.associate(conformance=Conformance.GET, size=64)
        assert xdlms.decode_initiate_response(response.user_information).conformance == Conformance.GET
        assert await client.ask(ln.encode_get_list([VALUE])) == NOT_SERVED
        assert await client.ask(ln.encode_set(VALUE, Data(axdr.UINT32, 1))) == NOT_SERVED
        assert (await client.ask(ln.encode_get(ln.Attribute(15, obis.parse("0-0:40.0.0*255"), 2))))[0] == 0xD8
        assert await client.get(VALUE) == Data(axdr.UINT32, 1)


@pytest.mark.parametrize(
    ("source", "password", "diagnostic"),
    [
        (32, None, 14),
        (32, b"wrong", 13),
        (32, b"", 13),
        (32, b"secret", 0),
        (16, None, 0),
        (16, b"secret", 11),
        (99, None, 1),
    ],
)
async def test_each_client_needs_its_own_password(serve, connect, meter_hub, source, password, diagnostic):
    meter_hub.secrets["s"] = "secret"
    clients = [{"address": 16}, {"address": 32, "authentication": "password", "password": "s"}]
    async with serve(clients=clients) as server, connect() as client:
        for _ in range(3):
            response = await client.associate(password=password, source=source)
            assert (response.result == 0, response.diagnostic) == (diagnostic == 0, diagnostic)
        assert server.status().refused_associations == (3 if diagnostic else 0)
    assert [e.type for e in meter_hub.recorded] == ([CLIENT_REFUSED] if diagnostic else [])
    assert "wrong'" not in str(meter_hub.recorded)


@pytest.mark.parametrize(
    ("initiate", "error"),
    [
        (Initiate(OFFERED, 1024, 5), b"\x0e\x01\x06\x01"),
        (Initiate(Conformance.READ, 1024), b"\x0e\x01\x06\x02"),
        (Initiate(OFFERED, 11), b"\x0e\x01\x06\x03"),
    ],
)
async def test_proposals_that_cannot_work_are_refused_with_the_reason(serve, connect, initiate, error):
    request = acse.AssociationRequest(1, 0, None, xdlms.encode_initiate_request(initiate))
    async with serve(), connect() as client:
        response = acse.decode_response(await client.ask(acse.encode_request(request)))
        assert (response.result, response.user_information) == (1, error)


async def test_frames_for_another_logical_device_are_dropped(serve, connect):
    async with serve() as server, connect() as client:
        client.writer.write(wrap(16, 2, b"\x60\x00"))
        assert (await client.associate()).result == 0
        assert server.status().dropped_frames == 1


@pytest.mark.parametrize("bad", [b"\x00\x02" + bytes(6), wrap(16, 1, bytes(101)), b"GET / HTTP/1.1\r\n\r\n"])
async def test_what_is_no_frame_closes_only_its_own_connection(serve, connect, bad):
    async with serve(max_pdu_size=100) as server, connect() as good, connect() as evil:
        await good.associate()
        evil.writer.write(bad)
        assert await evil.closed()
        assert isinstance(await good.get(ln.Attribute(1, obis.parse("0-0:42.0.0*255"), 2)), Data)
        assert server.status().errors == 1


async def test_connections_above_the_limit_are_closed_at_once(serve, connect, until):
    async with serve(connections=1) as server, connect() as first:
        await first.associate()
        async with connect() as second:
            assert await second.closed()
        assert (server.status().connections, server.status().refused_connections) == (1, 1)
        first.writer.close()
        await until(lambda: server.status().connections == 0)
        async with connect() as third:
            assert (await third.associate()).result == 0


async def test_idle_connections_are_closed(serve, connect):
    async with serve(idle_timeout=1), connect() as client:
        await client.associate()
        client.writer.write(b"\x00\x01\x00")
        assert await client.closed()


async def test_a_port_that_is_taken_is_tried_again_later(meter_hub, port):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        with pytest.raises(NotReady, match=str(port)):
            async with meter_hub.running(DlmsServer(meter_hub, DlmsServerConfig(port=port))) as task:
                await task


async def test_a_stopped_server_leaves_nothing_behind(serve, connect, until):
    async with serve() as server, connect() as client:
        await client.associate()
        name = server.status().device
    assert server.port is None
    assert server.status().device == name
    await until(lambda: len(asyncio.all_tasks()) == 1)


async def test_what_the_disk_does_not_take_shows_in_the_status(serve, meter_hub, until, monkeypatch):
    def full(*_):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(ProfileStore, "append", full)
    profile = {"columns": [{"logical_name": NAME_TEXT}], "period": 0, "on_change": ["a/energy"]}
    async with serve(objects=[ENERGY], profiles=[profile]) as server:
        assert server.status().unstored == 0
        meter_hub.give("a/energy", 1, unit="Wh")
        await asyncio.sleep(0)
        meter_hub.give("a/energy", 2, unit="Wh")
        await until(lambda: server.status().unstored > 0)


def test_garbage_gets_an_exception_and_the_next_request_its_answer(serve, connect, meter_hub):
    meter_hub.give("a/energy", 1)

    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        st.lists(
            st.tuples(st.sampled_from([b"\xc0", b"\xc1", b"\xc3", b"\x60", b""]), st.binary(min_size=1, max_size=60))
        )
    )
    def feed(apdus):
        async def run():
            async with serve(objects=[ENERGY]), connect() as client:
                for head, tail in apdus:
                    assert await client.ask(head + tail)
                await client.associate()
                assert await client.get(VALUE) == Data(axdr.UINT32, 1)

        asyncio.run(run())

    feed()
