"""The server on a serial port: the sign-on of IEC 62056-21, giving the port to others, and coming back."""

from __future__ import annotations

import asyncio
import contextlib
import os

import pytest
from meterhub_dlms.codec import acse, axdr, ln, obis, xdlms
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.codec.xdlms import Initiate
from meterhub_dlms.events import SERVER_LINE_BACK, SERVER_LINE_LOST
from meterhub_dlms.link import llc, parity
from meterhub_dlms.link.hdlc_deframer import HdlcDeframer
from meterhub_dlms.link.hdlc_frame import HdlcAddress, HdlcFrame, Kind
from meterhub_dlms.link.mode_e import SignOn
from meterhub_dlms.link.mode_e_secondary import MeterSignOn
from meterhub_dlms.server.negotiation import OFFERED
from meterhub_dlms.server.served import ServedPoint

CLIENT, SERVER = HdlcAddress.client(16), HdlcAddress.server(1, 17)
COMM_SPEED = ln.Attribute(23, obis.parse("0-0:22.0.0*255"), 2)
DEVICE_NAME = ln.Attribute(1, obis.parse("0-0:42.0.0*255"), 2)


class Line:
    """The client's end of a bridged terminal."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.deframer = HdlcDeframer()

    async def take(self, count):
        async with asyncio.timeout(10):
            return parity.remove(await self.reader.readexactly(count))

    async def frame(self, kind, information=b"", send=0, receive=0):
        frame = HdlcFrame(SERVER, CLIENT, kind, True, send, receive, information)
        self.writer.write(frame.encode())
        async with asyncio.timeout(10):
            while True:
                if frames := self.deframer.feed(await self.reader.read(4096)):
                    return frames[0]

    async def read_name(self):
        """Open a link and an association, and read the device's name."""
        assert (await self.frame(Kind.SNRM)).kind is Kind.UA
        initiate = xdlms.encode_initiate_request(Initiate(OFFERED, 1000))
        request = acse.encode_request(acse.AssociationRequest(1, 0, None, initiate))
        answer = await self.frame(Kind.I, llc.REQUEST + request)
        assert acse.decode_response(answer.information[3:]).result == 0
        return await self.read(DEVICE_NAME, 1)

    async def read(self, attribute, number):
        """The ``number``-th request of a link, after the AARQ."""
        answer = await self.frame(Kind.I, llc.REQUEST + ln.encode_get(attribute), number, number)
        return ln.decode_get_response(answer.information[3:])


@pytest.fixture
async def line(bridged_terminal, meter_hub):
    path, port = bridged_terminal
    meter_hub.things["serial", "optical"] = {"device": path, "baud": 9600}
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    yield Line(reader, writer)
    writer.transport.abort()


SERIAL = {"tcp": False, "serial_port": "optical", "device_name": "METER1"}


async def test_a_client_signs_on_and_off_again(serve, line):
    async with serve(sign_on="mode-e", **SERIAL) as server:
        for _ in range(2):
            line.writer.write(parity.add(b"noise\r\n/?17!\r\n"))
            assert await line.take(15) == b"/MHB5\\2METER1\r\n"
            line.writer.write(parity.add(b"\x06252\r\n"))
            assert await line.take(6) == b"\x06252\r\n"
            assert await line.read_name() == Data(axdr.OCTET_STRING, b"METER1")
            assert "9600" in server.status().serial
            assert (await line.frame(Kind.DISC)).kind is Kind.UA
        assert server.status().errors == 0


async def test_the_hdlc_setup_tells_the_speed_of_the_serial_line(serve, line):
    async with serve(**SERIAL):
        await line.read_name()
        assert await line.read(COMM_SPEED, 2) == Data(axdr.ENUM, 5)


async def test_an_object_that_fails_leaves_the_line_at_work(serve, line, monkeypatch):
    def fail(self):
        raise ZeroDivisionError("a fault in an object")

    monkeypatch.setattr(ServedPoint, "read", fail)
    energy = {"logical_name": "1-0:1.8.0*255", "point": "a/energy", "unit": "Wh"}
    async with serve(objects=[energy], **SERIAL) as server:
        await line.read_name()
        frame = llc.REQUEST + ln.encode_get(ln.Attribute(3, obis.parse(energy["logical_name"]), 2))
        assert (await line.frame(Kind.I, frame, 2, 2)).information[3:].hex() == "d80103"
        assert await line.read(DEVICE_NAME, 3) == Data(axdr.OCTET_STRING, b"METER1")
        assert server.status().errors == 1


async def test_the_port_goes_to_whoever_wants_it_and_comes_back(serve, line, meter_hub, until):
    async with serve(**SERIAL) as server:
        assert await line.read_name() == Data(axdr.OCTET_STRING, b"METER1")
        assert server.status().associations == 1
        lease = meter_hub.leases["serial", "optical"]
        lease.want()
        await until(lambda: meter_hub.leases.get(("serial", "optical")) not in (None, lease))
        await until(lambda: server.status().serial == "open")
        assert server.status().associations == 0
        assert await line.read_name() == Data(axdr.OCTET_STRING, b"METER1")


async def test_a_port_that_is_not_there_is_tried_again_and_told_once(serve, meter_hub, until, monkeypatch, tmp_path):
    monkeypatch.setattr("meterhub_dlms.server.serial_server.FIRST_DELAY", 0.05)
    meter_hub.things["serial", "optical"] = {"device": "/dev/meterhub-absent", "baud": 9600}
    ours, theirs = os.openpty()
    async with serve(**SERIAL) as server:
        await until(lambda: "absent" in server.status().serial)
        meter_hub.things["serial", "optical"] = {"device": os.ttyname(theirs), "baud": 9600}
        await until(lambda: server.status().serial == "open")
    os.close(ours)
    with contextlib.suppress(OSError):
        os.close(theirs)
    assert [event.type for event in meter_hub.recorded] == [SERVER_LINE_LOST, SERVER_LINE_BACK]


def test_our_two_ends_agree_on_the_highest_common_speed():
    for ours, theirs, speed in ((9600, 19200, 9600), (19200, 4800, 4800), (115200, 19200, 19200), (300, 9600, 300)):
        client, meter = SignOn(address="17", max_speed=theirs), MeterSignOn("M", frozenset({"17"}), ours)
        told = meter.feed(client.start().send)
        chosen = client.feed(told.send)
        confirmed = meter.feed(chosen.send)
        assert confirmed.done
        assert confirmed.speed == speed
        assert client.feed(confirmed.send).speed == speed


@pytest.mark.parametrize(
    "said", [b"/?18!\r\n", b"\x06252\r\n", b"/?!\n", b"?!\r\n", b"/?" + b"1" * 40 + b"!\r\n", bytes(500)]
)
def test_what_is_no_sign_on_for_us_gets_no_answer(said):
    assert MeterSignOn("M", frozenset({"17"}), 9600).feed(parity.add(said)) is None


@pytest.mark.parametrize("choice", [b"\x06050\r\n", b"\x06262\r\n", b"\x06292\r\n", b"\x06251\r\n"])
def test_readout_programming_and_speeds_not_offered_are_not_chosen(choice):
    meter = MeterSignOn("M", frozenset(), 9600)
    assert meter.feed(parity.add(b"/?!\r\n")) is not None
    assert meter.feed(parity.add(choice)) is None
    assert meter.feed(parity.add(b"\x06252\r\n")) is None
