"""A simulated line in a child process: it keeps time better there and takes nothing away from what is measured."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from meterhub_sdk.errors import MeterhubError
from meterhub_sdk.simulation.faults import Fate, Faults
from meterhub_sdk.simulation.statistics import Statistics
from meterhub_sdk.simulation.wire import Burst

_PATIENCE = 20.0
"""Seconds for the child to start and to answer."""
_GOODBYE = 5.0
_PERCENT = 100


class LineProcessError(MeterhubError):
    """The child process ended or fell silent; the text is what it said last."""


class LineProcess:
    """``meterhub-sdk simulate-line`` for the length of a ``with`` block; the child ends with it, or with this process.

    ``station`` is the import path ``package.module:factory`` of a callable that is given ``arguments`` and answers one
    station or several; ``import_from`` are directories in which the child finds it. ``links`` are the terminals'
    symbolic links, each named by its last part; without any there is one terminal ``master`` where there is a station,
    else ``a`` and ``b``. ``turnaround`` is in seconds. Raises :class:`LineProcessError`.
    """

    def __init__(
        self,
        *,
        baud: int = 9600,
        bits: int = 10,
        links: Iterable[Path] = (),
        echo: bool = False,
        follow: bool = False,
        station: str | None = None,
        arguments: Mapping[str, Any] | None = None,
        import_from: Iterable[Path] = (),
        turnaround: float = 0.0,
        silence: float = 3.5,
        faults: Faults | None = None,
    ) -> None:
        if faults is not None and faults.frames:
            raise ValueError("a line in a process makes its foreign frames itself; give faults without frames")
        self.paths: dict[str, str] = {}
        """The device of each terminal, by its name."""
        self.statistics = Statistics()
        """What was counted in all, once the block is left."""
        self._options = [
            *(f"--{name}={value}" for name, value in _rates(faults or Faults())),
            *(f"--link={link}" for link in links),
            *(["--echo"] if echo else []),
            *(["--follow"] if follow else []),
            *([f"--station={station}", f"--arguments={json.dumps(arguments or {})}"] if station else []),
            f"--baud={baud}",
            f"--bits={bits}",
            f"--turnaround={turnaround * 1000}",
            f"--silence={silence}",
        ]
        self._import_from = [str(directory) for directory in import_from]

    def __enter__(self) -> Self:
        self._errors = tempfile.TemporaryFile("w+")
        inherited = os.environ.get("PYTHONPATH")
        path = os.pathsep.join([*self._import_from, *([inherited] if inherited else [])])
        self._child = subprocess.Popen(
            [sys.executable, "-m", "meterhub_sdk.simulation", "--controlled", *self._options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**os.environ, "PYTHONPATH": path},
            bufsize=0,
        )
        self._said = bytearray()
        try:
            self.paths = self._answer()["terminals"]
        except BaseException:
            self._end()
            raise
        return self

    def ask(self) -> Statistics:
        """What was counted so far."""
        return Statistics(**self._ask("statistics"))

    def bursts(self) -> list[Burst]:
        """The last bursts on the wire, oldest first; their times are those of ``time.monotonic``."""
        return [
            Burst(party, begin, end, Fate(fate), bytearray.fromhex(data))
            for party, begin, end, fate, data in self._ask("bursts")
        ]

    def _ask(self, what: str) -> Any:
        with suppress(BrokenPipeError):  # its last words tell why
            self._input.write(f"{what}\n".encode())
        return self._answer()[what]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._input.close()
            if error is None:
                self.statistics = Statistics(**self._answer()["statistics"])
        finally:
            self._end()

    @property
    def _input(self) -> Any:
        return self._child.stdin

    def _answer(self) -> Any:
        """The next line that the child says."""
        assert self._child.stdout is not None
        deadline = time.monotonic() + _PATIENCE
        while b"\n" not in self._said:
            left = max(0.0, deadline - time.monotonic())
            ready = select.select([self._child.stdout], [], [], left)[0]
            data = os.read(self._child.stdout.fileno(), 65_536) if ready else b""
            if not data:
                raise LineProcessError(self._complaint(silent=not ready))
            self._said += data
        line, _, rest = self._said.partition(b"\n")
        self._said = rest
        return json.loads(line)

    def _complaint(self, *, silent: bool) -> str:
        if silent:
            return f"the simulated line has not answered within {_PATIENCE:g} s"
        self._child.wait(_PATIENCE)
        self._errors.seek(0)
        return f"the simulated line ended with status {self._child.returncode}: {self._errors.read()[-2000:].strip()}"

    def _end(self) -> None:
        """Without trace, whatever state it is in."""
        assert self._child.stdout is not None
        self._input.close()
        try:
            self._child.wait(_GOODBYE)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._child.stdout.close()
        self._errors.close()


def _rates(faults: Faults) -> Iterable[tuple[str, float]]:
    """The options that ask for these faults."""
    yield "loss", faults.lost * _PERCENT
    yield "corrupt", faults.corrupted * _PERCENT
    yield "late", faults.late * _PERCENT
    yield "late-by", faults.late_by
    yield "foreign", faults.foreign * _PERCENT
    yield "seed", faults.seed
