"""One entry of the event log, the bytes that its digest covers, and the making of it from an event type.

What a stranger needs to verify an export (format ``full``, oldest first, one log at a time):

* ``digest`` = SHA-256 over the 32 bytes of ``previous`` followed by the canonical bytes.
* The canonical bytes are these lines, each ended by one line feed, in UTF-8: sequence, time,
  distribution, number, name, log, clock, severity, source, text, parameters.
* Sequence and number are decimal; time, clock and severity stand as in the export
  (``2026-03-01T12:00:00.000000000Z``, ``valid``, ``warning``).
* Parameters are JSON as Python's ``json.dumps(parameters, sort_keys=True, separators=(",", ":"),
  ensure_ascii=False)`` writes it.
* No field holds a line feed, since control characters are escaped before they are stored, so the
  lines cannot be cut differently.
* ``previous`` is the ``digest`` of the entry before it in the same log; that of a log's very first
  entry is 32 zero bytes.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from typing import Any

import msgspec
from meterhub_sdk import Clock, EventType, Log, Severity, moment

GENESIS = bytes(32)
"""What the first entry of a log has for the digest of the one before it."""

PARAMETERS = 20
PARAMETER_LENGTH = 500
TEXT_LENGTH = 1000
NAME_LENGTH = 64
SOURCE_LENGTH = 200
NUMBERS = range(1, 10_000)
EXACT_JSON = 2**53
"""Integers up to here survive every JSON reader (RFC 8259, section 6); larger ones are kept as text."""
LONG_INTEGER = 512
"""Bits above which an integer is shown in hexadecimal: Python refuses very long ones in decimal."""

# Control characters, line and paragraph separators, lone surrogates, and the marks that reorder text on a terminal.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{(\w+)\}")

Parameter = str | int | float | bool | None


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry as it stands on disk.

    ``sequence`` counts over all logs; ``time`` is in nanoseconds since 1970 UTC; ``clock`` says
    whether the clock was right at the event; ``number`` is unique within ``distribution`` (``meterhub`` for the core's
    own); ``parameters`` is the JSON object as text, exactly as the digest covers it.
    """

    sequence: int
    time: int
    distribution: str
    number: int
    name: str
    log: Log
    clock: Clock
    severity: Severity
    source: str
    text: str
    parameters: str
    previous: bytes = GENESIS
    digest: bytes = b""

    @property
    def arguments(self) -> dict[str, Parameter]:
        """The parameters as a mapping."""
        decoded: dict[str, Parameter] = json.loads(self.parameters)
        return decoded

    def chained(self, sequence: int, previous: bytes) -> Entry:
        """This entry at its place in the chain of its log, with its digest."""
        placed = msgspec.structs.replace(self, sequence=sequence, previous=previous)
        return msgspec.structs.replace(placed, digest=digest_of(placed.fields(), previous))

    def fields(self) -> tuple[Any, ...]:
        """What the digest covers, in the order of :data:`COLUMNS`."""
        return tuple(getattr(self, name) for name in COLUMNS)


COLUMNS = (
    "sequence",
    "time",
    "distribution",
    "number",
    "name",
    "log",
    "clock",
    "severity",
    "source",
    "text",
    "parameters",
)
ROW = (*COLUMNS, "previous", "digest")
"""The columns of an entry in the database, in the order that :func:`from_row` takes."""


def from_row(row: tuple[Any, ...]) -> Entry:
    """The entry of one row of the database.

    A row that was changed into something that cannot be shown still gives an entry, which says so:
    one such row must not make the rest of the log unreadable.
    """
    try:
        entry = msgspec.convert(dict(zip(ROW, row, strict=True)), Entry)
        if not isinstance(json.loads(entry.parameters), dict):
            raise ValueError("the parameters are no JSON object")
    except ValueError:
        return Entry(
            sequence=row[0],
            time=row[1] if isinstance(row[1], int) else 0,
            distribution="",
            number=0,
            name="unreadable",
            log=Log(row[COLUMNS.index("log")]),
            clock=Clock.INVALID,
            severity=Severity.ALERT,
            source="",
            text="This entry was changed from outside and cannot be read",
            parameters="{}",
        )
    return entry


