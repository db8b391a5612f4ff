"""Serial ports: what a port's settings are, and the line that whoever leased the port opens.

::

    async with open_line(self.hub, self.config.port, seconds=5.0) as line:
        line.write(request)
        await line.drained()
        answer = await line.read()

The ports themselves are settings of the service ``serial``; others name one by a
:data:`meterhub_sdk.SerialPort`. The process that uses a port opens the device itself, so no byte
of it crosses the hub; its manifest needs the capability ``serial`` (and ``network`` for ports of
other machines).
"""

from meterhub_sdk.serial.counters import LineCounters
from meterhub_sdk.serial.line import SerialLine
from meterhub_sdk.serial.opening import open_line
from meterhub_sdk.serial.settings import Baud, FlowControl, LineMode, Parity, PortKind, PortSettings
from meterhub_sdk.serial.totals import LineStatistics, LineTotals

__all__ = [
    "Baud",
    "FlowControl",
    "LineCounters",
    "LineMode",
    "LineStatistics",
    "LineTotals",
    "Parity",
    "PortKind",
    "PortSettings",
    "SerialLine",
    "open_line",
]
