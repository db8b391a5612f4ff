"""``meterhub user, rights, token, session, recover-admin``."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from meterhub.access.gate import Access
from meterhub.schema import MIGRATIONS
from meterhub.sealing import SealingKey
from meterhub.store import Store

Call = Callable[..., Any]


def user(call: Call, home: Path, name: str) -> dict[str, Any] | None:
    users = call(home, "user", "list", json=True).json["users"]
    return next((row for row in users if row["name"] == name), None)


def logs_in(home: Path, name: str, password: str) -> bool:
    """Whether the password opens the stopped home's user."""

    async def report(*_: Any, **__: Any) -> None:
        pass

    store = Store(home / "core.db", MIGRATIONS)
    try:
        return (
            asyncio.run(Access(store, report, SealingKey(home / "secrets.key")).users.verify(name, password))
            is not None
        )
    finally:
        store.close()


def test_a_user_is_added_activated_changed_reset_and_deleted(call: Call, shared_home: Path, tmp_path: Path) -> None:
    assert call(shared_home, "user", "add", "fitter", "--roles", "R2,R3").status == 0
    assert user(call, shared_home, "fitter") == {
        "name": "fitter",
        "roles": ["R2", "R3"],
        "active": False,
        "second_factor": False,
    }
    assert "no password yet" in call(shared_home, "user", "list").out
    (tmp_path / "password").write_text("correct horse\n")
    said = call(shared_home, "user", "activate", "fitter", "--password-file", tmp_path / "password")
    assert said.status == 0, said
    assert call(shared_home, "user", "set-roles", "fitter", "--roles", "R4").status == 0
    assert user(call, shared_home, "fitter") == {
        "name": "fitter",
        "roles": ["R4"],
        "active": True,
        "second_factor": False,
    }
    assert call(shared_home, "user", "reset", "fitter").status == 0
    assert call(shared_home, "user", "activate", "fitter", given="another horse\n").status == 0
    assert call(shared_home, "user", "delete", "fitter").status == 0
    assert user(call, shared_home, "fitter") is None


def test_what_cannot_be_done_to_a_user_is_one_sentence(call: Call, shared_home: Path) -> None:
    assert "There is no role" in call(shared_home, "user", "add", "x", "--roles", "R99").err
    assert "There is no user" in call(shared_home, "user", "delete", "nobody").err
    assert "last active user" in call(shared_home, "user", "reset", "access_admin").err
    short = call(shared_home, "user", "activate", "admin", given="short")
    assert (short.status, "5 characters" in short.err) == (1, True)


def test_a_right_is_granted_taken_and_goes_back_to_its_default(call: Call, shared_home: Path) -> None:
    def roles() -> list[str]:
        (row,) = call(shared_home, "rights", "list", "--path", "/status/hub", json=True).json["rights"]
        return list(row["roles"])

    default = roles()
    assert "R1" not in default
    assert call(shared_home, "rights", "grant", "/status/hub", "read", "R1").status == 0
    assert "+R1" in call(shared_home, "rights", "list", "--path", "/status/hub").out
    assert call(shared_home, "rights", "take", "/status/hub", "read", "R2").status == 0
    assert set(roles()) == set(default) - {"R2"} | {"R1"}
    assert call(shared_home, "rights", "reset", "/status/hub").status == 0
    assert roles() == default
    assert "there is no path /status/magic" in call(shared_home, "rights", "list", "--path", "/status/magic").err


def test_rights_are_listed_below_a_path_by_whole_elements(call: Call, shared_home: Path) -> None:
    rows = call(shared_home, "rights", "list", "--path", "/command/users", json=True).json["rights"]
    assert {row["path"].rpartition("/")[0] for row in rows} == {"/command/users"}


def test_a_token_is_shown_once_listed_and_revoked(call: Call, shared_home: Path) -> None:
    made = call(shared_home, "token", "create", "SCADA", "--roles", "RA", "--days", "30", json=True).json
    (listed,) = call(shared_home, "token", "list", json=True).json
    assert (listed["id"], listed["label"], listed["roles"]) == (made["id"], "SCADA", ["RA"])
    assert made["token"] not in call(shared_home, "token", "list").out
    assert call(shared_home, "token", "revoke", made["id"]).status == 0
    assert "there are no tokens" in call(shared_home, "token", "list").out
    again = call(shared_home, "token", "create", "for people", "--roles", "RA")
    identifier = again.out.split()[-1]
    assert call(shared_home, "token", "revoke", identifier).status == 0


def test_sessions_are_listed_and_one_that_is_unknown_cannot_be_ended(call: Call, shared_home: Path) -> None:
    assert call(shared_home, "session", "list", json=True).json == []
    assert call(shared_home, "session", "revoke", "unknown").status == 1


def test_a_new_password_for_access_admin_opens_a_stopped_home_and_is_recorded(call: Call, home: Path) -> None:
    said = call(home, "recover-admin", json=True)
    assert said.status == 0, said
    assert logs_in(home, "access_admin", said.json["password"])
    spoken = call(home, "recover-admin").out.splitlines()[1].strip()
    assert logs_in(home, "access_admin", spoken)
    assert not logs_in(home, "access_admin", said.json["password"])
    assert call(home, "events", "verify").status == 0
    store = Store(home / "core.db", MIGRATIONS)
    try:
        texts = store.read_now(lambda db: [row["text"] for row in db.query("SELECT text FROM event")])
    finally:
        store.close()
    assert sum("access_admin" in text for text in texts[-2:]) == 2
    assert spoken not in " ".join(texts)


def test_nobody_recovers_access_to_a_home_whose_instance_runs(call: Call, shared_home: Path) -> None:
    said = call(shared_home, "recover-admin")
    assert (said.status, "stop it first" in said.err) == (1, True)


def test_recovery_makes_no_home_where_none_was(call: Call, tmp_path: Path) -> None:
    said = call(tmp_path, "recover-admin")
    assert (said.status, "is no home of an instance" in said.err) == (1, True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act for another user")
def test_no_file_becomes_roots_when_root_recovers_access_for_the_owner(call: Call, home: Path) -> None:
    (home / "core.lock").unlink()
    for directory, _, files in os.walk(home):
        for path in (directory, *(f"{directory}/{name}" for name in files)):
            os.chown(path, 65534, 65534)
    assert call(home, "recover-admin").status == 0
    owners = {Path(directory, name).stat().st_uid for directory, _, files in os.walk(home) for name in files}
    assert owners == {65534}
