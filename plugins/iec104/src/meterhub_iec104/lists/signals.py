"""The signal list: every information object of the configuration, as two sides agree on it before commissioning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from meterhub_iec104.command_settings import SWITCHING, CommandGroup, CommandRow
from meterhub_iec104.control.orders import TAGGED, TYPES
from meterhub_iec104.lists.document import Cell, Document, Table
from meterhub_iec104.lists.words import Translate
from meterhub_iec104.mapping_settings import Group, Row
from meterhub_iec104.settings import Iec104Settings

Line = Mapping[str, Cell]
"""What a line says, by the title of its column."""

_BOTH = ("CA", "IOA", "Type", "TI", "Data point", "More points", "Unit", "Scaling")
_MONITOR = (
    *_BOTH,
    "Event TI",
    "Push mode",
    "Deadband",
    "In percent",
    "Group",
    "Interrogation group",
    "Counter group",
    "Periodic (s)",
    "Background (s)",
)
_CONTROL = (
    *_BOTH,
    "ON, HIGHER",
    "OFF, LOWER",
    "Step",
    "Inverted",
    "Execution",
    "Qualifiers",
    "Return IOA",
    "Read back",
    "Time limit (s)",
    "Group",
)
_ALL = ("Direction", *_MONITOR, *(column for column in _CONTROL if column not in _MONITOR))


def monitored(config: Iec104Settings, units: Mapping[str, str], say: Translate) -> Iterator[Line]:
    """The objects that are shown; ``units`` are those of the points."""
    for group in config.groups:
        for row in group.rows:
            yield _shown(config, group, row, units, say)


def commanded(config: Iec104Settings, units: Mapping[str, str], say: Translate) -> Iterator[Line]:
    """The objects that take commands."""
    for group in config.commands.groups:
        for row in group.rows:
            yield _taken(config, group, row, units, say)


def csv_lines(config: Iec104Settings, units: Mapping[str, str], say: Translate) -> Iterator[Sequence[Cell]]:
    """One table of everything, with a line of titles."""
    yield [say(column) for column in _ALL]
    for direction, lines in (
        ("monitor", monitored(config, units, say)),
        ("control", commanded(config, units, say)),
    ):
        for line in lines:
            yield [say(direction), *(line.get(column) for column in _ALL[1:])]


def document(
    config: Iec104Settings, units: Mapping[str, str], facts: Sequence[tuple[str, str]], say: Translate, language: str
) -> Document:
    """The printed form."""
    shown, taken = list(monitored(config, units, say)), list(commanded(config, units, say))
    counts = ((say("Information objects"), str(len(shown))), (say("Commands"), str(len(taken))))
    return Document(
        say("Signal list"),
        language,
        (*facts, *counts),
        [
            _table(say("Monitor direction"), _MONITOR, shown, say),
            _table(say("Control direction"), _CONTROL, taken, say),
        ],
        say(
            "CA: common address of ASDU. TI: type identification. The unit is that of the data point. The value sent "
            "is that of the data point times the scaling; the value written is that of the command divided by it."
        ),
        "landscape",
    )


def _table(title: str, columns: Sequence[str], lines: Sequence[Line], say: Translate) -> Table:
    """Columns in which no line says anything are left out."""
    kept = [column for column in columns if any(line.get(column) not in (None, "", False) for line in lines)]
    rows = [[line.get(column) for column in kept] for line in lines]
    return Table(title, [say(column) for column in kept], rows, "" if lines else say("None."))


def _shown(config: Iec104Settings, group: Group, row: Row, units: Mapping[str, str], say: Translate) -> Line:
    kind, rule = row.kind, row.rule
    event = kind.tagged if config.time_tags and kind.tagged else kind.untagged
    deadband = rule.mode == "deadband"
    return {
        "CA": group.common_address or config.common_address,
        "IOA": row.ioa,
        "Type": row.type,
        "TI": kind.untagged,
        "Data point": row.point,
        "More points": ", ".join(row.names[1:]),
        "Unit": units.get(row.point, ""),
        "Scaling": row.scaling if kind.numeric else None,
        "Event TI": None if rule.mode == "never" else event,
        "Push mode": say(rule.mode),
        "Deadband": rule.deadband if deadband else None,
        "In percent": rule.relative if deadband else None,
        "Group": group.label,
        "Interrogation group": None if kind.counter else group.interrogation_group,
        "Counter group": group.counter_group if kind.counter else None,
        "Periodic (s)": group.periodic or None if kind.periodic else None,
        "Background (s)": None if kind.counter else group.background or None,
    }


def _taken(
    config: Iec104Settings, group: CommandGroup, row: CommandRow, units: Mapping[str, str], say: Translate
) -> Line:
    switching = row.type in SWITCHING
    return {
        "CA": group.common_address or config.common_address,
        "IOA": row.ioa,
        "Type": row.type,
        "TI": ", ".join(map(str, command_types(config, row))),
        "Data point": row.point,
        "More points": row.second_point,
        "Unit": units.get(row.point, ""),
        "Scaling": row.scaling if row.type.startswith("C_SE") else None,
        "ON, HIGHER": row.on,
        "OFF, LOWER": row.off,
        "Step": row.step,
        "Inverted": row.inverted,
        "Execution": say(execution(config, row)),
        "Qualifiers": ", ".join(map(say, row.qualifiers)) if switching else None,
        "Return IOA": row.return_ioa,
        "Read back": row.read_back,
        "Time limit (s)": row.time_limit,
        "Group": group.label,
    }


def command_types(config: Iec104Settings, row: CommandRow) -> list[int]:
    """The type identifications with which the command can be given."""
    plain = TYPES[row.type]
    return {"without": [plain], "with": [plain + TAGGED], "both": [plain, plain + TAGGED]}[config.commands.time_tags]


def execution(config: Iec104Settings, row: CommandRow) -> str:
    """How the command can be executed, all settings considered."""
    if row.type == "C_BO":
        return "direct"
    return row.execution if config.commands.direct_execute else "select"
