"""The TCP listener and its connections; one that misbehaves disturbs nobody."""

from __future__ import annotations

import asyncio
import logging

from meterhub_sdk import EventType, Hub, Value

from meterhub_dlms.events import CLIENT_MALFORMED, CLIENT_REFUSED
from meterhub_dlms.link.errors import LinkError
from meterhub_dlms.link.wrapper import WrapperDeframer, WrapperFrame, wrap
from meterhub_dlms.server.device import LogicalDevice
from meterhub_dlms.server.session import Counters, Session
from meterhub_dlms.server.settings import DlmsServerConfig
from meterhub_dlms.server.status import DlmsServerStatus

_READ_SIZE = 65_536
_MAX_REPORTED = 1000
_log = logging.getLogger(__name__)


class Listener:
    """Accepts connections and serves each in a task of its own."""

    def __init__(self, hub: Hub, config: DlmsServerConfig, device: LogicalDevice) -> None:
        self._hub = hub
        self._config = config
        self._device = device
        self._server: asyncio.Server | None = None
        self._tasks: dict[asyncio.Task[None], dict[int, Session]] = {}
        self._reported: set[tuple[str, int]] = set()
        self.counters = Counters()
        self._accepted = self._surplus = self._dropped = 0

    async def open(self) -> None:
        """Begin to listen; ``OSError`` when the address or port is not to be had."""
        self._server = await asyncio.start_server(self._accept, self._config.host, self._config.port, limit=_READ_SIZE)

    @property
    def port(self) -> int | None:
        """The port listened on."""
        if self._server is None or not self._server.sockets:
            return None
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Stop listening and close all connections."""
        if self._server is not None:
            self._server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._tasks) >= self._config.connections:
            self._surplus += 1
            writer.transport.abort()
            return
        self._accepted += 1
        sessions: dict[int, Session] = {}
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer, sessions))
        self._tasks[task] = sessions
        task.add_done_callback(self._tasks.pop)

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, sessions: dict[int, Session]
    ) -> None:
        deframer = WrapperDeframer(self._config.max_pdu_size)
        peer = str((writer.get_extra_info("peername") or ("unknown",))[0])
        try:
            while frames := await self._frames(reader, deframer):
                for frame in frames:
                    await self._answer(frame, sessions, writer, peer)
        except LinkError as error:
            self.counters.errors += 1
            await self._report(CLIENT_MALFORMED, peer, 0, str(error))
        except (OSError, TimeoutError):
            pass
        except Exception:
            self.counters.errors += 1
            _log.exception("the connection of %s ended for a fault in this program", peer)
        finally:
            writer.transport.abort()

    async def _frames(self, reader: asyncio.StreamReader, deframer: WrapperDeframer) -> list[WrapperFrame]:
        """The next complete frames, or none at the end; ``TimeoutError`` when there were none for too long."""
        async with asyncio.timeout(self._config.idle_timeout):
            while data := await reader.read(_READ_SIZE):
                if frames := deframer.feed(data):
                    return frames
        return []

    async def _answer(
        self, frame: WrapperFrame, sessions: dict[int, Session], writer: asyncio.StreamWriter, peer: str
    ) -> None:
        client, logical_device, apdu = frame
        if logical_device != self._device.address or (client not in sessions and len(sessions) >= 128):
            self._dropped += 1
            return
        session = sessions.get(client)
        if session is None:
            session = sessions[client] = Session(self._device, client, self._writer(client, peer), self.counters)
        response = await session.handle(apdu)
        writer.write(wrap(logical_device, client, response))
        async with asyncio.timeout(self._config.idle_timeout):
            await writer.drain()
        if session.denied is not None:
            await self._report(CLIENT_REFUSED, peer, client, session.denied)
            session.denied = None

    def _writer(self, client: int, peer: str) -> _Writer:
        return _Writer(self._hub, f"DLMS client {client} at {peer}")

    async def _report(self, event: EventType, peer: str, client: int, reason: str) -> None:
        """An event for the first fault of each client; a flood of them must not fill the log."""
        if (peer, client) not in self._reported and len(self._reported) < _MAX_REPORTED:
            self._reported.add((peer, client))
            await self._hub.events.record(event, client=client, peer=peer, reason=reason)

    def status(self) -> DlmsServerStatus:
        """Counters, and how many are connected."""
        sessions = [session for by_client in self._tasks.values() for session in by_client.values()]
        return DlmsServerStatus(
            device=self._device.name,
            listening=f"{self._config.host}:{self.port}",
            connections=len(self._tasks),
            connections_total=self._accepted,
            refused_connections=self._surplus,
            associations=sum(session.association is not None for session in sessions),
            refused_associations=self.counters.refused,
            requests=self.counters.requests,
            errors=self.counters.errors,
            unavailable=self.counters.unavailable,
            dropped_frames=self._dropped,
            objects=len(self._device.objects) + 1,
        )


class _Writer:
    """Writes a point on behalf of a client."""

    def __init__(self, hub: Hub, reason: str) -> None:
        self._hub = hub
        self._reason = reason

    async def __call__(self, name: str, value: Value) -> None:
        await self._hub.points.write(name, value, reason=self._reason)
