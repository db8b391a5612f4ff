"""Users: names, passwords, the first start, and what survives a restart."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from hypothesis import given
from hypothesis import strategies as st

from meterhub.access import SCHEMA, AccessRefused
from meterhub.access.passwords import Hasher, check_password, generate_password
from meterhub.access.users import ADMIN, MOST, Users, check_name
from meterhub.store import Store, StoreError

PASSWORD = "correct horse battery"


@pytest.fixture
def restart(open_store: Callable[[], Store], quick_hasher: type[Hasher]) -> Callable[[], Users]:
    return lambda: Users(open_store(), quick_hasher())


@pytest.fixture
async def users(restart: Callable[[], Users]) -> Users:
    users = restart()
    await users.bootstrap()
    return users


async def test_the_first_start_makes_the_predefined_users_and_only_access_admin_is_active(restart):
    users = restart()
    password = await users.bootstrap()
    assert [(user.name, user.active) for user in users.all()] == [
        (ADMIN, True),
        ("admin", False),
        ("manufacturer", False),
    ]
    assert await users.verify(ADMIN, password)
    assert await users.bootstrap() is None
    again = restart()
    assert await again.bootstrap() is None
    assert await again.verify(ADMIN, password)


def test_generated_passwords_are_long_easy_to_type_and_never_the_same():
    passwords = {generate_password() for _ in range(200)}
    assert len(passwords) == 200
    for password in passwords:
        check_password(password, ADMIN)
        assert [len(group) for group in password.split("-")] == [4] * 5
        assert not set(password) & set("iloIOL ")


@pytest.mark.parametrize("name", ["anna", "Żaneta Kowalska", "o'neil", "计量", "a" * 64, "x@example.org"])
async def test_names_people_have_are_taken(users: Users, name: str):
    await users.add(name, "R1")
    assert users.require(name).name == name


@pytest.mark.parametrize(
    "name",
    ["", " anna", "anna ", "an:na", "an/na", "an\nna", "an\x00na", "\ud800", "a" * 65, "\u202eanna", "a" * 10_000],
)
async def test_other_names_get_one_short_sentence(users: Users, name: str):
    with pytest.raises(AccessRefused) as refused:
        await users.add(name, "R1")
    assert len(str(refused.value)) < 250
    assert "\n" not in str(refused.value)


async def test_one_name_in_two_unicode_forms_is_one_user(users: Users):
    await users.add("Zoe\u0308", "R1")
    assert users.require("Zo\u00eb").name == "Zo\u00eb"
    with pytest.raises(AccessRefused, match="already"):
        await users.add("Zo\u00eb", "R1")
    assert users.get("a" * 63 + "e" + "\u0301" * 10_000) is None


@given(st.text(max_size=80))
def test_a_name_that_is_taken_is_safe_to_store_and_show(text: str):
    try:
        name = check_name(text)
    except AccessRefused:
        return
    assert name.isprintable()
    assert 1 <= len(name) <= 64
    assert check_name(name) == name
    name.encode()


async def test_there_are_at_most_32_users_and_a_place_is_kept_for_access_admin(users: Users):
    for number in range(MOST - 3):
        await users.add(f"user {number}", "R1")
    with pytest.raises(AccessRefused, match="32 is the most"):
        await users.add("one more", "R1")
    await users.activate("admin", PASSWORD)
    await users.set_roles("admin", "RA")
    await users.delete(ADMIN)
    with pytest.raises(AccessRefused, match="32 is the most"):
        await users.add("one more", "R1")
    password = await users.recover_admin()
    assert len(users.all()) == MOST
    assert await users.verify(ADMIN, password)


@pytest.mark.parametrize(
    ("password", "sentence"),
    [
        ("short", "has 5 characters: it must have 10 to 128"),
        ("x" * 129, "has 129 characters"),
        ("x" * 1_000_000, "has 1000000 characters"),
        ("Someone Known", "must not be the name"),
        ("with\x00zero in it", "control character"),
        ("with \ud800 in it", "control character"),
    ],
)
async def test_bad_passwords_are_refused(users: Users, password: str, sentence: str):
    await users.add("someone known", "R1")
    with pytest.raises(AccessRefused, match=sentence):
        await users.activate("someone known", password)
    assert not users.require("someone known").active


async def test_a_user_is_inactive_until_activated_and_after_a_reset(users: Users, restart):
    await users.add("anna", "R1 R2")
    assert await users.verify("anna", "") is None
    await users.activate("anna", PASSWORD)
    assert await users.verify("anna", PASSWORD)
    with pytest.raises(AccessRefused, match="active already"):
        await users.activate("anna", PASSWORD + "!")
    await users.reset("anna")
    assert await users.verify("anna", PASSWORD) is None
    with pytest.raises(AccessRefused, match="no password"):
        await users.reset("anna")
    assert not restart().require("anna").active


async def test_the_own_password_is_changed_against_the_old_one(users: Users, restart):
    await users.add("anna", "R1")
    await users.activate("anna", PASSWORD)
    assert await users.change_own_password("anna", "wrong old one", "a new password") is None
    with pytest.raises(AccessRefused, match="choose another"):
        await users.change_own_password("anna", PASSWORD, PASSWORD)
    assert await users.change_own_password("anna", PASSWORD, "a new password")
    assert await users.verify("anna", PASSWORD) is None
    assert await restart().verify("anna", "a new password")


async def test_a_password_that_was_made_up_is_initial_until_its_user_chose_another(users: Users, restart):
    assert users.require(ADMIN).initial
    assert restart().require(ADMIN).initial
    again = restart()
    made = await again.recover_admin()
    assert await again.change_own_password(ADMIN, made, "a new password")
    assert not again.require(ADMIN).initial
    again = restart()
    assert not again.require(ADMIN).initial
    await again.recover_admin()
    await again.activate("admin", PASSWORD)
    assert [user.name for user in again.all() if user.initial] == [ADMIN]


async def test_a_reset_forgets_that_the_password_was_initial(users: Users, restart):
    await users.activate("admin", PASSWORD)
    await users.set_roles("admin", "RA")
    await users.reset(ADMIN)
    await users.activate(ADMIN, PASSWORD)
    assert not restart().require(ADMIN).initial


async def test_a_database_from_before_that_is_taken_over(tmp_path: Path, quick_hasher: type[Hasher]):
    store = Store(tmp_path / "core.db", SCHEMA[:1])
    await store.write(lambda db: db.execute("INSERT INTO access_user VALUES ('anna', 'R1', 'quick x')"))
    store.close()
    store = Store(tmp_path / "core.db", SCHEMA)
    assert [(user.name, user.active, user.initial) for user in Users(store, quick_hasher()).all()] == [
        ("anna", True, False)
    ]
    store.close()


async def test_the_password_of_a_demonstration_is_meant_to_stay(open_store, quick_hasher: type[Hasher]):
    users = Users(open_store(), quick_hasher())
    assert await users.bootstrap(initial=False)
    assert not users.require(ADMIN).initial


async def test_roles_and_deletion_survive_a_restart(users: Users, restart):
    await users.add("anna", "R1")
    await users.add("bert", "R1")
    await users.set_roles("anna", ["R3", "R4"])
    await users.delete("bert")
    for refused in ("", "R1 R10"):
        with pytest.raises(AccessRefused):
            await users.set_roles("anna", refused)
    again = restart()
    assert again.require("anna").roles == {"R3", "R4"}
    assert again.get("bert") is None


async def test_the_last_active_access_admin_stays(users: Users):
    for attempt in (users.delete(ADMIN), users.reset(ADMIN), users.set_roles(ADMIN, "R5")):
        with pytest.raises(AccessRefused, match="last active user with the role RA"):
            await attempt
    await users.add("second", "RA")
    with pytest.raises(AccessRefused):  # the second is not active yet
        await users.delete(ADMIN)
    await users.activate("second", PASSWORD)
    await users.delete(ADMIN)
    with pytest.raises(AccessRefused):
        await users.set_roles("second", "R1")


async def test_two_access_admins_cannot_delete_each_other_at_once(users: Users):
    await users.add("second", "RA")
    await users.activate("second", PASSWORD)
    results = await asyncio.gather(users.delete(ADMIN), users.delete("second"), return_exceptions=True)
    assert sum(isinstance(result, AccessRefused) for result in results) == 1
    assert len([user for user in users.all() if user.active]) == 1


async def test_what_could_not_be_written_did_not_happen(users: Users, monkeypatch: pytest.MonkeyPatch):
    async def full(self: Store, work: object) -> None:
        raise StoreError("no space")

    before = users.all()
    monkeypatch.setattr(Store, "write", full)
    for attempt in (users.add("x", "R1"), users.delete("admin"), users.set_roles("admin", "R1"), users.recover_admin()):
        with pytest.raises(StoreError):
            await attempt
    assert users.all() == before


async def test_a_caller_who_hangs_up_leaves_disk_and_memory_agreeing(users: Users, restart):
    tasks = [asyncio.create_task(users.add(f"user {number}", "R1")) for number in range(10)]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert users.all() == restart().all()


async def test_real_hashes_are_argon2id_and_are_made_again_when_their_cost_changed(open_store, monkeypatch):
    users = Users(open_store(), Hasher())
    await users.add("anna", "R1")
    await users.activate("anna", PASSWORD)
    assert users.require("anna").phc.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    cheap = Argon2id(salt=b"x" * 16, length=32, iterations=1, lanes=1, memory_cost=64)
    phc = cheap.derive_phc_encoded(PASSWORD.encode())
    store = open_store()
    await store.write(lambda db: db.execute("UPDATE access_user SET phc = ?", [phc]))
    users = Users(store, Hasher())
    assert await users.verify("anna", "a wrong password") is None
    assert users.require("anna").phc == phc
    assert await users.verify("anna", PASSWORD)
    again = Users(open_store(), Hasher())
    assert again.require("anna").phc.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert await again.verify("anna", PASSWORD)
    assert PASSWORD not in repr(again.require("anna"))
    assert "argon2" not in repr(again.require("anna"))


async def test_one_hash_runs_at_a_time_and_an_unknown_user_costs_one_too(monkeypatch):
    running, most, costs = 0, 0, []

    def slow(octets: bytes, phc: str) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        costs.append(phc.split("$")[3])
        time.sleep(0.01)
        running -= 1

    class Slow:
        verify_phc_encoded = staticmethod(slow)

    monkeypatch.setattr("meterhub.access.passwords.Argon2id", Slow)
    hasher = Hasher()
    tasks = [asyncio.create_task(hasher.verify("x", None)) for _ in range(8)]
    await asyncio.sleep(0.005)
    tasks[0].cancel()  # its thread goes on, and nobody may start beside it
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert most == 1
    assert results[1:] == [False] * 7
    assert set(costs) == {"m=19456,t=2,p=1"}


async def test_the_dummy_hash_is_well_formed_and_nobodys():
    hasher = Hasher()
    assert not await hasher.verify("", None)
    assert not await hasher.verify("\ud800" * 200, None)


async def test_a_queue_of_hashes_has_an_end(monkeypatch):
    monkeypatch.setattr("meterhub.access.passwords.WAITING", 3)
    hasher = Hasher()
    results = await asyncio.gather(*(hasher.verify("x", None) for _ in range(5)), return_exceptions=True)
    assert [isinstance(result, AccessRefused) for result in results] == [False] * 3 + [True] * 2


async def test_a_password_is_the_same_in_both_unicode_forms_and_nothing_longer_is_cut_to_it():
    hasher = Hasher()
    assert await hasher.verify("Zoe\u0308 is a name", await hasher.hash("Zo\u00eb is a name"))
    assert not await hasher.verify("x" * 129, await hasher.hash("x" * 129))


def test_a_store_of_this_schema_opens_twice(tmp_path: Path):
    for _ in range(2):
        Store(tmp_path / "core.db", SCHEMA).close()
