"""Event types: what a plugin may write into the event log."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Log(StrEnum):
    """The logs of the event log; each entry stands in exactly one of them.

    ``all events`` and ``all events and diagnostics`` are views over these.
    """

    SYSTEM = "system"
    AUTHENTICATION = "user-authentication"
    ACCESS = "access-rights"
    COMMUNICATION = "communication"
    UPDATE = "update-and-licence"
    SECURITY = "security"
    FATAL = "fatal-errors"
    DIAGNOSTICS = "diagnostics"


class Severity(IntEnum):
    """Severities and their numbers as in RFC 5424, table 2."""

    EMERGENCY = 0
    ALERT = 1
    CRITICAL = 2
    ERROR = 3
    WARNING = 4
    NOTICE = 5
    INFO = 6
    DEBUG = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class EventType:
    """One kind of entry.

    ``number`` is unique within the distribution (1 to 9999), ``text`` is a sentence in which
    ``{name}`` is replaced by the parameter of that name, ``help`` says what a person should do.
    """

    number: int
    name: str
    text: str
    log: Log = Log.COMMUNICATION
    severity: Severity = Severity.INFO
    help: str = ""

    def sentence(self, parameters: dict[str, object]) -> str:
        """The text with its parameters; a missing one stays visible as ``{name}``, and ``{{`` is a brace."""
        return _FIELD.sub(
            lambda found: found[0][0] if found[1] is None else str(parameters.get(found[1], found[0])), self.text
        )


# str.format would follow attributes and pad to any width: a text is not to be trusted that far.
_FIELD = re.compile(r"\{\{|\}\}|\{(\w+)\}")
