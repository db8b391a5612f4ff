"""Modbus TCP: the MBAP header around the PDU (MODBUS Messaging on TCP/IP 1.0b, 3.1).

A client may send requests without waiting for answers. They are answered in their order, each with
its own transaction identifier; behind a write that is still on its way the others wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
import struct
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from meterhub_sdk import ConfigError, FrameChannel, Frames, NotReady, place_of
from meterhub_sdk.admission import AllowList, address_of
from meterhub_sdk.tls import Handshakes, TlsStatus

from meterhub_modbus.events import CLIENT_REFUSED, PROTOCOL_ERROR
from meterhub_modbus.faults import Fault
from meterhub_modbus.notices import Notices
from meterhub_modbus.pdu import PDU_LIMIT, Answer, PduHandler, exception
from meterhub_modbus.settings import ModbusServerConfig

_MBAP = struct.Struct(">HHHB")
_AT_ONCE = 64
"""Answers that one write to the socket takes: a client that does not fetch them is noticed in time."""
_DIRECT = (0, 255)
"""Unit identifiers that mean the server itself where nothing stands behind it (1.0b, 3.1.3)."""

log = logging.getLogger(__name__)


@dataclass
class Traffic:
    """What went over the connections of one server since it started."""

    accepted: int = 0
    refused: int = 0
    protocol_errors: int = 0
    requests: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    exceptions: Counter[int] = field(default_factory=Counter)


class TcpServer:
    """Listens, and keeps the connections within the settings."""

    def __init__(
        self, config: ModbusServerConfig, handler: PduHandler, notices: Notices, frames: Frames | None = None
    ) -> None:
        self.frames = frames
        self.config = config
        self.handler = handler
        self.notices = notices
        self.traffic = Traffic()
        self.connections: set[Connection] = set()
        self.changed = asyncio.Event()
        """Somebody came or went."""
        self._allowed = AllowList(config.allowed)
        self._server: asyncio.Server | None = None
        self._handshakes: Handshakes | None = None

    async def start(self, port: int, handshakes: Handshakes | None = None) -> int:
        """Listen on a port, 0 for a free one, with TLS where handshakes are given; answers the port.

        ``NotReady`` when the port is taken or the address not there yet; ``ConfigError`` when this
        user may not have the port.
        """
        host = self.config.host
        loop = asyncio.get_running_loop()
        self._handshakes = handshakes
        try:
            self._server = await loop.create_server(self._protocol, host, port, backlog=64)
        except PermissionError:
            raise ConfigError(f"TCP port {port} is reserved for the system; choose one from 1024 on") from None
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise NotReady(f"TCP port {port} on {host} is in use; stop the other program or change it") from None
            raise NotReady(f"cannot listen on {host} port {port}: {error.strerror or error}") from None
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Stop listening and drop all connections; returns when nothing of them runs any more."""
        if self._server is not None:
            self._server.close()
        if self._handshakes is not None:
            await self._handshakes.end()
        tasks = [task for connection in list(self.connections) if (task := connection.abort()) is not None]
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()
        await asyncio.sleep(0)

    def admit(self, peer: str) -> bool:
        """Whether a connection from this address may stay; the event log gets why not."""
        if peer not in self._allowed:
            self.refuse(peer, "its address is not among the allowed remote addresses")
        elif len(self.connections) >= self.config.connections:
            self.refuse(peer, f"all {self.config.connections} connections are in use")
        else:
            return True
        return False

    def enter(self, connection: Connection) -> None:
        """It may stay."""
        self.connections.add(connection)
        self.changed.set()

    def leave(self, connection: Connection) -> None:
        """It is over, and its place is free."""
        self.connections.discard(connection)
        self.changed.set()

    def refuse(self, peer: str, why: str) -> None:
        """Count a client that was refused, and note it."""
        self.traffic.refused += 1
        self.notices.note(CLIENT_REFUSED, peer, why=why)

    def tls_status(self) -> TlsStatus | None:
        """The own certificate and the handshakes; ``None`` without TLS."""
        return None if self._handshakes is None else self._handshakes.status()

    def _protocol(self) -> asyncio.Protocol:
        """For a new client: it is not asked for a handshake unless it may stay."""
        if self._handshakes is None:
            return Connection(self)
        return self._handshakes.protocol(lambda: Connection(self), self.admit)


