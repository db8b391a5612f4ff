"""Managing users and rights: what ends with it, who may do it to whom, and that it is reported."""

from __future__ import annotations

import asyncio

import pytest

from meterhub.access import Access, AccessRefused, NotLoggedIn, Principal

PASSWORD = "correct horse battery"


async def test_a_life_of_a_user_is_reported(access: Access, root: Principal, log):
    manage = access.administration
    await manage.add_user(root, "bert", "R2")
    await manage.activate_user(root, "bert", PASSWORD)
    await manage.set_roles(root, "bert", ["R3", "R4"])
    await manage.reset_user(root, "bert")
    await manage.delete_user(root, "bert")
    assert log.kinds() == ["user-added", "user-activated", "roles-changed", "user-reset", "user-deleted"]
    assert all(parameters["by"] == "access_admin" for _, parameters in log.entries)
    assert all(parameters["via"] == "control" for _, parameters in log.entries)
    assert log.entries[2][1]["sentence"] == "access_admin changed the roles of bert from R2 to R3 R4."
    assert PASSWORD not in str(log.entries)


@pytest.mark.parametrize("change", ["reset_user", "delete_user", "set_roles"])
async def test_a_change_to_a_user_ends_his_sessions_at_once(access: Access, root: Principal, log, change: str):
    token, _ = await access.login("anna", PASSWORD, "10.0.0.1")
    arguments = ["R1"] if change == "set_roles" else []
    await getattr(access.administration, change)(root, "anna", *arguments)
    with pytest.raises(NotLoggedIn):
        access.resolve(token)
    assert "session-ended" in log.kinds()


async def test_the_own_password_ends_all_own_sessions_and_no_others(access: Access, security: Principal, log):
    token, anna = await access.login("anna", PASSWORD, "10.0.0.1")
    await access.administration.change_password(anna, PASSWORD, "a better password")
    with pytest.raises(NotLoggedIn):
        access.resolve(token)
    assert [session.user for session in access.sessions.all()] == ["simon"]
    await access.login("anna", "a better password", "10.0.0.1")
    assert "password-changed" in log.kinds()


async def test_guessing_the_old_password_in_an_open_session_locks_like_logins(access: Access, log):
    _, anna = await access.login("anna", PASSWORD, "10.0.0.1")
    for _ in range(7):
        with pytest.raises(AccessRefused, match="10 to 128"):
            await access.administration.change_password(anna, "a guess", "short")
    for _ in range(5):
        with pytest.raises(AccessRefused, match="The old password is wrong"):
            await access.administration.change_password(anna, "a guess", "a better password")
    with pytest.raises(AccessRefused, match="try again in 600 s"):
        await access.administration.change_password(anna, PASSWORD, "a better password")
    assert log.kinds().count("password-refused") == 5
    assert "login-locked" in log.kinds()


async def test_a_security_administrator_manages_users_but_never_above_himself(
    access: Access, security: Principal, root: Principal, log
):
    manage = access.administration
    await manage.add_user(security, "bert", "R2")
    await manage.set_roles(security, "bert", "R3 R5")
    await manage.activate_user(security, "bert", PASSWORD)
    await manage.add_user(root, "second", "RA")
    before = access.users.all()
    for attempt in (
        manage.add_user(security, "mallory", "RA"),
        manage.add_user(security, "mallory", "R1 RM"),
        manage.set_roles(security, "simon", "R6 RA"),
        manage.set_roles(security, "access_admin", "R1"),
        manage.activate_user(security, "second", PASSWORD),
        manage.activate_user(security, "manufacturer", PASSWORD),
        manage.reset_user(security, "access_admin"),
        manage.delete_user(security, "second"),
    ):
        with pytest.raises(AccessRefused, match="managed by RA only"):
            await attempt
    assert access.users.all() == before
    denied = [parameters["path"] for kind, parameters in log.entries if kind == "access-denied"]
    assert sorted(denied) == [f"/command/users/{name}" for name in ("activate", "add", "delete", "reset", "set-roles")]


async def test_the_owner_recovers_access_admin_whatever_happened(access: Access, root: Principal, log, start):
    token, _ = await access.administration.create_token(root, "forgotten", "RA", 3600)
    for _ in range(5):
        with pytest.raises(AccessRefused):
            await access.login("access_admin", "a guess", "10.0.0.1")
    password = await access.administration.recover_admin()
    with pytest.raises(NotLoggedIn):
        access.resolve(token)
    session, principal = await access.login("access_admin", password, "10.0.0.1")
    assert principal.roles == {"RA"}
    await access.administration.recover_admin()
    with pytest.raises(NotLoggedIn):
        access.resolve(session)
    assert log.kinds().count("admin-recovered") == 2
    assert password not in str(log.entries)
    with pytest.raises(NotLoggedIn):
        start().resolve(token)


async def test_changed_rights_are_reported_when_they_changed(access: Access, root: Principal, log):
    path = "/command/configuration/export"
    await access.administration.set_right(root, path, "run", "R4", True)
    await access.administration.set_right(root, path, "run", "R4", True)
    await access.administration.reset_right(root, path)
    assert [parameters["sentence"] for _, parameters in log.entries] == [
        f"access_admin changed the right of R4 to run {path} to granted.",
        f"access_admin changed the right of R4 to run {path} to the default.",
    ]


async def test_a_session_is_ended_by_its_public_id(access: Access, security: Principal, root: Principal, log):
    token, anna = await access.login("anna", PASSWORD, "10.0.0.1")
    await access.users.set_roles("manufacturer", "RM")
    await access.administration.revoke_session(security, anna.id)
    with pytest.raises(NotLoggedIn):
        access.resolve(token)
    with pytest.raises(AccessRefused, match="There is no session"):
        await access.administration.revoke_session(security, anna.id)
    await access.users.add("second", "RA")
    await access.users.activate("second", PASSWORD)
    _, second = await access.login("second", PASSWORD, "10.0.0.2")
    with pytest.raises(AccessRefused, match="RA only"):
        await access.administration.revoke_session(security, second.id)
    await access.administration.revoke_session(root, second.id)
    assert log.entries[-1][1]["reason"] == "ended by an administrator"


async def test_a_hung_up_change_is_complete_with_its_report(access: Access, root: Principal, log):
    token, _ = await access.login("anna", PASSWORD, "10.0.0.1")
    task = asyncio.create_task(access.administration.delete_user(root, "anna"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert access.users.get("anna") is None
    assert log.kinds()[-1] == "user-deleted"
    with pytest.raises(NotLoggedIn):
        access.resolve(token)
