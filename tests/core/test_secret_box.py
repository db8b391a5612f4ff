"""Secrets are kept encrypted, come back as they were, and show in no log, file or representation."""

import json
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meterhub import secret_box
from meterhub.sealing import SecretError
from meterhub.secret_box import SecretBox

PASSPHRASE = "correct horse battery"
values = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200)
names = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_.äß", min_size=1, max_size=64)


@pytest.fixture
def box(tmp_path):
    return SecretBox(tmp_path, tmp_path / "secret.key")


def again(box, tmp_path):
    return SecretBox(tmp_path, tmp_path / "secret.key")


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kept=st.dictionaries(names, values, max_size=4))
def test_what_was_set_comes_back_also_after_a_restart(tmp_path_factory, kept):
    home = tmp_path_factory.mktemp("home")
    box = SecretBox(home, home / "secret.key")
    for name, value in kept.items():
        box.set(name, "before")
        box.set(name, value)
    for one in (box, SecretBox(home, home / "secret.key")):
        assert one.names() == sorted(kept)
        assert {name: one.get(name) for name in one.names()} == kept


def test_a_deleted_secret_is_gone(box, tmp_path):
    box.set("lls", "12345678")
    box.delete("lls")
    for one in (box, again(box, tmp_path)):
        assert one.names() == []
        with pytest.raises(SecretError, match="no secret 'lls'"):
            one.get("lls")
        with pytest.raises(SecretError, match="no secret 'lls'"):
            one.delete("lls")


def test_files_are_private_and_tell_names_only(box, tmp_path, caplog):
    box.set("main-meter", "hunter2-hunter2")
    for path in (tmp_path / "secrets.json", tmp_path / "secret.key"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert b"hunter2" not in path.read_bytes()
    assert b"main-meter" in (tmp_path / "secrets.json").read_bytes()
    assert repr(box) == "<SecretBox main-meter>"
    assert "hunter2" not in caplog.text


def test_a_copy_without_the_key_reveals_nothing_and_can_be_set_anew(box, tmp_path):
    box.set("a", "old")
    box.set("b", "old")
    (tmp_path / "secret.key").unlink()
    copy = again(box, tmp_path)
    assert copy.names() == ["a", "b"]
    with pytest.raises(SecretError, match="'a' cannot be decrypted"):
        copy.get("a")
    copy.set("a", "new")
    assert again(box, tmp_path).get("a") == "new"
    with pytest.raises(SecretError, match="'b' cannot be decrypted"):
        copy.get("b")


def test_a_value_moved_to_another_name_or_altered_is_refused(box, tmp_path):
    box.set("cheap", "one")
    box.set("dear", "two")
    path = tmp_path / "secrets.json"
    document = json.loads(path.read_bytes())
    document["secrets"]["dear"] = document["secrets"]["cheap"]
    path.write_text(json.dumps(document))
    with pytest.raises(SecretError, match="'dear' cannot be decrypted"):
        again(box, tmp_path).get("dear")
    assert again(box, tmp_path).get("cheap") == "one"


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"format": 2, "secrets": {}}', b'{"format": 1, "secrets": {"a": 1}}']
)
def test_a_damaged_file_is_refused_and_left_alone(tmp_path, content):
    (tmp_path / "secrets.json").write_bytes(content)
    with pytest.raises(SecretError, match=r"secrets\.json cannot be read"):
        SecretBox(tmp_path, tmp_path / "secret.key")
    assert (tmp_path / "secrets.json").read_bytes() == content


def test_a_cut_key_is_refused_and_not_replaced(box, tmp_path):
    box.set("a", "x")
    (tmp_path / "secret.key").write_bytes(b"short")
    for use in (lambda: box.get("a"), lambda: box.set("a", "y")):
        with pytest.raises(SecretError, match="5 bytes instead of 32"):
            use()


