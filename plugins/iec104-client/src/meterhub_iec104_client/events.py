# SPDX-License-Identifier: GPL-3.0-or-later
"""What the client may write to the event log."""

from __future__ import annotations

from meterhub_sdk import EventType, Severity

STATION_CONNECTED = EventType(
    number=1,
    name="station-connected",
    text="IEC 104 station {station} ({place}) is connected.",
    help="Nothing needs to be done; its points are interrogated now.",
)
STATION_LOST = EventType(
    number=2,
    name="station-lost",
    text="IEC 104 station {station} ({place}) is not connected: {reason}.",
    severity=Severity.WARNING,
    help="Check cable, address and port, and whether the station accepts one more master. It is tried again by itself.",
)
PROCEDURE_FAILED = EventType(
    number=3,
    name="procedure-failed",
    text="IEC 104 station {station}: {procedure} failed: {reason}.",
    severity=Severity.WARNING,
    help="Check the common address and whether the station offers the procedure; else set its interval to 0.",
)
TYPE_MISMATCH = EventType(
    number=4,
    name="type-mismatch",
    text="IEC 104 station {station} sends IOA {ioa} as {found}, and {point} is mapped as {mapped}.",
    severity=Severity.WARNING,
    help="Correct the type of the point; until then it has no value.",
)
COMMAND_FAILED = EventType(
    number=5,
    name="command-failed",
    text="IEC 104 station {station}: the command to {point} (IOA {ioa}) by {requester} was not carried out: {reason}.",
    severity=Severity.WARNING,
    help="Look at the device before you send the command once more.",
)

EVENT_TYPES = (STATION_CONNECTED, STATION_LOST, PROCEDURE_FAILED, TYPE_MISMATCH, COMMAND_FAILED)
