"""Whether and how the instance restarts itself, and the machine reboots.

The configuration decides neither: whoever may change it could otherwise switch off a machine that has other work.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

RESTART_STATUS = 75
"""Exit status of an instance that wants to be started again (EX_TEMPFAIL of sysexits.h): ``Restart=on-failure`` of
systemd, and ``on-failure`` of container engines, do that."""

ALLOW_REBOOT = Path("/etc/meterhub/allow-reboot")
SUPERVISED = "METERHUB_SUPERVISED"
_SYSTEMD_RUNS = Path("/run/systemd/system")
_DELAY = 1.0
_REBOOT_PATIENCE = 30.0
_LAST_WORDS = 300


class Power:
    """Restart and reboot. ``stop`` is called when the instance is to end, and be started again."""

    def __init__(
        self,
        *,
        allow: Path = ALLOW_REBOOT,
        systemd: Path = _SYSTEMD_RUNS,
        environment: Mapping[str, str] = os.environ,
        find: Callable[[str], str | None] = shutil.which,
    ) -> None:
        self.stop: Callable[[], None] | None = None
        self.restarting = False
        self._allow = allow
        self._systemd = systemd
        self._environment = environment
        self._find = find
        self._task: asyncio.Task[None] | None = None

    def no_restart(self) -> str | None:
        """Why the instance cannot be restarted from here, or ``None``."""
        if self._task is not None and not self._task.done():
            return "A restart or reboot was asked for already; wait for it."
        started_by_systemd = self._environment.get("SYSTEMD_EXEC_PID") == str(os.getpid())
        if self.stop is None or not (started_by_systemd or self._environment.get(SUPERVISED) == "1"):
            return (
                "Nobody would start this instance again: it runs neither as a service of systemd nor under something "
                f"that says so by {SUPERVISED}=1. Stop it and start it by hand."
            )
        return None

    def no_reboot(self) -> str | None:
        """Why the machine cannot be rebooted from here, or ``None``."""
        if self._task is not None and not self._task.done():
            return "A restart or reboot was asked for already; wait for it."
        if (hindrance := self._not_allowed()) is not None:
            return hindrance
        if not self._systemd.is_dir() or self._find("systemctl") is None:
            return "This machine was not started by systemd, as in a container, so it cannot be rebooted from here."
        return None

    def _not_allowed(self) -> str | None:
        """The permission is a file that only the machine's owner can have made, and not this instance."""
        try:
            found = self._allow.lstat()
        except OSError:
            return (
                f"Rebooting is not allowed on this machine. Its owner allows it by making the empty file {self._allow} "
                "as root."
            )
        # An instance that runs as root is the machine's owner, and its file counts.
        if not stat.S_ISREG(found.st_mode) or found.st_uid != 0 or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            return f"{self._allow} must be a plain file that belongs to root and that nobody else may write."
        return None

    def restart_soon(self) -> float:
        """End the instance once the answer is out; answers the seconds until then."""
        self._task = asyncio.create_task(self._later(self._restart))
        return _DELAY

    def reboot_soon(self, failed: Callable[[str], Awaitable[None]]) -> float:
        """Reboot once the answer is out; ``failed`` is told why when it does not come to it."""
        self._task = asyncio.create_task(self._later(partial(self._reboot, failed)))
        return _DELAY

    async def _later(self, act: Callable[[], Awaitable[None]]) -> None:
        await asyncio.sleep(_DELAY)
        await act()

    async def _restart(self) -> None:
        assert self.stop is not None
        self.restarting = True
        self.stop()

    async def _reboot(self, failed: Callable[[str], Awaitable[None]]) -> None:
        """Ask systemd, which then stops this instance in order like everything else."""
        program = self._find("systemctl")
        assert program is not None
        process = await asyncio.create_subprocess_exec(
            program,
            "--no-ask-password",
            "reboot",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(_REBOOT_PATIENCE):
                _, words = await process.communicate()
        except TimeoutError:
            await failed(f"systemctl did not answer within {_REBOOT_PATIENCE:g} s")
            return
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if process.returncode:
            await failed(" ".join(words.decode("utf-8", "replace").split())[:_LAST_WORDS] or "systemctl said no")

    async def close(self) -> None:
        """The instance ends: what was asked for and has not begun is dropped."""
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
