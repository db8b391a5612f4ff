"""Select before operate: who may execute what, and until when.

IEC 60870-5-5, 6.8. One selection for each information object, bound to the master that made it.
Sans-io: the monotonic time comes in, and what lapsed is fetched by :meth:`Selections.lapsed` before any execute.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

Place = tuple[int, int]
"""Common address and information object address."""

Owner = TypeVar("Owner")
"""Who selects: anything that can be compared."""

What = TypeVar("What")
"""What is kept with a selection."""


class NotSelected(Exception):
    """The command may not be executed; its text is the reason, for people."""


@dataclass(frozen=True, slots=True)
class Selection(Generic[Owner, What]):
    """One object that waits for its execute."""

    place: Place
    owner: Owner
    content: bytes
    """Type, originator and information element, without select bit and time tag: what must come again."""
    until: float
    """Monotonic time at which it lapses."""
    what: What


class Selections(Generic[Owner, What]):
    """All selections of the server; each lasts ``timeout`` seconds."""

    def __init__(self, timeout: float) -> None:
        self.timeout = timeout
        self._made: dict[Place, Selection[Owner, What]] = {}
        self._late: set[tuple[Place, Owner]] = set()
        """Who let a selection lapse and did not say since what to do with the object."""

    def __len__(self) -> int:
        return len(self._made)

    def select(
        self, place: Place, owner: Owner, content: bytes, now: float, what: What
    ) -> Selection[Owner, What] | None:
        """Select an object, or renew or replace one's own selection, which is the answer.

        :class:`NotSelected` while somebody else has it.
        """
        self._not_of_another(place, owner, now)
        before = self._current(place, now)
        self._late.discard((place, owner))
        self._made[place] = Selection(place, owner, content, now + self.timeout, what)
        return before

    def take(self, place: Place, owner: Owner, content: bytes, now: float) -> Selection[Owner, What] | None:
        """The selection to be executed, which ends with that; ``None`` where the object is not selected.

        :class:`NotSelected` where somebody else has it, where ``content`` is not what was selected, or where the
        selection lapsed. The latter two end the selection, because what its master wants is not clear any more:
        its next command stands for itself.
        """
        self._not_of_another(place, owner, now)
        made = self._current(place, now)
        if (place, owner) in self._late:
            self._late.discard((place, owner))
            raise NotSelected("it was selected, and its selection lapsed")
        if made is None:
            return None
        del self._made[place]
        if made.content != content:
            raise NotSelected("the execute differs from the select, which is void now")
        return made

    def cancel(self, place: Place, owner: Owner, header: bytes, now: float) -> Selection[Owner, What] | None:
        """End one's own selection whose content begins so; ``None`` where there is none."""
        self._late.discard((place, owner))
        made = self.own(place, owner, now)
        if made is None or not made.content.startswith(header):
            return None
        return self._made.pop(place)

    def own(self, place: Place, owner: Owner, now: float) -> Selection[Owner, What] | None:
        """One's own selection of an object."""
        made = self._current(place, now)
        return made if made is not None and made.owner == owner else None

    def deadline(self) -> float | None:
        """When the next selection lapses."""
        return min((made.until for made in self._made.values()), default=None)

    def lapsed(self, now: float) -> list[Selection[Owner, What]]:
        """Selections whose time is over; of them only whose they were is remembered."""
        lapsed = self._drop([made for made in self._made.values() if made.until <= now])
        self._late |= {(made.place, made.owner) for made in lapsed}
        return lapsed

    def gone(self, owner: Owner) -> list[Selection[Owner, What]]:
        """All selections of somebody who is gone; they are forgotten."""
        self._late = {(place, late) for place, late in self._late if late != owner}
        return self._drop([made for made in self._made.values() if made.owner == owner])

    def clear(self) -> list[Selection[Owner, What]]:
        """All selections; they are forgotten."""
        self._late.clear()
        return self._drop(list(self._made.values()))

    def _current(self, place: Place, now: float) -> Selection[Owner, What] | None:
        made = self._made.get(place)
        return made if made is not None and now < made.until else None

    def _not_of_another(self, place: Place, owner: Owner, now: float) -> None:
        made = self._current(place, now)
        if made is not None and made.owner != owner:
            raise NotSelected("another master has selected it")

    def _drop(self, dropped: list[Selection[Owner, What]]) -> list[Selection[Owner, What]]:
        for made in dropped:
            del self._made[made.place]
        return dropped
