"""Sending on to syslog receivers: real sockets on loopback."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import re
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from meterhub_sdk import Clock, EventType, Log, Severity

from meterhub.events import EventLog, EventLogConfig, EventQuery, Receivers, View, read_page
from meterhub.events.entry import draft
from meterhub.events.settings import SyslogReceiver
from meterhub.events.sinks import Pace
from meterhub.events.syslog import Formatter
from meterhub.store import Store

QUICK = Pace(timeout=2.0, first_pause=0.01, longest_pause=0.05, settled=0.05)

# The grammar of RFC 5424, section 6.
VALUE = r'(?:[^"\\\]]|\\["\\\]])*'
NAME = r'[^= \]"\x00-\x20\x7f-\xff]{1,32}'
MESSAGE = re.compile(
    r"<(?P<pri>\d{1,3})>1 (?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,6}Z) (?P<host>[!-~]{1,255}) "
    r"(?P<app>[!-~]{1,48}) (?P<pid>[!-~]{1,128}) (?P<id>[!-~]{1,32}) "
    rf'(?P<data>(?:\[{NAME}(?: {NAME}="{VALUE}")*\])+) \ufeff(?P<text>.*)',
    re.DOTALL,
)


def parsed(message: bytes) -> dict[str, str]:
    found = MESSAGE.fullmatch(message.decode())
    assert found, message
    return found.groupdict()


class StreamReceiver:
    """A syslog receiver over TCP or TLS that takes octet-counted frames; it can be stopped and started."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.texts: list[str] = []
        self.port = 0
        self.hang = False
        self._context = context
        self._writers: list[asyncio.StreamWriter] = []

    async def start(self) -> None:
        listening = socket.create_server(("127.0.0.1", self.port))
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._server = await asyncio.start_server(self._serve, sock=listening, ssl=self._context)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await self._server.wait_closed()

    async def has(self, count: int) -> None:
        async with asyncio.timeout(10):
            while len(self.texts) < count:
                await asyncio.sleep(0.005)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        try:
            while not self.hang:
                length = int(await reader.readuntil(b" "))
                self.texts.append(parsed(await reader.readexactly(length))["text"])
            writer.transport.pause_reading()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


