"""``meterhub backup, restore``: the old state is back, whole, or nothing changed."""

from __future__ import annotations

import gzip
import io
import json
import os
import resource
import sqlite3
import stat
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from meterhub.archive import MANIFEST
from meterhub.restore import SERVICE_MARK

Call = Callable[..., Any]
SERVICE = Path("data", "meterhub-dlms", "dlms-client")


def fill(home: Path) -> None:
    """Data of a service: a database with something in its write-ahead log, files, and a link to elsewhere."""
    directory = home / SERVICE
    directory.mkdir(parents=True)
    (home / "data" / "meterhub-dlms" / "empty-service").mkdir()
    with closing(sqlite3.connect(directory / "store.db")) as database, database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE reading (value)")
        database.execute("INSERT INTO reading VALUES (42)")
    (directory / "notes.txt").write_text("as it was")
    (directory / "link").symlink_to("/etc/hostname")
    os.mkfifo(directory / "pipe")


def snapshot(directory: Path) -> dict[str, Any]:
    """Names, kinds, modes and content of everything in a directory, but for the locks of SQLite's readers."""
    found: dict[str, Any] = {}
    for path in sorted(path for path in directory.rglob("*") if not path.name.endswith("-shm")):
        status = path.lstat()
        content = path.read_bytes() if stat.S_ISREG(status.st_mode) else None
        found[str(path.relative_to(directory))] = (status.st_mode, content)
    return found


def repack(file: Path, change: Callable[[dict[str, bytes]], None]) -> None:
    """Change the members of a backup, as somebody would who can."""
    with tarfile.open(file) as tar:
        members = {info.name: tar.extractfile(info).read() for info in tar if info.isreg()}  # type: ignore[union-attr]
    change(members)
    with tarfile.open(file, "w:gz") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


def test_a_restore_brings_the_state_of_the_backup_back(call: Call, home: Path, start: Any, tmp_path: Path) -> None:
    fill(home)
    file = tmp_path / "backup.tar.gz"
    with start(home):
        call(home, "secret", "set", "meter-key", given="open sesame")
        call(home, "config", "save", "workers", "-", given='{"placement": [["a", "b"]]}')
        call(home, "config", "apply", "--confirm-within", "0")
        said = call(home, "backup", file)  # of a running instance
        assert said.status == 0, said
        call(home, "user", "delete", "admin")
        call(home, "secret", "delete", "meter-key")
        call(home, "config", "restore-defaults")
        call(home, "config", "apply", "--confirm-within", "0")
    serial = json.loads((home / "identity.json").read_bytes())["serial"]
    (home / SERVICE / "notes.txt").write_text("changed")
    (home / SERVICE / "store.db").unlink()
    before = snapshot(home)

    said = call(home, "restore", file, json=True)
    assert said.status == 0, said
    assert said.json["serial"] == serial
    assert snapshot(Path(said.json["before"])) == before
    with closing(sqlite3.connect(home / SERVICE / "store.db")) as database:
        assert database.execute("SELECT value FROM reading").fetchone() == (42,)
    assert (home / SERVICE / "notes.txt").read_text() == "as it was"
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert not list(tmp_path.glob(".*"))  # nothing half done is left over
    with start(home):
        users = call(home, "user", "list", json=True).json["users"]
        assert "admin" in {user["name"] for user in users}
        assert call(home, "config", "show", json=True).json["services"] == {"workers": {"placement": [["a", "b"]]}}
        assert call(home, "secret", "list", json=True).json == ["meter-key"]
        assert call(home, "events", "verify").status == 0
        (event,) = call(home, "events", "--text", "Restored from the backup", json=True).json
        assert event["parameters"]["count"] == 1
        assert call(home, "doctor").status == 0


def test_a_backup_is_private_and_holds_no_key_unless_asked(call: Call, home: Path, tmp_path: Path) -> None:
    fill(home)
    (home / "secrets.key").write_bytes(bytes(32))
    file = tmp_path / "backup.tar.gz"
    assert call(home, "backup", file).status == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with tarfile.open(file) as tar:
        names = tar.getnames()
    assert "secrets.key" not in names
    assert names[-1] == MANIFEST
    assert {"core.db", "event.key", "identity.json", f"{SERVICE}/store.db", f"{SERVICE}/notes.txt"} <= set(names)
    assert not {f"{SERVICE}/link", f"{SERVICE}/pipe", f"{SERVICE}/store.db-wal", "core.lock"} & set(names)
    assert "keep the file" in call(home, "backup", file, "--with-key").out
    with tarfile.open(file) as tar:
        assert "secrets.key" in tar.getnames()


