"""Where long work stops for a moment, so that others can use the bus."""

from __future__ import annotations

import asyncio


class Interlude:
    """Between the work, which awaits :meth:`pause` where it may be interrupted, and the bus, which waits for
    ``asked`` and answers with :meth:`go_on`.
    """

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.asked: asyncio.Future[None] = loop.create_future()
        self._resumed: asyncio.Future[None] = loop.create_future()
        self._over = False

    async def pause(self) -> None:
        """Let the bus do what is more urgent.

        Whoever is cancelled meanwhile leaves only when the bus is done: until then the line is in use.
        """
        if self._over:
            return
        resumed = self._resumed
        if not self.asked.done():
            self.asked.set_result(None)
        try:
            await asyncio.shield(resumed)
        except asyncio.CancelledError:
            await asyncio.wait({resumed})
            raise

    def go_on(self) -> None:
        """The line is free again."""
        resumed = self._resumed
        loop = asyncio.get_running_loop()
        self.asked, self._resumed = loop.create_future(), loop.create_future()
        resumed.set_result(None)

    def end(self) -> None:
        """No more interludes: the work is to come to its end."""
        self._over = True
        self.go_on()
