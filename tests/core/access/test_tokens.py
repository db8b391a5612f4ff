"""API tokens: never wider than their user, never longer than a year, gone with their user."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from meterhub.access import Access, AccessRefused, NotLoggedIn, Principal
from meterhub.access.tokens import LONGEST, PER_USER
from meterhub.store import Store, StoreError

PASSWORD = "correct horse battery"
SECOND = 1_000_000_000


@pytest.fixture
async def anna(access: Access) -> Principal:
    return (await access.login("anna", PASSWORD, "10.0.0.1"))[1]


async def test_a_token_lets_in_until_it_expires(access: Access, anna: Principal, clocks, log):
    secret, token = await access.administration.create_token(anna, "SCADA", "R5", 3600)
    principal = access.resolve(secret, "10.0.0.9")
    assert (principal.name, principal.roles, principal.via, principal.source, principal.id) == (
        "anna",
        {"R5"},
        "token",
        "10.0.0.9",
        token.id,
    )
    assert log.kinds()[-1] == "token-created"
    assert secret not in str(log.entries)
    clocks.nanoseconds += 3600 * SECOND - 1
    access.resolve(secret)
    clocks.nanoseconds += 1
    with pytest.raises(NotLoggedIn, match="expired"):
        access.resolve(secret)
    clocks.nanoseconds -= 60 * SECOND  # the clock had jumped ahead, and was put right
    access.resolve(secret)


async def test_a_token_survives_a_restart_and_its_secret_is_not_on_disk(
    access: Access, anna: Principal, start: Callable[[], Access], tmp_path
):
    secret, token = await access.administration.create_token(anna, "SCADA", "R5", 3600)
    again = start()
    assert again.resolve(secret).id == token.id
    assert all(secret[3:].encode() not in file.read_bytes() for file in tmp_path.iterdir())


async def test_a_token_never_has_more_than_its_user_has_now(access: Access, root: Principal):
    await access.administration.set_roles(root, "anna", "R2 R4 R5")
    secret, _ = await access.administration.create_token(root, "wide", "R4 R5", 3600, user="anna")
    await access.administration.set_roles(root, "anna", "R2 R4")
    assert access.resolve(secret).roles == {"R4"}
    await access.administration.set_roles(root, "anna", "R2")
    assert access.resolve(secret).roles == frozenset()
    await access.administration.set_roles(root, "anna", "R2 R5")
    assert access.resolve(secret).roles == {"R5"}


@pytest.mark.parametrize(
    ("label", "roles", "seconds", "sentence"),
    [
        ("SCADA", "R5 R6", 3600, "does not have the roles R6"),
        ("SCADA", "", 3600, "at least one role"),
        ("SCADA", "R5", LONGEST + 1, "a year"),
        ("SCADA", "R5", 59, "must be 60 s"),
        ("", "R5", 3600, "cannot be a label"),
        ("a\nb", "R5", 3600, "cannot be a label"),
        ("x" * 65, "R5", 3600, "cannot be a label"),
    ],
)
async def test_other_tokens_are_refused(
    access: Access, anna: Principal, label: str, roles: str, seconds: int, sentence: str
):
    with pytest.raises(AccessRefused, match=sentence):
        await access.administration.create_token(anna, label, roles, seconds)
    assert access.tokens.all() == []


async def test_a_token_cannot_make_another(access: Access, anna: Principal):
    secret, _ = await access.administration.create_token(anna, "SCADA", "R5", 3600)
    with pytest.raises(AccessRefused, match="cannot create another"):
        await access.administration.create_token(access.resolve(secret), "next", "R5", 3600)
    with pytest.raises(AccessRefused, match="no session"):
        await access.logout(secret)


async def test_only_ra_makes_tokens_of_others_and_only_of_active_users(
    access: Access, anna: Principal, root: Principal, security: Principal
):
    for other in (anna, security):
        with pytest.raises(AccessRefused, match="Only RA"):
            await access.administration.create_token(other, "x", "R5", 3600, user="admin")
    with pytest.raises(AccessRefused, match="'admin' is not an active user"):
        await access.administration.create_token(root, "x", "R5", 3600, user="admin")
    _, token = await access.administration.create_token(root, "x", "R5", 3600, user="anna")
    assert token.user == "anna"


async def test_a_token_is_revoked_by_its_user_or_by_who_manages_users(
    access: Access, anna: Principal, security: Principal, root: Principal, log
):
    made = [await access.administration.create_token(anna, f"token {n}", "R5", 3600) for n in range(2)]
    own, _ = await access.administration.create_token(root, "root", "RA", 3600)
    admins = access.resolve(own)
    with pytest.raises(AccessRefused, match="of others"):
        await access.administration.revoke_token(anna, admins.id)
    with pytest.raises(AccessRefused, match="RA only"):
        await access.administration.revoke_token(security, admins.id)
    await access.administration.revoke_token(anna, made[0][1].id)
    await access.administration.revoke_token(security, made[1][1].id)
    for secret, _ in made:
        with pytest.raises(NotLoggedIn):
            access.resolve(secret)
    with pytest.raises(AccessRefused, match="There is no API token"):
        await access.administration.revoke_token(anna, made[0][1].id)
    assert log.kinds().count("token-revoked") == 2


@pytest.mark.parametrize("end", ["reset_user", "delete_user"])
async def test_tokens_end_with_their_user_and_do_not_come_back_with_his_name(
    access: Access, anna: Principal, root: Principal, start: Callable[[], Access], end: str
):
    secret, _ = await access.administration.create_token(anna, "SCADA", "R5", 3600)
    await getattr(access.administration, end)(root, "anna")
    if end == "delete_user":
        await access.administration.add_user(root, "anna", "R5")
    await access.administration.activate_user(root, "anna", PASSWORD)
    for room in (access, start()):
        with pytest.raises(NotLoggedIn):
            room.resolve(secret)


async def test_a_user_has_at_most_sixteen_and_expired_ones_make_room(access: Access, anna: Principal, clocks):
    for number in range(PER_USER):
        await access.administration.create_token(anna, f"token {number}", "R5", 3600)
    with pytest.raises(AccessRefused, match="the most"):
        await access.administration.create_token(anna, "one more", "R5", 3600)
    clocks.nanoseconds += 3600 * SECOND
    await access.administration.create_token(anna, "one more", "R5", 3600)
    assert [token.label for token in access.tokens.all()] == ["one more"]


async def test_the_last_use_is_written_once_a_minute(
    access: Access, anna: Principal, clocks, open_store: Callable[[], Store], monkeypatch
):
    secret, _ = await access.administration.create_token(anna, "SCADA", "R5", 86_400)
    writes = 0
    write = Store.write

    async def counting(self: Store, work):
        nonlocal writes
        writes += 1
        return await write(self, work)

    monkeypatch.setattr(Store, "write", counting)
    for _ in range(180):
        clocks.seconds += 1
        clocks.nanoseconds += SECOND
        access.resolve(secret)
        await access.tidy()
    assert writes == 3
    await access.close()
    await access.close()
    used = open_store().read_now(lambda db: db.execute("SELECT last_used FROM access_token").fetchone())
    assert used == (clocks.nanoseconds,)


async def test_a_full_disk_costs_only_the_last_use(access: Access, anna: Principal, monkeypatch, caplog, open_store):
    secret, _ = await access.administration.create_token(anna, "SCADA", "R5", 3600)
    access.resolve(secret)

    async def full(self: Store, work: object) -> None:
        raise StoreError("no space")

    with monkeypatch.context() as patch:
        patch.setattr(Store, "write", full)
        await access.close()
    assert "no space" in caplog.text
    await access.close()
    assert open_store().read_now(lambda db: db.execute("SELECT last_used FROM access_token").fetchone()) != (None,)


async def test_a_token_made_while_its_user_is_reset_does_not_outlive_that(access: Access, root: Principal):
    for _ in range(5):
        results = await asyncio.gather(
            access.tokens.create("anna", "racing", access.users.require("anna").roles, 3600),
            access.administration.reset_user(root, "anna"),
            return_exceptions=True,
        )
        await access.administration.activate_user(root, "anna", PASSWORD)
        if not isinstance(results[0], BaseException):
            with pytest.raises(NotLoggedIn):
                access.resolve(results[0][0])
