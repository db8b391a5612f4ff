"""The core is killed while it is being changed: what it acknowledged is there afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import itertools
import json
import random
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from meterhub_sdk import NotDone

from meterhub.cli.client import Client
from meterhub.licensing.vendor import VendorFiles, issue, new_vendor

ROUNDS = 5
Told = dict[str, object]


class Ledger:
    """What was asked for, and what of it was acknowledged."""

    def __init__(self, vendor: VendorFiles, serial: str) -> None:
        self.users: dict[str, bool | None] = {}
        """True: there; False: deleted; None: nobody knows."""
        self.added: set[str] = set()
        self.revisions: dict[int, int] = {}
        """Number of each acknowledged revision, and the setting that it carries."""
        self.licences: set[str] = set()
        self.secrets: set[str] = set()
        self._vendor = vendor
        self._serial = serial
        self._numbers = itertools.count()

    async def change_users(self, client: Client) -> None:
        """Add and activate users, and delete each when the next one is there."""
        previous = None
        while True:
            name = f"user-{next(self._numbers)}"
            self.users[name] = None
            await client.post("/command/users/add", {"name": name, "roles": "R2"})
            self.users[name] = True
            self.added.add(name)
            if previous is not None:
                self.users[previous] = None
                await client.post("/command/users/delete", {"name": previous})
                self.users[previous] = False
            previous = name

    async def change_configuration(self, client: Client) -> None:
        """Apply one revision after the other."""
        while True:
            days = 1 + next(self._numbers) % 36_000
            await client.post("/command/configuration/enter")
            section = {"bounds": {"system": {"days": days}}}
            await client.request("put", "/configuration/event-log", section)
            applied = await client.post("/command/configuration/apply", {"confirm_within": 0})
            self.revisions[applied["revision"]] = days

    async def change_licences(self, client: Client) -> None:
        """Install licences and keep secrets."""
        while True:
            number = str(next(self._numbers))
            day = datetime.date(2026, 1, 2)
            text = issue(self._vendor, serial=self._serial, number=number, features=[f"acme.f{number}"], issued=day)
            await client.post("/command/licences/install", {"text": text})
            self.licences.add(number)
            await client.post("/command/secrets/set", {"name": f"secret-{number}", "value": "x"})
            self.secrets.add(f"secret-{number}")

    def writers(self) -> Iterator[Callable[[Client], Awaitable[None]]]:
        """Everything that changes something, each for a connection of its own."""
        yield from (self.change_users, self.change_configuration, self.change_licences)


async def until_it_dies(instance, write: Callable[[Client], Awaitable[None]]) -> None:
    async with instance.connected() as client:
        with contextlib.suppress(NotDone):
            await write(client)


async def check(instance, ledger: Ledger) -> None:
    there = {user["name"] for user in (await instance.get("/status/users"))["users"]}
    for name, known in ledger.users.items():
        assert known is None or (name in there) is known, name
    told = {entry["parameters"]["user"] for entry in await everything(instance, "user-added")}
    assert ledger.added <= told
    configuration = await instance.get("/status/configuration")
    assert configuration["revision"] >= max(ledger.revisions, default=0)
    if (days := ledger.revisions.get(configuration["revision"])) is not None:
        active = (await instance.get("/configuration/event-log"))["active"]
        assert active["bounds"]["system"]["days"] == days
    licences = json.dumps((await instance.get("/status/licences"))["licences"])
    for number in ledger.licences:
        assert f'acme.f{number}"' in licences
    assert ledger.secrets <= set((await instance.get("/status/secrets"))["secrets"])
    assert await instance.post("/command/event-log/verify") == {"good": True, "faults": []}


async def everything(instance, name: str) -> list[dict[str, object]]:
    """All entries of a type, page by page."""
    found: list[dict[str, object]] = []
    before = None
    while True:
        query = {
            "log": "all-events-and-diagnostics",
            "least": "debug",
            "limit": 1000,
            "format": "full",
            "before": before,
        }
        page = await instance.get("/data/event-log", query)
        found += [entry for entry in page["entries"] if entry["name"] == name]
        before = page["next"]
        if before is None:
            return found


@pytest.mark.slow
async def test_nothing_acknowledged_is_lost_when_the_core_is_killed_at_any_moment(starter, tmp_path: Path):
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    moments = random.Random(seed)
    home = starter.home("killed", {})
    vendor = new_vendor("ACME Metering", tmp_path)
    instance = await starter.run(home).ready()
    document = {"document": vendor.public.read_text(), "features": ["acme.*"]}
    await instance.post("/command/licences/trust-vendor", document)
    ledger = Ledger(vendor, (await instance.get("/status/identifiers"))["serial"])
    for _ in range(ROUNDS):
        writing = [asyncio.create_task(until_it_dies(instance, write)) for write in ledger.writers()]
        await asyncio.sleep(moments.uniform(0.05, 1.0))
        await instance.kill()
        await asyncio.gather(*writing)
        instance = await starter.run(home, initial=False).ready()
        await check(instance, ledger)
    print(
        f"acknowledged: {len(ledger.added)} users, {len(ledger.revisions)} revisions, {len(ledger.licences)} licences"
    )
    assert len(ledger.added) >= ROUNDS
    assert ledger.revisions
    assert ledger.licences
    assert len(await everything(instance, "unclean-stop")) == ROUNDS


async def test_a_second_core_in_one_home_says_why_it_does_not_run(gateway, starter):
    second = starter.run(gateway.path)
    assert await second.ended() == 1
    (sentence,) = second.said.splitlines()
    assert f"runs in {gateway.path}; stop it first" in sentence
    assert (await gateway.get("/status/instance"))["state"] == "running"
