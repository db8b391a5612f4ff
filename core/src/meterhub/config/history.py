"""Revisions on disk: written before they are active, never changed afterwards.

``active.json`` says which revision runs and which one was confirmed last. It is replaced atomically,
so a power cut leaves the old or the new configuration; one that nobody confirmed is taken back at
the next start.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
from meterhub_sdk import Refused

from meterhub.config.document import Revision
from meterhub.files import replace_atomically

KEPT = 100


class Active(msgspec.Struct, frozen=True, kw_only=True):
    """Which revision runs, and which one is the last that somebody confirmed."""

    active: int = 0
    confirmed: int = 0


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the history."""

    number: int
    name: str
    time: int
    author: str
    written_by: str
    services: list[str]


class History:
    """The revisions in ``directory``; the newest hundred and all named ones are kept."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = directory / "active.json"
        self.state = msgspec.json.decode(path.read_bytes(), type=Active) if path.exists() else Active()

    def read(self, number: int) -> Revision:
        """A revision; number 0 is the empty one an instance begins with."""
        if number == 0:
            return Revision(number=0, name="empty")
        path = self._path(number)
        if not path.exists():
            raise Refused(f"there is no revision {number}; see the history")
        return msgspec.json.decode(path.read_bytes(), type=Revision)

    def numbers(self) -> list[int]:
        """The numbers on disk, oldest first."""
        return sorted(int(path.stem) for path in self._directory.glob("[0-9]*.json"))

    def summaries(self) -> list[Summary]:
        """The history, newest first."""
        found = [self.read(number) for number in reversed(self.numbers())]
        return [
            Summary(
                number=r.number,
                name=r.name,
                time=r.time,
                author=r.author,
                written_by=r.written_by,
                services=sorted(r.services),
            )
            for r in found
        ]

    def next_number(self) -> int:
        """The number of the revision to come."""
        return max([self.state.active, *self.numbers()], default=0) + 1

    def write(self, revision: Revision) -> None:
        """Put a revision on disk; it is not active yet."""
        data = msgspec.json.format(msgspec.json.encode(revision), indent=1)
        replace_atomically(self._path(revision.number), data)

    def activate(self, number: int, *, confirmed: bool) -> None:
        """Make a revision the active one; unconfirmed, it lasts until the next start at most."""
        self._write_state(Active(active=number, confirmed=number if confirmed else self.state.confirmed))
        self._prune()

    def confirm(self) -> None:
        """The active revision stays."""
        self._write_state(Active(active=self.state.active, confirmed=self.state.active))

    def rename(self, number: int, name: str) -> None:
        """Give a revision a name."""
        self.write(msgspec.structs.replace(self.read(number), name=name))

    def _write_state(self, state: Active) -> None:
        replace_atomically(self._directory / "active.json", msgspec.json.encode(state))
        self.state = state

    def _path(self, number: int) -> Path:
        return self._directory / f"{number:06}.json"

    def _prune(self) -> None:
        for number in self.numbers()[:-KEPT]:
            if number not in (self.state.active, self.state.confirmed) and not self.read(number).name:
                self._path(number).unlink()
