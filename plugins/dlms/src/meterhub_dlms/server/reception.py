"""Finds the logical device that a client asks for, and opens a session with it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from meterhub_sdk import FrameChannel, FrameLink, Frames, Peer, place_of

from meterhub_dlms.link.errors import LinkError
from meterhub_dlms.link.hdlc_parameters import HdlcParameters
from meterhub_dlms.link.hdlc_secondary import Station
from meterhub_dlms.server.reporter import Reporter
from meterhub_dlms.server.session import Session
from meterhub_dlms.server.settings import DlmsServerConfig
from meterhub_dlms.server.site import Served, Site, Visitor
from meterhub_dlms.transport.tcp_listener import Serve


class Reception:
    """What all connections and lines of one server go through."""

    def __init__(self, config: DlmsServerConfig, site: Site, reporter: Reporter, served: Sequence[Served]) -> None:
        self.config = config
        self.site = site
        self.reporter = reporter
        self.served = served
        self.frames: Frames | None = None
        """The frame recorder, where there is one."""
        self.dropped = 0
        """Frames for logical devices that are not here, and of more clients than a connection may have."""
        self._by_address = {(each.physical, each.device.address): each for each in served}
        self._sessions: set[Session] = set()

    @property
    def stations(self) -> Mapping[int, Station]:
        """The physical devices on a line of HDLC, by their addresses."""
        config = self.config
        parameters = HdlcParameters(config.hdlc_max_transmit, config.hdlc_max_receive)
        return {
            physical: Station(
                frozenset(each.device.address for each in self.served if each.physical == physical),
                parameters,
                config.hdlc_inactivity,
            )
            for physical in {each.physical for each in self.served}
        }

    def line_speed(self, baud: int | None) -> None:
        """What the HDLC setup tells: the speed of the serial line, ``None`` while there is none."""
        for served in self.served:
            served.device.line_speed = baud

    @property
    def associations(self) -> int:
        """How many clients have an association now."""
        return sum(session.associated for session in self._sessions)

    def visitors(self) -> list[Peer]:
        """The clients that have a session now."""
        states = sorted((session.visitor, session.associated) for session in self._sessions)
        return [
            Peer(name=f"client {visitor.client} at {visitor.peer}", state="associated" if associated else "connected")
            for visitor, associated in states
        ]

    def find(self, logical: int, physical: int | None = None) -> Served | None:
        """The logical device at an address; without a physical one, that of the first physical device."""
        return self._by_address.get((self.config.physical_address if physical is None else physical, logical))

    def welcome(self, served: Served, visitor: Visitor) -> Session:
        """A session; :meth:`leave` ends it."""
        session = Session(self.site, served, visitor, self.reporter)
        self._sessions.add(session)
        return session

    def channel(self, writer: asyncio.StreamWriter, link: FrameLink) -> FrameChannel | None:
        """Where the frames of a connection are shown."""
        if self.frames is None:
            return None
        local, remote = (place_of(writer.get_extra_info(end)) for end in ("sockname", "peername"))
        name = f"client {remote}"
        return self.frames.channel(name, link=link, local=local, remote=remote, listening=True, redact=True)

    def guarded(self, serve: Serve) -> Serve:
        """What serves a TCP connection, so that one that is no DLMS or meets a fault of ours is counted."""

        async def guard(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer: str) -> None:
            try:
                await serve(reader, writer, peer)
            except LinkError as error:
                self.site.counters.errors += 1
                await self.reporter.malformed(peer, str(error))
            except OSError:
                raise
            except Exception:
                self.site.counters.errors += 1
                raise

        return guard

    def leave(self, session: Session) -> None:
        """The connection or link of a session is closed."""
        self._sessions.discard(session)
