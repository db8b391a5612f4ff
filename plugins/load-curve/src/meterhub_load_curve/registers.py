"""The registers and the place in the recording, kept so that they never run backwards."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import sqlite_utils

from meterhub_load_curve.meter import ENERGIES

MIGRATIONS = (
    "CREATE TABLE state (id INTEGER PRIMARY KEY CHECK (id = 1), offset_minutes INTEGER NOT NULL,"
    " position INTEGER NOT NULL, registers TEXT NOT NULL) STRICT",
)
_FINEST = 10**9
"""Registers are kept in billionths of their unit."""


@dataclass(frozen=True, slots=True)
class State:
    """Registers (in their unit) at a place of the recording (nanoseconds), and the offset they started with."""

    offset: int
    position: int
    registers: Mapping[str, Fraction]


def load(store: sqlite_utils.Database) -> State | None:
    """What was kept, or ``None`` at the first start."""
    row = store.execute("SELECT offset_minutes, position, registers FROM state").fetchone()
    if row is None:
        return None
    kept = json.loads(row[2])
    return State(row[0], row[1], {name: Fraction(kept.get(name, 0), _FINEST) for name in ENERGIES})


def save(store: sqlite_utils.Database, state: State) -> None:
    """Keep a state; it is on disk afterwards."""
    kept = {name: int(amount * _FINEST) for name, amount in state.registers.items()}
    store.execute(
        "INSERT OR REPLACE INTO state (id, offset_minutes, position, registers) VALUES (1, ?, ?, ?)",
        (state.offset, state.position, json.dumps(kept)),
    )