def canonical(fields: tuple[Any, ...]) -> bytes:
    """The bytes that a digest covers; see the module for their definition.

    Takes whatever a tampered database may hold: what could never have been recorded is written in
    a way that no recorded entry has.
    """
    sequence, time, distribution, number, name, log, clock, severity, *rest = fields
    lines = [
        sequence,
        iso(time),
        distribution,
        number,
        name,
        log,
        _name(Clock, clock),
        _name(Severity, severity),
        *rest,
    ]
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "backslashreplace")


def digest_of(fields: tuple[Any, ...], previous: bytes) -> bytes:
    """SHA-256 over the digest before and the canonical bytes."""
    return hashlib.sha256(previous + canonical(fields)).digest()


def _name(kind: type[Clock | Severity], value: Any) -> str:
    try:
        return kind(value).name.lower()
    except ValueError:
        return repr(value)


def iso(time: Any) -> str:
    """``time`` in nanoseconds since 1970 as ISO 8601 in UTC with nine decimals."""
    if not isinstance(time, int):
        return repr(time)
    return f"{moment(time):%Y-%m-%dT%H:%M:%S}.{time % 1_000_000_000:09d}Z"


def draft(
    event: EventType, *, time: int, clock: Clock, source: str, distribution: str, parameters: Mapping[str, object]
) -> Entry:
    """An entry that has no place in a chain yet; everything that came from outside is bounded and escaped.

    ``ValueError`` when the number of the event is not between 1 and 9999.
    """
    if event.number not in NUMBERS:
        raise ValueError(f"the event number {event.number} of {distribution} is out of range; 1 to 9999 will do")
    kept = _bounded(parameters)
    return Entry(
        sequence=0,
        time=time,
        distribution=clean(distribution, NAME_LENGTH),
        number=event.number,
        name=clean(event.name, NAME_LENGTH),
        log=Log(event.log),
        clock=Clock(clock),
        severity=Severity(event.severity),
        source=clean(source, SOURCE_LENGTH),
        text=clean(sentence(event.text, kept), TEXT_LENGTH),
        parameters=json.dumps(kept, sort_keys=True, separators=(",", ":"), ensure_ascii=False),
    )


def clean(text: str, length: int) -> str:
    """The text without control characters (they are escaped) and at most ``length`` characters, cut with ``…``."""
    shown = _UNSAFE.sub(_escaped, text[: length + 1])
    return shown if len(shown) <= length else shown[: length - 1] + "…"


def _escaped(found: re.Match[str]) -> str:
    code = ord(found.group())
    return {9: "\\t", 10: "\\n", 13: "\\r"}.get(code) or (f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}")


def sentence(text: str, parameters: Mapping[str, Parameter]) -> str:
    """The text with ``{name}`` replaced by the parameter of that name; a missing one stays visible.

    Not ``str.format``: the text comes from a plugin, and ``{x:>9999999999}`` would take the core's memory.
    """

    def shown(found: re.Match[str]) -> str:
        if found.group(1) is None:
            return found.group()[0]
        return str(parameters[found.group(1)]) if found.group(1) in parameters else found.group()

    return _PLACEHOLDER.sub(shown, text[: 4 * TEXT_LENGTH])


def _bounded(parameters: Mapping[str, object]) -> dict[str, Parameter]:
    names = list(parameters)
    over = len(names) - PARAMETERS
    if over > 0:
        names = names[: PARAMETERS - 1]
    kept = {clean(name, NAME_LENGTH): _plain(parameters[name]) for name in names}
    if over > 0:
        kept["…"] = f"{over + 1} more parameters were cut off"
    return kept


def _plain(value: object) -> Parameter:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        if abs(value) <= EXACT_JSON:
            return int(value)
        return str(value) if value.bit_length() <= LONG_INTEGER else clean(hex(value), PARAMETER_LENGTH)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(value)
    return clean(str(value), PARAMETER_LENGTH)
