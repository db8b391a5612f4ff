"""Whole APDUs to and from one meter over HDLC, on a line that other meters may share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from meterhub_dlms.client.bus.line import HdlcLine
from meterhub_dlms.client.bus.waiting import Patience
from meterhub_dlms.link.errors import LinkError
from meterhub_dlms.link.hdlc_parameters import HdlcParameters
from meterhub_dlms.link.hdlc_primary import HdlcPrimary

_GOODBYE = 0.3
"""Seconds to wait for the meter's answer to a DISC."""


class HdlcChannel:
    """One HDLC link; each :meth:`receive` is the exchange that brings the answer to the request sent before.

    ``primary`` counts the frames of others and those that came late; its sizes are agreed on by :meth:`open`.
    """

    def __init__(self, line: HdlcLine, primary: HdlcPrimary, patience: Patience) -> None:
        self.lost = asyncio.Event()
        self.reason = ""
        self.heard = True
        self.primary = primary
        self.patience = patience
        self.notifications: Callable[[bytes], None] | None = None
        patience.notify = self._notify
        self._line = line
        self._request: bytes | None = None
        self._linked = False

    @property
    def dropped(self) -> int:
        """Frames with other addresses or other numbers than those waited for."""
        return self.primary.foreign + self.primary.stale

    @property
    def agreed(self) -> HdlcParameters:
        """Sizes of the frames in both directions."""
        return self.primary.agreed

    async def open(self) -> None:
        """Open the link with one SNRM that is not repeated: a dead meter costs no more. ``LinkError`` if it fails."""
        self._linked = True
        await self._exchange(self.primary.connect(), replace(self.patience, retries=0))

    def send(self, apdu: bytes | bytearray) -> None:
        """Take the request; :meth:`receive` sends it."""
        self._request = bytes(apdu)

    async def receive(self) -> bytes:
        """The answer to the request; ``LinkError`` when the link is gone, or when nothing was asked."""
        if self.lost.is_set():
            raise LinkError(self.reason)
        if self._request is None:
            self._fail("the meter's answer belongs to another request")
            raise LinkError(self.reason)
        request, self._request = self._request, None
        try:
            frame = self.primary.send(request)
        except LinkError as error:
            self._fail(str(error))
            raise
        apdu = await self._exchange(frame, self.patience)
        return apdu or b""

    async def keep_alive(self) -> bool:
        """Show the meter that we are there; ``LinkError`` when it is not."""
        await self._exchange(self.primary.keep_alive(), self.patience)
        return True

    def close(self) -> None:
        """Give the link up; :meth:`disconnect` tells the meter."""
        self._fail("the link was closed")

    async def disconnect(self) -> None:
        """Tell the meter that the link is over, and do not insist on its answer; never raises."""
        if not self._linked:
            return
        self.close()
        self._linked = False
        try:
            await self._line.exchange(
                self.primary, self.primary.disconnect(), replace(self.patience, timeout=_GOODBYE, retries=0)
            )
        except LinkError:
            pass

    async def _exchange(self, frame: bytes, patience: Patience) -> bytes | None:
        try:
            step = await self._line.exchange(self.primary, frame, patience)
        except LinkError as error:
            self._linked = False
            self._fail(str(error))
            raise
        except BaseException:
            self._fail("the exchange was broken off")
            raise
        return step.apdu

    def _notify(self, apdu: bytes) -> None:
        if self.notifications is not None:
            self.notifications(apdu)

    def _fail(self, reason: str) -> None:
        if not self.lost.is_set():
            self.reason = reason
            self.lost.set()
