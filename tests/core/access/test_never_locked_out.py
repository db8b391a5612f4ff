"""Whatever operators do, in whatever order, an active access administrator is left."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import Awaitable
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from meterhub.access import SCHEMA, AccessRefused, Role
from meterhub.access.passwords import Hasher
from meterhub.access.users import MOST, Users
from meterhub.store import Store

NAMES = st.sampled_from(["access_admin", "admin", "manufacturer", "anna", "bert"])
ROLES = st.sets(st.sampled_from(list(Role)), max_size=3)


class Quick(Hasher):
    async def hash(self, password: str) -> str:
        return f"quick {password}"

    async def verify(self, password: str, phc: str | None) -> bool:
        return phc == f"quick {password}"

    @staticmethod
    def outdated(phc: str) -> bool:
        return False


class Operators(RuleBasedStateMachine):
    """Operators who mean no good, and power failures."""

    @initialize()
    def first_start(self) -> None:
        self.runner = asyncio.Runner()
        self.directory = tempfile.TemporaryDirectory()
        self.open()
        self.runner.run(self.users.bootstrap())

    def open(self) -> None:
        self.store = Store(Path(self.directory.name) / "core.db", SCHEMA)
        self.users = Users(self.store, Quick())

    def try_(self, change: Awaitable[object]) -> None:
        async def attempt() -> None:
            with contextlib.suppress(AccessRefused):
                await change

        self.runner.run(attempt())

    @rule(name=NAMES, roles=ROLES)
    def add(self, name: str, roles: set[Role]) -> None:
        self.try_(self.users.add(name, roles))

    @rule(name=NAMES, number=st.integers(0, 2))
    def activate(self, name: str, number: int) -> None:
        self.try_(self.users.activate(name, f"a password {number}"))

    @rule(name=NAMES)
    def reset(self, name: str) -> None:
        self.try_(self.users.reset(name))

    @rule(name=NAMES)
    def delete(self, name: str) -> None:
        self.try_(self.users.delete(name))

    @rule(name=NAMES, roles=ROLES)
    def set_roles(self, name: str, roles: set[Role]) -> None:
        self.try_(self.users.set_roles(name, roles))

    @rule(name=NAMES, old=st.integers(0, 2), new=st.integers(0, 2))
    def change_own_password(self, name: str, old: int, new: int) -> None:
        self.try_(self.users.change_own_password(name, f"a password {old}", f"a password {new}"))

    @rule(first=NAMES, second=NAMES)
    def two_at_once(self, first: str, second: str) -> None:
        async def both() -> None:
            changes = self.users.delete(first), self.users.set_roles(second, "R1"), self.users.reset(second)
            await asyncio.gather(*changes, return_exceptions=True)

        self.try_(both())

    @rule()
    def recover(self) -> None:
        password = self.runner.run(self.users.recover_admin())
        assert self.runner.run(self.users.verify("access_admin", password))

    @rule()
    def restart(self) -> None:
        before = self.users.all()
        self.store.close()
        self.open()
        assert self.users.all() == before

    @invariant()
    def somebody_can_let_others_in(self) -> None:
        if hasattr(self, "users"):
            assert any(user.active and Role.ACCESS_ADMIN in user.roles for user in self.users.all())
            assert len(self.users.all()) <= MOST

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()
            self.directory.cleanup()
            self.runner.close()


TestOperators = Operators.TestCase
TestOperators.settings = settings(
    max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
