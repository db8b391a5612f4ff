"""The interoperability list of the live configuration (IEC 60870-5-104, clause 9).

The clauses on the physical and the link layer of IEC 60870-5-101 do not apply to 104 and are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from meterhub_iec104.apci import MAX_ASDU
from meterhub_iec104.command_settings import SWITCHING, CommandRow
from meterhub_iec104.lists.causes import CAUSES, assignments
from meterhub_iec104.lists.document import Cell, Document, Table
from meterhub_iec104.lists.identifications import TYPE_NAMES, in_use, supported
from meterhub_iec104.lists.signals import execution
from meterhub_iec104.lists.words import Translate
from meterhub_iec104.settings import Iec104Settings

_APDU = MAX_ASDU + 4
"""Octets behind the length octet: the control field and an ASDU."""

Fact = tuple[str, Cell, Cell]
"""A function of the standard, whether this server has it, and whether this configuration uses it."""


def document(config: Iec104Settings, facts: Sequence[tuple[str, str]], say: Translate, language: str) -> Document:
    """The printed form."""
    return Document(
        say("Interoperability list"),
        language,
        facts,
        list(tables(config, say)),
        say(
            "After IEC 60870-5-104, clause 9. X under supported: this server can do it in the standard direction. X in "
            "use: the configuration of this moment does it. Nothing is used in the reverse direction."
        ),
    )


def csv_lines(config: Iec104Settings, say: Translate) -> Iterator[Sequence[Cell]]:
    """All tables in one, each line with the title of its table; of the matrix of causes a line for each type."""
    yield [say(column) for column in ("Section", "Parameter", "Supported", "In use")]
    for table in tables(config, say):
        wide = len(table.columns) != 3
        for row in table.rows:
            if wide:
                causes = ", ".join(str(cause) for cause, mark in zip(CAUSES, row[2:], strict=True) if mark)
                yield [table.title, f"<{row[0]}> {row[1]}", True, causes]
            else:
                yield [table.title, *row]


def tables(config: Iec104Settings, say: Translate) -> Iterator[Table]:
    """The sections of the list, in the order of the standard."""
    for title, rows in (
        ("System or device", _system()),
        ("Network and transport", _network(config)),
        ("Application layer", _application(config)),
    ):
        yield _table(say, title, rows)
    for title, types in (
        ("Process information in monitor direction", range(1, 41)),
        ("Process information in control direction", range(45, 65)),
        ("System information in monitor direction", range(70, 71)),
        ("System information in control direction", range(100, 108)),
        ("Parameters in control direction", range(110, 114)),
        ("File transfer", range(120, 128)),
    ):
        yield _table(say, title, _types(config, types))
    yield Table(
        say("Type identifications and causes of transmission"),
        ("TI", say("Type"), *map(str, CAUSES)),
        [
            (type_id, TYPE_NAMES[type_id], *(cause in found for cause in CAUSES))
            for type_id, found in assignments(config).items()
        ],
        say("X: this type is sent or taken with this cause. 20 stands for 20 to 36, 37 for 37 to 41."),
    )
    for title, rows in (
        ("Initialization and data acquisition", _acquisition(config)),
        ("Interrogation", _interrogation(config)),
        ("Commands", _commands(config)),
        ("Integrated totals", _totals(config)),
        ("Clock, test, parameters and files", _others(config)),
        ("Time-outs and windows", _timers(config)),
    ):
        yield _table(say, title, rows)


def _table(say: Translate, title: str, rows: Iterator[Fact]) -> Table:
    said = [tuple(say(cell) if isinstance(cell, str) else cell for cell in row) for row in rows]
    return Table(say(title), [say(column) for column in ("Parameter", "Supported", "In use")], said)


def _system() -> Iterator[Fact]:
    yield "System definition", False, False
    yield "Controlling station definition (master)", False, False
    yield "Controlled station definition (slave)", True, True


def _network(config: Iec104Settings) -> Iterator[Fact]:
    most = max((group.connections for group in config.connection_groups), default=1)
    groups = len(config.connection_groups) or config.connections
    yield "TCP/IP over Ethernet (IEEE 802.3)", True, True
    yield "Port number", "1 - 65535", config.port
    yield "Number of redundancy groups (event queues)", "1 - 16", groups
    yield "Connections of a redundancy group, at most", "1 - 16", most
    yield "TLS after IEC 62351-3, versions 1.2 and 1.3", True, config.tls_wanted
    yield "TLS version at least", "1.2, 1.3", config.tls_minimum if config.tls_wanted else None
    yield "Certificates of the masters are checked", True, config.tls_checks_peers


def _application(config: Iec104Settings) -> Iterator[Fact]:
    addresses = {group.common_address or config.common_address for group in config.groups}
    yield "Transmission mode 1 (least significant octet first)", True, True
    yield "Common address of ASDU: two octets", True, True
    yield "Number of common addresses", "1 - 65534", len(addresses | {config.common_address})
    yield "Information object address: three octets, unstructured", True, True
    yield "Cause of transmission: two octets, with originator address", True, True
    yield "Length of APDU in octets, at most", _APDU, _APDU
    yield "Time tags of events (CP56Time2a)", True, config.time_tags
    yield "Time zone of time tags", "UTC, local with SU", config.time_zone


def _types(config: Iec104Settings, types: range) -> Iterator[Fact]:
    used = in_use(config)
    for type_id in types:
        if type_id in TYPE_NAMES:
            yield f"<{type_id}> {TYPE_NAMES[type_id]}", supported(type_id), type_id in used


def _acquisition(config: Iec104Settings) -> Iterator[Fact]:
    mapped = any(group.rows for group in config.groups)
    yield "End of initialization after start", True, True
    yield "Remote initialization (reset process)", True, config.commands.reset_process == "confirm"
    yield "Cyclic data transmission", True, any(group.periodic for group in config.groups)
    yield "Background scan", True, any(group.background for group in config.groups)
    yield "Read procedure", True, mapped
    yield (
        "Spontaneous transmission",
        True,
        any(row.rule.mode != "never" for group in config.groups for row in group.rows),
    )
    yield "Double transmission of information objects with cause spontaneous", False, False


def _interrogation(config: Iec104Settings) -> Iterator[Fact]:
    used = {group.interrogation_group for group in config.groups}
    yield "Global", True, True
    for number in range(1, 17):
        yield f"Group {number}", True, number in used


def _commands(config: Iec104Settings) -> Iterator[Fact]:
    settings = config.commands
    rows = [row for _, row in settings.rows(config.common_address)]
    switching = [row for row in rows if row.type in SWITCHING]
    points = [row for row in rows if row.type not in SWITCHING]
    yield "Direct command transmission", True, _any(config, switching, "direct")
    yield "Direct set point command transmission", True, _any(config, points, "direct")
    yield "Select and execute command", True, _any(config, switching, "select")
    yield "Select and execute set point command", True, _any(config, points, "select")
    yield "ACTTERM is used", True, bool(rows) and settings.termination
    for name, title in (
        ("none", "No additional definition"),
        ("short-pulse", "Short pulse duration (the device makes the pulse)"),
        ("long-pulse", "Long pulse duration (the device makes the pulse)"),
        ("persistent", "Persistent output"),
    ):
        yield title, True, any(name in row.qualifiers for row in switching)
    yield "Return information (cause 11)", True, any(row.return_ioa for row in rows)
    yield "Select time-out (s)", "0.1 - 3600", settings.select_timeout
    aged = bool(rows) and settings.time_tags != "without"
    yield "Supervision of the delay of commands and set points", True, aged and settings.maximum_age > 0
    yield "Maximum age of a command (s)", "0 - 86400", settings.maximum_age
    yield "Maximum time in the future (s)", "0 - 86400", settings.maximum_lead


def _any(config: Iec104Settings, rows: Sequence[CommandRow], how: str) -> bool:
    return any(execution(config, row) in (how, "either") for row in rows)


def _totals(config: Iec104Settings) -> Iterator[Fact]:
    counters = [(group, row) for group in config.groups for row in group.rows if row.kind.counter]
    used = {group.counter_group for group, _ in counters}
    yield "Mode A: local freeze with spontaneous transmission", False, False
    yield "Mode B: local freeze with counter interrogation", False, False
    yield "Mode C: freeze and transmit by counter interrogation commands", False, False
    yield "Mode D: freeze by command, frozen values spontaneously", False, False
    yield "Counter read", True, bool(counters)
    yield "Counter freeze without reset", False, False
    yield "Counter freeze with reset", False, False
    yield "Counter reset", False, False
    yield "General request counter", True, bool(counters)
    for number in range(1, 5):
        yield f"Request counter group {number}", True, number in used
    yield "Integrated totals spontaneously", True, any(row.rule.mode != "never" for _, row in counters)


def _others(config: Iec104Settings) -> Iterator[Fact]:
    yield "Clock synchronization (C_CS_NA_1)", True, config.commands.clock_synchronization != "refuse"
    yield "Test procedure (C_TS_TA_1)", True, True
    yield "Loading and activation of parameters", False, False
    yield "File transfer in either direction", False, False


def _timers(config: Iec104Settings) -> Iterator[Fact]:
    yield "T0: time-out of connection establishment (s)", "1 - 255, default 30", config.t0
    yield "T1: time-out of sent or test APDUs (s)", "1 - 255, default 15", config.t1
    yield "T2: time-out for acknowledgements (s)", "1 - 254, default 10", config.t2
    yield "T3: time-out for test frames (s)", "1 - 172800, default 20", config.t3
    yield "k: APDUs in I format sent without acknowledgement, at most", "1 - 32767, default 12", config.k
    yield "w: acknowledgement after so many APDUs in I format", "1 - 32767, default 8", config.w
