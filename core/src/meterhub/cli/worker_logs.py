"""``meterhub logs``: what the workers wrote to their standard error."""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path
from typing import Any

from meterhub_sdk import Refused

from meterhub.cli.grammar import command, count
from meterhub.cli.output import show
from meterhub.events.entry import clean

_OLD = ".old"
_LINE = 4000
_MOST = 4 << 20
_POLL = 0.5


def add_commands(commands: Any) -> None:
    """Enter the command."""
    logs = command(commands, "logs", _logs, "show what the workers wrote")
    logs.add_argument("worker", nargs="?", metavar="WORKER", help="such as meterhub-dlms (all of them)")
    logs.add_argument("--lines", type=count, default=50, metavar="N", help="the newest N of each (%(default)s)")
    logs.add_argument("--follow", action="store_true", help="go on showing what comes, until interrupted")


async def _logs(options: argparse.Namespace) -> int:
    directory = options.home / "logs"
    workers = _chosen(directory, options.worker)
    tails = {worker: _Tail(directory / f"{worker}.log") for worker in workers}
    found = {worker: _last_lines(tail, options.lines) for worker, tail in tails.items()}
    if options.json and not options.follow:
        show([{"worker": worker, "lines": lines} for worker, lines in found.items()], as_json=True)
        return 0
    out = _Output(as_json=options.json, named=options.worker is None)
    for worker, lines in found.items():
        out.lines(worker, lines)
    while options.follow:
        await asyncio.sleep(_POLL)
        for worker in _chosen(directory, options.worker):
            tail = tails.get(worker) or tails.setdefault(worker, _Tail(directory / f"{worker}.log", at_end=False))
            out.lines(worker, tail.new())
    return 0


def _chosen(directory: Path, worker: str | None) -> list[str]:
    """The workers that have a log, or the one that was named; ``Refused`` when it has none."""
    names = sorted(path.stem for path in directory.glob("*.log") if not path.stem.endswith(_OLD))
    if worker is None:
        return names
    if worker not in names:
        raise Refused(f"the worker {worker!r} has written nothing; those that have: {', '.join(names) or 'none'}")
    return [worker]


def _last_lines(tail: _Tail, lines: int) -> list[str]:
    """The newest lines up to where the tail begins, from the file before as well when the present one is short."""
    present = _lines(_bytes(tail.path)[: tail.position])
    if len(present) < lines:
        present = _lines(_bytes(tail.older)) + present
    return present[-lines:]


def _bytes(path: Path, start: int = 0) -> bytes:
    """A log from a position on (at most a megabyte and a bit); nothing when it is not there at this moment."""
    try:
        with path.open("rb") as log:
            log.seek(start)
            return log.read(_MOST)
    except FileNotFoundError:
        return b""


def _lines(data: bytes) -> list[str]:
    return [clean(line, _LINE) for line in data.decode("utf-8", "replace").split("\n") if line]


class _Tail:
    """What is added to a log; the core moves a full one aside and begins another of the name."""

    def __init__(self, path: Path, *, at_end: bool = True) -> None:
        self.path = path
        self.older = path.with_suffix(f"{_OLD}.log")
        self._file, self.position = _state(path) if at_end else (0, 0)

    def new(self) -> list[str]:
        """The lines that came since the last call (the core writes whole ones)."""
        file, size = _state(self.path)
        data = b""
        if file != self._file or size < self.position:
            if _state(self.older)[0] == self._file:
                data = _bytes(self.older, self.position)
            self._file, self.position = file, 0
        fresh = _bytes(self.path, self.position)
        self.position += len(fresh)
        return _lines(data + fresh)


def _state(path: Path) -> tuple[int, int]:
    """Which file a name means now, and its size; zeros for none."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return 0, 0
    return status.st_ino, status.st_size


class _Output:
    """Lines of several workers, with a heading where they change."""

    def __init__(self, *, as_json: bool, named: bool) -> None:
        self._as_json = as_json
        self._named = named
        self._last: str | None = None

    def lines(self, worker: str, lines: list[str]) -> None:
        """Print the lines of one worker."""
        if lines and self._named and not self._as_json and worker != self._last:
            print(f"==> {worker} <==")
            self._last = worker
        for line in lines:
            print(json.dumps({"worker": worker, "line": line}, ensure_ascii=False) if self._as_json else line)
        if lines:
            print(end="", flush=True)
