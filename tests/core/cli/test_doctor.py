"""``meterhub doctor`` on healthy homes and on broken ones."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from meterhub_sdk.checking import Need

from meterhub.config.document import Claims, Revision
from meterhub.config.history import History
from meterhub.secret_box import SecretBox

Call = Callable[..., Any]


def apply_revision(home: Path, *needs: Need, confirmed: bool = True) -> History:
    """Put a revision with these needs on disk, as an instance does."""
    history = History(home / "configuration")
    claims = {"dlms-client": Claims(digest="d", needs=list(needs))}
    history.write(Revision(number=history.next_number(), services={"dlms-client": {}}, claims=claims))
    history.activate(history.next_number() - 1, confirmed=confirmed)
    return history


def found(said: Any, check: str) -> list[tuple[str, str]]:
    """The verdicts and texts of one check."""
    return [(row["verdict"], row["text"]) for row in said.json if row["check"] == check]


def test_a_healthy_stopped_home_is_good(call: Call, home: Path) -> None:
    said = call(home, "doctor", json=True)
    assert said.status == 0, said
    assert {row["verdict"] for row in said.json if row["check"] not in ("plugins", "clock", "disk")} == {"good"}
    assert all(row["advice"] for row in said.json if row["verdict"] != "good")
    assert found(said, "instance") == [("good", "no instance runs")]


def test_a_running_instance_is_asked(call: Call, shared_home: Path) -> None:
    said = call(shared_home, "doctor", json=True)
    assert said.status == 0, said
    assert "in normal mode" in found(said, "instance")[0][1]
    assert found(said, "event log") == [("good", "the event log is what was recorded")]
    assert found(said, "starts") == [("good", "the last run stopped in order")]


def test_the_doctor_changes_nothing(call: Call, home: Path) -> None:
    def state() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in home.rglob("*") if path.is_file() and path.name != "core.db-shm"}

    before = state()
    call(home, "doctor")
    assert state() == before


def test_people_read_what_to_do(call: Call, home: Path) -> None:
    home.chmod(0o755)
    said = call(home, "doctor")
    assert said.status == 1
    assert f"chmod 700 {home}" in said.out


def test_a_home_that_never_was_is_no_fault(call: Call, tmp_path: Path) -> None:
    said = call(tmp_path / "none", "doctor", json=True)
    assert said.status == 0
    assert "no instance ever ran there" in found(said, "home")[0][1]
    assert found(said, "python")


def damage_database(home: Path) -> None:
    data = bytearray((home / "core.db").read_bytes())
    data[4096 : 4096 * 6] = b"\xa5" * (4096 * 5)
    (home / "core.db").write_bytes(data)


def newer_database(home: Path) -> None:
    with closing(sqlite3.connect(home / "core.db")) as database:
        database.execute("PRAGMA user_version = 99")


def forge_event(home: Path) -> None:
    with closing(sqlite3.connect(home / "core.db")) as database, database:
        database.execute("DELETE FROM event WHERE sequence = 2")


def damage_service_store(home: Path) -> None:
    path = home / "data" / "acme" / "counter" / "store.db"
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE t (x)")
    path.write_bytes(path.read_bytes()[:4096] + b"\xa5" * 4096)


def damage_revision(home: Path) -> None:
    apply_revision(home)
    (home / "configuration" / "000001.json").write_text("{")


def lose_revision(home: Path) -> None:
    apply_revision(home)
    (home / "configuration" / "000001.json").unlink()


def name_an_unset_secret(home: Path) -> None:
    apply_revision(home, Need(["meters", 0, "key"], "secret", "meter-key", exclusive=False))


def lose_the_key_of_a_secret(home: Path) -> None:
    name_an_unset_secret(home)
    SecretBox(home, home / "secrets.key").set("meter-key", "open sesame")
    (home / "secrets.key").write_bytes(bytes(32))


def crash_often(home: Path) -> None:
    (home / "starts.json").write_bytes(msgspec.json.encode({"starts": [time.time() - 60] * 3}))


@pytest.mark.parametrize(
    ("breaking", "check", "sentence"),
    [
        (damage_database, "database", "core.db is damaged"),
        (newer_database, "database", "a newer version wrote it"),
        (forge_event, "event log", "does not follow the one before it"),
        (lambda home: (home / "event.key").unlink(), "identity", "event.key is missing"),
        (lambda home: (home / "identity.json").write_text("{}"), "identity", "restore it from a backup"),
        (lambda home: (home / "identity.json").unlink(), "identity", "takes a new serial number"),
        (lambda home: (home / "event.key").chmod(0o644), "files", "event.key may be read by others"),
        (lambda home: (home / "trust.json").write_text("x"), "plugins", "trust.json cannot be read"),
        (lambda home: (home / "vendors.json").write_text("x"), "licences", "vendors.json cannot be read"),
        (lambda home: (home / "secrets.json").write_text("x"), "secrets", "secrets.json cannot be read"),
        (damage_service_store, "service stores", "data/acme/counter/store.db is damaged"),
        (damage_revision, "configuration", "revision 1 cannot be read"),
        (lose_revision, "configuration", "revision 1 is missing"),
        (name_an_unset_secret, "secrets", "dlms-client.meters.0.key names the secret 'meter-key', which is not set"),
        (lose_the_key_of_a_secret, "secrets", "cannot be decrypted"),
        (crash_often, "starts", "safe mode"),
    ],
)
def test_what_is_broken_is_found_with_what_to_do(
    call: Call, home: Path, breaking: Callable[[Path], object], check: str, sentence: str
) -> None:
    breaking(home)
    said = call(home, "doctor", json=True)
    assert said.status == 1
    rows = [row for row in said.json if row["verdict"] == "bad"]
    assert any(row["check"] == check and sentence in row["text"] and row["advice"] for row in rows), rows
    assert found(said, "python")  # the rest was examined all the same


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_files_of_another_user_are_found(call: Call, home: Path) -> None:
    os.chown(home / "core.db", 65534, 65534)
    said = call(home, "doctor", json=True)
    assert said.status == 1
    assert "core.db, belong to another user" in found(said, "files")[0][1]


def test_a_secret_that_is_set_is_good(call: Call, home: Path) -> None:
    name_an_unset_secret(home)
    SecretBox(home, home / "secrets.key").set("meter-key", "open sesame")
    assert found(call(home, "doctor", json=True), "secrets") == [
        ("good", "1 secrets that the configuration names are set")
    ]


def test_an_unconfirmed_revision_is_looked_at(call: Call, home: Path) -> None:
    apply_revision(home)
    apply_revision(home, confirmed=False)
    said = call(home, "doctor", json=True)
    assert said.status == 0
    assert found(said, "configuration") == [("look", "revision 2 was not confirmed")]


@contextmanager
def listening(kind: str) -> Iterator[int]:
    """Another program's port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        if kind == "tcp":
            other.listen()
        yield other.getsockname()[1]


@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_a_port_that_another_program_has_is_found_while_the_instance_is_stopped(
    call: Call, home: Path, kind: str
) -> None:
    with listening(kind) as port:
        apply_revision(home, Need(["port"], kind, port, exclusive=True))
        said = call(home, "doctor", json=True)
        assert said.status == 1
        ((verdict, text),) = found(said, "ports")
        assert (verdict, f"{kind.upper()} port {port} of dlms-client is in use by" in text) == ("bad", True)
    assert found(call(home, "doctor", json=True), "ports") == [
        ("good", "1 ports that the configuration claims are free")
    ]


def test_a_killed_instance_is_noticed(call: Call, home: Path, start: Any) -> None:
    with start(home) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
    said = call(home, "doctor", json=True)
    assert said.status == 0
    assert "did not stop in order" in found(said, "starts")[0][1]


def test_a_clock_that_was_never_set_is_bad(call: Call, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meterhub.doctor.machine.SANE_SINCE", time.time() + 1e6)
    said = call(home, "doctor", json=True)
    assert (said.status, found(said, "clock")[0][0]) == (1, "bad")