def test_a_database_is_whole_in_the_backup_while_a_service_writes_to_it(call: Call, home: Path, tmp_path: Path) -> None:
    fill(home)
    ended = threading.Event()

    def write() -> None:
        with closing(sqlite3.connect(home / SERVICE / "store.db", isolation_level=None)) as database:
            number = 0
            while not ended.is_set():
                number += 1
                database.execute("BEGIN IMMEDIATE")
                database.execute("INSERT INTO reading VALUES (?)", (number,))
                database.execute("INSERT INTO reading VALUES (?)", (-number,))
                database.execute("COMMIT")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        files = [tmp_path / f"{number}.tar.gz" for number in range(5)]
        assert [call(home, "backup", file).status for file in files] == [0] * 5
    finally:
        ended.set()
        writer.join()
    for file in files:
        with tarfile.open(file) as tar:
            tar.extract(f"{SERVICE}/store.db", tmp_path / file.stem, filter="data")
        with closing(sqlite3.connect(tmp_path / file.stem / SERVICE / "store.db")) as database:
            assert database.execute("SELECT sum(value) FROM reading").fetchone() == (42,)


def _truncate(file: Path) -> None:
    data = file.read_bytes()
    file.write_bytes(data[: len(data) * 2 // 3])


def _flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0x10
    file.write_bytes(data)


def _cut_members(file: Path) -> None:
    """The tar ends early, but as gzip it is whole."""
    file.write_bytes(gzip.compress(gzip.decompress(file.read_bytes())[:20_480]))


def _change_manifest(**fields: Any) -> Callable[[Path], None]:
    def change(members: dict[str, bytes]) -> None:
        members[MANIFEST] = json.dumps({**json.loads(members.pop(MANIFEST)), **fields}).encode()

    return lambda file: repack(file, change)


def _first(name: str, data: bytes) -> Callable[[Path], None]:
    def change(members: dict[str, bytes]) -> None:
        rest = dict(members)
        members.clear()
        members.update({name: data, **rest})

    return lambda file: repack(file, change)


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (_truncate, "damaged"),
        (_flip, "damaged"),
        (_cut_members, "cut off"),
        (lambda file: file.write_bytes(b""), "no backup"),
        (lambda file: file.write_text("hello"), "no backup"),
        (lambda file: file.unlink(), "No such file"),
        (lambda file: repack(file, lambda members: members.pop("event.key")), "event.key is missing"),
        (lambda file: repack(file, lambda members: members.update({"event.key": bytes(32)})), "event.key is not what"),
        (_first("data/x/y/added", b""), "data/x/y/added was added"),
        (_first("../escaped", b""), "'../escaped' has no place"),
        (_first("/tmp/escaped", b""), "'/tmp/escaped' has no place"),
        (_first("core.lock", b""), "'core.lock' has no place"),
        (_change_manifest(version="99.0"), "install that version first"),
        (_change_manifest(format=2), "install that version first"),
        (_change_manifest(version="soup"), "damaged"),
    ],
)
def test_a_backup_that_is_not_whole_is_refused_and_nothing_changes(
    call: Call, home: Path, tmp_path: Path, damage: Callable[[Path], object], sentence: str
) -> None:
    (tmp_path / "elsewhere").mkdir()
    file = tmp_path / "elsewhere" / "backup.tar.gz"
    call(home, "backup", file)
    damage(file)
    before = snapshot(tmp_path)
    said = call(home, "restore", file)
    assert said.status == 1
    assert sentence in said.err
    assert len(said.err.splitlines()) == 1
    assert snapshot(tmp_path) == before


def test_a_whole_backup_of_a_useless_database_is_refused(call: Call, home: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(home / "core.db")) as database:
        database.execute("PRAGMA user_version = 99")
    call(home, "backup", tmp_path / "backup.tar.gz")
    assert "schema 99" in call(home, "restore", tmp_path / "backup.tar.gz").err


@pytest.mark.parametrize("command", ["backup", "restore"])
def test_a_full_disk_changes_nothing(call: Call, home: Path, tmp_path: Path, command: str) -> None:
    file = tmp_path / "backup.tar.gz"
    call(home, "backup", file)
    before = snapshot(tmp_path)

    def little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))

    arguments = [sys.executable, "-m", "meterhub", "--home", str(home), command, str(file)]
    said = subprocess.run(arguments, preexec_fn=little_room, capture_output=True, text=True, check=False)
    assert said.returncode == 1
    assert len(said.stderr.splitlines()) == 1, said.stderr
    assert snapshot(tmp_path) == before


