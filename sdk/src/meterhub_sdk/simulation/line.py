"""The simulated line in real time: a thread that reads the terminals and does everything at its time."""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from types import TracebackType
from typing import Self

from meterhub_sdk.simulation.faults import Dice, Faults
from meterhub_sdk.simulation.station import InProcess, StationParty
from meterhub_sdk.simulation.statistics import Statistics
from meterhub_sdk.simulation.terminal import Terminal, TerminalParty
from meterhub_sdk.simulation.timeline import Timeline
from meterhub_sdk.simulation.wire import Burst, Wire

_SPIN = 2e-4
"""Seconds before an exact time from which on the clock is watched instead of sleeping: more than a wake-up takes."""
_AHEAD = 1.0
"""Seconds of characters that a terminal may have waiting before it is no longer read."""


class SimulatedLine:
    """A line with these parties, running within a ``with`` block; the first party is the master.

    ``baud`` is the speed of the line, ``bits`` those of a character with start and stop bit: 10, or 11 with parity.
    When a station raises, the line stops and the block ends with its exception.
    """

    def __init__(
        self,
        *parties: Terminal | InProcess,
        baud: int = 9600,
        bits: int = 10,
        faults: Faults | None = None,
        keep: int = 1000,
    ) -> None:
        if not 50 <= baud <= 4_000_000:
            raise ValueError(f"the speed is {baud} Bd; 50 to 4000000 would do")
        if not 7 <= bits <= 13:
            raise ValueError(f"a character has {bits} bits with start and stop bit; 7 to 13 would do")
        names = [party.name for party in parties]
        if not names or len(names) != len(set(names)):
            raise ValueError(f"the parties of the line are {names}; give one or more, each with a name of its own")
        self._settings = parties
        self._wire = Wire(Timeline(), Dice(faults or Faults()), baud=baud, bits=bits, keep=keep)
        self._terminals: list[TerminalParty] = []
        self._thread = threading.Thread(target=self._run, name="simulated line", daemon=True)
        self._opened = ExitStack()
        self._stop_read = self._stop_write = self._end_read = self._end_write = -1
        self._failure: BaseException | None = None
        self._started = 0.0

    @staticmethod
    def clock() -> float:
        """The clock of the line, in seconds; that of its bursts."""
        return time.monotonic()

    @property
    def paths(self) -> Mapping[str, str]:
        """The device of each terminal, by its name."""
        return {terminal.name: terminal.path for terminal in self._terminals}

    @property
    def statistics(self) -> Statistics:
        """A copy of what was counted so far."""
        return replace(self._wire.statistics, seconds=self.clock() - self._started)

    @property
    def bursts(self) -> Sequence[Burst]:
        """The last ``keep`` bursts on the wire, oldest first."""
        return list(self._wire.bursts)

    def fileno(self) -> int:
        """Readable for ``select`` once the line has stopped by itself, because a station failed."""
        return self._end_read

    def __enter__(self) -> Self:
        with self._opened as stack:
            for settings in self._settings:
                if isinstance(settings, InProcess):
                    self._wire.add(StationParty(settings, self._wire))
                else:
                    terminal = TerminalParty(settings, self._wire)
                    stack.callback(terminal.close)
                    self._terminals.append(terminal)
                    self._wire.add(terminal)
            self._stop_read, self._stop_write = os.pipe()
            self._end_read, self._end_write = os.pipe()
            for descriptor in (self._stop_read, self._stop_write, self._end_read, self._end_write):
                stack.callback(os.close, descriptor)
            self._opened = stack.pop_all()
        self._started = self.clock()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._opened:
            os.write(self._stop_write, b"x")
            self._thread.join()
        if self._failure is not None and error is None:
            raise self._failure

    # -- the thread -------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while self._wait():
                self._do()
        except BaseException as error:
            self._failure = error
        finally:
            os.write(self._end_write, b"x")

    def _do(self) -> None:
        """All that is due."""
        wire = self._wire
        while planned := wire.timeline.due(self.clock()):
            if planned.exact:
                wire.statistics.delivered(self.clock() - planned.time)
            planned.action(planned.time)

    def _wait(self) -> bool:
        """Until something is due, sending meanwhile what the terminals were given; ``False`` to end."""
        planned = self._wire.timeline.next
        left = None
        if planned is not None:
            left = planned.time - self.clock()
            if planned.exact and left <= _SPIN:
                while self.clock() < planned.time:
                    pass
                return True
            left = max(0.0, left - _SPIN if planned.exact else left)
        now = self.clock()
        listening = {terminal.master: terminal for terminal in self._terminals if terminal.free_at - now < _AHEAD}
        ready = select.select([self._stop_read, *listening], [], [], left)[0]
        if self._stop_read in ready:
            return False
        for descriptor in ready:
            if data := listening[descriptor].read():
                self._wire.send(listening[descriptor], data, self.clock())
        return True
