"""A serial line with true timing and with faults, for tests, benchmarks and trying things out.

::

    with SimulatedLine(Terminal("master"), InProcess(meters, turnaround=0.05), baud=9600) as line:
        talk_to(line.paths["master"])
    assert line.statistics.violations == 0

The line is a half-duplex bus: what one party sends takes its time on the wire and reaches every other party when its
last bit is through, never earlier. Parties are pseudo-terminals, for any program, or stations within this process. By
:class:`LineProcess`, or ``meterhub-sdk simulate-line``, it runs in a process of its own, which keeps time better and
takes nothing away from the program that is measured.
"""

from meterhub_sdk.simulation.faults import Fate, Faults
from meterhub_sdk.simulation.line import SimulatedLine
from meterhub_sdk.simulation.process import LineProcess, LineProcessError
from meterhub_sdk.simulation.station import InProcess, Reply, Station
from meterhub_sdk.simulation.statistics import Statistics
from meterhub_sdk.simulation.terminal import Terminal
from meterhub_sdk.simulation.wire import Burst

__all__ = [
    "Burst",
    "Fate",
    "Faults",
    "InProcess",
    "LineProcess",
    "LineProcessError",
    "Reply",
    "SimulatedLine",
    "Station",
    "Statistics",
    "Terminal",
]