@pytest.mark.parametrize("name", ["", "a/b", "a b", "x" * 65, "a\n", "*"])
def test_malformed_names_are_refused(box, name):
    with pytest.raises(SecretError, match="cannot have this name"):
        box.set(name, "hunter2")


@pytest.mark.parametrize("value", ["", "x" * 60_001, "ä" * 30_001, "a\ud800"])
def test_values_beyond_the_limits_are_refused_without_showing_them(box, value):
    with pytest.raises(SecretError, match="the value of the secret 'a'") as caught:
        box.set("a", value)
    assert value == "" or value not in str(caught.value)
    assert caught.value.__cause__ is None
    assert box.names() == []


def test_there_is_a_limit_to_how_many(box, monkeypatch):
    monkeypatch.setattr(secret_box, "COUNT_LIMIT", 2)
    box.set("a", "1")
    box.set("b", "2")
    box.set("a", "3")
    with pytest.raises(SecretError, match="room for 2"):
        box.set("c", "4")
    assert box.names() == ["a", "b"]


def test_a_full_disk_keeps_the_old_value(box, tmp_path, monkeypatch):
    box.set("a", "old")

    def no_space(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(secret_box, "replace_atomically", no_space)
    with pytest.raises(SecretError, match="stay as they were"):
        box.set("a", "new")
    assert box.get("a") == "old"
    assert again(box, tmp_path).get("a") == "old"


def test_an_export_moves_secrets_to_another_instance_and_shows_neither_names_nor_values(box, tmp_path):
    box.set("main-meter", "hunter2" * 1_000)
    box.set("key", "\x00\x01" * 5_000)
    document = json.loads(json.dumps(box.export(PASSPHRASE)))
    assert "hunter2" not in str(document)
    assert "main-meter" not in str(document)
    other = SecretBox(tmp_path / "other", tmp_path / "other" / "key")
    (tmp_path / "other").mkdir()
    other.set("main-meter", "replaced")
    other.set("own", "stays")
    assert other.import_(document, PASSPHRASE) == ["key", "main-meter"]
    assert other.names() == ["key", "main-meter", "own"]
    assert [other.get(name) for name in ("main-meter", "own")] == ["hunter2" * 1_000, "stays"]
    assert other.get("key") == box.get("key")


def test_an_import_is_all_or_nothing(box, tmp_path, monkeypatch):
    box.set("a", "1")
    box.set("b", "2")
    document = box.export(PASSPHRASE)
    box.delete("a")
    box.set("b", "own")
    with pytest.raises(SecretError, match="passphrase is wrong"):
        box.import_(document, PASSPHRASE + "!")
    monkeypatch.setattr(secret_box, "COUNT_LIMIT", 1)
    with pytest.raises(SecretError, match="room for 1"):
        box.import_(document, PASSPHRASE)
    assert box.names() == ["b"]
    assert box.get("b") == "own"


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"extra": 1},
        {"argon2id": {"salt": "AAAA"}},
        {"argon2id": {"salt": "A" * 24, "memory": 2**30}},
        {"argon2id": {"salt": "A" * 24, "iterations": 10**9}},
        {"secrets": {"nonce": "AAAA", "value": ""}},
        {"secrets": "nothing"},
    ],
)
def test_a_malformed_or_greedy_export_is_refused_before_it_costs_anything(box, change):
    box.set("a", "1")
    with pytest.raises(SecretError, match="no exported secrets"):
        box.import_({**box.export(PASSPHRASE), **change}, PASSPHRASE)


def test_changes_from_several_threads_are_all_kept(box, tmp_path):
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda number: box.set(f"s{number}", str(number)), range(40)))
    for one in (box, again(box, tmp_path)):
        assert {name: one.get(name) for name in one.names()} == {f"s{number}": str(number) for number in range(40)}


def test_a_short_passphrase_is_refused(box):
    with pytest.raises(SecretError, match="at least 12"):
        box.export("short")
