"""Logins and sessions, as the gate joins them."""

from __future__ import annotations

import asyncio

import pytest
from meterhub_sdk import Log

from meterhub.access import EVENT_TYPES, Access, AccessRefused, NotLoggedIn, Principal
from meterhub.access.attempts import NOBODY, PER_SOURCE
from meterhub.access.passwords import Hasher
from meterhub.access.sessions import MOST, PER_USER, EndReason, Session, Sessions

PASSWORD = "correct horse battery"


def test_event_types_have_numbers_of_their_own_between_100_and_199():
    numbers = [event.number for event in EVENT_TYPES]
    assert len(set(numbers)) == len({event.name for event in EVENT_TYPES}) == len(EVENT_TYPES)
    assert all(100 <= number <= 199 for number in numbers)
    assert {event.log for event in EVENT_TYPES} <= {Log.AUTHENTICATION, Log.ACCESS}


async def test_a_login_opens_a_session_that_resolves_until_logout(access: Access, log):
    token, principal = await access.login("anna", PASSWORD, "10.0.0.1")
    assert (principal.name, principal.roles, principal.via, principal.source) == ("anna", {"R5"}, "session", "10.0.0.1")
    assert access.resolve(token) == principal
    assert len(token) >= 43
    await access.logout(token)
    with pytest.raises(NotLoggedIn, match="log in again"):
        access.resolve(token)
    with pytest.raises(NotLoggedIn):
        await access.logout(token)
    assert log.kinds() == ["login", "logout"]


@pytest.mark.parametrize("credential", [None, "", "x", "mh_", "mh_x", "\ud800", "x" * 100_000])
async def test_other_credentials_are_nobody(access: Access, credential: str | None):
    with pytest.raises(NotLoggedIn):
        access.resolve(credential)


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("anna", "wrong"),
        ("nobody", PASSWORD),
        ("manufacturer", ""),
        ("", ""),
        ("x" * 10_000, "y" * 10_000),
        ("\ud800\x00", "\ud800"),
    ],
)
async def test_every_wrong_login_gets_the_same_sentence(access: Access, name: str, password: str):
    with pytest.raises(AccessRefused) as refused:
        await access.login(name, password, "10.0.0.1")
    assert str(refused.value) == "The user name or the password is wrong"


async def test_a_password_typed_into_the_name_is_not_logged(access: Access, log):
    for _ in range(6):
        with pytest.raises(AccessRefused):
            await access.login(PASSWORD, "anna", "10.0.0.1\n10.0.0.2")
    assert log.kinds() == ["login-failed"] * 5 + ["login-locked", "login-refused"]
    assert {parameters["user"] for _, parameters in log.entries} == {NOBODY}
    assert PASSWORD not in str(log.entries)
    assert "\n" not in str([parameters["sentence"] for _, parameters in log.entries])


async def test_of_twenty_guesses_in_parallel_five_are_evaluated(access: Access, log, monkeypatch):
    evaluated = 0
    verify = access.users.verify

    async def slow(name: str, password: str) -> object:
        nonlocal evaluated
        evaluated += 1
        await asyncio.sleep(0.01)
        return await verify(name, password)

    monkeypatch.setattr(access.users, "verify", slow)
    results = await asyncio.gather(
        *(access.login("anna", f"guess number {number}", "10.0.0.1") for number in range(20)), return_exceptions=True
    )
    assert evaluated == 5
    assert ["wrong" in str(result) for result in results] == [True] * 5 + [False] * 15
    assert log.kinds().count("login-locked") == 1
    assert log.kinds().count("login-refused") == 2  # the 1st and the 10th
    with pytest.raises(AccessRefused, match="try again in 600 s"):
        await access.login("anna", PASSWORD, "10.0.0.1")
    await access.login("anna", PASSWORD, "10.0.0.2")


async def test_one_source_cannot_take_all_the_time_for_hashes(access: Access, monkeypatch):
    gate = asyncio.Event()

    async def stuck(name: str, password: str) -> None:
        await gate.wait()

    monkeypatch.setattr(access.users, "verify", stuck)
    tasks = [asyncio.create_task(access.login(f"name {n}", "x", f"2001:db8::{n}")) for n in range(PER_SOURCE + 3)]
    await asyncio.sleep(0.01)
    done = [task for task in tasks if task.done()]
    assert len(done) == 3
    assert "from this address" in str(done[0].exception())
    other = asyncio.create_task(access.login("anna", "x", "10.0.0.1"))
    await asyncio.sleep(0.01)
    assert not other.done()
    gate.set()
    await asyncio.gather(*tasks, other, return_exceptions=True)
    with pytest.raises(AccessRefused, match="wrong"):
        await access.login("name", "x", "2001:db8::1")


