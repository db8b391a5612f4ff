"""Registers that only ever count up: one that goes back is told, and its value passed on as it is."""

from __future__ import annotations

from typing import NamedTuple

from meterhub_sdk import Hub, Reading

from meterhub_dlms.client.mapped import MappedPoint
from meterhub_dlms.client.meter_events import REGISTER_WENT_BACK

_REGISTER, _VALUE = 3, 2
_ENERGIES = frozenset({"Wh", "varh", "VAh"})
_SINCE_EVER = 8
"""Group D of an OBIS code: the integral since the meter was started. Others begin anew with each period."""

_BALANCES = frozenset({16, 36, 56, 76})
"""Group C: import less export, of all phases and of each."""


class _Fall(NamedTuple):
    mapping: str
    old: float
    new: float
    unit: str


class Counting:
    """Watches the registers of energy of one meter; ``fallen`` counts how often one went back."""

    def __init__(self, hub: Hub, label: str) -> None:
        self.fallen = 0
        self._hub = hub
        self._label = label
        self._pending: list[_Fall] = []

    def check(self, point: MappedPoint, before: Reading | None, now: Reading) -> None:
        """A new value of a register, and the one before it."""
        if before is None or before.unit != now.unit or now.unit not in _ENERGIES or not _counts_up(point):
            return
        if now.number < before.number:
            self.fallen += 1
            self._pending.append(_Fall(point.mapping.label, before.number, now.number, now.unit))

    async def report(self) -> None:
        """Record what went back."""
        while self._pending:
            fall = self._pending.pop(0)
            await self._hub.events.record(REGISTER_WENT_BACK, meter=self._label, **fall._asdict())


def _counts_up(point: MappedPoint) -> bool:
    class_id, (_, _, quantity, processing, _, _), number = point.target
    return (class_id, number, processing) == (_REGISTER, _VALUE, _SINCE_EVER) and quantity not in _BALANCES