def test_a_file_system_that_cannot_exchange_directories_will_do(
    call: Call, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "backup.tar.gz"
    call(home, "backup", file)
    (home / "new").write_text("since the backup")
    monkeypatch.setattr("meterhub.restore._exchanged", lambda *_: False)
    before = Path(call(home, "restore", file, json=True).json["before"])
    assert ((before / "new").exists(), (home / "new").exists(), (home / "core.db").exists()) == (True, False, True)


def test_an_old_home_that_cannot_be_moved_aside_is_kept_all_the_same(
    call: Call, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "backup.tar.gz"
    call(home, "backup", file)
    (home / "new").write_text("since the backup")
    rename = Path.rename

    def refuse(self: Path, target: Path) -> Path:
        if "before-restore" in target.name:
            raise OSError(5, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    assert call(home, "restore", file).status == 1
    kept = [path.read_text() for path in tmp_path.glob("**/new")]
    assert kept == ["since the backup"]


def test_nothing_is_restored_under_a_running_instance(call: Call, shared_home: Path, tmp_path: Path) -> None:
    call(shared_home, "backup", tmp_path / "backup.tar.gz")
    siblings = sorted(shared_home.parent.iterdir())
    said = call(shared_home, "restore", tmp_path / "backup.tar.gz")
    assert (said.status, "stop it first" in said.err) == (1, True)
    assert sorted(shared_home.parent.iterdir()) == siblings
    assert call(shared_home, "status").status == 0


@pytest.mark.parametrize(("answer", "status"), [("", 1), ("n", 1), ("maybe", 1), ("y", 0), ("YES ", 0)])
def test_a_person_is_told_what_is_replaced_and_must_agree(
    call: Call, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, status: int
) -> None:
    assert call(home, "backup", tmp_path / "backup.tar.gz").status == 0
    asked: list[str] = []
    monkeypatch.setattr("meterhub.cli.given.sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda question: asked.append(question) or answer)
    before = home.stat().st_ino
    said = call(home, "restore", tmp_path / "backup.tar.gz")
    assert said.status == status, said.err
    assert "certificates and addresses" in asked[0]
    assert (home.stat().st_ino == before) is bool(status)
    assert call(home, "restore", tmp_path / "backup.tar.gz", "--yes").status == 0
    assert len(asked) == 1


def test_a_home_is_restored_on_a_machine_that_has_none(call: Call, home: Path, start: Any, tmp_path: Path) -> None:
    call(home, "backup", tmp_path / "backup.tar.gz")
    other = tmp_path / "other" / "machine"
    said = call(other, "restore", tmp_path / "backup.tar.gz", json=True)
    assert (said.status, said.json["before"]) == (0, None)
    with start(other):
        serial = json.loads((home / "identity.json").read_bytes())["serial"]
        assert call(other, "get", "/status/instance", json=True).json["serial"] == serial


def test_each_restore_leaves_a_mark_with_a_higher_count_for_every_service(
    call: Call, home: Path, tmp_path: Path
) -> None:
    fill(home)
    file = tmp_path / "backup.tar.gz"
    call(home, "backup", file)
    (home / "data" / "acme" / "only-in-the-old-home").mkdir(parents=True)
    marks = []
    for count in (1, 2):
        assert call(home, "restore", file, json=True).json["count"] == count
        marks.append((home / "restored.json").read_bytes())
        for service in (SERVICE, SERVICE.with_name("empty-service"), Path("data/acme/only-in-the-old-home")):
            assert (home / service / SERVICE_MARK).read_bytes() == marks[-1]
    assert marks[0] != marks[1]
    assert json.loads(marks[1]).keys() == {"count", "time", "backup"}


@pytest.mark.parametrize("place", [".", "data"])
def test_a_backup_inside_the_home_is_refused(call: Call, home: Path, place: str) -> None:
    (home / "data").mkdir(exist_ok=True)
    said = call(home, "backup", home / place / "backup.tar.gz")
    assert (said.status, "lies in the home" in said.err) == (1, True)


def test_a_backup_that_cannot_be_made_leaves_the_one_before(call: Call, home: Path, tmp_path: Path) -> None:
    file = tmp_path / "backups" / "backup.tar.gz"
    file.parent.mkdir()
    call(home, "backup", file)
    before = snapshot(file.parent)
    fill(home)
    store = home / SERVICE / "store.db"
    store.write_bytes(store.read_bytes()[:100] + b"\xff" * 8000)
    said = call(home, "backup", file)
    assert said.status == 1
    assert "store.db cannot be copied" in said.err
    assert snapshot(file.parent) == before
    assert "is no home of an instance" in call(tmp_path, "backup", file).err
    assert "cannot be made" in call(home, "backup", tmp_path / "missing" / "backup.tar.gz").err


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act for another user")
def test_what_root_restores_belongs_to_the_owner_of_the_home(call: Call, home: Path, tmp_path: Path) -> None:
    fill(home)
    call(home, "backup", tmp_path / "backup.tar.gz")
    os.chown(home, 65534, 65534)
    assert call(home, "restore", tmp_path / "backup.tar.gz").status == 0
    assert {path.lstat().st_uid for path in (home, *home.rglob("*"))} == {65534}
