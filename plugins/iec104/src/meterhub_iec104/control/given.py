"""One process command on its way through the checks to its point, and back to its master."""

from __future__ import annotations

from dataclasses import dataclass

from meterhub_sdk import Outcome, Value

from meterhub_iec104.asdu import Asdu, Cause
from meterhub_iec104.command_settings import CommandRow
from meterhub_iec104.control.ledger import Note
from meterhub_iec104.control.orders import Order
from meterhub_iec104.control.replies import Replies
from meterhub_iec104.control.selections import Place


@dataclass(slots=True)
class Given:
    """A command as far as it is understood; ``point`` and ``value`` are what it writes."""

    asdu: Asdu
    row: CommandRow
    origin: str
    replies: Replies | None
    """Where answers go; ``None`` once its master is gone."""
    point: str
    value: Value = None
    order: Order | None = None
    selected: int | None = None
    """When it was selected, in nanoseconds since 1970 UTC."""

    @property
    def place(self) -> Place:
        """The object that it is for."""
        return self.asdu.common_address, self.asdu.object_address

    @property
    def content(self) -> bytes:
        """What select and execute must have in common; it begins with :attr:`header`."""
        return self.header + (b"" if self.order is None else self.order.content)

    @property
    def header(self) -> bytes:
        """What select, execute and cancel must have in common."""
        return bytes((self.asdu.type_id, self.asdu.originator))

    @property
    def reason(self) -> str:
        """The command in words, for the ledger."""
        address, ioa = self.place
        by = f", originator {self.asdu.originator}" if self.asdu.originator else ""
        return f"IEC 104 command {self.row.type}{self._wanted} at IOA {ioa} of common address {address}{by}"

    @property
    def _wanted(self) -> str:
        if self.order is None:
            return ""
        state = self.order.state
        if not isinstance(state, bool):
            return f" {state:g}"
        words = ("LOWER", "HIGHER") if self.row.type == "C_RC" else ("OFF", "ON")
        return f" {words[state]}"

    def note(self, because: str, outcome: Outcome = "refused") -> Note:
        """The entry of the ledger for a command that is not carried out."""
        return Note(self.point, self.value, self.reason, self.origin, self.selected, because, outcome)

    def answer(self, cause: Cause, *, negative: bool = False) -> None:
        """Mirror the command to its master, as long as that is there."""
        if self.replies is not None:
            self.replies.reply(self.asdu.mirrored(cause, self.asdu.common_address, negative=negative))