async def test_a_login_hung_up_on_still_counts(access: Access, monkeypatch):
    async def stuck(name: str, password: str) -> None:
        await asyncio.Event().wait()

    with monkeypatch.context() as patch:
        patch.setattr(access.users, "verify", stuck)
        for _ in range(5):
            task = asyncio.create_task(access.login("anna", "x", "10.0.0.1"))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    with pytest.raises(AccessRefused, match="Too many"):
        await access.login("anna", PASSWORD, "10.0.0.1")


async def test_a_login_that_cannot_be_recorded_does_not_happen(access: Access, log):
    log.broken = True
    with pytest.raises(OSError, match="space"):
        await access.login("anna", PASSWORD, "10.0.0.1")
    assert access.sessions.all() == []


async def test_a_real_hash_lets_in_and_keeps_out(open_store, log, clocks, key):
    access = Access(open_store(), log, key, now=clocks.now, monotonic=clocks.monotonic)
    assert type(access.users._hasher) is Hasher
    password = await access.users.bootstrap()
    await access.login("access_admin", password, "10.0.0.1")
    with pytest.raises(AccessRefused):
        await access.login("access_admin", password.upper(), "10.0.0.1")


async def test_idle_sessions_end_and_a_page_that_refreshes_itself_does_not_hold_them(access: Access, log, clocks):
    ended: list[tuple[str, EndReason]] = []

    async def note(session: Session, reason: EndReason) -> None:
        ended.append((session.user, reason))

    access.sessions.on_end(note)
    token, _ = await access.login("anna", PASSWORD, "10.0.0.1")
    clocks.seconds += 599
    access.resolve(token)
    clocks.seconds += 599
    access.resolve(token, touch=False)
    clocks.seconds += 1
    with pytest.raises(NotLoggedIn):
        access.resolve(token)
    await access.tidy()
    assert ended == [("anna", EndReason.IDLE)]
    assert log.kinds() == ["login", "session-ended"]


async def test_a_busy_session_ends_after_twelve_hours(access: Access, clocks):
    token, _ = await access.login("anna", PASSWORD, "10.0.0.1")
    for _ in range(12 * 6 - 1):
        clocks.seconds += 599.9
        access.resolve(token)
        await access.tidy()
    clocks.seconds += 599
    access.resolve(token)
    clocks.seconds += 200
    with pytest.raises(NotLoggedIn):
        access.resolve(token)


async def test_a_changed_idle_time_counts_at_once(access: Access, root: Principal, clocks):
    token, _ = await access.login("anna", PASSWORD, "10.0.0.1")
    await access.administration.set_supervision(root, idle=3600)
    clocks.seconds += 3000
    access.resolve(token)


async def test_the_wall_clock_ends_no_session(access: Access, clocks):
    token, _ = await access.login("anna", PASSWORD, "10.0.0.1")
    clocks.nanoseconds += 10**18
    access.resolve(token)


async def test_the_ninth_session_displaces_the_least_used(access: Access):
    tokens = [(await access.login("anna", PASSWORD, f"10.0.0.{number}"))[0] for number in range(PER_USER)]
    access.resolve(tokens[0])
    await access.login("anna", PASSWORD, "10.0.0.99")
    assert len(access.sessions.all()) == PER_USER


async def test_when_all_places_are_taken_the_greediest_user_gives_one_up(clocks):
    sessions = Sessions(lambda: 600, clocks.monotonic)
    ended: list[str] = []

    async def note(session: Session, reason: EndReason) -> None:
        ended.append(session.user)

    sessions.on_end(note)
    for number in range(PER_USER):
        await sessions.open("greedy", str(number))
    for number in range(MOST - PER_USER):
        await sessions.open(f"user {number}", "")
    await sessions.open("newcomer", "")
    assert ended == ["greedy"]
    assert len(sessions.all()) == MOST


async def test_a_listener_that_fails_keeps_nobody_from_hearing(clocks, caplog):
    sessions = Sessions(lambda: 600, clocks.monotonic)
    heard: list[str] = []

    async def fail(session: Session, reason: EndReason) -> None:
        raise ValueError("out of order")

    async def note(session: Session, reason: EndReason) -> None:
        heard.append(session.id)

    sessions.on_end(fail)
    sessions.on_end(note)
    token, session = await sessions.open("anna", "")
    await sessions.end(session.id, EndReason.REVOKED)
    assert heard == [session.id]
    assert sessions.find(token) is None
    assert "out of order" in caplog.text
    assert token not in repr(session)
    assert await sessions.end(session.id, EndReason.REVOKED) is None


async def test_the_owner_of_the_home_is_access_admin(access: Access):
    principal = access.control_principal()
    assert (principal.name, principal.via) == ("access_admin", "control")
    await access.require(principal, "/command/users/set-roles", "run")
