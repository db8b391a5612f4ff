"""Meters that begin at 300 baud: the sign-on of IEC 62056-21 mode E before HDLC, and again after the link was lost."""

from __future__ import annotations

import termios

import pytest
from meterhub_dlms.events import METER_CONNECTED
from meterhub_dlms.link import parity

IDENTIFICATION = b"/LGZ5\\2ZMD4054407.B31\r\n"


class SignOnMeter:
    """Stands before a line: HDLC is heard only after a sign-on at 300 baud, and until the link is lost."""

    def __init__(self, line, far, *, confirm=True):
        self.line, self.far, self.confirm = line, far, confirm
        self.signed_on = 0
        self.hdlc = False
        self.speeds = []
        self.buffer = b""
        self.feed_line, line.feed = line.feed, self.feed

    def feed(self, data):
        speed = termios.tcgetattr(self.far)[4]
        if self.hdlc:
            assert speed == termios.B9600
            self.feed_line(data)
            return
        if speed != termios.B300:
            return
        self.buffer += parity.remove(data)
        assert parity.errors(data) == 0
        if self.buffer.endswith(b"/?7!\r\n"):
            self.buffer = b""
            self.line.transmit(parity.add(IDENTIFICATION))
        elif self.buffer == b"\x06252\r\n":
            self.buffer = b""
            self.signed_on += 1
            self.hdlc = True
            if self.confirm:
                self.line.transmit(parity.add(b"\x06252\r\n"))


@pytest.mark.parametrize("confirm", [True, False])
async def test_a_meter_is_signed_on_and_again_after_its_link_was_lost(meters, pty, hub, rows, read, until, confirm):
    line = meters(1)
    made = pty(line)
    hub.things["serial", "bus"] = {"device": made.device, "baud": 9600, "data_bits": 7, "parity": "even"}
    meter = SignOnMeter(line, made.far, confirm=confirm)
    signing = {"sign_on": "mode-e", "sign_on_address": "7", "transport": "serial", "serial_port": "bus"}
    async with read(rows(line, **signing)):
        await hub.until_published("m17/r1", "m17/r3", timeout=10)
        assert hub.published["m17/r3"].value == 17_003
        if confirm:
            line.bus._links.clear()
            meter.hdlc = False
            await until(lambda: meter.signed_on == 2 and line.meters[17].associations == 2)
    assert hub.recorded[0].type == METER_CONNECTED


async def test_a_meter_that_is_still_in_hdlc_is_reached_without_a_sign_on(meters, pty, hub, rows, read, until):
    line = meters(1)
    made = pty(line)
    hub.things["serial", "bus"] = {"device": made.device}
    meter = SignOnMeter(line, made.far)
    meter.hdlc = True
    meter.feed_line = lambda data: None if termios.tcgetattr(made.far)[4] != termios.B9600 else feed(data)
    feed = type(line).feed.__get__(line)
    line.feed = meter.feed_line
    signing = {"sign_on": "mode-e", "transport": "serial", "serial_port": "bus"}
    async with read(rows(line, **signing)):
        await hub.until_published("m17/r1", timeout=10)
    assert meter.signed_on == 0
