"""Passes: an API token is changed into a short-lived one, never wider, gone with what is behind it."""

from __future__ import annotations

import pytest
from meterhub_sdk import Forbidden

from meterhub.access import Access, AccessRefused, NotLoggedIn, Principal
from meterhub.access.events import LOGIN_FAILED
from meterhub.access.passes import LIFETIME, MOST

PASSWORD = "correct horse battery"


@pytest.fixture
async def token(access: Access, root: Principal) -> tuple[str, str]:
    """The public id and the secret of an API token of anna with R4 and R5."""
    await access.administration.set_roles(root, "anna", "R2 R4 R5")
    secret, token = await access.administration.create_token(root, "SCADA", "R4 R5", 30 * 86_400, user="anna")
    return token.id, secret


@pytest.mark.parametrize(("scope", "roles"), [("", {"R4", "R5"}), ("R4", {"R4"}), ("R4 R5", {"R4", "R5"})])
async def test_a_pass_has_what_was_asked_for(access, token, scope, roles) -> None:
    secret, made = await access.pass_for(*token, scope, "10.0.0.9")
    principal = access.resolve(secret, "10.0.0.9")
    assert (principal.name, principal.roles, principal.via) == ("anna", roles, "token")
    assert made.roles == roles


@pytest.mark.parametrize("scope", ["R2", "R4 R6", "R4 banana", "RA"])
async def test_a_pass_is_never_wider_than_its_token_and_asking_is_no_failed_login(access, token, scope, log) -> None:
    for _ in range(10):
        with pytest.raises(Forbidden, match="does not have the roles"):
            await access.pass_for(*token, scope, "10.0.0.9")
    assert LOGIN_FAILED.name not in log.kinds()
    await access.pass_for(*token, "R4", "10.0.0.9")


async def test_a_pass_ends_with_its_time_and_with_what_is_behind_it(access, token, root, clocks) -> None:
    secret, _ = await access.pass_for(*token, "R4", "10.0.0.9")
    await access.administration.set_roles(root, "anna", "R2 R5")
    assert access.resolve(secret).roles == frozenset()
    await access.administration.set_roles(root, "anna", "R4 R5")
    clocks.seconds += LIFETIME - 1
    assert access.resolve(secret).roles == {"R4"}
    clocks.seconds += 1
    with pytest.raises(NotLoggedIn):
        access.resolve(secret)
    secret, _ = await access.pass_for(*token, "R4", "10.0.0.9")
    await access.administration.revoke_token(root, token[0])
    with pytest.raises(NotLoggedIn):
        access.resolve(secret)


async def test_guesses_are_supervised_like_wrong_passwords(access, token) -> None:
    identity, secret = token
    for _ in range(5):
        with pytest.raises(NotLoggedIn, match="do not belong together"):
            await access.pass_for(identity, "mh_guess", "", "10.0.0.9")
    with pytest.raises(AccessRefused, match=r"locked|wait|Too many"):
        await access.pass_for(identity, secret, "", "10.0.0.9")
    await access.pass_for(identity, secret, "", "10.0.0.10")


async def test_the_secret_of_one_token_is_none_of_another(access, token, root) -> None:
    other, _ = await access.administration.create_token(root, "other", "R4", 3600, user="anna")
    with pytest.raises(NotLoggedIn):
        await access.pass_for(token[0], other, "", "10.0.0.9")


async def test_a_pass_makes_no_tokens(access, token) -> None:
    secret, _ = await access.pass_for(*token, "", "10.0.0.9")
    with pytest.raises(AccessRefused):
        await access.administration.create_token(access.resolve(secret), "more", "R4", 3600)
    with pytest.raises(NotLoggedIn):
        await access.pass_for(token[0], secret, "", "10.0.0.9")
    with pytest.raises(NotLoggedIn):
        access.resolve("mhp_unknown")


async def test_the_number_of_passes_has_a_bound(access, token) -> None:
    known = access.passes.token_of(*token)
    first, _ = access.passes.issue(known, "R4")
    for _ in range(MOST):
        last, _ = access.passes.issue(known, "R4")
    with pytest.raises(NotLoggedIn):
        access.resolve(first)
    assert access.resolve(last).roles == {"R4"}