class Connection(asyncio.Protocol):
    """One client."""

    def __init__(self, server: TcpServer) -> None:
        self.peer = ""
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray()
        self._writing: asyncio.Task[None] | None = None
        self._full = False
        self._lost = False
        self._active = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None
        self._channel: FrameChannel | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let the client in, or close at once."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.peer = address_of(transport)
        if not self._server.admit(self.peer):
            transport.abort()
            return
        with contextlib.suppress(OSError):
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._server.traffic.accepted += 1
        self._server.enter(self)
        self._record(transport)
        self._watch()

    def _record(self, transport: asyncio.Transport) -> None:
        """Show every frame to the frame recorder, with TLS as it is within."""
        if self._server.frames is not None:
            remote = place_of(transport.get_extra_info("peername"))
            local = place_of(transport.get_extra_info("sockname"))
            self._channel = self._server.frames.channel(
                f"client {remote}", link="modbus-tcp", local=local, remote=remote, listening=True
            )

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the client; a write on its way ends as it will, and holds the place until then."""
        self._lost = True
        if self._channel is not None:
            self._channel.close()
        if self._writing is None:
            self._server.leave(self)
        self._buffer.clear()
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Answer every complete request."""
        self._server.traffic.bytes_in += len(data)
        self._buffer += data
        self._work()

    def pause_writing(self) -> None:
        """The client does not fetch its answers: take no more requests."""
        self._full = True
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """The client fetched its answers."""
        self._full = False
        self._resume()

    def abort(self) -> asyncio.Task[None] | None:
        """Drop the client; answers the write that was still on its way, cancelled."""
        self._transport.abort()
        if self._writing is not None:
            self._writing.cancel()
        return self._writing

    def _work(self) -> None:
        """Answer the requests in the buffer, as many as there are, in as few writes as will do."""
        answers: list[bytes] = []
        reject = ""
        while self._writing is None and not self._full and not self._transport.is_closing():
            try:
                frame = self._next_frame()
            except ValueError as error:
                reject = str(error)
                break
            if frame is None:
                break
            transaction, unit, pdu = frame
            answer = self._answer(unit, pdu)
            if isinstance(answer, bytes):
                answers.append(self._frame(transaction, unit, answer))
            else:
                self._transport.pause_reading()
                self._writing = self._loop.create_task(self._finish(transaction, unit, answer))
            if len(answers) == _AT_ONCE:
                self._send(answers)
        self._send(answers)
        if reject:
            self._reject(reject)

    def _next_frame(self) -> tuple[int, int, bytes] | None:
        """Transaction, unit and PDU of the next complete request; ``ValueError`` where there cannot be one."""
        if len(self._buffer) < 6:
            return None
        transaction, protocol, length = struct.unpack_from(">HHH", self._buffer)
        if protocol != 0 or not 2 <= length <= PDU_LIMIT + 1:
            raise ValueError(f"what it sent has no Modbus TCP header (protocol {protocol}, length {length})")
        if len(self._buffer) < 6 + length:
            return None
        unit, pdu = self._buffer[6], bytes(self._buffer[7 : 6 + length])
        if self._channel is not None:
            self._channel.received(self._buffer[: 6 + length])
        del self._buffer[: 6 + length]
        self._active = self._loop.time()
        return transaction, unit, pdu

    def _answer(self, unit: int, pdu: bytes) -> Answer:
        self._server.traffic.requests += 1
        handler = self._server.handler
        if unit in _DIRECT:
            unit = self._server.config.unit
        answer = handler.handle(unit, pdu, self.peer)
        return exception(pdu[0], Fault.TARGET) if answer is None else answer

    def _frame(self, transaction: int, unit: int, answer: bytes) -> bytes:
        if answer[0] & 0x80:
            self._server.traffic.exceptions[answer[1]] += 1
        frame = _MBAP.pack(transaction, 0, len(answer) + 1, unit) + answer
        if self._channel is not None:
            self._channel.sent(frame)
        return frame

    async def _finish(self, transaction: int, unit: int, answer: Coroutine[Any, Any, bytes]) -> None:
        """Wait for a write, answer it, and go on with what came behind it."""
        try:
            frame = self._frame(transaction, unit, await answer)
        except Exception:
            log.exception("a Modbus write from %s failed in a way that has no answer", self.peer)
            self._transport.abort()
            return
        finally:
            self._writing = None
            if self._lost:
                self._server.leave(self)
        self._active = self._loop.time()
        if not self._transport.is_closing():
            self._send([frame])
            self._resume()

    def _send(self, frames: list[bytes]) -> None:
        """Send answers and empty the list."""
        if frames and not self._transport.is_closing():
            content = b"".join(frames)
            self._server.traffic.bytes_out += len(content)
            self._transport.write(content)
        frames.clear()

    def _resume(self) -> None:
        self._work()
        if self._writing is None and not self._full and not self._transport.is_closing():
            self._transport.resume_reading()

    def _reject(self, why: str) -> None:
        self._server.traffic.protocol_errors += 1
        self._server.notices.note(PROTOCOL_ERROR, self.peer, why=why)
        # Under TLS a client that left while nothing was read from it would keep its place: reading on notices that.
        self._transport.resume_reading()
        self._transport.close()

    def _watch(self) -> None:
        """Close when nothing complete came for the idle time; a write on its way is not idle."""
        limit = self._server.config.idle_timeout
        left = limit if self._writing is not None else self._active + limit - self._loop.time()
        if left <= 0:
            self._transport.abort()
        else:
            self._timer = self._loop.call_later(left, self._watch)
