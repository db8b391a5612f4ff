"""Sending entries to a syslog receiver: RFC 5424 over UDP (RFC 5426), TCP (RFC 6587) or TLS (RFC 5425).

None of these acknowledges: what lay in the kernel's buffer when a connection broke is lost.
``sequenceId`` counts the messages sent, so the receiver sees a gap.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import Sequence

from meterhub_sdk import Clock

from meterhub.events.entry import Entry, iso
from meterhub.events.settings import SyslogReceiver
from meterhub.events.sinks import Transport

PORTS = {"udp": 514, "tcp": 601, "tls": 6514}
DATAGRAM = 2048
"""Octets of one message over UDP: what RFC 5424, 6.1 says that receivers should take."""
FRAME = 8192
"""Octets of one message over TCP and TLS."""
SEQUENCES = 2**31 - 1
DEAD_AFTER = 30_000
"""Milliseconds without an acknowledgement by the peer's kernel after which a TCP connection is dead."""
FAREWELL = 1.0
"""Seconds for the other side to answer the end of a connection."""

_NOT_PRINTABLE = re.compile(r"[^\x21-\x7e]")
_IN_VALUE = re.compile(r'(["\\\]])')


class Formatter:
    """Writes entries as RFC 5424 messages."""

    def __init__(self, receiver: SyslogReceiver, hostname: str) -> None:
        self._facility = receiver.facility
        self._sd_id = f"meterhub@{receiver.enterprise}"
        self._hostname = _header(hostname, 255)
        self._sent = 0

    def message(self, entry: Entry, limit: int) -> bytes:
        """One message of at most ``limit`` octets; the text is cut where it would be longer."""
        self._sent = self._sent % SEQUENCES + 1
        head = f"<{self._facility * 8 + entry.severity}>1 {_timestamp(entry.time)} {self._hostname}"
        who = f"{_header(entry.distribution, 48)} - {_header(entry.name, 32)}"
        start = f"{head} {who} {self._structured(entry)} ".encode() + b"\xef\xbb\xbf"
        text = entry.text.encode()
        if len(start) + len(text) > limit:
            room = limit - len(start) - len("…".encode())
            text = text[:room].decode(errors="ignore").encode() + "…".encode()
        return start + text

    def _structured(self, entry: Entry) -> str:
        synced = int(entry.clock is Clock.VALID)
        values = {
            "sequence": str(entry.sequence),
            "log": entry.log.value,
            "number": str(entry.number),
            "source": entry.source,
            "clock": entry.clock.name.lower(),
            "digest": entry.digest.hex(),
        }
        own = " ".join(f'{name}="{_escaped(value)}"' for name, value in values.items())
        meta = f'[meta sequenceId="{self._sent}"][timeQuality tzKnown="1" isSynced="{synced}"]'
        return f"{meta}[{self._sd_id} {own}]"


def _escaped(value: str) -> str:
    """A value of structured data (RFC 5424, 6.3.3)."""
    return _IN_VALUE.sub(r"\\\1", value)


def _header(text: str, length: int) -> str:
    """A header field: printable ASCII without spaces, ``-`` for nothing (RFC 5424, 6.2)."""
    return _NOT_PRINTABLE.sub("_", text)[:length] or "-"


def _timestamp(time: int) -> str:
    """RFC 5424 allows six decimals at most."""
    return f"{iso(time)[:-4]}Z"


def syslog_transport(receiver: SyslogReceiver, hostname: str) -> Transport:
    """The transport that the settings ask for."""
    formatter = Formatter(receiver, hostname)
    if receiver.transport == "udp":
        return _Datagrams(receiver, formatter)
    return _Stream(receiver, formatter)


def _port(receiver: SyslogReceiver) -> int:
    return receiver.port if receiver.port is not None else PORTS[receiver.transport]


class _Refusals(asyncio.DatagramProtocol):
    """Keeps what the network says about datagrams that went out before."""

    def __init__(self) -> None:
        self.failure: Exception | None = None

    def error_received(self, exc: Exception) -> None:
        self.failure = exc

    def connection_lost(self, exc: Exception | None) -> None:
        self.failure = exc or ConnectionError("the socket was closed")


class _Datagrams:
    """One message per datagram; a receiver that is absent is noticed only if its host says so."""

    batch = 20

    def __init__(self, receiver: SyslogReceiver, formatter: Formatter) -> None:
        self._address = (receiver.host, _port(receiver))
        self._formatter = formatter
        self._transport: asyncio.DatagramTransport | None = None
        self._refusals = _Refusals()

    async def connect(self) -> None:
        loop = asyncio.get_running_loop()
        made = await loop.create_datagram_endpoint(_Refusals, remote_addr=self._address)
        self._transport, self._refusals = made

    async def send(self, entries: Sequence[Entry]) -> None:
        if self._transport is None:
            raise ConnectionError("not connected")
        self.check()
        for entry in entries:
            self._transport.sendto(self._formatter.message(entry, DATAGRAM))
        await asyncio.sleep(0)
        self.check()

    def check(self) -> None:
        if self._refusals.failure is not None:
            raise self._refusals.failure

    async def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
            self._transport = None


class _Stream:
    """Octet counting (RFC 6587, 3.4.1) over TCP, and over TLS as RFC 5425 asks for."""

    batch = 100

    def __init__(self, receiver: SyslogReceiver, formatter: Formatter) -> None:
        self._host, self._port = receiver.host, _port(receiver)
        self._tls = receiver.transport == "tls"
        self._trusted = receiver.trusted
        self._formatter = formatter
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def connect(self) -> None:
        context = trusting(self._trusted) if self._tls else None
        self._streams = await asyncio.open_connection(self._host, self._port, ssl=context)
        notice_death(self._streams[1])

    async def send(self, entries: Sequence[Entry]) -> None:
        self.check()
        if self._streams is None:
            raise ConnectionError("not connected")
        writer = self._streams[1]
        messages = [self._formatter.message(entry, FRAME) for entry in entries]
        writer.write(b"".join(b"%d %s" % (len(message), message) for message in messages))
        await writer.drain()

    def check(self) -> None:
        if self._streams is not None and self._streams[0].at_eof():
            raise ConnectionError("the receiver closed the connection")

    async def close(self) -> None:
        if self._streams is None:
            return
        writer, self._streams = self._streams[1], None
        if writer.transport.get_write_buffer_size():
            writer.transport.abort()
            return
        writer.close()
        try:
            async with asyncio.timeout(FAREWELL):
                await writer.wait_closed()
        except OSError:  # a time-out is one of these
            writer.transport.abort()


def trusting(certificates: str) -> ssl.SSLContext:
    """A client's TLS settings (1.2 or newer) that check the name and trust these PEM certificates, or the system's."""
    context = ssl.create_default_context(cadata=certificates if certificates.strip() else None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def notice_death(writer: asyncio.StreamWriter) -> None:
    """Let the kernel end a connection whose peer vanished without a word."""
    connection: socket.socket = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, DEAD_AFTER // 1000)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, DEAD_AFTER)