class Datagrams(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.got: asyncio.Queue[bytes] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.got.put_nowait(data)


@asynccontextmanager
async def sending(
    log: EventLog, /, *, pace: Pace = QUICK, grace: float = 0.5, **settings: Any
) -> AsyncIterator[Receivers]:
    settings = {"name": "siem", "host": "127.0.0.1"} | settings
    receivers = Receivers(log, lambda name: b"", hostname="LGZ 1234", pace=pace)
    await receivers.apply(EventLogConfig.model_validate({"syslog": [settings]}))
    try:
        yield receivers
    finally:
        await receivers.stop(grace)


@pytest.fixture
async def receiver() -> AsyncIterator[StreamReceiver]:
    receiver = StreamReceiver()
    await receiver.start()
    yield receiver
    await receiver.stop()


@pytest.fixture
def own_events(log: EventLog, store: Store) -> Callable[[], Any]:
    """The names of what the sinks said about themselves, oldest first."""

    async def names() -> list[str]:
        page = await read_page(store, EventQuery(log=View.COMMUNICATION, source="siem", limit=1000))
        return [entry.name for entry in reversed(page.entries)]

    return names


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


async def test_a_message_over_udp_is_rfc_5424(log: EventLog, door: EventType, clock: Any) -> None:
    loop = asyncio.get_running_loop()
    transport, datagrams = await loop.create_datagram_endpoint(Datagrams, local_addr=("127.0.0.1", 0))
    async with sending(log, transport="udp", port=transport.get_extra_info("sockname")[1], facility=13):
        clock.validity = Clock.INVALID
        entry = await log.record(door, source='doors "]\\ 1.2', distribution="acme-doors", door="główne")
        message = parsed(await asyncio.wait_for(datagrams.got.get(), 5))
    transport.close()
    assert message["pri"] == str(13 * 8 + 4)
    assert message["time"] == "2023-11-14T22:13:20.001000Z"
    assert (message["host"], message["app"], message["pid"], message["id"]) == (
        "LGZ_1234",
        "acme-doors",
        "-",
        "door-opened",
    )
    assert message["text"] == "Door główne was opened"
    data = message["data"]
    assert data.startswith('[meta sequenceId="1"][timeQuality tzKnown="1" isSynced="0"][meterhub@32473 sequence="1"')
    assert 'source="doors \\"\\]\\\\ 1.2"' in data
    assert f'digest="{entry.digest.hex()}"' in data


@given(st.text(max_size=1200), st.text(max_size=300), st.integers(600, 3000))
def test_any_entry_makes_a_message_within_its_limit(text: str, source: str, limit: int) -> None:
    receiver = SyslogReceiver(name="siem", host="h")
    event = EventType(number=1, name=text[:100], text=text, log=Log.SYSTEM, severity=Severity.DEBUG)
    entry = draft(event, time=1, clock=Clock.VALID, source=source[:20], distribution=source, parameters={})
    message = Formatter(receiver, "").message(entry, limit)
    assert len(message) <= limit
    assert entry.text.startswith(parsed(message)["text"].removesuffix("…"))


async def test_tcp_counts_octets_and_keeps_the_order(log: EventLog, receiver: StreamReceiver, door: EventType) -> None:
    async with sending(log, transport="tcp", port=receiver.port):
        for number in range(250):
            log.record_soon(door, source="doors", door=f"ł{number}")
        await receiver.has(250)
    assert receiver.texts == [f"Door ł{number} was opened" for number in range(250)]


async def test_a_receiver_gets_only_the_log_and_severities_it_asked_for(
    log: EventLog, receiver: StreamReceiver, door: EventType, link: EventType
) -> None:
    quiet = EventType(number=103, name="quiet", text="quiet", log=Log.SECURITY, severity=Severity.NOTICE)
    async with sending(log, transport="tcp", port=receiver.port, log="security", least="warning"):
        await log.record(link, source="links", host="h")
        await log.record(quiet, source="doors")
        await log.record(door, source="doors", door=1)
        await receiver.has(1)
    assert receiver.texts == ["Door 1 was opened"]


async def test_a_receiver_that_comes_back_gets_what_waited_and_the_log_says_both_once(
    log: EventLog, receiver: StreamReceiver, door: EventType, own_events: Callable[[], Any]
) -> None:
    async with sending(log, transport="tcp", port=receiver.port) as receivers:
        await log.record(door, source="doors", door=0)
        await receiver.has(1)
        await receiver.stop()
        for number in range(1, 6):
            await log.record(door, source="doors", door=number)
        await until(lambda: receivers.status[0].error)
        await asyncio.sleep(0.1)
        assert await own_events() == ["sink-lost"]
        await receiver.start()
        await receiver.has(7)
        await until(lambda: not receivers.status[0].error)
    await log.close()
    assert receiver.texts[:6] == [f"Door {number} was opened" for number in range(6)]
    assert receiver.texts[6] == "Entries are sent on to siem again; 0 were dropped meanwhile"
    assert await own_events() == ["sink-lost", "sink-recovered"]


async def test_a_full_queue_drops_the_oldest_and_says_so_once(
    log: EventLog, receiver: StreamReceiver, door: EventType, own_events: Callable[[], Any], store: Store
) -> None:
    await receiver.stop()
    pace = Pace(capacity=10, timeout=2.0, first_pause=0.01, longest_pause=0.05, settled=0.05)
    async with sending(log, pace=pace, transport="tcp", port=receiver.port) as receivers:
        for number in range(40):
            await log.record(door, source="doors", door=number)
        await receiver.start()
        await until(lambda: "Door 39 was opened" in receiver.texts)
        await until(lambda: not receivers.status[0].error)
        dropped = receivers.status[0].dropped
    await log.close()
    numbers = [int(text.split()[1]) for text in receiver.texts if text.startswith("Door")]
    assert numbers == sorted(numbers)
    assert numbers[-10:] == list(range(30, 40))
    assert len(numbers) + dropped == 40
    assert sorted(await own_events()) == ["sink-lost", "sink-overflow", "sink-recovered"]
    (newest,) = (await read_page(store, EventQuery(source="siem", limit=1, number=2))).entries
    assert newest.arguments["dropped"] == dropped > 0


async def test_a_receiver_that_hangs_does_not_hold_up_the_log(
    log: EventLog, receiver: StreamReceiver, own_events: Callable[[], Any]
) -> None:
    receiver.hang = True
    long = EventType(number=104, name="long", text="{a}{b}", log=Log.SYSTEM)
    pace = Pace(capacity=100, timeout=1.0, first_pause=0.01, longest_pause=0.05)
    async with sending(log, pace=pace, grace=0.05, transport="tcp", port=receiver.port) as receivers:
        while not receivers.status[0].dropped:
            records = (log.record(long, source="s", a="x" * 500, b="y" * 500) for _ in range(50))
            await asyncio.wait_for(asyncio.gather(*records), 10)
        await until(lambda: receivers.status[0].error == "it took nothing for 1 s")
        await log.record(long, source="s", a="after")
        await log.close()
        assert sorted(await own_events()) == ["sink-lost", "sink-overflow"]


async def test_what_is_left_when_a_receiver_is_removed_is_said(
    log: EventLog, receiver: StreamReceiver, door: EventType, store: Store
) -> None:
    await receiver.stop()
    async with sending(log, grace=0.05, transport="tcp", port=receiver.port):
        for number in range(3):
            await log.record(door, source="doors", door=number)
    await receiver.start()
    await log.close()
    (stopped,) = (await read_page(store, EventQuery(number=4))).entries
    assert stopped.text == "Sending on to siem was stopped with 3 entries unsent"


async def test_new_settings_restart_only_the_receivers_that_changed(
    log: EventLog, receiver: StreamReceiver, door: EventType
) -> None:
    def config(*names: str) -> EventLogConfig:
        rows = [
            {"name": name, "host": "127.0.0.1", "port": receiver.port, "transport": "tcp", "log": "security"}
            for name in names
        ]
        return EventLogConfig.model_validate({"syslog": rows})

    receivers = Receivers(log, lambda name: b"", hostname="h", pace=QUICK)
    await receivers.apply(config("one", "two"))
    await log.record(door, source="doors", door=1)
    await receiver.has(2)
    await receivers.apply(config("one", "three"))
    assert [(status.name, status.sent) for status in receivers.status] == [("one", 1), ("three", 0)]
    await log.record(door, source="doors", door=2)
    await receiver.has(4)
    await receivers.stop()
    await log.record(door, source="doors", door=3)
    assert len(receiver.texts) == 4


async def test_a_refusing_udp_host_does_not_make_a_loop_of_events(
    log: EventLog, door: EventType, own_events: Callable[[], Any]
) -> None:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Datagrams, local_addr=("127.0.0.1", 0))
    port = transport.get_extra_info("sockname")[1]
    transport.close()
    await asyncio.sleep(0)
    async with sending(log, transport="udp", port=port):
        for number in range(10):
            await log.record(door, source="doors", door=number)
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.5)
    await log.close()
    assert (await own_events())[:1] == ["sink-lost"]
    assert len(await own_events()) <= 3


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A self-signed certificate of 127.0.0.1: its PEM, and a file with it and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "siem")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(pem + private)
    return pem.decode(), path


