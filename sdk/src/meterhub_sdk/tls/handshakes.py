"""TLS handshakes over connections that are there already, each with its own time, all of them limited."""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from collections.abc import Callable
from typing import Self

from cryptography import x509
from meterhub_sdk.admission import address_of
from meterhub_sdk.errors import NotReady
from meterhub_sdk.hub import Hub
from meterhub_sdk.tls.checks import Unacceptable
from meterhub_sdk.tls.material import subject
from meterhub_sdk.tls.renewal import TlsEvents, TlsIdentity, TlsStatus
from meterhub_sdk.tls.settings import TlsServer

HANDSHAKE_TIMEOUT = 10.0
"""Seconds that the other side has for its handshake."""
LIMIT = 50
"""Handshakes at the same time; of more one is dropped, so that clients who hang there keep nobody out."""
_SHUTDOWN_TIMEOUT = 2.0

_REASONS = {
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "it gave no certificate",
    "UNSUPPORTED_PROTOCOL": "it speaks no version of TLS that is allowed here",
    "NO_PROTOCOLS_AVAILABLE": "it speaks no version of TLS that is allowed here",
    "NO_SHARED_CIPHER": "it offers no cipher suite that is allowed here",
    "HTTP_REQUEST": "it does not speak TLS, but HTTP",
    "WRONG_VERSION_NUMBER": "it does not speak TLS",
    "TLSV1_ALERT_UNKNOWN_CA": "it does not know the authority that signed the certificate here",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "it wants a certificate from here",
}


class Handshakes:
    """The connections of a listening port that are not secured yet.

    ``failed`` is told the address of whoever failed, and why, as a part of a sentence. A handshake that hangs holds
    up nobody, and what the other side sends is handed on only when its certificate has passed every check.
    """

    def __init__(self, identity: TlsIdentity, failed: Callable[[str, str], None]) -> None:
        self._identity = identity
        self._failed = failed
        self._failures = 0
        self._running: dict[asyncio.Task[None], tuple[str, asyncio.Transport]] = {}

    @classmethod
    async def of(
        cls, hub: Hub, settings: TlsServer, events: TlsEvents, failed: Callable[[str, str], None]
    ) -> Self | None:
        """What a port with these settings needs, ``None`` where they want no TLS; :meth:`end` it.

        ``ConfigError`` when a secret is missing or of no use.
        """
        identity = await TlsIdentity.of(hub, settings, events)
        if identity is None:
            return None
        identity.start()
        return cls(identity, failed)

    def protocol(self, make: Callable[[], asyncio.Protocol], admit: Callable[[str], bool]) -> asyncio.Protocol:
        """For ``loop.create_server(lambda: ...)``: a new connection, which ``make`` gives a protocol when it is secure.

        ``admit`` says by its address whether a client may begin a handshake at all.
        """
        return _Unsecured(self, make, admit)

    def begin(self, transport: asyncio.Transport, protocol: asyncio.Protocol) -> None:
        """Secure a new connection, then hand it to the protocol, whose ``connection_made`` gets a TLS transport."""
        transport.pause_reading()
        address = address_of(transport)
        if len(self._running) >= LIMIT:
            self._make_room()
        task = asyncio.get_running_loop().create_task(self._secure(transport, address, protocol))
        self._running[task] = address, transport
        task.add_done_callback(lambda done: self._running.pop(done, None))

    def status(self) -> TlsStatus:
        """For the status of the service."""
        return self._identity.status().model_copy(update={"handshakes": len(self._running), "failed": self._failures})

    async def end(self) -> None:
        """Drop all handshakes under way; connections that are secure stay."""
        running = dict(self._running)
        for task, (_, transport) in running.items():
            transport.abort()
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await self._identity.end()

    def _make_room(self) -> None:
        """Drop the oldest handshake of the address that has most of them."""
        busiest, _ = Counter(address for address, _ in self._running.values()).most_common(1)[0]
        oldest = next(task for task, (address, _) in self._running.items() if address == busiest)
        self._running.pop(oldest)[1].abort()

    async def _secure(self, transport: asyncio.Transport, address: str, protocol: asyncio.Protocol) -> None:
        try:
            await _handshake(self._identity, transport, protocol, server_side=True)
        except (OSError, Unacceptable) as error:  # ssl.SSLError and time-outs among them
            transport.abort()
            self._failures += 1
            self._failed(address, f"its TLS handshake failed: {_reason(error)}")


async def connect(identity: TlsIdentity, protocol: asyncio.Protocol, host: str, port: int) -> None:
    """Connect to another machine over TLS; the protocol's ``connection_made`` gets a TLS transport.

    ``NotReady`` when it cannot be secured, other ``OSError`` when there is no connection at all. Bound its time.
    """
    transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, host, port)
    transport.pause_reading()
    try:
        await _handshake(identity, transport, protocol, server_side=False, server_hostname=host)
    except (OSError, Unacceptable) as error:
        transport.abort()
        raise NotReady(f"TLS with {host} port {port} failed: {_reason(error)}") from error
    except BaseException:
        transport.abort()
        raise


def peer_subject(transport: asyncio.BaseTransport) -> str:
    """Whose certificate the other side of a secured connection has shown; empty without TLS or certificate."""
    secured = transport.get_extra_info("ssl_object")
    der = secured.getpeercert(binary_form=True) if secured is not None else None
    return subject(x509.load_der_x509_certificate(der)) if der else ""


class _Unsecured(asyncio.Protocol):
    """A client before its handshake: those who may not stay do not get that far."""

    def __init__(
        self, handshakes: Handshakes, make: Callable[[], asyncio.Protocol], admit: Callable[[str], bool]
    ) -> None:
        self._handshakes = handshakes
        self._make = make
        self._admit = admit

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the handshake, or close at once."""
        assert isinstance(transport, asyncio.Transport)
        if self._admit(address_of(transport)):
            self._handshakes.begin(transport, self._make())
        else:
            transport.abort()


class _Gate(asyncio.Protocol):
    """Holds what comes right behind a handshake, until the certificate of the other side is checked."""

    def __init__(self) -> None:
        self.held = bytearray()
        self.left = False

    def data_received(self, data: bytes) -> None:
        """Keep it: no more than what one reading of the socket brings, then the check is done."""
        self.held += data

    def connection_lost(self, exc: Exception | None) -> None:
        """The other side left."""
        self.left = True


async def _handshake(
    identity: TlsIdentity,
    transport: asyncio.Transport,
    protocol: asyncio.Protocol,
    *,
    server_side: bool,
    server_hostname: str | None = None,
) -> None:
    """Secure a connection whose reading is paused, check the other side, and hand the connection over."""
    security = await identity.fresh()
    gate = _Gate()
    secured = await asyncio.get_running_loop().start_tls(
        transport,
        gate,
        security.context,
        server_side=server_side,
        server_hostname=server_hostname,
        ssl_handshake_timeout=HANDSHAKE_TIMEOUT,
        ssl_shutdown_timeout=_SHUTDOWN_TIMEOUT,
    )
    if secured is None or gate.left or secured.is_closing():
        raise ConnectionResetError("it left")
    security.check(secured.get_extra_info("ssl_object").getpeercert(binary_form=True))
    secured.set_protocol(protocol)
    protocol.connection_made(secured)
    if gate.held and not secured.is_closing():
        protocol.data_received(bytes(gate.held))


def _reason(error: Exception) -> str:
    """Why, in words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted ({error.verify_message or error.reason})"
    if isinstance(error, ssl.SSLError) and error.reason:
        return _REASONS.get(error.reason, error.reason.replace("_", " ").lower())
    return str(error) or type(error).__name__
