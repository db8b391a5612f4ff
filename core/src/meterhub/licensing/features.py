"""Features: what plugins offer, what is licensed, what an administrator switched off, and so what may run."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

import sqlite_utils

from meterhub.licensing import events
from meterhub.licensing.errors import LicenceError, SwitchRefused
from meterhub.licensing.events import Report
from meterhub.licensing.licences import Licences
from meterhub.licensing.text import FEATURE
from meterhub.store import Store, StoreError
from meterhub.whole import whole

log = logging.getLogger(__name__)

TICK = 0.5
"""Seconds between two looks at the clock: services stop within a second of the end of their licence."""

Changed = Callable[[frozenset[str]], None]


class Declared(Protocol):
    """A feature as a plugin's description names it."""

    @property
    def name(self) -> str:
        """Such as ``synth.losses``."""

    @property
    def title(self) -> str:
        """For people."""

    @property
    def built_in(self) -> bool:
        """Whether it works without a licence."""


@dataclass(frozen=True, slots=True)
class FeatureRow:
    """A row of the page of features; ``total`` is built-in or licensed, ``active`` is what services go by."""

    name: str
    title: str
    built_in: bool
    licensed: bool
    total: bool
    switched_on: bool
    active: bool


class Features:
    """The features of this instance.

    A feature is active when a plugin offers it, it is built-in or licensed, and nobody switched it off. Where two
    distributions offer a feature of one name, it is built-in only if both say so: no plugin gives away what another
    one sells.
    """

    def __init__(self, store: Store, licences: Licences, report: Report) -> None:
        self._store = store
        self._licences = licences
        self._report = report
        self._declared: dict[str, tuple[Declared, ...]] = {}
        self._off: set[str] = set()
        self._active: frozenset[str] = frozenset()
        self._listeners: list[Changed] = []
        self._switching = asyncio.Lock()
        licences.changed = self._decide

    async def start(self) -> None:
        """Read the switches and the licences; call it once, before services start."""
        self._off = await self._store.read(_switched_off)
        await self._licences.load()
        self._decide()

    async def watch(self) -> None:
        """Watch licences end, until cancelled. A jump of the clock in either direction is followed."""
        failing = False
        while True:
            await asyncio.sleep(TICK)
            try:
                await self._licences.look()
            except Exception:
                if not failing:
                    log.exception("notices about licences cannot be written; trying again")
                failing = True
            else:
                failing = False

    def on_change(self, listener: Changed) -> None:
        """Call ``listener`` with the names of features that became active or inactive, at once."""
        self._listeners.append(listener)

    def declare(self, distribution: str, features: Iterable[Declared]) -> None:
        """What a distribution offers, in place of what it offered before; ``LicenceError`` for a malformed name."""
        offered = tuple(features)
        for feature in offered:
            if FEATURE.fullmatch(feature.name) is None:
                raise LicenceError(
                    f"{distribution} names a feature {feature.name[:80]!r}: "
                    "use small letters and digits with dots between, such as synth.losses"
                )
        self._declared[distribution] = offered
        self._decide()

    def withdraw(self, distribution: str) -> None:
        """The distribution is gone, and what it offered with it; switches and licences stay."""
        self._declared.pop(distribution, None)
        self._decide()

    def active(self, name: str) -> bool:
        """Whether services of this feature may run now."""
        return name in self._active

    def table(self) -> list[FeatureRow]:
        """All features that are offered or licensed, by name."""
        names = self._titles().keys() | self._licences.licensed
        return [self._row(name) for name in sorted(names)]

    @whole
    async def switch(self, name: str, on: bool, user: str) -> None:
        """Switch a built-in or licensed feature on or off; it stays so across restarts and new licences.

        ``SwitchRefused`` for a feature that is neither, ``LicenceError`` when the disk refuses.
        """
        async with self._switching:
            if not self._row(name).total:
                raise SwitchRefused(
                    f"the feature {name[:80]!r} is neither built-in nor licensed: install a licence first"
                )
            if on == (name not in self._off):
                return
            await self._keep(name, on, user)
            self._off ^= {name}
            self._decide()
            await self._report(events.FEATURE_ON if on else events.FEATURE_OFF, feature=name, user=user)

    async def _keep(self, name: str, on: bool, user: str) -> None:
        def work(database: sqlite_utils.Database) -> None:
            if on:
                database.execute("DELETE FROM features_off WHERE name = ?", (name,))
            else:
                sql = "INSERT OR REPLACE INTO features_off (name, switched, switched_by) VALUES (?, ?, ?)"
                database.execute(sql, (name, time.time_ns(), user))

        try:
            await self._store.write(work)
        except StoreError as error:
            raise LicenceError(f"the feature {name} stays as it was: {error}") from None

    def _titles(self) -> dict[str, str]:
        return {feature.name: feature.title for offered in self._declared.values() for feature in offered}

    def _row(self, name: str) -> FeatureRow:
        offers = [feature for offered in self._declared.values() for feature in offered if feature.name == name]
        built_in = bool(offers) and all(feature.built_in for feature in offers)
        licensed = name in self._licences.licensed
        on = name not in self._off
        return FeatureRow(
            name=name,
            title=offers[0].title if offers else name,
            built_in=built_in,
            licensed=licensed,
            total=built_in or licensed,
            switched_on=on,
            active=bool(offers) and (built_in or licensed) and on,
        )

    def _decide(self) -> None:
        """What is active now; listeners hear of what changed, and a failing one keeps it from nobody else."""
        active = frozenset(name for name in self._titles() if self._row(name).active)
        changed, self._active = active ^ self._active, active
        if not changed:
            return
        for listener in self._listeners:
            try:
                listener(changed)
            except Exception:
                log.exception("a listener for features failed at %s", ", ".join(sorted(changed)))


def _switched_off(database: sqlite_utils.Database) -> set[str]:
    return {name for (name,) in database.execute("SELECT name FROM features_off").fetchall()}
