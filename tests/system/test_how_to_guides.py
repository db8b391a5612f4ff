"""The guides about meters and masters, followed literally: files are written and commands typed as they stand."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import stat
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from meterhub_sdk.testing import free_port

GUIDES = Path(__file__).resolve().parents[2] / "docs" / "how-to"
PROGRAMS = {"meterhub": "-P -m meterhub", "meterhub-sdk": "-c 'from meterhub_sdk.tools.cli import main; exit(main())'"}
PATIENCE = 40
FENCE = re.compile(r"(?P<before>.*?)^```(?P<kind>\w*)\n(?P<content>.*?)^```\n", re.DOTALL | re.MULTILINE)
FILE = re.compile(r"`([\w-]+\.(?:json|py))`")
VARIES = re.compile(r"[\d.,]+( s)?|True|")
"""Cells of a table that are different every time."""


class Step(NamedTuple):
    """A block of a guide: a ``name`` for the content of a file, else commands, and what they are said to print."""

    content: str
    name: str | None = None
    printed: str = ""


def steps(guide: str) -> Iterator[Step]:
    """The blocks of a guide in order."""
    last: Step | None = None
    for block in FENCE.finditer((GUIDES / guide).read_text("utf-8")):
        content = block["content"]
        if not block["kind"] and last is not None:
            last = last._replace(printed=content)
            continue
        if last is not None:
            yield last
        last = Step(content, None if block["kind"] == "sh" else FILE.findall(block["before"])[-1])
    if last is not None:
        yield last


def cells(printed: str) -> Iterator[str]:
    """What the output must have: the cells of its lines that are the same every time, as far as they are shown."""
    for line in printed.splitlines():
        for cell in re.split(r"\s{2,}", line):
            if not VARIES.fullmatch(cell):
                yield cell.partition("…")[0].strip()


class Reader:
    """Follows a guide in a directory; what differs from machine to machine is put in by ``replaced``."""

    def __init__(self, instance: Any, replaced: Mapping[str, str], until: Callable[..., Awaitable[Any]]) -> None:
        self.directory = directory = instance.path.parent / "desk"
        self._instance = instance
        self._until = until
        self._replaced = replaced
        programs = directory / "bin"
        programs.mkdir(parents=True)
        for name, arguments in PROGRAMS.items():
            program = programs / name
            program.write_text(f'#!/bin/sh\nexec {sys.executable} {arguments} "$@"\n')
            program.chmod(program.stat().st_mode | stat.S_IXUSR)
        path = os.pathsep.join([str(programs), os.environ["PATH"]])
        self._environment = {**os.environ, "PATH": path, "METERHUB_HOME": str(instance.path), "COLUMNS": "400"}
        self._groups: list[int] = []

    async def follow(self, step: Step) -> None:
        content = self._put_in(step.content)
        if step.name is not None:
            (self.directory / step.name).write_text(content)
            return
        said = ""
        for commands in re.split(r"(?<=--confirm-within 0\n)", content):
            said = await self._run(commands)
            await self._until(self._all_run)  # which nobody types as fast as to come before
        *_, again = re.sub(r"\\\n", "", content).strip().splitlines()
        async with asyncio.timeout(PATIENCE):
            while missing := [cell for cell in cells(self._put_in(step.printed)) if cell not in said]:
                print(f"{again!r} has not printed {missing} yet")
                await asyncio.sleep(2)
                said = await self._run(again)

    async def _all_run(self) -> bool:
        return set((await self._instance.states()).values()) <= {"running"}

    def _put_in(self, text: str) -> str:
        for here, there in self._replaced.items():
            text = text.replace(here, there)
        return text

    async def _run(self, commands: str) -> str:
        """Type the commands; each must succeed. What they leave in the background goes on until :meth:`stop`."""
        with tempfile.TemporaryFile("w+", errors="replace") as output:  # netcat shows octets that are no text
            shell = await asyncio.create_subprocess_exec(
                "bash", "-ec", commands, cwd=self.directory, env=self._environment, start_new_session=True,
                stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output,
            )  # fmt: skip
            self._groups.append(shell.pid)
            async with asyncio.timeout(PATIENCE):
                await shell.wait()
            output.seek(0)
            said = " ".join(output.read().split())
        assert shell.returncode == 0, f"{commands}\nended with {shell.returncode}: {said}"
        return said

    def stop(self) -> None:
        for group in self._groups:
            try:
                os.killpg(group, signal.SIGTERM)
            except ProcessLookupError:
                continue


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "guide",
    [
        "read-a-first-meter.md",
        "put-31-meters-on-one-bus.md",
        "connect-a-control-centre.md",
        "two-masters-with-redundancy.md",
        "use-the-rest-api.md",
        "secure-an-instance.md",
    ],
)
async def test_a_guide_does_what_it_says(guide, starter, until):
    if shutil.which("socat") is None:
        pytest.skip("socat is not installed")
    instance = await starter.run(starter.home("guide", {})).ready()
    with tempfile.TemporaryDirectory(dir="/dev/shm") as line:
        ports = {usual: str(free_port()) for usual in ("4059", "4001", "2404", "1602", "8080", "8443")}
        replaced = {"/dev/shm/bus-1": f"{line}/bus-1", **ports}
        reader = Reader(instance, replaced, until)
        try:
            for step in steps(guide):
                if "meterhub run" not in step.content:  # that is done here by the harness
                    await reader.follow(step)
            await until(lambda: all_are_read(instance))
        finally:
            reader.stop()


async def all_are_read(instance):
    """Whether every meter of every client is connected at the end; guides without such clients need none."""
    clients = [name for name in await instance.states() if name.startswith("dlms-client")]
    found = []
    for name in clients:
        status = (await instance.get(f"/status/{name}"))["status"] or {"buses": []}
        found += [bus["connected"] == bus["meters"] for bus in status["buses"]]
    return not clients or (found and all(found))