@pytest.fixture
async def tls_receiver(certificate: tuple[str, Path]) -> AsyncIterator[StreamReceiver]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate[1])
    receiver = StreamReceiver(context)
    await receiver.start()
    yield receiver
    await receiver.stop()


async def test_tls_sends_to_a_receiver_that_it_trusts(
    log: EventLog, tls_receiver: StreamReceiver, certificate: tuple[str, Path], door: EventType
) -> None:
    async with sending(log, transport="tls", port=tls_receiver.port, trusted=certificate[0]):
        await log.record(door, source="doors", door=1)
        await tls_receiver.has(1)
    assert tls_receiver.texts == ["Door 1 was opened"]


@pytest.mark.parametrize(("host", "trusts"), [("127.0.0.1", False), ("localhost", True)])
async def test_tls_sends_nothing_to_a_receiver_that_it_cannot_verify(
    log: EventLog, tls_receiver: StreamReceiver, certificate: tuple[str, Path], door: EventType, host: str, trusts: bool
) -> None:
    trusted = certificate[0] if trusts else ""
    async with sending(
        log, grace=0.0, transport="tls", host=host, port=tls_receiver.port, trusted=trusted
    ) as receivers:
        await log.record(door, source="doors", door=1)
        await until(lambda: receivers.status[0].error)
        assert "certificate verify failed" in receivers.status[0].error
    assert tls_receiver.texts == []
