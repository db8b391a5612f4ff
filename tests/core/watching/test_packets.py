"""Exported frames, as Wireshark reads them without any options."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meterhub.watching.frame_query import RecordedChannel, RecordedFrame
from meterhub.watching.frame_records import Located
from meterhub.watching.packets import Packets
from meterhub.watching.pcapng import PcapngWriter

NEEDS_TSHARK = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
TIME = 1_763_766_000_123_456_789
RTU_READ, RTU_ANSWER = bytes.fromhex("010300000002c40b"), bytes.fromhex("01030400010002 2a32")
STARTDT = bytes.fromhex("680407000000")
MBAP = bytes.fromhex("000100000006010300000002")


class Export:
    """Frames of some channels, and what tshark makes of the file."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._writer = PcapngWriter("Meterhub test")
        self._packets = Packets(self._writer)
        self._numbers = iter(range(1, 10_000))

    def channel(self, link: Any, local: str = "", remote: str = "", *, listening: bool = False) -> RecordedChannel:
        return RecordedChannel(next(self._numbers), "the-service", f"a {link}", link, local, remote, listening)

    def add(self, channel: RecordedChannel, octets: bytes, *, sent: bool, redacted: bool = False) -> None:
        number = next(self._numbers)
        frame = RecordedFrame(TIME + number * 1000, number, channel.number, sent, redacted, len(octets), octets)
        self._packets.add(Located(frame, channel, "meterhub-worker"))

    def tshark(self, *fields: str, only: str = "") -> list[list[str]]:
        """One row for each packet."""
        self.file.write_bytes(self._writer.take())
        chosen = [part for name in fields for part in ("-e", name)]
        filtered = ["-Y", only] if only else []
        line = ["tshark", "-r", str(self.file), *filtered, "-T", "fields", "-E", "occurrence=a", *chosen]
        done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=True)
        return [row.split("\t") for row in done.stdout.splitlines()]


@pytest.fixture
def export(tmp_path: Path) -> Export:
    return Export(tmp_path / "frames.pcapng")


@NEEDS_TSHARK
def test_each_protocol_is_known_by_itself_whatever_port_was_used(export):
    server = export.channel("iec104", "10.0.0.1:12404", "10.0.0.5:51234", listening=True)
    client = export.channel("modbus-tcp", "[::1]:40000", "[::1]:1502")
    bus = export.channel("modbus-rtu", "rs485")
    slave = export.channel("modbus-rtu", "rs485", listening=True)
    export.add(server, STARTDT, sent=False)
    export.add(client, MBAP, sent=True)
    export.add(bus, RTU_READ, sent=True)
    export.add(bus, RTU_ANSWER, sent=False)
    export.add(slave, RTU_READ, sent=False)
    rows = export.tshark("_ws.col.Protocol", "_ws.col.Info", "_ws.malformed")
    assert [row[0] for row in rows] == ["IEC 60870-5-104", "Modbus/TCP", *["Modbus RTU"] * 3]
    assert ["Query" in row[1] for row in rows[1:]] == [True, True, False, True]
    assert not any(row[2] for row in rows)


@NEEDS_TSHARK
def test_addresses_ports_times_directions_and_comments_are_told(export):
    server = export.channel("iec104", "10.0.0.1:12404", "10.0.0.5:51234", listening=True)
    export.add(server, STARTDT, sent=False)
    export.add(server, bytes.fromhex("68040b000000"), sent=True, redacted=True)
    columns = ("ip.src", "tcp.srcport", "ip.dst", "tcp.dstport", "frame.time_epoch", "frame.comment")
    first, second = export.tshark(*columns, "frame.interface_name", "frame.interface_description")
    assert first[:4] == ["10.0.0.5", "51234", "10.0.0.1", "2404"]
    assert second[:4] == ["10.0.0.1", "2404", "10.0.0.5", "51234"]
    assert first[4].startswith("1763766000.12345")
    assert (first[5], second[5]) == ("", "passwords were replaced by asterisks")
    assert first[6] == "the-service a iec104"
    assert "10.0.0.1:12404" in first[7]
    assert "shown as 2404" in first[7]


@NEEDS_TSHARK
def test_sequence_numbers_run_and_checksums_are_right(export):
    talk = export.channel("modbus-tcp", "10.0.0.1:40000", "meter.example:502")
    for sent in (True, False, True, True, False):
        export.add(talk, MBAP, sent=sent)
    big = export.channel("tcp", "10.0.0.1:40001", "10.0.0.2:4001")
    export.add(big, bytes(40_000), sent=True)
    udp = export.channel("dlms-udp", "[fe80::1%eth0]:4059", "[fe80::2]:4059", listening=True)
    export.add(udp, b"\x00\x01" * 9, sent=False)
    checked = ["-o", "tcp.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE"]
    export.tshark("frame.number")
    line = ["tshark", "-r", str(export.file), *checked, "-T", "json"]
    packets = json.loads(subprocess.run(line, capture_output=True, timeout=60, check=True).stdout)
    layers = [packet["_source"]["layers"] for packet in packets]
    told = json.dumps(layers)
    assert len(layers) == 5 + 3 + 1
    assert "tcp.analysis.flags" not in told
    assert "_ws.malformed" not in told
    assert "checksum.bad" not in told
    assert [layer["tcp"]["tcp.checksum.status"] for layer in layers if "tcp" in layer] == ["1"] * 8
    assert layers[-1]["udp"]["udp.checksum.status"] == "1"


def blocks(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Kind and body of each block; both lengths of each are checked."""
    while content:
        kind, length = (int.from_bytes(content[at : at + 4], "little") for at in (0, 4))
        assert length % 4 == 0
        assert 12 <= length <= len(content)
        assert content[length - 4 : length] == content[4:8]
        yield kind, content[8 : length - 4]
        content = content[length:]


@given(
    frames=st.lists(
        st.tuples(st.sampled_from(["tcp", "udp", "serial", "iec104"]), st.booleans(), st.binary()), max_size=9
    ),
    places=st.tuples(st.text(max_size=30), st.text(max_size=30)),
)
@settings(max_examples=100, deadline=None)
def test_any_frame_and_any_name_make_sound_blocks(frames, places):
    writer = PcapngWriter("Meterhub test")
    packets = Packets(writer)
    for number, (link, sent, octets) in enumerate(frames, 1):
        channel = RecordedChannel(hash(link), "s", places[0] * 100, link, *places, number % 2 == 0)
        packets.add(Located(RecordedFrame(TIME, number, 1, sent, False, len(octets), octets), channel, "w"))
    kinds = [kind for kind, _ in blocks(writer.take())]
    assert kinds.count(6) == len(frames)
    assert kinds[0] == 0x0A0D0D0A
