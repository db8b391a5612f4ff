"""Users of an identity provider: sessions with roles of their own, and nothing else of a user."""

from __future__ import annotations

import pytest

from meterhub.access import Access, AccessRefused, NotLoggedIn, Principal, Role
from meterhub.access.errors import RightMissing
from meterhub.access.federation import Vouched, vouched
from meterhub.access.users import MOST

ISSUER = "https://login.utility.example/realms/grid"
HERE = "10.0.0.1"
PASSWORD = "correct horse battery"


def anna(*roles: str) -> Vouched:
    return vouched(ISSUER, "248289761001", "anna", roles)


async def test_a_session_carries_the_roles_that_came_with_it(access: Access, log):
    token, principal = await access.admit(anna("R4", "R5"), HERE)
    assert (principal.name, principal.via) == ("anna@login.utility.example", "provider")
    assert principal.roles == {Role.OPERATIONS, Role.DEVICE_ADMIN}
    assert access.resolve(token) == principal
    kind, said = log.entries[-1]
    assert kind == "provider-login"
    assert said["sentence"] == (
        f"anna@login.utility.example logged in from {HERE}: {ISSUER} vouched for the subject 248289761001 and the roles"
        " R4 R5."
    )
    await access.logout(token)
    with pytest.raises(NotLoggedIn):
        access.resolve(token)


async def test_nobody_gets_in_without_a_role(access: Access, log):
    with pytest.raises(RightMissing, match="no role here"):
        await access.admit(anna(), HERE)
    assert access.sessions.all() == []
    assert log.kinds() == ["provider-login-refused"]


@pytest.mark.parametrize("role", ["RA", "RM"])
def test_the_fixed_roles_are_given_by_no_provider(role: str):
    with pytest.raises(RightMissing, match="RA RM"):
        anna("R1", role)


@pytest.mark.parametrize(
    ("issuer", "subject", "name", "roles"),
    [
        ("", "1", "anna", ["R1"]),
        ("https://", "1", "anna", ["R1"]),
        ("https://[", "1", "anna", ["R1"]),
        ("https://idp.example/" + "x" * 300, "1", "anna", ["R1"]),
        ("https://idp.example/\n", "1", "anna", ["R1"]),
        (ISSUER, "", "anna", ["R1"]),
        (ISSUER, "1" * 256, "anna", ["R1"]),
        (ISSUER, "1\x00", "anna", ["R1"]),
        (ISSUER, "1", "", ["R1"]),
        (ISSUER, "1", "anna\n", ["R1"]),
        (ISSUER, "1", "a" * 65, ["R1"]),
        (ISSUER, "1", "anna", ["R10"]),
    ],
)
def test_what_cannot_be_a_user_is_refused(issuer: str, subject: str, name: str, roles: list[str]):
    with pytest.raises(AccessRefused):
        vouched(issuer, subject, name, roles)


async def test_own_users_and_those_of_a_provider_cannot_pass_for_each_other(access: Access, root: Principal, log):
    token, _ = await access.admit(vouched(ISSUER, "1", "access_admin", ["R1"]), HERE)
    assert access.resolve(token).roles == {Role.CONSUMER}
    token, _ = await access.admit(anna("R1"), HERE)
    await access.administration.add_user(root, "anna@login.utility.example", "R2")
    with pytest.raises(NotLoggedIn):
        access.resolve(token)
    with pytest.raises(AccessRefused, match="only the password lets him in"):
        await access.admit(anna("R1"), HERE)


async def test_they_do_not_count_among_the_users(access: Access, root: Principal):
    for number in range(MOST - len(access.users.all())):
        await access.administration.add_user(root, f"user {number}", "R1")
    await access.admit(anna("R1"), HERE)
    assert len(access.users.all()) == MOST


async def test_they_have_no_password_no_second_factor_and_no_tokens_here(access: Access, log):
    _, who = await access.admit(anna("R5", "R6"), HERE)
    manage = access.administration
    with pytest.raises(AccessRefused, match="identity provider"):
        await manage.change_password(who, "one password", "another password")
    with pytest.raises(AccessRefused, match="identity provider"):
        await manage.begin_second_factor(who, "one password", "Meterhub")
    with pytest.raises(AccessRefused, match="identity provider"):
        await manage.create_token(who, "robot", "R5", 3600)
    with pytest.raises(AccessRefused, match="user name or the password"):
        await access.login(who.name, "", HERE)


async def test_a_security_administrator_ends_their_sessions(access: Access, security: Principal, log):
    token, who = await access.admit(anna("R5"), HERE)
    assert who.id in {session.id for session in access.sessions.all()}
    await access.administration.revoke_session(security, who.id)
    with pytest.raises(NotLoggedIn):
        access.resolve(token)
    assert log.kinds()[-1] == "session-ended"


async def test_a_login_that_cannot_be_recorded_does_not_happen(access: Access, log):
    log.broken = True
    with pytest.raises(OSError, match="space"):
        await access.admit(anna("R1"), HERE)
    assert access.sessions.all() == []


async def test_a_restart_ends_their_sessions(access: Access, start):
    token, _ = await access.admit(anna("R1"), HERE)
    with pytest.raises(NotLoggedIn):
        start().resolve(token)
