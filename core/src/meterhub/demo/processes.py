"""The demo's instances as ordinary ``meterhub run`` processes."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from pathlib import Path

from meterhub_sdk import Refused

READY_WITHIN = 60.0
STOP_WITHIN = 4.0


class RunningInstance:
    """One ``meterhub run``; its output is read, so that it never blocks."""

    def __init__(self, name: str, home: Path, process: asyncio.subprocess.Process) -> None:
        self.name = name
        self.home = home
        self.process = process
        self.output: list[str] = []
        self._ready = asyncio.Event()
        self._reader = asyncio.create_task(self._read(), name=f"output of {name}")

    @classmethod
    async def start(cls, name: str, home: Path) -> RunningInstance:
        """Start it; :meth:`ready` waits until it serves."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", "meterhub", "--home", str(home), "run", "--initial", str(home / "initial.json"),
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
        return cls(name, home, process)

    async def ready(self) -> None:
        """Wait until it runs; ``Refused`` with its last words when it does not."""
        waits = [asyncio.create_task(self._ready.wait()), asyncio.create_task(self.process.wait())]
        try:
            await asyncio.wait(waits, timeout=READY_WITHIN, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if not self._ready.is_set():
            last = self.output[-1] if self.output else "it said nothing"
            raise Refused(f"the instance {self.name} did not start: {last}")

    async def stop(self) -> None:
        """Stop it in order, within five seconds."""
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(STOP_WITHIN):
                    await self.process.wait()
            except TimeoutError:
                self.process.kill()
                await self.process.wait()
        await self._reader

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for raw in self.process.stdout:
            line = raw.decode("utf-8", "replace").rstrip()
            self.output = [*self.output[-200:], line]
            if line.startswith("Meterhub runs in"):
                self._ready.set()
