"""Recorded frames as packets that Wireshark dissects without being told how.

Frames of connections get headers of IP and TCP or UDP around them, with running sequence numbers; whatever port was
used, the end that listens has the well-known one of the protocol. Frames of serial ports are named by their protocol.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address

from meterhub.watching.frame_query import RecordedChannel
from meterhub.watching.frame_records import Located
from meterhub.watching.pcapng import LINK_RAW, LINK_UPPER_PDU, PcapngWriter

PORTS = {"iec104": 2404, "modbus-tcp": 502, "dlms-tcp": 4059, "dlms-udp": 4059}
"""Well-known ports, by what carries the frames."""
_DISSECTORS = {"modbus-rtu": b"mbrtu", "dlms-hdlc": b"data", "serial": b"data"}
_UDP_LINKS = ("dlms-udp", "udp")
_NOWHERE = (IPv4Address("192.0.2.1"), IPv4Address("192.0.2.2"))
"""Addresses for examples (RFC 5737), where an end has none."""
_TCP, _UDP = 6, 17
_PSH_ACK = 0x18
_SEGMENT = 16_000
_LATE_PORTS = 49152
_END, _NAME, _PORT_TYPE, _SOURCE, _DESTINATION = 0, 12, 24, 25, 26
_PORT_TYPE_TCP = 2

Address = IPv4Address | IPv6Address
End = tuple[Address, int]


@dataclass(slots=True)
class _Conversation:
    interface: int
    link: str
    local: End
    remote: End
    sequence: dict[bool, int] = field(default_factory=lambda: {True: 1, False: 1})


class Packets:
    """Turns frames into packets of one file; frames come in the order of time."""

    def __init__(self, writer: PcapngWriter) -> None:
        self.writer = writer
        self.count = 0
        self._conversations: dict[tuple[str, int], _Conversation] = {}

    def add(self, located: Located) -> None:
        """Write one frame."""
        frame, key = located.frame, (located.worker, located.channel.number)
        talk = self._conversations.get(key)
        if talk is None:
            talk = self._conversations[key] = self._begin(located.channel, len(self._conversations))
        comment = "passwords were replaced by asterisks" if frame.redacted else ""
        for at in range(0, max(1, len(frame.octets)), _SEGMENT):
            packet = _packet(talk, frame.octets[at : at + _SEGMENT], frame.sent)
            self.writer.packet(talk.interface, frame.time, packet, sent=frame.sent, comment=comment)
        self.count += 1

    def _begin(self, channel: RecordedChannel, number: int) -> _Conversation:
        serial = channel.link in _DISSECTORS
        local, remote = _ends(channel, _LATE_PORTS + number % 16000)
        description = f"{channel.service}: {channel.link}, {channel.local or 'here'} to {channel.remote or 'unknown'}"
        shown = PORTS.get(channel.link)
        if shown is not None and shown != _place(channel.local if channel.listening else channel.remote)[1]:
            description += f"; the port that was connected to is shown as {shown}"
        interface = self.writer.interface(
            f"{channel.service} {channel.name}", LINK_UPPER_PDU if serial else LINK_RAW, description
        )
        return _Conversation(interface, channel.link, local, remote)


def _packet(talk: _Conversation, octets: bytes, sent: bool) -> bytes:
    source, destination = (talk.local, talk.remote) if sent else (talk.remote, talk.local)
    if talk.link in _DISSECTORS:
        return _named(_DISSECTORS[talk.link], source[1], destination[1]) + octets
    if talk.link in _UDP_LINKS:
        head = struct.pack(">HHHH", source[1], destination[1], 8 + len(octets), 0)
        return _ip(source[0], destination[0], _UDP, head, 6, octets)
    sequence, acknowledged = talk.sequence[sent], talk.sequence[not sent]
    talk.sequence[sent] = (sequence + len(octets)) & 0xFFFFFFFF
    head = struct.pack(">HHIIBBHHH", source[1], destination[1], sequence, acknowledged, 5 << 4, _PSH_ACK, 0xFFFF, 0, 0)
    return _ip(source[0], destination[0], _TCP, head, 16, octets)


def _ip(source: Address, destination: Address, protocol: int, head: bytes, checksum_at: int, octets: bytes) -> bytes:
    """A packet with all its checksums (RFC 791, 8200, 9293, 768)."""
    length = len(head) + len(octets)
    pseudo = source.packed + destination.packed + struct.pack(">II", length, protocol)
    total = _checksum(pseudo + head + octets) or 0xFFFF
    head = head[:checksum_at] + struct.pack(">H", total) + head[checksum_at + 2 :]
    if source.version == 6:
        outer = struct.pack(">IHBB", 6 << 28, length, protocol, 64) + source.packed + destination.packed
    else:
        outer = struct.pack(">BBHHHBBH", 0x45, 0, 20 + length, 0, 0x4000, 64, protocol, 0)
        outer += source.packed + destination.packed
        outer = outer[:10] + struct.pack(">H", _checksum(outer)) + outer[12:]
    return outer + head + octets


def _checksum(octets: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    octets += bytes(len(octets) % 2)
    total: int = sum(struct.unpack(f">{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _named(dissector: bytes, source: int, destination: int) -> bytes:
    """The tags before a frame that tell its protocol, and by the ports which end asks and which answers."""
    ports = [(_PORT_TYPE, _PORT_TYPE_TCP), (_SOURCE, source), (_DESTINATION, destination)]
    tags = [(_NAME, dissector), *((tag, struct.pack(">I", number)) for tag, number in ports)]
    return b"".join(struct.pack(">HH", tag, len(value)) + value for tag, value in tags) + struct.pack(">HH", _END, 0)


def _ends(channel: RecordedChannel, other_port: int) -> tuple[End, End]:
    """Addresses and ports of both ends as they are shown."""
    (local, local_port), (remote, remote_port) = _place(channel.local), _place(channel.remote)
    if local is None or remote is None or local.version != remote.version:
        local, remote = _NOWHERE
    known = PORTS.get(channel.link) or (502 if channel.link == "modbus-rtu" else 0)
    if channel.listening:
        return (local, known or local_port or 1), (remote, remote_port or other_port)
    return (local, local_port or other_port), (remote, known or remote_port or 1)


def _place(text: str) -> tuple[Address | None, int]:
    """Address and port in ``10.0.0.5:2404`` or ``[::1]:502``; nothing where there are none."""
    host, _, port = text.rpartition(":")
    try:
        address = ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        address = None
    number = int(port) if port.isdecimal() and len(port) <= 5 else 0
    return address, number if number <= 0xFFFF else 0
