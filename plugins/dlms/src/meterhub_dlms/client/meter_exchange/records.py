"""Who each meter was last, and all exchanges, on disk."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import sqlite_utils
from meterhub_sdk import Reading

from meterhub_dlms.client.kept_readings import pack_all, unpack_all
from meterhub_dlms.client.meter_exchange.occupant import NOBODY, Occupant

MIGRATIONS = (
    "CREATE TABLE occupants (meter TEXT PRIMARY KEY, occupant TEXT NOT NULL) STRICT",
    "CREATE TABLE exchanges (number INTEGER PRIMARY KEY, meter TEXT NOT NULL, state TEXT NOT NULL,"
    " begun INTEGER NOT NULL, ended INTEGER, old TEXT NOT NULL, new TEXT NOT NULL, expected TEXT NOT NULL,"
    " closing TEXT NOT NULL, opening TEXT NOT NULL) STRICT",
)
"""The schema of :class:`Records`, for ``Service.migrations``."""

ExchangeState = Literal["waiting", "unannounced", "opening", "done", "withdrawn"]

_OPEN = "('waiting', 'unannounced', 'opening')"


@dataclass(slots=True)
class Exchange:
    """One exchange of a meter. Times are nanoseconds UTC; readings go by the labels of the mappings.

    waiting: announced, the new meter has not answered yet; unannounced: another meter answers, and nobody said so;
    opening: its opening readings are not all there; done; withdrawn.
    """

    meter: str
    state: ExchangeState
    begun: int
    old: Occupant
    closing: Mapping[str, Reading]
    expected: str = ""
    new: Occupant = NOBODY
    opening: dict[str, Reading] = field(default_factory=dict)
    ended: int | None = None
    number: int | None = None


class Records:
    """The two tables of one service."""

    def __init__(self, database: sqlite_utils.Database) -> None:
        self._database = database

    def occupant(self, meter: str) -> Occupant | None:
        """Who answered as this meter; ``None`` before anybody did."""
        row = self._database.execute("SELECT occupant FROM occupants WHERE meter = ?", (meter,)).fetchone()
        return None if row is None else Occupant(*json.loads(row[0]))

    def occupy(self, meter: str, occupant: Occupant) -> None:
        """From now on this is the meter that is expected."""
        self._database.execute(
            "INSERT OR REPLACE INTO occupants (meter, occupant) VALUES (?, ?)", (meter, json.dumps(occupant))
        )

    def open(self, meter: str) -> Exchange | None:
        """The exchange of this meter that is not over."""
        row = self._database.execute(
            f"SELECT * FROM exchanges WHERE meter = ? AND state IN {_OPEN} ORDER BY number DESC",  # noqa: S608 -- ours
            (meter,),
        ).fetchone()
        return None if row is None else _exchange(row)

    def exchanges(self, meter: str | None, most: int) -> list[Exchange]:
        """The newest exchanges, of one meter or of all."""
        rows = self._database.execute(
            "SELECT * FROM exchanges WHERE ? IS NULL OR meter = ? ORDER BY number DESC LIMIT ?", (meter, meter, most)
        )
        return [_exchange(row) for row in rows.fetchall()]

    def save(self, exchange: Exchange) -> None:
        """Keep it; a new one gets its number."""
        row = (
            exchange.number, exchange.meter, exchange.state, exchange.begun, exchange.ended, json.dumps(exchange.old),
            json.dumps(exchange.new), exchange.expected, pack_all(exchange.closing), pack_all(exchange.opening),
        )  # fmt: skip
        cursor = self._database.execute("INSERT OR REPLACE INTO exchanges VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        exchange.number = cursor.lastrowid


def _exchange(row: tuple[Any, ...]) -> Exchange:
    number, meter, state, begun, ended, old, new, expected, closing, opening = row
    return Exchange(
        meter, state, begun, Occupant(*json.loads(old)), unpack_all(closing), expected, Occupant(*json.loads(new)),
        unpack_all(opening), ended, number,
    )  # fmt: skip
